#include "metric/mmd.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "field/field.h"
#include "metric/distances.h"
#include "metric/permutation.h"

/* The pooled sample, fake first, and the kernel's sums over it: row i has sum_j w_j k_ij for w = (fake masses, -real masses),
 * and the fake part alone. */
typedef struct {
  size_t n, m;
  ntk_prepared *points;
  double *x, *w, *weights, *rows, *diagonal, *scratch;
} pooled;

static double signed_row(const pooled *s, size_t i) { return s->rows[2 * i]; }
static double fake_row(const pooled *s, size_t i) { return s->rows[2 * i + 1]; }
static double real_row(const pooled *s, size_t i) { return s->rows[2 * i + 1] - s->rows[2 * i]; }

static ntk_error *create(const ntk_kernel *kernel, const ntk_measure *fake, const ntk_measure *real, pooled *s) {
  size_t n = s->n = fake->n, m = s->m = real->n, d = fake->d, p = n + m;
  if (d != real->d) return ntk_fail(NTK_E_CONFIG, "fake points have %zu coordinates, real points %zu", d, real->d);
  NTK_TRY(ntk_alloc(p, d * sizeof(double), &s->x));
  NTK_TRY(NTK_NEW(p, &s->w));
  NTK_TRY(NTK_NEW(p, &s->diagonal));
  NTK_TRY(NTK_NEW(p, &s->scratch));
  NTK_TRY(ntk_alloc(p, 2 * sizeof(double), &s->weights));
  NTK_TRY(ntk_alloc(p, 2 * sizeof(double), &s->rows));
  memcpy(s->x, fake->x, n * d * sizeof *s->x);
  memcpy(s->x + n * d, real->x, m * d * sizeof *s->x);
  for (size_t i = 0; i < p; i++) {
    s->w[i] = i < n ? fake->mass[i] : -real->mass[i - n];
    s->weights[2 * i] = s->w[i];
    s->weights[2 * i + 1] = i < n ? s->w[i] : 0;
  }
  NTK_TRY(ntk_prepare(kernel, p, s->x, &s->points));
  ntk_prepared_diagonal(kernel, s->points, s->diagonal);
  return NULL;
}

static void destroy(pooled *s) {
  double *blocks[] = {s->x, s->w, s->weights, s->rows, s->diagonal, s->scratch};
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) free(blocks[i]);
  ntk_prepared_free(&s->points);
}

static double biased(const pooled *s) {
  for (size_t i = 0; i < s->n + s->m; i++) s->scratch[i] = s->w[i] * signed_row(s, i);
  return ntk_sum(s->n + s->m, s->scratch);
}

/* Entries are off by a few units of roundoff of (k_ii k_jj)^1/2 and sums over p terms in a tree add log2 p more, of sum |w_i| |k_ij| |w_j|. */
static double rounding(const pooled *s) {
  size_t p = s->n + s->m;
  for (size_t i = 0; i < p; i++) s->scratch[i] = fabs(s->w[i]) * sqrt(fmax(s->diagonal[i], 0));
  double size = ntk_sum(p, s->scratch);
  return DBL_EPSILON / 2 * (8 + 2 * log2((double)p)) * size * size;
}

/* V-statistic plus what excluding the diagonal from the two own-set means changes: (mean of own pairs - mean of the diagonal) / (n - 1). */
static double unbiased(const pooled *s, double v) {
  size_t p = s->n + s->m;
  for (size_t i = 0; i < s->n; i++) s->scratch[i] = s->w[i] * (fake_row(s, i) - s->diagonal[i]) / (double)(s->n - 1);
  for (size_t i = s->n; i < p; i++) s->scratch[i] = -s->w[i] * (real_row(s, i) - s->diagonal[i]) / (double)(s->m - 1);
  return v + ntk_sum(p, s->scratch);
}

static double variance(size_t n, const double *values) {
  double mean = ntk_sum(n, values) / (double)n, sum = 0;
  for (size_t i = 0; i < n; i++) sum += (values[i] - mean) * (values[i] - mean);
  return sum / (double)(n - 1);
}

/* First-order plug-in: 4 Var(h1)/n + 4 Var(h2)/m with the projections h1(x) = mean k(x, other x) - mean k(x, y), h2 alike. */
static double standard_error(const pooled *s) {
  size_t n = s->n, m = s->m;
  double *h = s->scratch;
  for (size_t i = 0; i < n; i++) h[i] = ((double)n * fake_row(s, i) - s->diagonal[i]) / (double)(n - 1) - real_row(s, i);
  for (size_t i = n; i < n + m; i++) h[i] = ((double)m * real_row(s, i) - s->diagonal[i]) / (double)(m - 1) - fake_row(s, i);
  return 2 * sqrt(variance(n, h) / (double)n + variance(m, h + n) / (double)m);
}

/* For uniform masses: column sums of K from the two kinds of row sums. */
static ntk_error *test(const ntk_comm *comm, const ntk_kernel *kernel, pooled *s, size_t permutations, ntk_rng rng, ntk_mmd *out) {
  size_t p = s->n + s->m;
  double *sums = s->scratch, *signed_sums = NULL;
  NTK_TRY_ALL(comm, NTK_NEW(p, &signed_sums));
  for (size_t i = 0; i < p; i++) {
    sums[i] = (double)s->n * fake_row(s, i) + (double)s->m * real_row(s, i);
    signed_sums[i] = signed_row(s, i);
  }
  ntk_pooled_sums given = {s->n, s->m, s->points, s->diagonal, sums, signed_sums, 4 * out->rounding};
  ntk_error *err = ntk_permutation_test(comm, kernel, &given, permutations, rng, &out->p_value);
  free(signed_sums);
  return err;
}

ntk_error *ntk_mmd_evaluate(const ntk_comm *comm, const ntk_kernel *kernel, const ntk_measure *fake, const ntk_measure *real, size_t permutations,
                            ntk_rng rng, ntk_mmd *out) {
  pooled s = {0};
  *out = (ntk_mmd){NAN, NAN, NAN, NAN, NAN};
  ntk_error *err = NULL;
  NTK_TRY_OUT(ntk_agree(comm, create(kernel, fake, real, &s)));
  NTK_TRY_OUT(ntk_field_sum(comm, kernel, s.points, s.points, 2, s.weights, s.rows, NULL));
  out->biased = biased(&s);
  out->rounding = rounding(&s);
  if (s.n < 2 || s.m < 2 || !ntk_masses_uniform(fake) || !ntk_masses_uniform(real)) goto out;
  out->unbiased = unbiased(&s, out->biased);
  out->standard_error = standard_error(&s);
  if (permutations) err = test(comm, kernel, &s, permutations, rng, out);
out:
  destroy(&s);
  return err;
}
