/* Rates of the kernel tiles on one core, each beside a matrix product timed in the same repetition: the machine's speed drifts, ratios do not.
 *
 * `of bound` compares with the time that the counted arithmetic of an entry would take at the rate of dgemm (two operations a multiply-add):
 * for ReLU layers 45 operations a layer for a value, 59 for value and gradient; beside that 2d (value) or 4d (gradient) for the products. */
#include <cblas.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "kernel/kernel.h"

enum { ROWS = 64, COLUMNS = 256, POINTS = 1024, REPEATS = 9, SIZE = 512 };

typedef struct {
  const char *name, *network;
  size_t d;
  int gradient;
  double operations; /* counted for an entry, products left out; 0 = not counted */
} bench_case;

static const bench_case cases[] = {
    {"relu x 3, value", "{type: mlp, depth: 3, activation: relu, bias_stddev: 1}", 2, 0, 3 * 45},
    {"relu x 3, value + gradient", "{type: mlp, depth: 3, activation: relu, bias_stddev: 1}", 2, 1, 3 * 59},
    {"relu x 3, value + gradient", "{type: mlp, depth: 3, activation: relu, bias_stddev: 1}", 32, 1, 3 * 59},
    {"relu x 3, value + gradient", "{type: mlp, depth: 3, activation: relu, bias_stddev: 1}", 784, 1, 3 * 59},
    {"erf x 3, value + gradient", "{type: mlp, depth: 3, activation: erf, bias_stddev: 1}", 2, 1, 0},
    {"gelu x 3, value + gradient", "{type: mlp, depth: 3, activation: gelu, bias_stddev: 1}", 2, 1, 0},
    {"tanh x 3 (q <= 1), value", "{type: mlp, depth: 3, activation: tanh, weight_stddev: 0.8, bias_stddev: 0.3}", 2, 0, 0},
    {"tanh x 3 (q <= 1), v. + gradient", "{type: mlp, depth: 3, activation: tanh, weight_stddev: 0.8, bias_stddev: 0.3}", 2, 1, 0},
    {"tanh x 3 (q <= 4), v. + gradient", "{type: mlp, depth: 3, activation: tanh, weight_stddev: 1.5, bias_stddev: 1}", 2, 1, 0},
    {"softplus x 3, value + gradient", "{type: mlp, depth: 3, activation: softplus, bias_stddev: 1}", 2, 1, 0},
    {"mish x 3, value + gradient", "{type: mlp, depth: 3, activation: mish, bias_stddev: 1}", 2, 1, 0},
    {"rbf, value + gradient", "{type: rbf, bandwidth: 1}", 2, 1, 0},
};

typedef struct {
  ntk_kernel *kernel;
  ntk_prepared *points;
  ntk_workspace *workspace;
  double *w, *value, *gradient;
} bench_problem;

static ntk_error *make(const bench_case *c, bench_problem *p) {
  double *x = NULL;
  NTK_TRY(ntk_kernel_parse(c->network, "ntk", c->d, &p->kernel));
  NTK_TRY(NTK_NEW(POINTS * c->d, &x));
  for (size_t i = 0; i < POINTS * c->d; i++) x[i] = ntk_normal((ntk_rng){1, 0, 1}, i);
  ntk_error *err = ntk_prepare(p->kernel, POINTS, x, &p->points);
  free(x);
  if (!err) err = ntk_workspace_create(p->kernel, &p->workspace);
  if (!err) err = NTK_NEW(POINTS, &p->w);
  if (!err) err = NTK_NEW(POINTS, &p->value);
  if (!err) err = NTK_NEW(POINTS * c->d, &p->gradient);
  for (size_t i = 0; !err && i < POINTS; i++) p->w[i] = i % 2 ? 1 : -1;
  return err;
}

static void release(bench_problem *p) {
  ntk_workspace_free(&p->workspace);
  ntk_prepared_free(&p->points);
  ntk_kernel_free(&p->kernel);
  free(p->w);
  free(p->value);
  free(p->gradient);
}

/* Nanoseconds of CPU time an entry. */
static double entry_time(const bench_case *c, bench_problem *p) {
  double start = ntk_clock_cpu();
  for (size_t i = 0; i < POINTS; i += ROWS)
    for (size_t j = 0; j < POINTS; j += COLUMNS)
      ntk_tile_apply(p->kernel, p->workspace, (ntk_tile){p->points, p->points, i, ROWS, j, COLUMNS}, 1, p->w + j, p->value + i,
                     c->gradient ? p->gradient + i * c->d : NULL);
  return (ntk_clock_cpu() - start) * 1e9 / ((double)POINTS * POINTS);
}

/* Nanoseconds of CPU time a floating-point operation of dgemm. */
static double operation_time(const double *a, double *b) {
  double start = ntk_clock_cpu();
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, SIZE, SIZE, SIZE, 1, a, SIZE, a, SIZE, 0, b, SIZE);
  return (ntk_clock_cpu() - start) * 1e9 / (2.0 * SIZE * SIZE * SIZE);
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void report(const bench_case *c, double *entry, double *operation, double relu[2]) {
  double operations[REPEATS];
  for (int r = 0; r < REPEATS; r++) operations[r] = entry[r] / operation[r];
  qsort(entry, REPEATS, sizeof *entry, ascending);
  qsort(operation, REPEATS, sizeof *operation, ascending);
  qsort(operations, REPEATS, sizeof *operations, ascending);
  double middle = operations[REPEATS / 2], products = (c->gradient ? 4.0 : 2.0) * (double)c->d;
  printf("%-34s %5zu %9.2f %8.1f %10.0f  [%.0f, %.0f]", c->name, c->d, entry[REPEATS / 2], 1 / operation[REPEATS / 2], middle, operations[0],
         operations[REPEATS - 1]);
  if (relu[c->gradient] == 0) relu[c->gradient] = middle; /* the first of its kind */
  printf(" %8.2f", middle / relu[c->gradient]);
  if (c->operations > 0) printf(" %8.2f", (c->operations + products) / middle);
  printf("\n");
}

static ntk_error *run(const bench_case *c, const double *a, double *b, double relu[2]) {
  bench_problem p = {NULL, NULL, NULL, NULL, NULL, NULL};
  double entry[REPEATS], operation[REPEATS];
  ntk_error *err = make(c, &p);
  if (!err) {
    (void)entry_time(c, &p);
    (void)operation_time(a, b);
    for (int r = 0; r < REPEATS; r++) {
      operation[r] = operation_time(a, b);
      entry[r] = entry_time(c, &p);
    }
    report(c, entry, operation, relu);
  }
  release(&p);
  return err;
}

/* Every activation of the table with its default parameters, one hidden layer (exp overflows in deeper ones). */
static ntk_error *run_activations(const double *a, double *b) {
  const ntk_choices *activations = ntk_activation_choices();
  double relu[2] = {0, 0};
  for (size_t i = 0; i < activations->count; i++) {
    const char *name = activations->at(i)->name;
    char network[128], label[64];
    bool degree = strstr(name, "monomial") || !strcmp(name, "hermite"), coefficients = !strcmp(name, "polynomial");
    snprintf(network, sizeof network, "{type: mlp, depth: 1, bias_stddev: 0.5, activation: {%s: {%s}}}", name,
             degree         ? "degree: 2"
             : coefficients ? "coefficients: [0, 1, 0.5]"
                            : "");
    snprintf(label, sizeof label, "%s, value + gradient", name);
    const bench_case one = {label, network, 2, 1, 0};
    NTK_TRY(run(&one, a, b, relu));
  }
  return NULL;
}

int main(void) {
  double *a = NULL, *b = NULL, relu[2] = {0, 0};
  ntk_error *err = NTK_NEW((size_t)SIZE * SIZE, &a);
  if (!err) err = NTK_NEW((size_t)SIZE * SIZE, &b);
  for (size_t i = 0; !err && i < (size_t)SIZE * SIZE; i++) a[i] = ntk_uniform((ntk_rng){2, 0, 1}, i);
  printf("kernel tiles, one core, %s; median of %d, dgemm beside each\n", ntk_kernel_isa(), REPEATS);
  printf("%-34s %5s %9s %8s %10s  %s %8s %8s\n", "", "d", "ns/entry", "dgemm", "dgemm flop", "[least, most]", "x relu", "of bound");
  printf("%-34s %5s %9s %8s %10s\n", "", "", "", "GF/s", "an entry");
  for (size_t i = 0; !err && i < sizeof cases / sizeof *cases; i++) err = run(&cases[i], a, b, relu);
  if (!err) printf("\nactivations, one hidden layer\n");
  if (!err) err = run_activations(a, b);
  if (err) fprintf(stderr, "%s\n", ntk_error_message(err));
  free(a);
  free(b);
  int failed = err != NULL;
  ntk_error_free(&err);
  return failed;
}
