#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cli/commands.h"
#include "field/field.h"
#include "io/h5.h"

enum { COLUMNS = 256, ROWS = 64 };

/* Own rows of the matrix (and gradient), rows dealt evenly in whole tiles. */
static ntk_error *fill(const ntk_comm *world, const ntk_kernel *kernel, const ntk_prepared *x, const ntk_prepared *z, double *gram,
                       double *gradient) {
  size_t n = ntk_prepared_count(x), m = ntk_prepared_count(z), d = ntk_kernel_dimension(kernel), ranks = (size_t)world->size;
  size_t tiles = (n + ROWS - 1) / ROWS, *start = NULL, *scaled = NULL;
  ntk_workspace *workspace = NULL;
  ntk_error *err = NTK_NEW(ranks + 1, &start);
  if (!err) err = NTK_NEW(ranks + 1, &scaled);
  if (!err) err = ntk_workspace_create(kernel, &workspace);
  err = ntk_agree(world, err);
  if (err) goto out;
  for (size_t r = 0; r <= ranks; r++) {
    start[r] = tiles * r / ranks * ROWS < n ? tiles * r / ranks * ROWS : n;
    scaled[r] = start[r] * m;
  }
  size_t end = start[world->rank + 1];
  for (size_t i = start[world->rank]; i < end; i += ROWS)
    for (size_t j = 0; j < m; j += COLUMNS) {
      ntk_tile tile = {x, z, i, end - i < ROWS ? end - i : ROWS, j, m - j < COLUMNS ? m - j : COLUMNS};
      ntk_tile_values(kernel, workspace, tile, gram + i * m + j, m);
      if (gradient) ntk_tile_gradients(kernel, workspace, tile, gradient + (i * m + j) * d, m);
    }
  NTK_TRY_OUT(ntk_comm_gather_all(world, gram, scaled));
  for (size_t r = 0; r <= ranks; r++) scaled[r] *= d;
  if (gradient) err = ntk_comm_gather_all(world, gradient, scaled);
out:
  ntk_workspace_free(&workspace);
  free(start);
  free(scaled);
  return err;
}

static ntk_error *write_file(const char *path, size_t n, size_t m, size_t d, const double *gram, const double *gradient) {
  for (size_t i = 0; i < n * m; i++)
    if (!isfinite(gram[i])) return ntk_fail(NTK_E_NONFINITE, "k(x_%zu, z_%zu) is not finite", i / m, i % m);
  ntk_h5 *file = NULL;
  NTK_TRY(ntk_h5_create(path, &file));
  ntk_h5_info values = {"/gram", 2, {n, m}, {"x_point", "z_point"}, NULL, "kernel k(x_i, z_j)"};
  ntk_h5_info slopes = {"/gradient", 3, {n, m, d}, {"x_point", "z_point", "coordinate"}, NULL, "d k(x_i, z_j) / d x_i"};
  ntk_error *err = ntk_h5_write_doubles(file, &values, gram);
  if (!err && gradient) err = ntk_h5_write_doubles(file, &slopes, gradient);
  if (!err) return ntk_h5_commit(&file);
  ntk_h5_close(&file);
  return err;
}

static ntk_error *run(ntk_cli *cli) {
  const char *path = ntk_cli_option(cli, "output");
  if (!path) return ntk_fail(NTK_E_USAGE, "ntkgan gram needs -o OUT.h5");
  ntk_measure x = {0}, z = {0};
  ntk_kernel *kernel = NULL;
  ntk_prepared *rows = NULL, *columns = NULL;
  double *gram = NULL, *gradient = NULL;
  ntk_error *err = NULL;
  NTK_TRY_OUT(ntk_cli_points(cli, cli->positional[0], &x));
  NTK_TRY_OUT(ntk_cli_points(cli, cli->positional[cli->positional_count - 1], &z));
  if (x.d != z.d) {
    err = ntk_fail(NTK_E_INPUT, "%s has dimension %zu, %s has %zu", cli->positional[0], x.d, cli->positional[1], z.d);
    goto out;
  }
  NTK_TRY_OUT(ntk_agree(cli->world, ntk_cli_kernel(cli, x.d, &kernel)));
  NTK_TRY_OUT(ntk_agree(cli->world, ntk_prepare(kernel, x.n, x.x, &rows)));
  NTK_TRY_OUT(ntk_agree(cli->world, ntk_prepare(kernel, z.n, z.x, &columns)));
  err = ntk_alloc(x.n * z.n, sizeof(double), &gram);
  if (!err && ntk_cli_option(cli, "gradient")) err = ntk_alloc(x.n * z.n * x.d, sizeof(double), &gradient);
  NTK_TRY_OUT(ntk_agree(cli->world, err));
  double start = ntk_clock();
  NTK_TRY_OUT(fill(cli->world, kernel, rows, columns, gram, gradient));
  double seconds = ntk_clock() - start;
  if (cli->world->rank == 0) err = write_file(path, x.n, z.n, x.d, gram, gradient);
  ntk_json j = NTK_JSON(&cli->out);
  if (cli->json) {
    ntk_json_object(&j, NULL);
    ntk_json_string(&j, "file", path);
    ntk_json_integer(&j, "rows", (long long)x.n);
    ntk_json_integer(&j, "columns", (long long)z.n);
    ntk_json_number(&j, "seconds", seconds);
    ntk_json_end_object(&j);
    ntk_text_add(&cli->out, "\n");
  } else {
    ntk_text_addf(&cli->out, "%zu x %zu kernel matrix in %.3g s -> %s\n", x.n, z.n, seconds, path);
  }
out:
  free(gram);
  free(gradient);
  ntk_prepared_free(&rows);
  ntk_prepared_free(&columns);
  ntk_kernel_free(&kernel);
  ntk_measure_free(&x);
  ntk_measure_free(&z);
  return err;
}

static const ntk_option options[] = {{"network", 0, "SPEC", "'{type: mlp, depth: 3, activation: relu, bias_stddev: 1}' or @file.yaml"},
                                     {"kernel", 0, "KIND", "ntk (default) or nngp"},
                                     {"gradient", 0, NULL, "write the input gradients too"},
                                     {"output", 'o', "OUT.h5", "file to write"},
                                     {NULL, 0, NULL, NULL}};

const ntk_command ntk_command_gram = {.name = "gram",
                                      .arguments = "X [Z] --network SPEC [--kernel ntk] [--gradient] -o OUT.h5",
                                      .help = "kernel matrix of point files, with input gradients on request",
                                      .details = "Datasets: gram (n x m) and gradient (n x m x d): d k(x_i, z_j) / d x_i. Z defaults to X.",
                                      .options = options,
                                      .min_positional = 1,
                                      .max_positional = 2,
                                      .use = NTK_WORKERS,
                                      .run = run};
