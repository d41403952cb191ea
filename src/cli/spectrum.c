#include "spectrum/spectrum.h"
#include "cli/commands.h"
#include "field/field.h"
#include "gram/gram.h"
#include "io/h5.h"

static ntk_error *write_file(const char *path, const ntk_spectrum *s) {
  ntk_h5 *file = NULL;
  NTK_TRY(ntk_h5_create(path, &file));
  ntk_h5_info values = {"/eigenvalues", 1, {s->n}, {"index"}, NULL, "eigenvalues of the kernel matrix, descending"};
  ntk_h5_info vectors = {"/eigenvectors", 2, {s->n, s->k}, {"point", "vector"}, NULL, "eigenvectors, columns"};
  ntk_error *err = ntk_h5_write_doubles(file, &values, s->values);
  if (!err && s->k) err = ntk_h5_write_doubles(file, &vectors, s->vectors);
  if (!err) err = ntk_h5_attribute_text(file, "/", "solver", ntk_gram_solver());
  if (!err) return ntk_h5_commit(&file);
  ntk_h5_close(&file);
  return err;
}

static ntk_error *run(ntk_cli *cli) {
  const char *path = ntk_cli_option(cli, "output");
  ntk_measure x = {0};
  ntk_kernel *kernel = NULL;
  ntk_prepared *points = NULL;
  ntk_spectrum s = {0};
  long long k;
  ntk_error *err = NULL;
  NTK_TRY_OUT(ntk_cli_integer(cli, "eigenvectors", 0, 1LL << 31, 0, &k));
  NTK_TRY_OUT(ntk_cli_points(cli, cli->positional[0], &x));
  NTK_TRY_OUT(ntk_agree(cli->world, ntk_cli_kernel(cli, &x, &kernel)));
  NTK_TRY_OUT(ntk_field_prepare(cli->world, kernel, x.n, x.x, &points));
  if ((size_t)k > x.n) k = (long long)x.n;
  double start = ntk_clock();
  NTK_TRY_OUT(ntk_spectrum_compute(cli->world, kernel, points, ntk_cli_option(cli, "masses") ? x.mass : NULL, (size_t)k, NULL, &s));
  double seconds = ntk_clock() - start;
  if (cli->world->rank == 0 && path) NTK_TRY_OUT(write_file(path, &s));
  if (cli->json) {
    ntk_json j = NTK_JSON(&cli->out);
    ntk_json_object(&j, NULL);
    ntk_json_numbers(&j, "eigenvalues", s.values, s.n);
    ntk_json_string(&j, "solver", ntk_gram_solver());
    ntk_json_number(&j, "seconds", seconds);
    ntk_json_end_object(&j);
    ntk_text_add(&cli->out, "\n");
  } else {
    ntk_text_addf(&cli->out, "%zu eigenvalues in %.3g s (%s); the largest:\n", s.n, seconds, ntk_gram_solver());
    for (size_t i = 0; i < s.n && i < 10; i++) ntk_text_addf(&cli->out, "  %.10g\n", s.values[i]);
    if (path) ntk_text_addf(&cli->out, "-> %s\n", path);
  }
out:
  ntk_spectrum_free(&s);
  ntk_prepared_free(&points);
  ntk_kernel_free(&kernel);
  ntk_measure_free(&x);
  return err;
}

static const ntk_option options[] = {{"network", 0, "SPEC", "'{type: mlp, depth: 3, activation: relu, bias_stddev: 1}' or @file.yaml"},
                                     {"kernel", 0, "KIND", "ntk (default) or nngp"},
                                     {"precision", 0, "WORD", "double (default) or single: faster, relative error 1e-7"},
                                     {"eigenvectors", 'k', "K", "leading eigenvectors to write (default 0)"},
                                     {"masses", 0, NULL, "give every point the mass 1/n (eigenvalues of the integral operator)"},
                                     {"output", 'o', "OUT.h5", "file to write"},
                                     {NULL, 0, NULL, NULL}};

const ntk_command ntk_command_spectrum = {.name = "spectrum",
                                          .arguments = "X --network SPEC [-k K] [-o OUT.h5]",
                                          .help = "eigenvalues (and eigenvectors) of a kernel matrix",
                                          .details = "Datasets: eigenvalues (n, descending) and eigenvectors (n x K).",
                                          .options = options,
                                          .min_positional = 1,
                                          .max_positional = 1,
                                          .use = NTK_WORKERS,
                                          .run = run};
