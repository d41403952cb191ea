#include "metric/mmd.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "field/field.h"
#include "metric/distances.h"
#include "metric/mmd_watch.h"
#include "metric/permutation.h"

enum { SHUFFLE_PART = 1 }; /* of the test's random numbers */

typedef struct {
  const ntk_pair_points *sample;
  size_t n, m;
  double *scratch; /* n + m */
  ntk_bins bins;
  uint64_t *labels;
  ntk_pairs *pairs;
} evaluation;

static double mass(const evaluation *e, size_t i) { return e->sample->mass ? e->sample->mass[i] : 1 / (double)(i < e->n ? e->n : e->m); }
/* sum_j w_j k_ij over i's own set and over the other one, j != i. */
static double own_row(const evaluation *e, size_t i) { return ntk_pairs_row(e->pairs, i, i >= e->n); }
static double other_row(const evaluation *e, size_t i) { return ntk_pairs_row(e->pairs, i, i < e->n); }

static double biased(const evaluation *e) {
  for (size_t i = 0; i < e->n + e->m; i++) {
    double w = mass(e, i);
    e->scratch[i] = w * (own_row(e, i) + w * ntk_pairs_diagonal(e->pairs, i) - other_row(e, i));
  }
  return ntk_sum(e->n + e->m, e->scratch);
}

/* Entries are off by a few units of roundoff of (k_ii k_jj)^1/2; sums over p terms, which the shifted kernel makes small, add log2 p more. */
static double rounding(const evaluation *e, double roundoff) {
  double entries, sums;
  ntk_pairs_sizes(e->pairs, &entries, &sums);
  return 8 * roundoff * entries * entries + DBL_EPSILON / 2 * (8 + 2 * log2((double)(e->n + e->m))) * sums * sums;
}

static double unbiased(const evaluation *e) {
  for (size_t i = 0; i < e->n + e->m; i++) {
    double size = (double)(i < e->n ? e->n : e->m);
    e->scratch[i] = (own_row(e, i) * size / (size - 1) - other_row(e, i)) / size;
  }
  return ntk_sum(e->n + e->m, e->scratch);
}

static double variance(size_t n, const double *values) {
  double mean = ntk_sum(n, values) / (double)n, sum = 0;
  for (size_t i = 0; i < n; i++) sum += (values[i] - mean) * (values[i] - mean);
  return sum / (double)(n - 1);
}

/* First-order plug-in: 4 Var(h1)/n + 4 Var(h2)/m with the projections h1(x) = mean k(x, other x) - mean k(x, y), h2 alike. */
static double standard_error(const evaluation *e) {
  double *h = e->scratch;
  for (size_t i = 0; i < e->n + e->m; i++) {
    double size = (double)(i < e->n ? e->n : e->m);
    h[i] = own_row(e, i) * size / (size - 1) - other_row(e, i);
  }
  return 2 * sqrt(variance(e->n, h) / (double)e->n + variance(e->m, h + e->n) / (double)e->m);
}

/* What the test needs beside the rows. */
static ntk_error *prepare_test(const ntk_comm *comm, const ntk_mmd_options *options, evaluation *e, ntk_pair_request *request) {
  if (options->method == NTK_MMD_LABELS) {
    NTK_TRY(ntk_labels_draw(comm, e->n, e->m, options->permutations, options->rng, &e->labels));
    request->labels = e->labels;
    request->columns = options->permutations + 1;
    return NULL;
  }
  NTK_TRY_ALL(comm, ntk_bins_create(e->n, e->m, &e->bins));
  request->bin = e->bins.bin;
  request->bins = e->bins.bins;
  return NULL;
}

static ntk_error *test(const ntk_comm *comm, const ntk_mmd_options *options, const evaluation *e, ntk_mmd *out) {
  double tie = 4 * out->rounding;
  if (options->method == NTK_MMD_LABELS) return ntk_labels_test(comm, e->pairs, e->sample, e->labels, options->permutations, tie, &out->p_value);
  bool wild = options->method == NTK_MMD_WILD;
  out->bins = e->bins.count[0] + e->bins.count[1];
  out->bin_size = e->bins.size;
  out->paired = wild && e->n == e->m;
  return ntk_bins_test(comm, e->pairs, e->sample, &e->bins, wild, options->permutations, options->rng, tie, &out->p_value);
}

ntk_error *ntk_mmd_evaluate(const ntk_comm *comm, const ntk_kernel *kernel, const ntk_pair_points *sample, const ntk_mmd_options *options,
                            ntk_mmd *out) {
  evaluation e = {.sample = sample, .n = sample->n, .m = sample->m};
  ntk_pair_request request = {0};
  bool uniform = !sample->mass && e.n > 1 && e.m > 1, tested = uniform && options->permutations;
  *out = (ntk_mmd){NAN, NAN, NAN, NAN, NAN, 0, 0, false};
  ntk_error *err = NULL;
  NTK_TRY_OUT(ntk_agree(comm, NTK_NEW(e.n + e.m, &e.scratch)));
  if (tested) NTK_TRY_OUT(prepare_test(comm, options, &e, &request));
  NTK_TRY_OUT(ntk_pairs_create(comm, kernel, sample, &request, &e.pairs));
  NTK_TRY_OUT(ntk_mmd_run(comm, e.pairs, options->watch));
  out->biased = biased(&e);
  out->rounding = rounding(&e, ntk_kernel_roundoff(kernel));
  if (uniform) {
    out->unbiased = unbiased(&e);
    out->standard_error = standard_error(&e);
  }
  if (tested) NTK_TRY_OUT(test(comm, options, &e, out));
  ntk_mmd_forget(comm, options->watch);
out:
  ntk_pairs_free(&e.pairs);
  ntk_bins_free(&e.bins);
  free(e.labels);
  free(e.scratch);
  return err;
}

static void swap_rows(double *a, double *b, size_t d) {
  for (size_t k = 0; k < d; k++) {
    double kept = a[k];
    a[k] = b[k];
    b[k] = kept;
  }
}

void ntk_mmd_shuffle(size_t n, size_t m, size_t d, double *x, ntk_rng rng) {
  for (size_t set = 0; set < 2; set++) {
    size_t count = set ? m : n;
    double *rows = set ? x + n * d : x;
    ntk_rng order = ntk_rng_part(rng, SHUFFLE_PART + (n == m ? 0 : (uint32_t)set));
    for (size_t i = 0; i + 1 < count; i++) {
      size_t j = i + (size_t)ntk_integer(order, i, count - i);
      if (j != i) swap_rows(rows + i * d, rows + j * d, d);
    }
  }
}

ntk_error *ntk_mmd_measures(const ntk_comm *comm, const ntk_kernel *kernel, const ntk_measure *fake, const ntk_measure *real,
                            const ntk_mmd_options *options, ntk_mmd *out) {
  size_t n = fake->n, m = real->n, d = fake->d;
  double *x = NULL, *masses = NULL;
  bool uniform = ntk_masses_uniform(fake) && ntk_masses_uniform(real);
  if (d != real->d) return ntk_fail(NTK_E_CONFIG, "fake points have %zu coordinates, real points %zu", d, real->d);
  ntk_error *err = ntk_alloc(n + m, d * sizeof *x, &x);
  if (!err && !uniform) err = NTK_NEW(n + m, &masses);
  NTK_TRY_OUT(ntk_agree(comm, err));
  memcpy(x, fake->x, n * d * sizeof *x);
  memcpy(x + n * d, real->x, m * d * sizeof *x);
  if (!uniform) {
    memcpy(masses, fake->mass, n * sizeof *masses);
    memcpy(masses + n, real->mass, m * sizeof *masses);
  }
  if (options->permutations && uniform) ntk_mmd_shuffle(n, m, d, x, options->rng);
  ntk_pair_points sample = {n, m, d, x, masses};
  err = ntk_mmd_evaluate(comm, kernel, &sample, options, out);
out:
  free(x);
  free(masses);
  return err;
}
