#include "kernel/tile/image.h"

#include <math.h>
#include <string.h>

#include "kernel/tile/layer.h"
#include "kernel/tile/passes.h"

/* delta or its distance to an end of its range, relative: below, it is rounding and counts as 0. */
#define ROUNDING 4e-15

static void pixels(const ntk_image_pixels *p) {
  const double share = 1 / (double)p->channels;
  for (size_t j = 0; j < p->groups * NTK_LANES; j += NTK_LANES) {
    double r[NTK_LANES] = {0}, delta[NTK_LANES] = {0};
    for (size_t c = 0; c < p->channels; c++) {
      const double *z = p->z + c * p->stride + j, x = p->x[c];
#pragma omp simd
      for (size_t l = 0; l < NTK_LANES; l++) {
        double difference = x - z[l];
        r[l] += x * z[l];
        delta[l] += difference * difference;
      }
    }
#pragma omp simd
    for (size_t l = 0; l < NTK_LANES; l++) {
      p->r[j + l] = share * r[l];
      p->delta[j + l] = share * delta[l];
    }
  }
}

static void pixels_adjoint(const ntk_image_pixels *p) {
  const size_t count = p->groups * NTK_LANES;
  const double *beta = p->beta, factor = p->factor;
  for (size_t c = 0; c < p->channels; c++) {
    const double *z = p->z + c * p->stride, x = p->shift * p->x[c];
    double *gradient = p->gradient + c * p->lanes;
#pragma omp simd
    for (size_t j = 0; j < count; j++) gradient[j] += factor * beta[j] * (z[j] - x);
  }
}

NTK_INLINE void add_line(size_t count, const double *in, double *out) {
#pragma omp simd
  for (size_t j = 0; j < count; j++) out[j] += in[j];
}

/* scratch <- sum of the lines of `in` that a line of windows covers. */
static void add_rows(const ntk_image_window *w, size_t row) {
  const size_t count = w->groups * NTK_LANES, line = w->in_columns * w->lanes;
  for (size_t x = 0; x < w->in_columns; x++) memset(w->scratch + x * w->lanes, 0, count * sizeof *w->scratch);
  for (size_t t = 0; t < w->row_taps; t++) {
    int from = w->rows[row * w->row_taps + t];
    if (from < 0) continue;
    const double *in = w->in + (size_t)from * line;
    for (size_t x = 0; x < w->in_columns; x++) add_line(count, in + x * w->lanes, w->scratch + x * w->lanes);
  }
}

/* Direct sums, not running ones: those would leave rounding where delta is 0. */
static void window(const ntk_image_window *w) {
  const size_t count = w->groups * NTK_LANES;
  const double share = w->share, constant = w->constant, factor = w->factor;
  double sum[NTK_BLOCK];
  for (size_t row = 0; row < w->out_rows; row++) {
    add_rows(w, row);
    for (size_t column = 0; column < w->out_columns; column++) {
      const size_t at = (row * w->out_columns + column) * w->lanes;
      double *out = w->out + at;
      memset(sum, 0, count * sizeof *sum);
      for (size_t t = 0; t < w->column_taps; t++) {
        int from = w->columns[column * w->column_taps + t];
        if (from >= 0) add_line(count, w->scratch + (size_t)from * w->lanes, sum);
      }
      if (w->other) {
        const double *other = w->other + at;
#pragma omp simd
        for (size_t j = 0; j < count; j++) out[j] = share * sum[j] + constant + factor * other[j];
      } else {
#pragma omp simd
        for (size_t j = 0; j < count; j++) out[j] = share * sum[j] + constant;
      }
    }
  }
}

static void spread_columns(const ntk_image_window *w, size_t row) {
  const size_t count = w->groups * NTK_LANES;
  const double share = w->share, factor = w->factor;
  double sum[NTK_BLOCK];
  for (size_t x = 0; x < w->in_columns; x++) memset(w->scratch + x * w->lanes, 0, count * sizeof *w->scratch);
  for (size_t column = 0; column < w->out_columns; column++) {
    const double *out = w->out + (row * w->out_columns + column) * w->lanes, *seed = sum;
    const double *other = w->other ? w->other + (row * w->out_columns + column) * w->lanes : out;
    const double second = w->other ? factor : 0;
#pragma omp simd
    for (size_t j = 0; j < count; j++) sum[j] = share * out[j] + second * other[j];
    for (size_t t = 0; t < w->column_taps; t++) {
      int to = w->columns[column * w->column_taps + t];
      if (to >= 0) add_line(count, seed, w->scratch + (size_t)to * w->lanes);
    }
  }
}

static void spread(const ntk_image_window *w) {
  const size_t count = w->groups * NTK_LANES, line = w->in_columns * w->lanes;
  for (size_t row = 0; row < w->out_rows; row++) {
    spread_columns(w, row);
    for (size_t t = 0; t < w->row_taps; t++) {
      int to = w->rows[row * w->row_taps + t];
      if (to < 0) continue;
      double *in = w->in + (size_t)to * line;
      for (size_t x = 0; x < w->in_columns; x++) add_line(count, w->scratch + x * w->lanes, in + x * w->lanes);
    }
  }
}

static void state(const ntk_image_state *s) {
  const size_t count = s->groups * NTK_LANES;
  const double q = s->row.q, root = s->row.root;
  const double *column_q = s->columns.q, *column_root = s->columns.root;
  const bool given = s->delta != NULL, has_t = s->t != NULL;
  const double *r = s->r, *delta = given ? s->delta : s->r, *t = has_t ? s->t : s->r;
  double *out = s->block;
#pragma omp simd
  for (size_t j = 0; j < count; j++) {
    double p = q - column_q[j], sum = q + column_q[j], roots = root + column_root[j], most = roots * roots;
    double d = given ? delta[j] : sum - 2 * r[j];
    double gap = root - column_root[j], least = gap * gap;
    d = !given && d < ROUNDING * sum ? 0 : d;
    double below = d - least, above = most - d;
    below = below > ROUNDING * d ? below : 0;
    above = above > ROUNDING * most ? above : 0;
    out[NTK_R * NTK_BLOCK + j] = r[j];
    out[NTK_DELTA * NTK_BLOCK + j] = d;
    out[NTK_P * NTK_BLOCK + j] = p;
    out[NTK_S2 * NTK_BLOCK + j] = 0.25 * below * above;
    if (has_t) out[NTK_T * NTK_BLOCK + j] = t[j];
  }
}

static void adjoint(const ntk_image_adjoint *a) {
  const size_t count = a->groups * NTK_LANES;
  const double *v_dot = a->block + NTK_R_B * NTK_BLOCK, *slope_a = a->block + NTK_DELTA_A * NTK_BLOCK;
  const double *t_a = a->block + NTK_T_A * NTK_BLOCK, *t_b = a->block + NTK_T_B * NTK_BLOCK;
  const double *beta_after = a->beta_after, *tau_after = a->tau_after;
  const double slope = a->slope, factor = a->factor;
  const bool ntk = a->ntk, displaced = a->displaced;
  double *beta = a->beta, *tau = a->tau, *alpha = a->alpha;
#pragma omp simd
  for (size_t j = 0; j < count; j++) {
    double b1 = beta_after[j], b = b1 * v_dot[j], shift = -0.5 * b1 * slope_a[j];
    if (ntk) {
      double t1 = tau_after[j];
      b += t1 * t_b[j];
      shift += t1 * t_a[j];
      tau[j] += t1 * v_dot[j];
    }
    if (displaced) shift += 0.5 * (b1 * slope - b);
    beta[j] += b;
    alpha[j] += factor * shift;
  }
}

static void add(size_t positions, size_t lanes, size_t groups, double factor, const double *in, double *out) {
  const size_t count = groups * NTK_LANES;
  for (size_t a = 0; a < positions; a++) {
    const double *from = in + a * lanes;
    double *to = out + a * lanes;
#pragma omp simd
    for (size_t j = 0; j < count; j++) to[j] += factor * from[j];
  }
}

static void scale(size_t positions, size_t lanes, size_t groups, double factor, double constant, double *out) {
  const size_t count = groups * NTK_LANES;
  for (size_t a = 0; a < positions; a++) {
    double *to = out + a * lanes;
#pragma omp simd
    for (size_t j = 0; j < count; j++) to[j] = factor * to[j] + constant;
  }
}

const ntk_image_engine NTK_TILE(ntk_image) = {.pixels = pixels,
                                              .pixels_adjoint = pixels_adjoint,
                                              .window = window,
                                              .spread = spread,
                                              .state = state,
                                              .adjoint = adjoint,
                                              .add = add,
                                              .scale = scale};
