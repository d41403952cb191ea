#include "kernel/features.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kernel/quadrature.h"

/* |z| up to which a standard normal density times an orthonormal Hermite polynomial counts. */
#define HERMITE_RANGE 13.0

enum { FEWEST_TERMS = 32 };

static const ntk_function *function_of(const double *constants) { return ntk_activation_at((size_t)constants[NTK_SERIES_KIND])->function; }

/* E p^(l)(u), u ~ N(0, q), of the polynomial. */
static double derivative_mean(const double *constants, size_t l, double q) {
  size_t degree = (size_t)constants[NTK_SERIES_DEGREE];
  double sum = 0;
  for (size_t m = l; m <= degree; m += 2) {
    double term = constants[NTK_SERIES_COEFFICIENTS + m];
    for (size_t i = m - l + 1; i <= m; i++) term *= (double)i;   /* m!/(m-l)! */
    for (size_t i = 1; i < m - l; i += 2) term *= (double)i * q; /* (m-l-1)!! q^((m-l)/2) */
    sum += term;
  }
  return sum;
}

static ntk_moments polynomial_moments(const double *constants, double q) {
  size_t degree = (size_t)constants[NTK_SERIES_DEGREE];
  ntk_moments m = {0, 0, 0};
  double weight = 1; /* q^l/l! */
  for (size_t l = 0; l <= degree; l++) {
    double here = derivative_mean(constants, l, q), next = derivative_mean(constants, l + 1, q), second = derivative_mean(constants, l + 2, q);
    m.value += here * here * weight;
    m.dot += next * next * weight;
    m.slope += (next * next + here * second) * weight;
    weight *= q / ((double)l + 1);
  }
  return m;
}

static ntk_moments hermite_moments(const double *constants, double q) {
  double k = constants[NTK_SERIES_DEGREE], slope = k > 0 ? k * pow(q, k - 1) : 0;
  return (ntk_moments){pow(q, k), slope, slope};
}

ntk_moments ntk_series_moments(const double *constants, double q) {
  if (constants[NTK_SERIES_KIND] == NTK_SERIES_POLYNOMIAL) return polynomial_moments(constants, q);
  if (constants[NTK_SERIES_KIND] == NTK_SERIES_HERMITE) return hermite_moments(constants, q);
  ntk_means m = ntk_function_means(function_of(constants), q);
  return (ntk_moments){m.value_square, m.slope_square + m.bend, m.slope_square};
}

/* Work of one call of ntk_features_create. */
typedef struct {
  const ntk_engine *engine;
  const double *constants;
  const ntk_function *function;
  double range; /* |x| up to which phi'' counts */
  size_t most_nodes;
  double *z, *even, *odd, *psi; /* psi: two arrays */
  double *gamma;                /* room for NTK_SERIES_TERMS terms */
} feature_work;

enum { MOST_GAMMAS = 2 * NTK_SERIES_TERMS + 8 };

/* Nodes and integrand of one point: even and odd part of phi'', with the weight and psi_n = he_n exp(-z^2/4) in mind. */
static size_t fill_nodes(feature_work *w, double q, ntk_means *means) {
  double step = ntk_quadrature_step(q), root = sqrt(q);
  size_t nodes = 0;
  bool here = NTK_NORMAL_RANGE * root <= w->range; /* these nodes do for the means as well */
  *means = here ? (ntk_means){0, 0, 0, 0, 0, 0} : ntk_function_means(w->function, q);
  while (nodes < w->most_nodes) {
    double z = ((double)nodes + 0.5) * step;
    if (z >= HERMITE_RANGE || root * z > w->range) break;
    double right[3], left[3], normal = exp(-0.25 * z * z), weight = step * 0.39894228040143267794 * normal;
    ntk_function_jet(w->function, root * z, right);
    ntk_function_jet(w->function, -root * z, left);
    if (here) ntk_means_add(right, weight * normal, means);
    if (here) ntk_means_add(left, weight * normal, means);
    w->z[nodes] = z;
    w->even[nodes] = weight * (right[2] + left[2]);
    w->odd[nodes] = weight * (right[2] - left[2]);
    w->psi[nodes] = normal;
    nodes++;
  }
  return nodes;
}

/* What one point gives beside its gammas: how many there are, and what is left of E phi''^2 behind the last. */
typedef struct {
  ntk_means means;
  size_t gammas;
  double left;
} point_sums;

/* Fills w->gamma (zeros behind the last one that matters) up to `count`. */
static point_sums point_gammas(feature_work *w, double q, size_t count) {
  point_sums sums;
  size_t nodes = fill_nodes(w, q, &sums.means);
  /* The arrays of psi follow each other without a gap. */
  ntk_hermite h = {nodes, w->z, w->even, w->odd, w->psi};
  double negligible = 1e-4 * w->constants[NTK_SERIES_TOLERANCE];
  double enough = sums.means.curve_square * (1 - (negligible > 4 * DBL_EPSILON ? negligible : 4 * DBL_EPSILON)), squares = 0;
  sums.gammas = w->engine->features(&h, count, enough, w->gamma);
  for (size_t n = 0; n < sums.gammas; n++) squares += w->gamma[n] * w->gamma[n];
  for (size_t n = sums.gammas; n < count; n++) w->gamma[n] = 0;
  sums.left = sums.means.curve_square > squares ? sums.means.curve_square - squares : 0;
  return sums;
}

static size_t chunks_of(const ntk_features *f) { return f->terms / NTK_SERIES_CHUNK; }

/* Relative sizes of the rest from each chunk on. `gamma` as in the work, `squares` E phi'^2 or E phi''^2. */
static void fill_tails(const ntk_features *f, const double *gamma, double q, const point_sums *sums, double *slope_tail, double *curve_tail) {
  double slope_rest = sums->left * q / (double)(sums->gammas + 1), curve_rest = sums->left;
  for (size_t chunk = chunks_of(f) + 1; chunk-- > 0;) {
    for (size_t i = 0; chunk < chunks_of(f) && i < NTK_SERIES_CHUNK; i++) {
      size_t n = f->first + f->step * (chunk * NTK_SERIES_CHUNK + i);
      double square = gamma[n - 2] * gamma[n - 2];
      curve_rest += square;
      slope_rest += square * q / (double)(n - 1);
    }
    slope_tail[chunk] = sqrt(slope_rest / fmax(sums->means.slope_square, DBL_MIN));
    curve_tail[chunk] = sqrt(curve_rest / fmax(sums->means.curve_square, DBL_MIN));
  }
}

static void function_row(feature_work *w, const ntk_features *f, double q, double *row) {
  point_sums sums = point_gammas(w, q, f->first + f->step * f->terms);
  double *alpha = row + NTK_SERIES_HEAD, *half = alpha + f->terms, *tails = half + f->terms;
  bool tiny = q < 1e-12;
  row[0] = sums.means.value;
  row[1] = sums.means.slope;
  row[2] = w->gamma[0];
  row[3] = tiny ? 0 : 0.5 * w->gamma[1] / sqrt(q);
  row[4] = tiny ? 0 : 0.5 * w->gamma[2] * 0.70710678118654752440 / q;
  if (tiny) {
    double right[3], left[3], h = 1e-3;
    ntk_function_jet(w->function, h, right);
    ntk_function_jet(w->function, -h, left);
    row[3] = 0.25 * (right[2] - left[2]) / h;
  }
  for (size_t k = 0; k < f->terms; k++) {
    double n = (double)(f->first + f->step * k);
    alpha[k] = q * w->gamma[f->first + f->step * k - 2] / sqrt(n * (n - 1));
    half[k] = 0.5 * w->gamma[f->first + f->step * k];
  }
  fill_tails(f, w->gamma, q, &sums, tails, tails + chunks_of(f) + 1);
}

/* Exact: every tail is 1 until the end. */
static void whole_series(const ntk_features *f, double *row) {
  double *tails = row + NTK_SERIES_HEAD + 2 * f->terms;
  for (size_t i = 0; i < 2 * (chunks_of(f) + 1); i++) tails[i] = i % (chunks_of(f) + 1) < chunks_of(f) ? 1 : 0;
}

static void polynomial_row(feature_work *w, const ntk_features *f, double q, double *row) {
  double *alpha = row + NTK_SERIES_HEAD, *half = alpha + f->terms, weight = pow(q, 1.5) / sqrt(6.0);
  row[0] = derivative_mean(w->constants, 0, q);
  row[1] = derivative_mean(w->constants, 1, q);
  row[2] = derivative_mean(w->constants, 2, q);
  row[3] = 0.5 * derivative_mean(w->constants, 3, q);
  row[4] = 0.25 * derivative_mean(w->constants, 4, q);
  for (size_t k = 0; k < f->terms; k++) {
    alpha[k] = weight * derivative_mean(w->constants, k + 3, q);
    half[k] = 0.5 * weight * derivative_mean(w->constants, k + 5, q);
    weight *= sqrt(q / ((double)k + 4));
  }
  whole_series(f, row);
}

static void hermite_row(feature_work *w, const ntk_features *f, double q, double *row) {
  size_t degree = (size_t)w->constants[NTK_SERIES_DEGREE];
  memset(row, 0, f->row_size * sizeof *row);
  if (degree < 3) row[degree] = degree == 2 ? sqrt(2.0) : 1;
  if (degree >= 3) row[NTK_SERIES_HEAD + degree - 3] = pow(q, 0.5 * (double)degree);
  whole_series(f, row);
}

static void copy_row(const ntk_features *f, size_t i, const double *row) {
  double *out = f->columns + i;
  for (size_t k = 0; k < NTK_SERIES_COLUMN_HEAD; k++) out[k * f->stride] = row[k];
  out += NTK_SERIES_COLUMN_HEAD * f->stride;
  for (size_t k = 0; k < f->terms; k++) out[k * f->stride] = row[NTK_SERIES_HEAD + k];
  out += f->terms * f->stride;
  for (size_t k = 0; k < 2 * (chunks_of(f) + 1); k++) out[k * f->stride] = row[NTK_SERIES_HEAD + 2 * f->terms + k];
}

static size_t rounded(size_t terms) {
  size_t up = (terms + NTK_SERIES_CHUNK - 1) / NTK_SERIES_CHUNK * NTK_SERIES_CHUNK;
  return up < NTK_SERIES_TERMS ? up : NTK_SERIES_TERMS;
}

/* First, step and number of terms: for functions as the largest variance needs them. */
static void choose_terms(feature_work *w, double largest, ntk_features *f) {
  f->first = 3;
  f->step = 1;
  if (!w->function) {
    size_t degree = (size_t)w->constants[NTK_SERIES_DEGREE];
    f->terms = rounded(degree < 3 ? 0 : degree - 2);
    return;
  }
  if (w->function->parity != NTK_PARITY_NONE) f->step = 2;
  if (w->function->parity == NTK_PARITY_EVEN) f->first = 4;
  size_t last = point_gammas(w, largest, f->first + f->step * NTK_SERIES_TERMS).gammas + 1;
  /* Sets of different variances meet in a pair, which has the terms of the shorter one: rounded up so that this seldom cuts. */
  size_t needed = last < f->first ? 1 : (last - f->first) / f->step + 1;
  for (f->terms = FEWEST_TERMS; f->terms < needed && f->terms < NTK_SERIES_TERMS;) f->terms *= 2;
}

static ntk_error *fill(feature_work *w, size_t count, const double *q, ntk_features *f) {
  void (*row_of)(feature_work *, const ntk_features *, double, double *) = function_row;
  if (w->constants[NTK_SERIES_KIND] == NTK_SERIES_POLYNOMIAL) row_of = polynomial_row;
  if (w->constants[NTK_SERIES_KIND] == NTK_SERIES_HERMITE) row_of = hermite_row;
  size_t column_size = NTK_SERIES_COLUMN_HEAD + f->terms + 2 * (chunks_of(f) + 1);
  f->row_size = NTK_SERIES_HEAD + 2 * f->terms + 2 * (chunks_of(f) + 1);
  NTK_TRY(NTK_NEW(count * f->row_size, &f->rows));
  NTK_TRY(NTK_NEW(f->stride * column_size, &f->columns));
  for (size_t i = 0; i < count; i++) {
    double *row = f->rows + i * f->row_size;
    row_of(w, f, q[i], row);
    copy_row(f, i, row);
  }
  for (size_t i = count; count && i < f->stride; i++) copy_row(f, i, f->rows + (count - 1) * f->row_size);
  return NULL;
}

static ntk_error *start(feature_work *w, double largest) {
  bool sampled = w->constants[NTK_SERIES_KIND] >= 0;
  if (!sampled) return NULL;
  w->function = function_of(w->constants);
  w->range = ntk_function_range(w->function);
  w->most_nodes = (size_t)(fmin(HERMITE_RANGE * fmax(1, sqrt(largest)), fmax(w->range, HERMITE_RANGE)) / NTK_QUADRATURE_STEP) + 2;
  NTK_TRY(NTK_NEW(w->most_nodes, &w->z));
  NTK_TRY(NTK_NEW(w->most_nodes, &w->even));
  NTK_TRY(NTK_NEW(w->most_nodes, &w->odd));
  NTK_TRY(NTK_NEW(2 * w->most_nodes, &w->psi));
  return NTK_NEW(MOST_GAMMAS, &w->gamma);
}

ntk_error *ntk_features_create(const ntk_engine *engine, const double *constants, size_t count, size_t stride, const double *q, ntk_features **out) {
  ntk_error *err = NULL;
  feature_work w = {.engine = engine, .constants = constants};
  ntk_features *f;
  double largest = 0;
  *out = NULL;
  for (size_t i = 0; i < count; i++) largest = q[i] > largest ? q[i] : largest;
  NTK_TRY(NTK_NEW(1, &f));
  f->stride = stride;
  NTK_TRY_OUT(start(&w, largest));
  choose_terms(&w, largest, f);
  NTK_TRY_OUT(fill(&w, count, q, f));
  *out = f;
  f = NULL;
out:
  ntk_features_free(&f);
  free(w.z);
  free(w.even);
  free(w.odd);
  free(w.psi);
  free(w.gamma);
  return err;
}

void ntk_features_free(ntk_features **features) {
  if (!*features) return;
  free((*features)->rows);
  free((*features)->columns);
  free(*features);
  *features = NULL;
}

static void pair_quadrature(const double *constants, double q, double rho, double s, double given[NTK_GIVEN]) {
  ntk_function_pair(function_of(constants), q, rho, s, given);
}

ntk_series ntk_features_pair(const ntk_features *x, size_t row, const ntk_features *z, size_t column, const double *constants) {
  return (ntk_series){.first = x->first,
                      .step = x->step,
                      .row = x->rows + row * x->row_size,
                      .columns = z->columns + column,
                      .row_terms = x->terms,
                      .column_terms = z->terms,
                      .stride = z->stride,
                      .tolerance = constants[NTK_SERIES_KIND] < 0 ? 0 : constants[NTK_SERIES_TOLERANCE],
                      .quadrature = pair_quadrature};
}
