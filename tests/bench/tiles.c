/* Rates of the kernel tiles on one core, each beside loops timed in the same repetition: the machine's speed drifts, ratios do not.
 * usage: tiles [--json] [--smoke] [PATTERN...]         cases whose name holds one of the patterns; the instruction set is that of NTKGAN_ISA
 *
 * `of peak` compares with the time that an entry's formulas would take at the rate of a loop of multiply-adds: for ReLU layers 45 operations a layer
 * for a value, 59 for value and gradient (of the leanest loops known, a multiply-add counting one; a loop that does more, or waits for the divider, is
 * further from the bound); beside that those of the products: 2d for the distance from differences or d from a matrix product, and d for a gradient.
 * `dgemm flop` is an entry's time in operations of dgemm. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "kernel/kernel.h"
#include "kernel/object.h"
#include "parts/timing.h"

enum { ROWS = 64, COLUMNS = 256, POINTS = 1024, REPEATS = 9, SMOKE_POINTS = 64, SMOKE_REPEATS = 2 };

typedef struct {
  const char *name, *network;
  size_t d;
  int gradient;
  double operations; /* of an entry on lanes, products left out; 0 = not counted */
  size_t points;     /* 0 = POINTS */
} bench_case;

/* Images of 32 x 32 pixels with 3 channels. Pairs of pixels that reach an activation count as entries of a layer do; a window of k x k pixels 2k for
 * each of r, T and (where the two pixels are one) delta, their adjoints as much again; the products with the channels 2 x 3. */
#define IMAGE "image: {height: 32, width: 32, channels: 3}"
#define DCGAN "{type: dcgan, " IMAGE ", activation: relu}"
#define POOLED \
  "{type: layers, " IMAGE ", layers: [{conv: {size: 3}}, activation: relu, {conv: {size: 3}}, activation: relu, global_average_pool, dense]}"
enum { DCGAN_PIXELS = 1024 + 256 + 64 + 16, DCGAN_WINDOWS = 1024 * 2 * 6 + (256 + 64 + 16 + 1) * 3 * 8, DCGAN_INPUT = 1024 * 6 };
enum { POOLED_PAIRS = 1024 * 1024, POOLED_WINDOWS = 6 + 2 * 6 };

static const bench_case cases[] = {
    {"relu x 3, value", "{type: mlp, depth: 3, activation: relu, bias_stddev: 1}", 2, 0, 3 * 45, 0},
    {"relu x 3, value", "{type: mlp, depth: 3, activation: relu, bias_stddev: 1}", 32, 0, 3 * 45, 0},
    {"relu x 3, value", "{type: mlp, depth: 3, activation: relu, bias_stddev: 1}", 784, 0, 3 * 45, 0},
    {"relu x 3, value + gradient", "{type: mlp, depth: 3, activation: relu, bias_stddev: 1}", 2, 1, 3 * 59, 0},
    {"relu x 3, value + gradient", "{type: mlp, depth: 3, activation: relu, bias_stddev: 1}", 32, 1, 3 * 59, 0},
    {"relu x 3, value + gradient", "{type: mlp, depth: 3, activation: relu, bias_stddev: 1}", 784, 1, 3 * 59, 0},
    {"erf x 3, value + gradient", "{type: mlp, depth: 3, activation: erf, bias_stddev: 1}", 2, 1, 0, 0},
    {"gelu x 3, value + gradient", "{type: mlp, depth: 3, activation: gelu, bias_stddev: 1}", 2, 1, 0, 0},
    {"tanh x 3 (q <= 1), value", "{type: mlp, depth: 3, activation: tanh, weight_stddev: 0.8, bias_stddev: 0.3}", 2, 0, 0, 0},
    {"tanh x 3 (q <= 1), v. + gradient", "{type: mlp, depth: 3, activation: tanh, weight_stddev: 0.8, bias_stddev: 0.3}", 2, 1, 0, 0},
    {"tanh x 3 (q <= 4), v. + gradient", "{type: mlp, depth: 3, activation: tanh, weight_stddev: 1.5, bias_stddev: 1}", 2, 1, 0, 0},
    {"softplus x 3, value + gradient", "{type: mlp, depth: 3, activation: softplus, bias_stddev: 1}", 2, 1, 0, 0},
    {"mish x 3, value + gradient", "{type: mlp, depth: 3, activation: mish, bias_stddev: 1}", 2, 1, 0, 0},
    {"rbf, value + gradient", "{type: rbf, bandwidth: 1}", 2, 1, 0, 0},
    {"dcgan, value", DCGAN, 3072, 0, DCGAN_PIXELS * 45.0 + DCGAN_WINDOWS + DCGAN_INPUT, 64},
    {"dcgan, value + gradient", DCGAN, 3072, 1, DCGAN_PIXELS * 59.0 + 2 * DCGAN_WINDOWS + 2 * DCGAN_INPUT, 64},
    {"pooled cnn, value", POOLED, 3072, 0, POOLED_PAIRS *(2 * 45.0 + POOLED_WINDOWS + 3), 8},
    {"pooled cnn, value + gradient", POOLED, 3072, 1, POOLED_PAIRS *(2 * 59.0 + 2 * POOLED_WINDOWS + 6), 8},
};

typedef struct {
  size_t points;
  ntk_kernel *kernel;
  ntk_prepared *prepared;
  ntk_workspace *workspace;
  double *w, *value, *gradient;
} bench_problem;

/* What a run of the program is asked to do, the loops beside, and the first case's dgemm flop of each kind (value, gradient): relu's. */
typedef struct {
  bool json, smoke;
  int patterns;
  char **pattern;
  bench_machine dgemm, fma;
  double relu[2];
} bench_job;

static ntk_error *make(const bench_case *c, size_t points, bench_problem *p) {
  double *x = NULL;
  *p = (bench_problem){points, NULL, NULL, NULL, NULL, NULL, NULL};
  NTK_TRY(ntk_kernel_parse(c->network, "ntk", c->d, &p->kernel));
  NTK_TRY(NTK_NEW(points * c->d, &x));
  for (size_t i = 0; i < points * c->d; i++) x[i] = ntk_normal((ntk_rng){1, 0, 1}, i);
  ntk_error *err = ntk_prepare(p->kernel, points, x, &p->prepared);
  free(x);
  if (!err) err = ntk_workspace_create(p->kernel, &p->workspace);
  if (!err) err = NTK_NEW(points, &p->w);
  if (!err) err = NTK_NEW(points, &p->value);
  if (!err) err = NTK_NEW(points * c->d, &p->gradient);
  for (size_t i = 0; !err && i < points; i++) p->w[i] = i % 2 ? 1 : -1;
  return err;
}

static void release(bench_problem *p) {
  ntk_workspace_free(&p->workspace);
  ntk_prepared_free(&p->prepared);
  ntk_kernel_free(&p->kernel);
  free(p->w);
  free(p->value);
  free(p->gradient);
}

/* Seconds of processor time an entry. */
static double entry_time(const bench_case *c, bench_problem *p) {
  double start = ntk_clock_cpu();
  for (size_t i = 0; i < p->points; i += ROWS)
    for (size_t j = 0; j < p->points; j += COLUMNS) {
      size_t rows = p->points - i < ROWS ? p->points - i : ROWS, columns = p->points - j < COLUMNS ? p->points - j : COLUMNS;
      ntk_tile_apply(p->kernel, p->workspace, (ntk_tile){p->prepared, p->prepared, i, rows, j, columns}, 1, p->w + j, p->value + i,
                     c->gradient ? p->gradient + i * c->d : NULL);
    }
  return (ntk_clock_cpu() - start) / ((double)p->points * (double)p->points);
}

static double operations_of(const bench_case *c) {
  if (c->operations == 0) return 0;
  if (c->points) return c->operations; /* images: all of it */
  return c->operations + (double)c->d * ((c->d <= NTK_DIRECT_DIMENSION ? 2 : 1) + c->gradient);
}

static void report(bench_job *job, const bench_case *c, bench_spread entry, bench_spread flops, bench_spread peak) {
  double first = job->relu[c->gradient] > 0 ? job->relu[c->gradient] : flops.median;
  job->relu[c->gradient] = first;
  if (job->json) {
    printf("{\"name\": \"%s\", \"d\": %zu, \"gradient\": %d, \"isa\": \"%s\", \"seconds_an_entry\": %.6g, ", c->name, c->d, c->gradient,
           ntk_kernel_isa(), entry.median);
    printf("\"dgemm_flop\": [%.5g, %.5g, %.5g], \"of_peak\": [%.4g, %.4g, %.4g], \"beside_first\": %.4g}\n", flops.median, flops.least, flops.most,
           peak.median, peak.least, peak.most, flops.median / first);
    return;
  }
  char range[32];
  snprintf(range, sizeof range, "[%.0f, %.0f]", flops.least, flops.most);
  printf("%-34s %5zu %9.2f %10.0f  %-14s %8.2f", c->name, c->d, entry.median * 1e9, flops.median, range, flops.median / first);
  if (peak.median > 0) printf(" %8.2f  [%.2f, %.2f]", peak.median, peak.least, peak.most);
  printf("\n");
}

static ntk_error *run(bench_job *job, const bench_case *c) {
  bool chosen = job->patterns == 0;
  for (int i = 0; i < job->patterns; i++) chosen = chosen || strstr(c->name, job->pattern[i]);
  if (!chosen) return NULL;
  bench_problem p;
  double entry[REPEATS], flops[REPEATS], peak[REPEATS];
  size_t repeats = job->smoke ? SMOKE_REPEATS : REPEATS;
  size_t points = c->points ? c->points : POINTS;
  ntk_error *err = make(c, job->smoke && points > SMOKE_POINTS ? SMOKE_POINTS : points, &p);
  if (!err) {
    (void)entry_time(c, &p);
    (void)bench_machine_rate(&job->dgemm);
    for (size_t r = 0; r < repeats; r++) {
      double flop_rate = bench_machine_rate(&job->dgemm), peak_rate = bench_machine_rate(&job->fma);
      entry[r] = entry_time(c, &p);
      flops[r] = entry[r] * flop_rate;
      peak[r] = operations_of(c) / (entry[r] * peak_rate);
    }
    report(job, c, bench_spread_of(repeats, entry), bench_spread_of(repeats, flops), bench_spread_of(repeats, peak));
  }
  release(&p);
  return err;
}

/* Every activation of the table with its default parameters, one hidden layer (exp overflows in deeper ones). */
static ntk_error *run_activations(bench_job *job) {
  const ntk_choices *activations = ntk_activation_choices();
  job->relu[0] = job->relu[1] = 0;
  for (size_t i = 0; i < activations->count; i++) {
    const char *name = activations->at(i)->name;
    char network[128], label[64];
    bool degree = strstr(name, "monomial") || !strcmp(name, "hermite"), coefficients = !strcmp(name, "polynomial");
    snprintf(network, sizeof network, "{type: mlp, depth: 1, bias_stddev: 0.5, activation: {%s: {%s}}}", name,
             degree         ? "degree: 2"
             : coefficients ? "coefficients: [0, 1, 0.5]"
                            : "");
    snprintf(label, sizeof label, "activation %s", name);
    const bench_case one = {label, network, 2, 1, 0, 0};
    NTK_TRY(run(job, &one));
  }
  return NULL;
}

static ntk_error *run_all(bench_job *job) {
  NTK_TRY(bench_machine_create(BENCH_DGEMM, job->smoke ? SMOKE_POINTS : 0, &job->dgemm));
  NTK_TRY(bench_machine_create(BENCH_FMA, 0, &job->fma));
  if (!job->json) {
    printf("kernel tiles, one core, %s; medians [least, most], loops beside each repetition\n", ntk_kernel_isa());
    printf("%-34s %5s %9s %10s  %-14s %8s %8s\n", "", "d", "ns/entry", "dgemm flop", "", "x first", "of peak");
  }
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) NTK_TRY(run(job, &cases[i]));
  return run_activations(job);
}

int main(int argc, char **argv) {
  bench_job job = {.patterns = 0};
  while (argc > 1 && argv[1][0] == '-') {
    if (!strcmp(argv[1], "--json")) job.json = true;
    if (!strcmp(argv[1], "--smoke")) job.smoke = true;
    argc--, argv++;
  }
  job.patterns = argc - 1;
  job.pattern = argv + 1;
  ntk_error *err = run_all(&job);
  if (err) fprintf(stderr, "%s\n", ntk_error_message(err));
  bench_machine_free(&job.dgemm);
  bench_machine_free(&job.fma);
  int failed = err != NULL;
  ntk_error_free(&err);
  return failed;
}
