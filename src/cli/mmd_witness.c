/** `ntkgan mmd --witness`: the function whose means over the two sets differ most. */
#include <stdlib.h>

#include "base/mem.h"
#include "cli/mmd.h"
#include "field/field.h"
#include "io/h5.h"

static ntk_error *write_file(const char *path, size_t n, size_t d, const double *x, const double *value, const double *gradient) {
  ntk_h5 *file = NULL;
  NTK_TRY(ntk_h5_create(path, &file));
  ntk_h5_info at = {"/at", 2, {n, d}, {"point", "coordinate"}, "data units", "where"};
  ntk_h5_info values = {"/value", 1, {n}, {"point"}, NULL, "witness: mean of k(., real) - mean of k(., fake)"};
  ntk_h5_info slopes = {"/gradient", 2, {n, d}, {"point", "coordinate"}, NULL, "gradient of the witness"};
  ntk_error *err = ntk_h5_write_doubles(file, &at, x);
  if (!err) err = ntk_h5_write_doubles(file, &values, value);
  if (!err) err = ntk_h5_write_doubles(file, &slopes, gradient);
  if (!err) return ntk_h5_commit(&file);
  ntk_h5_close(&file);
  return err;
}

static ntk_error *evaluate(ntk_cli *cli, const ntk_kernel *kernel, const ntk_pair_points *sample, const ntk_measure *at, const char *path) {
  size_t count = sample->n + sample->m;
  double *w = NULL, *value = NULL, *gradient = NULL;
  ntk_error *err = NTK_NEW(count, &w);
  if (!err) err = NTK_NEW(at->n, &value);
  if (!err) err = ntk_alloc(at->n, at->d * sizeof(double), &gradient);
  NTK_TRY_OUT(ntk_agree(cli->world, err));
  for (size_t j = 0; j < count; j++) w[j] = j < sample->n ? -1 / (double)sample->n : 1 / (double)sample->m;
  const ntk_point_array queries = {at->n, at->x}, centres = {count, sample->x};
  NTK_TRY_OUT(ntk_field_sum_points(cli->world, kernel, &queries, &centres, 1, w, value, gradient));
  if (cli->world->rank == 0) err = write_file(path, at->n, at->d, at->x, value, gradient);
  err = ntk_agree(cli->world, err);
out:
  free(w);
  free(value);
  free(gradient);
  return err;
}

ntk_error *ntk_mmd_witness(ntk_cli *cli, const ntk_kernel *kernel, const ntk_pair_points *sample) {
  const char *points = ntk_cli_option(cli, "witness");
  ntk_measure at = {0};
  if (!points) return NULL;
  ntk_error *err = NULL;
  NTK_TRY_OUT(ntk_cli_points(cli, points, &at));
  if (at.d != sample->d)
    err = ntk_fail(NTK_E_INPUT, "%s has dimension %zu, the points have %zu", points, at.d, sample->d);
  else
    err = evaluate(cli, kernel, sample, &at, ntk_cli_option(cli, "output"));
out:
  ntk_measure_free(&at);
  return err;
}
