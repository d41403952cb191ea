#include <stdlib.h>

#include "base/mem.h"
#include "cli/commands.h"
#include "field/field.h"
#include "field/matrix.h"
#include "io/h5.h"

static ntk_error *write_file(ntk_h5 **file, size_t n, size_t m, size_t d, const double *gram, const double *gradient) {
  ntk_h5_info values = {"/gram", 2, {n, m}, {"x_point", "z_point"}, NULL, "kernel k(x_i, z_j)"};
  ntk_h5_info slopes = {"/gradient", 3, {n, m, d}, {"x_point", "z_point", "coordinate"}, NULL, "d k(x_i, z_j) / d x_i"};
  NTK_TRY(ntk_h5_write_doubles(*file, &values, gram));
  if (gradient) NTK_TRY(ntk_h5_write_doubles(*file, &slopes, gradient));
  return ntk_h5_commit(file);
}

static void report(ntk_cli *cli, const char *path, size_t n, size_t m, double seconds) {
  ntk_json j = NTK_JSON(&cli->out);
  if (!cli->json) {
    ntk_text_addf(&cli->out, "%zu x %zu kernel matrix in %.3g s -> %s\n", n, m, seconds, path);
    return;
  }
  ntk_json_object(&j, NULL);
  ntk_json_string(&j, "file", path);
  ntk_json_integer(&j, "rows", (long long)n);
  ntk_json_integer(&j, "columns", (long long)m);
  ntk_json_number(&j, "seconds", seconds);
  ntk_json_end_object(&j);
  ntk_text_add(&cli->out, "\n");
}

/* The matrix of x and z (of x and x when z has no points) into the file, from rank 0, which alone holds all of it. */
static ntk_error *make(ntk_cli *cli, const char *path, const ntk_kernel *kernel, const ntk_measure *x, const ntk_measure *z) {
  ntk_prepared *rows = NULL, *columns = NULL;
  double *gram = NULL, *gradient = NULL;
  ntk_h5 *file = NULL;
  size_t n = x->n, m = z->n ? z->n : n;
  int root = cli->world->rank == 0, with_gradients = ntk_cli_option(cli, "gradient") != NULL;
  ntk_error *err = root ? ntk_h5_create_large(path, &file) : NULL; /* before the work: it may not be possible */
  if (!err && root) err = ntk_alloc_unset(n, m * sizeof(double), &gram);
  if (!err && root && with_gradients) err = ntk_alloc_unset(n, m * x->d * sizeof(double), &gradient);
  NTK_TRY_OUT(ntk_agree(cli->world, err));
  NTK_TRY_OUT(ntk_field_prepare(cli->world, kernel, n, x->x, &rows));
  if (z->n) NTK_TRY_OUT(ntk_field_prepare(cli->world, kernel, m, z->x, &columns));
  double start = ntk_clock();
  NTK_TRY_OUT(ntk_field_matrix(cli->world, kernel, rows, columns, with_gradients, gram, gradient));
  double seconds = ntk_clock() - start;
  if (root) err = write_file(&file, n, m, x->d, gram, gradient);
  report(cli, path, n, m, seconds);
out:
  ntk_h5_close(&file);
  free(gram);
  free(gradient);
  ntk_prepared_free(&rows);
  ntk_prepared_free(&columns);
  return err;
}

static ntk_error *run(ntk_cli *cli) {
  const char *path = ntk_cli_option(cli, "output");
  if (!path) return ntk_fail(NTK_E_USAGE, "ntkgan gram needs -o OUT.h5");
  ntk_measure x = {0}, z = {0};
  ntk_kernel *kernel = NULL;
  ntk_error *err = NULL;
  NTK_TRY_OUT(ntk_cli_points(cli, cli->positional[0], &x));
  if (cli->positional_count > 1) NTK_TRY_OUT(ntk_cli_points(cli, cli->positional[1], &z));
  if (z.n && x.d != z.d) {
    err = ntk_fail(NTK_E_INPUT, "%s has dimension %zu, %s has %zu", cli->positional[0], x.d, cli->positional[1], z.d);
    goto out;
  }
  NTK_TRY_OUT(ntk_agree(cli->world, ntk_cli_kernel(cli, &x, &kernel)));
  err = make(cli, path, kernel, &x, &z);
out:
  ntk_kernel_free(&kernel);
  ntk_measure_free(&x);
  ntk_measure_free(&z);
  return err;
}

static const ntk_option options[] = {{"network", 0, "SPEC", "'{type: mlp, depth: 3, activation: relu, bias_stddev: 1}' or @file.yaml"},
                                     {"kernel", 0, "KIND", "ntk (default) or nngp"},
                                     {"precision", 0, "WORD", "double (default) or single: faster, relative error 1e-7"},
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
