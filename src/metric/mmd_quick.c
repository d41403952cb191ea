#include "metric/mmd_quick.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "field/field.h"

enum { STRIP = 64, PREPARED = 4096 };

typedef struct {
  const ntk_kernel *kernel;
  const ntk_pair_points *sample;
  size_t block; /* points of each set in a term */
  bool linear;
  ntk_workspace *workspace;
  double *k; /* STRIP x block */
} quick;

/* Mean of k over pairs of rows [row, row + block) of x and columns of z; over different points only when `own`. */
static double mean(const quick *q, const ntk_prepared *x, const ntk_prepared *z, size_t at, bool own) {
  double sum = 0, b = (double)q->block;
  for (size_t i = 0; i < q->block; i += STRIP) {
    size_t rows = q->block - i < STRIP ? q->block - i : STRIP;
    double strip = 0;
    ntk_tile_values(q->kernel, q->workspace, (ntk_tile){x, z, at + i, rows, at, q->block}, q->k, q->block);
    for (size_t r = 0; r < rows; r++) {
      double row = 0;
      for (size_t j = 0; j < q->block; j++) row += own && j == i + r ? 0 : q->k[r * q->block + j];
      strip += row;
    }
    sum += strip;
  }
  return sum / (b * (own ? b - 1 : b));
}

/* k(x1, x2) + k(y1, y2) - k(x1, y2) - k(x2, y1). */
static double pair_term(const quick *q, const ntk_prepared *x, const ntk_prepared *y, size_t at) {
  const ntk_tile tiles[] = {{x, x, at, 1, at + 1, 1}, {y, y, at, 1, at + 1, 1}, {x, y, at, 1, at + 1, 1}, {x, y, at + 1, 1, at, 1}};
  double k[4];
  for (size_t i = 0; i < 4; i++) ntk_tile_values(q->kernel, q->workspace, tiles[i], &k[i], 1);
  return (k[0] - k[2]) + (k[1] - k[3]);
}

/* Terms [first, first + count). */
static ntk_error *terms(const quick *q, size_t first, size_t count, double *out) {
  size_t d = q->sample->d, points = count * q->block, at = first * q->block;
  ntk_prepared *x = NULL, *y = NULL;
  ntk_error *err = ntk_prepare(q->kernel, points, q->sample->x + at * d, &x);
  if (!err) err = ntk_prepare(q->kernel, points, q->sample->x + (q->sample->n + at) * d, &y);
  for (size_t t = 0; !err && t < count; t++) {
    size_t place = t * q->block;
    out[t] = q->linear ? pair_term(q, x, y, place) : mean(q, x, x, place, true) + mean(q, y, y, place, true) - 2 * mean(q, x, y, place, false);
    if (!isfinite(out[t])) err = ntk_fail(NTK_E_NONFINITE, "MMD^2 of the points from %zu on is not finite", at + place);
  }
  ntk_prepared_free(&x);
  ntk_prepared_free(&y);
  return err;
}

static ntk_error *own_terms(const quick *q, size_t from, size_t to, double *out) {
  size_t each = PREPARED / q->block ? PREPARED / q->block : 1;
  for (size_t first = from; first < to; first += each) NTK_TRY(terms(q, first, to - first < each ? to - first : each, out + first));
  return NULL;
}

static void summarize(const double *values, ntk_mmd_quick *out, double *scratch) {
  double count = (double)out->terms;
  out->value = ntk_sum(out->terms, values) / count;
  for (size_t t = 0; t < out->terms; t++) scratch[t] = (values[t] - out->value) * (values[t] - out->value);
  out->standard_error = out->terms > 1 ? sqrt(ntk_sum(out->terms, scratch) / (count - 1) / count) : NAN;
}

ntk_error *ntk_mmd_quick_evaluate(const ntk_comm *comm, const ntk_kernel *kernel, const ntk_pair_points *sample, size_t block, ntk_mmd_quick *out) {
  quick q = {.kernel = kernel, .sample = sample, .block = block ? block : 2, .linear = block == 0};
  size_t fewer = sample->n < sample->m ? sample->n : sample->m, *start = NULL, ranks = (size_t)comm->size;
  double *values = NULL, *scratch = NULL;
  *out = (ntk_mmd_quick){NAN, NAN, fewer / q.block};
  if (!out->terms) return ntk_fail(NTK_E_INPUT, "%zu points in the smaller set are too few for blocks of %zu", fewer, q.block);
  ntk_error *err = NTK_NEW(out->terms, &values);
  if (!err) err = NTK_NEW(out->terms, &scratch);
  if (!err) err = NTK_NEW(ranks + 1, &start);
  if (!err) err = ntk_alloc(STRIP, q.block * sizeof *q.k, &q.k);
  if (!err) err = ntk_workspace_create(kernel, &q.workspace);
  NTK_TRY_OUT(ntk_agree(comm, err));
  for (size_t r = 0; r <= ranks; r++) start[r] = out->terms / ranks * r + out->terms % ranks * r / ranks;
  NTK_TRY_OUT(ntk_agree(comm, own_terms(&q, start[comm->rank], start[comm->rank + 1], values)));
  NTK_TRY_OUT(ntk_comm_gather_all(comm, values, start));
  summarize(values, out, scratch);
out:
  ntk_workspace_free(&q.workspace);
  free(q.k);
  free(start);
  free(values);
  free(scratch);
  return err;
}
