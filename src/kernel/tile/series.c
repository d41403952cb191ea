/** Activations by their Hermite series: V = sum_n alpha_n(q) alpha_n(s) rho^n (Daniely, Frostig, Singer 2016), and its derivatives; features alpha per
 *  point (src/kernel/features.c). Columns eight or sixteen at a time, terms in chunks until the bound on the rest is below the tolerance. */
#include <math.h>
#include <stdint.h>

#include "kernel/tile/lanes.h"
#include "kernel/tile/layer.h"
#include "kernel/tile/passes.h"

/* Of a row: what multiplies a column's alpha_n rho^(n-2): V, V_dot, V_dot_r, V_q, V_dot_q but for powers of rho and 1/sqrt(q s). */
enum { OF_V, OF_DOT, OF_CURVE, OF_SLOPE, OF_MIXED, FACTORS };

typedef struct {
  const ntk_series *series;
  const double *rho;
  size_t terms, ready; /* terms whose factors are there */
  double row[NTK_SERIES_TERMS * FACTORS];
  double power[NTK_BLOCK];         /* rho^(n-2) of the first term left out */
  double sum[FACTORS * NTK_BLOCK]; /* over n >= 3 */
} series_work;

/* Factors of the chunks up to `chunks`: made when the first lanes need them. */
NTK_INLINE void row_factors(series_work *w, size_t chunks, const bool gradient) {
  const ntk_series *s = w->series;
  const double *alpha = s->row + NTK_SERIES_HEAD, *slope = alpha + s->row_terms, *degrees = s->degrees;
  const size_t end = chunks * NTK_SERIES_CHUNK;
#pragma omp simd
  for (size_t k = w->ready; k < end; k++) {
    double n = degrees[k], *at = w->row + k * FACTORS;
    at[OF_V] = alpha[k];
    at[OF_DOT] = n * alpha[k];
    if (gradient) {
      at[OF_CURVE] = n * (n - 1) * alpha[k];
      at[OF_SLOPE] = slope[k];
      at[OF_MIXED] = n * slope[k];
    }
  }
  w->ready = end;
}

/* One term for `wide` groups of lanes. */
NTK_INLINE void add_term(const double *row, const double *columns, size_t group, const ntk_lanes *power, ntk_lanes sum[FACTORS][NTK_WIDE],
                         const size_t wide, const bool gradient) {
  for (size_t g = 0; g < wide; g++) {
    ntk_lanes b = *(const ntk_lanes *)(columns + g * group) * power[g];
    sum[OF_V][g] += row[OF_V] * b;
    sum[OF_DOT][g] += row[OF_DOT] * b;
    if (gradient) {
      sum[OF_CURVE][g] += row[OF_CURVE] * b;
      sum[OF_SLOPE][g] += row[OF_SLOPE] * b;
      sum[OF_MIXED][g] += row[OF_MIXED] * b;
    }
  }
}

/* One chunk of terms. */
NTK_INLINE void add_chunk(const double *row, const double *columns, size_t group, const ntk_lanes *rho, const ntk_lanes *step, ntk_lanes *power,
                          ntk_lanes sum[FACTORS][NTK_WIDE], const size_t wide, const bool paired, const bool gradient) {
  const size_t together = paired ? 2 : 1;
  for (size_t k = 0; k < NTK_SERIES_CHUNK; k += together) {
    add_term(row + k * FACTORS, columns + k * NTK_LANES, group, power, sum, wide, gradient);
    if (paired) {
      ntk_lanes next[NTK_WIDE];
      for (size_t g = 0; g < wide; g++) next[g] = power[g] * rho[g];
      add_term(row + (k + 1) * FACTORS, columns + (k + 1) * NTK_LANES, group, next, sum, wide, gradient);
    }
    for (size_t g = 0; g < wide; g++) power[g] *= step[g];
  }
}

/* Over the lanes, the largest bound on the rest of the series. */
NTK_INLINE double rest(const double *tail, size_t group, const ntk_lanes *power, const size_t wide) {
  double size[NTK_WIDE * NTK_LANES], most = 0;
  for (size_t g = 0; g < wide; g++) *(ntk_lanes *)(size + g * NTK_LANES) = *(const ntk_lanes *)(tail + g * group) * power[g];
#pragma omp simd reduction(max : most)
  for (size_t l = 0; l < wide * NTK_LANES; l++) most = ntk_larger(most, fabs(size[l]));
  return most;
}

NTK_INLINE void add_lanes(series_work *w, size_t j, const size_t wide, const bool paired, const bool gradient) {
  const ntk_series *s = w->series;
  const size_t group = s->group, row_chunks = s->row_terms / NTK_SERIES_CHUNK, column_chunks = s->column_terms / NTK_SERIES_CHUNK;
  const double *row_tail = s->row + NTK_SERIES_HEAD + 2 * s->row_terms + (gradient ? row_chunks + 1 : 0);
  const double *alpha = s->columns + j / NTK_LANES * group + NTK_SERIES_COLUMN_HEAD * NTK_LANES;
  const double *column_tail = alpha + (s->column_terms + (gradient ? column_chunks + 1 : 0)) * NTK_LANES;
  const bool even = s->degrees[0] > 3;
  ntk_lanes rho[NTK_WIDE], step[NTK_WIDE], power[NTK_WIDE], sum[FACTORS][NTK_WIDE];
  for (size_t g = 0; g < wide; g++) {
    rho[g] = *(const ntk_lanes *)(w->rho + j + g * NTK_LANES);
    step[g] = rho[g] * rho[g];
    power[g] = even ? step[g] : rho[g];
    for (size_t f = 0; f < FACTORS; f++) sum[f][g] = (ntk_lanes){0};
  }
  size_t doubling = s->run ? s->lead : SIZE_MAX;
  for (size_t chunk = 0; chunk * NTK_SERIES_CHUNK < w->terms; chunk++) {
    if (row_tail[chunk] * rest(column_tail + chunk * NTK_LANES, group, power, wide) <= s->tolerance) break;
    if (chunk == doubling) {
      for (size_t g = 0; g < wide; g++) step[g] *= step[g];
      doubling += s->run;
    }
    size_t k = chunk * NTK_SERIES_CHUNK;
    if (k >= w->ready) row_factors(w, chunk + 1, gradient);
    add_chunk(w->row + k * FACTORS, alpha + k * NTK_LANES, group, rho, step, power, sum, wide, paired, gradient);
  }
  for (size_t g = 0; g < wide; g++) {
    *(ntk_lanes *)(w->power + j + g * NTK_LANES) = power[g];
    for (size_t f = 0; f < FACTORS; f++) *(ntk_lanes *)(w->sum + f * NTK_BLOCK + j + g * NTK_LANES) = sum[f][g];
  }
}

NTK_INLINE void add_all(series_work *w, size_t count, const bool paired, const bool gradient) {
  size_t j = 0;
  for (; j + NTK_WIDE * NTK_LANES <= count; j += NTK_WIDE * NTK_LANES) add_lanes(w, j, NTK_WIDE, paired, gradient);
  for (; j < count; j += NTK_LANES) add_lanes(w, j, 1, paired, gradient);
}

/* Adds n = 0, 1, 2 (in r, so that a variance of 0 is no exception) to the sums. */
NTK_INLINE void complete(const ntk_pass *pass, const series_work *w, double *value, const bool gradient) {
  const ntk_series *s = w->series;
  const double *row = s->row, *sum = w->sum, *rho = w->rho;
  const double *r = pass->in + NTK_R * NTK_BLOCK, *inverse = pass->before.inverse;
  const double row_inverse = pass->row_before.inverse;
  const size_t count = pass->groups * NTK_LANES;
  double head[NTK_SERIES_COLUMN_HEAD * NTK_BLOCK];
  const double *alpha0 = head, *beta0 = head + NTK_BLOCK, *gamma0 = head + 2 * NTK_BLOCK;
  for (size_t g = 0; g < pass->groups; g++)
    for (size_t e = 0; e < NTK_SERIES_COLUMN_HEAD; e++)
      *(ntk_lanes *)(head + e * NTK_BLOCK + g * NTK_LANES) = *(const ntk_lanes *)(s->columns + g * s->group + e * NTK_LANES);
#pragma omp simd
  for (size_t j = 0; j < count; j++) {
    double scale = row_inverse * inverse[j], by_dot = scale * rho[j], by_value = rho[j] * rho[j];
    double linear = row[1] * beta0[j], bent = row[2] * gamma0[j];
    value[NTK_GIVEN_V * NTK_BLOCK + j] = row[0] * alpha0[j] + r[j] * (linear + 0.5 * r[j] * bent) + by_value * sum[OF_V * NTK_BLOCK + j];
    value[NTK_GIVEN_DOT * NTK_BLOCK + j] = linear + r[j] * bent + by_dot * sum[OF_DOT * NTK_BLOCK + j];
    if (gradient) {
      double mixed = row[3] * beta0[j], third = r[j] * row[4] * gamma0[j];
      value[NTK_GIVEN_CURVE * NTK_BLOCK + j] = bent + scale * (scale * sum[OF_CURVE * NTK_BLOCK + j]);
      value[NTK_GIVEN_SLOPE * NTK_BLOCK + j] = 0.5 * row[2] * alpha0[j] + r[j] * (mixed + third) + by_value * sum[OF_SLOPE * NTK_BLOCK + j];
      value[NTK_GIVEN_MIXED * NTK_BLOCK + j] = mixed + 2 * third + by_dot * sum[OF_MIXED * NTK_BLOCK + j];
    }
  }
}

/* Pairs whose series has not converged when the features end (variance large and rho near 1 or -1): by quadrature, one by one. */
static void correct(const ntk_pass *pass, const series_work *w, double *value, const bool gradient) {
  const ntk_series *s = w->series;
  const size_t chunks = w->terms / NTK_SERIES_CHUNK, row_chunks = s->row_terms / NTK_SERIES_CHUNK;
  const size_t column_chunks = s->column_terms / NTK_SERIES_CHUNK;
  const double row_tail = s->row[NTK_SERIES_HEAD + 2 * s->row_terms + (gradient ? row_chunks + 1 : 0) + chunks];
  const double *tail = s->columns + (NTK_SERIES_COLUMN_HEAD + s->column_terms + (gradient ? column_chunks + 1 : 0) + chunks) * NTK_LANES;
  double most = 0;
  for (size_t g = 0; g < pass->groups; g++)
    for (size_t l = 0; l < NTK_LANES; l++) most = ntk_larger(most, tail[g * s->group + l]);
  if (!(row_tail * most > s->tolerance)) return;
  for (size_t j = 0; j < pass->groups * NTK_LANES; j++) {
    if (!(row_tail * tail[j / NTK_LANES * s->group + j % NTK_LANES] * fabs(w->power[j]) > s->tolerance)) continue;
    double five[NTK_GIVEN];
    s->quadrature(pass->constants, pass->row_before.q, w->rho[j], pass->before.q[j], five);
    for (size_t f = 0; f < NTK_GIVEN; f++) value[f * NTK_BLOCK + j] = five[f];
  }
}

NTK_INLINE void given_values(const ntk_pass *pass, double *value, const bool gradient) {
  const ntk_series *s = pass->series;
  const size_t count = pass->groups * NTK_LANES;
  double rho[NTK_BLOCK];
  const double *r = pass->in + NTK_R * NTK_BLOCK, *inverse = pass->before.inverse;
  for (size_t j = 0; j < count; j++) {
    double c = r[j] * (pass->row_before.inverse * inverse[j]);
    rho[j] = c > 1 ? 1 : c < -1 ? -1 : c;
  }
  series_work w; /* large: not initialised as a whole */
  w.series = s;
  w.rho = rho;
  w.terms = s->row_terms < s->column_terms ? s->row_terms : s->column_terms;
  w.ready = 0;
  if (s->paired) {
    add_all(&w, count, true, gradient);
  } else {
    add_all(&w, count, false, gradient);
  }
  complete(pass, &w, value, gradient);
  correct(pass, &w, value, gradient);
}

/** A dual function computed ahead of the loop. */
NTK_INLINE ntk_dual given(const ntk_pass *pass, ntk_pair pair) {
  const double *at = pass->given + pair.index;
  ntk_dual v;
  ntk_smooth_state(pass, pair, at[NTK_GIVEN_V * NTK_BLOCK], &v);
  v.v_dot = at[NTK_GIVEN_DOT * NTK_BLOCK];
  v.v_r = v.v_dot;
  v.slope_a = pass->row_after.slope - 2 * at[NTK_GIVEN_SLOPE * NTK_BLOCK] - v.v_dot;
  v.curve = at[NTK_GIVEN_CURVE * NTK_BLOCK];
  v.curve_a = at[NTK_GIVEN_MIXED * NTK_BLOCK] + 0.5 * v.curve;
  return v;
}

NTK_INLINE void series_pass(const ntk_pass *pass, const bool ntk, const bool gradient) {
  double value[NTK_GIVEN * NTK_BLOCK];
  ntk_pass with = *pass;
  given_values(pass, value, gradient);
  with.given = value;
  ntk_layer(&with, given, ntk, gradient);
}

static void nngp_value(const ntk_pass *pass) { series_pass(pass, false, false); }
static void ntk_value(const ntk_pass *pass) { series_pass(pass, true, false); }
static void nngp_gradient(const ntk_pass *pass) { series_pass(pass, false, true); }
static void ntk_gradient(const ntk_pass *pass) { series_pass(pass, true, true); }

const ntk_pass_function NTK_TILE(ntk_layer_series)[NTK_MODES] = {nngp_value, ntk_value, nngp_gradient, ntk_gradient};

/** gamma_n = sum over nodes of (even or odd part) psi_n, psi_n(z) = he_n(z) exp(-z^2/4), he_n the orthonormal Hermite polynomials. `work`: two arrays
 *  of nodes, psi_0 in the first. */
void NTK_TILE(ntk_series_features)(const ntk_hermite *h, size_t count, double *gamma) {
  const size_t nodes = h->nodes;
  const double *z = h->z;
  double *psi = h->work, *before = h->work + nodes;
#pragma omp simd
  for (size_t i = 0; i < nodes; i++) before[i] = 0;
  for (size_t n = 0; n < count; n++) {
    const double *part = n % 2 ? h->odd : h->even, back = sqrt((double)n), scale = 1 / sqrt((double)n + 1);
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < nodes; i++) {
      double here = psi[i];
      sum += part[i] * here;
      before[i] = (z[i] * here - back * before[i]) * scale;
    }
    double *swap = psi;
    psi = before;
    before = swap;
    gamma[n] = sum;
  }
}
