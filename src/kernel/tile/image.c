#include "kernel/tile/image.h"

#include <math.h>
#include <string.h>

#include "kernel/tile/layer.h"
#include "kernel/tile/passes.h"

/* GCC's and clang's portable vectors: sums must stay in vector registers over the loop of taps. */
typedef double vector __attribute__((vector_size(NTK_LANES * sizeof(double)), aligned(sizeof(double)), may_alias));

/* Not functions: those that return a vector have no fixed calling convention. */
#define GET(field, index) (*(const vector *)((field) + (index)))
#define AT(field, index) (*(vector *)((field) + (index)))

NTK_INLINE void put(double *to, bool add, const vector *value) {
  if (add) {
    *(vector *)to += *value;
  } else {
    *(vector *)to = *value;
  }
}

static void pixels(const ntk_image_pixels *pixels) {
  const ntk_image_pixels copy = *pixels, *p = &copy;
  const double share = 1 / (double)p->channels;
  const size_t lanes = p->lanes, channels = p->channels;
  for (size_t line = 0; line < p->patch.lines; line++) {
    const size_t row = p->patch.row + line * p->patch.step, column = p->patch.column + line * p->patch.step;
    const size_t element = p->patch.element + line * p->patch.element_step;
    for (size_t i = 0; i < p->patch.count; i++) {
      const double *x = p->x + (row + i) * channels, *z = p->z + (column + i) * channels * lanes;
      for (size_t j = 0; j < lanes; j += NTK_LANES) {
        vector r = {0}, delta = {0};
        for (size_t c = 0; c < channels; c++) {
          vector other = GET(z, c * lanes + j), difference = x[c] - other;
          r += x[c] * other;
          delta += difference * difference;
        }
        AT(p->r, (element + i) * lanes + j) = share * r;
        if (p->delta) AT(p->delta, (element + i) * lanes + j) = share * delta;
      }
    }
  }
}

static void pixels_adjoint(const ntk_image_pixels *pixels) {
  const ntk_image_pixels copy = *pixels, *p = &copy;
  const size_t lanes = p->lanes, channels = p->channels;
  for (size_t line = 0; line < p->patch.lines; line++) {
    const size_t row = p->patch.row + line * p->patch.step, column = p->patch.column + line * p->patch.step;
    const size_t element = p->patch.element + line * p->patch.element_step;
    for (size_t i = 0; i < p->patch.count; i++) {
      const double *x = p->x + (row + i) * channels, *z = p->z + (column + i) * channels * lanes;
      double *gradient = p->gradient + (row + i) * channels * lanes;
      for (size_t j = 0; j < lanes; j += NTK_LANES) {
        const vector beta = p->factor * GET(p->beta, (element + i) * lanes + j);
        for (size_t c = 0; c < channels; c++) {
          const double shift = p->shift * x[c];
          AT(gradient, c * lanes + j) += beta * (GET(z, c * lanes + j) - shift);
        }
      }
    }
  }
}

/* Sum of lines of `in`, `count` numbers each. */
static void sum_lines(size_t count, const double *in, const int *list, size_t lines, double *out) {
  const double *a = in, *b = in, *c = in;
  if (lines > 0) a = in + (size_t)list[0] * count;
  if (lines > 1) b = in + (size_t)list[1] * count;
  if (lines > 2) c = in + (size_t)list[2] * count;
  if (lines == 0) memset(out, 0, count * sizeof *out);
  if (lines == 1) memcpy(out, a, count * sizeof *out);
  if (lines == 2) {
#pragma omp simd
    for (size_t j = 0; j < count; j++) out[j] = a[j] + b[j];
  } else if (lines == 3) {
#pragma omp simd
    for (size_t j = 0; j < count; j++) out[j] = a[j] + b[j] + c[j];
  } else if (lines > 3) {
    const double *d = in + (size_t)list[3] * count;
#pragma omp simd
    for (size_t j = 0; j < count; j++) out[j] = (a[j] + b[j]) + (c[j] + d[j]);
  }
  for (size_t t = 4; t < lines; t++) {
    const double *more = in + (size_t)list[t] * count;
#pragma omp simd
    for (size_t j = 0; j < count; j++) out[j] += more[j];
  }
}

NTK_INLINE void sum_taps(const double *line, const int *list, int first, int end, size_t count, size_t j, vector *sum) {
  const double *in = line + j;
  const int taps = end - first;
  const int *tap = list + first;
  /* The usual windows without a loop. */
  if (taps == 3) {
    *sum = GET(in, (size_t)tap[0] * count) + GET(in, (size_t)tap[1] * count) + GET(in, (size_t)tap[2] * count);
    return;
  }
  if (taps == 4) {
    *sum = (GET(in, (size_t)tap[0] * count) + GET(in, (size_t)tap[1] * count)) + (GET(in, (size_t)tap[2] * count) + GET(in, (size_t)tap[3] * count));
    return;
  }
  *sum = (vector){0};
  for (int t = 0; t < taps; t++) *sum += GET(in, (size_t)tap[t] * count);
}

/* Direct sums, not running ones: those would leave rounding where delta is 0. */
NTK_INLINE void window_sums(const ntk_image_window *window, const bool has_t, const bool has_delta) {
  const ntk_image_window copy = *window, *w = &copy; /* what the loops store cannot change it */
  const size_t count = w->lanes, line = w->in_columns * count;
  const int *rows = w->taps[0].start, *columns = w->taps[1].start, *list = w->taps[1].list;
  double *r = w->scratch, *t = r + line, *delta = t + line;
  for (size_t row = 0; row < w->rows; row++) {
    const int *from = w->taps[0].list + rows[row];
    const size_t lines = (size_t)(rows[row + 1] - rows[row]);
    sum_lines(line, w->r, from, lines, r);
    if (has_t) sum_lines(line, w->t, from, lines, t);
    if (has_delta) sum_lines(line, w->delta, from, lines, delta);
    for (size_t column = 0; column < w->columns; column++) {
      const int first = columns[column], end = columns[column + 1];
      for (size_t j = 0; j < count; j += NTK_LANES) {
        const size_t to = (row * w->columns + column) * count + j;
        vector sum, sum_t, sum_delta;
        sum_taps(r, list, first, end, count, j, &sum);
        vector out = w->r_factor * sum + w->r_constant, out_t = w->t_from_r * sum + w->t_constant;
        put(w->out_r + to, w->add, &out);
        if (has_t) {
          sum_taps(t, list, first, end, count, j, &sum_t);
          out_t += w->t_factor * sum_t;
        }
        if (w->out_t) put(w->out_t + to, w->add, &out_t);
        if (has_delta) {
          sum_taps(delta, list, first, end, count, j, &sum_delta);
          AT(w->out_delta, to) = w->delta_factor * sum_delta;
        }
      }
    }
  }
}

static void window(const ntk_image_window *w) {
  if (w->t && w->out_t) {
    if (w->out_delta) window_sums(w, true, true);
    if (!w->out_delta) window_sums(w, true, false);
  } else {
    if (w->out_delta) window_sums(w, false, true);
    if (!w->out_delta) window_sums(w, false, false);
  }
}

NTK_INLINE void spread_sums(const ntk_image_spread *spread, const bool has_tau) {
  const ntk_image_spread copy = *spread, *w = &copy;
  const size_t count = w->lanes, line = w->in_columns * count;
  const int *rows = w->taps[0].start, *columns = w->taps[1].start, *list = w->taps[1].list;
  double *beta = w->scratch, *tau = beta + line;
  for (size_t row = 0; row < w->rows; row++) {
    const int *from = w->taps[0].list + rows[row];
    const size_t lines = (size_t)(rows[row + 1] - rows[row]);
    sum_lines(line, w->beta, from, lines, beta);
    if (has_tau) sum_lines(line, w->tau, from, lines, tau);
    for (size_t column = 0; column < w->columns; column++) {
      const int first = columns[column], end = columns[column + 1];
      for (size_t j = 0; j < count; j += NTK_LANES) {
        const size_t to = (row * w->columns + column) * count + j;
        vector sum, sum_tau;
        sum_taps(beta, list, first, end, count, j, &sum);
        sum *= w->beta_factor;
        if (has_tau) {
          sum_taps(tau, list, first, end, count, j, &sum_tau);
          const vector to_tau = w->tau_factor * sum_tau;
          sum += w->beta_from_tau * sum_tau;
          if (w->to_tau) put(w->to_tau + to, w->add, &to_tau);
          if (w->alpha) AT(w->alpha, to) += w->alpha_factor * sum_tau;
        }
        put(w->to_beta + to, w->add, &sum);
      }
    }
  }
}

static void spread(const ntk_image_spread *w) {
  if (w->tau) {
    spread_sums(w, true);
  } else {
    spread_sums(w, false);
  }
}

static void state(const ntk_image_state *s) {
  const double q = *s->row[NTK_IMAGE_Q], root = *s->row[NTK_IMAGE_ROOT];
  const double *column_q = s->column[NTK_IMAGE_Q], *column_root = s->column[NTK_IMAGE_ROOT];
  const bool given = s->delta != NULL, has_t = s->t != NULL;
  const double *r = s->r, *delta = given ? s->delta : s->r, *t = has_t ? s->t : s->r;
  double *out = s->block;
#pragma omp simd
  for (size_t j = 0; j < s->lanes; j++) {
    ntk_pair pair = ntk_image_pair_of(q, root, column_q[j], column_root[j], r[j], given, delta[j]);
    out[NTK_R * NTK_BLOCK + j] = r[j];
    out[NTK_DELTA * NTK_BLOCK + j] = pair.delta;
    out[NTK_P * NTK_BLOCK + j] = pair.p;
    out[NTK_S2 * NTK_BLOCK + j] = pair.s2;
    out[NTK_T * NTK_BLOCK + j] = has_t ? t[j] : 0;
  }
}

NTK_INLINE void adjoint_run(const ntk_image_adjoint *adjoint, const bool ntk) {
  const ntk_image_adjoint copy = *adjoint, *a = &copy;
  const size_t count = a->lanes;
  const double factor = a->factor, displaced = a->displaced ? 0.5 : 0, tau_kept = a->tau_kept;
  for (size_t line = 0; line < a->patch.lines; line++)
    for (size_t i = 0; i < a->patch.count; i++) {
      const size_t row = a->patch.row + line * a->patch.step + i, from = (a->patch.element + line * a->patch.element_step + i) * count;
      const double slope = a->row_slopes ? a->row_slopes[row] : a->row_slope;
      for (size_t j = from; j < from + count; j += NTK_LANES) {
        const vector b1 = GET(a->beta_after, j), by_r = GET(a->slopes[NTK_IMAGE_BY_R], j);
        vector b = b1 * by_r, shift = -0.5 * b1 * GET(a->slopes[NTK_IMAGE_BY_Q], j);
        if (ntk) {
          const vector t1 = GET(a->tau_after, j), moved = tau_kept * (t1 * by_r);
          b += t1 * GET(a->slopes[NTK_IMAGE_T_BY_R], j);
          shift += t1 * GET(a->slopes[NTK_IMAGE_T_BY_Q], j);
          put(a->tau + j, a->add, &moved);
        }
        shift += displaced * (b1 * slope - b);
        AT(a->alpha, row * count + j - from) += factor * shift;
        put(a->beta + j, a->add, &b);
      }
    }
}

static void adjoint(const ntk_image_adjoint *a) {
  if (a->tau_after) {
    adjoint_run(a, true);
  } else {
    adjoint_run(a, false);
  }
}

static void add(size_t count, double factor, const double *in, double *out) {
#pragma omp simd
  for (size_t j = 0; j < count; j++) out[j] += factor * in[j];
}

const ntk_image_engine NTK_TILE(ntk_image) = {
    .pixels = pixels,
    .pixels_adjoint = pixels_adjoint,
    .window = window,
    .spread = spread,
    .layer = {[NTK_DUAL_IDENTITY] = NTK_TILE(ntk_image_identity),
              [NTK_DUAL_AB_RELU] = NTK_TILE(ntk_image_ab_relu),
              [NTK_DUAL_ERF] = NTK_TILE(ntk_image_erf),
              [NTK_DUAL_GELU] = NTK_TILE(ntk_image_gelu),
              [NTK_DUAL_SIN] = NTK_TILE(ntk_image_sin),
              [NTK_DUAL_RBF] = NTK_TILE(ntk_image_rbf),
              [NTK_DUAL_EXP] = NTK_TILE(ntk_image_exp),
              [NTK_DUAL_GAUSSIAN] = NTK_TILE(ntk_image_gaussian),
              [NTK_DUAL_SIGN] = NTK_TILE(ntk_image_sign),
              [NTK_DUAL_STEP] = NTK_TILE(ntk_image_step),
              [NTK_DUAL_RECTIFIED_SQUARE] = NTK_TILE(ntk_image_rectified_square),
              [NTK_DUAL_RECTIFIED_CUBE] = NTK_TILE(ntk_image_rectified_cube),
              [NTK_DUAL_DROPOUT] = NTK_TILE(ntk_image_dropout)},
    .norm = NTK_TILE(ntk_image_norm),
    .rectified = {NTK_TILE(ntk_image_rectified_apart), NTK_TILE(ntk_image_rectified)},
    .state = state,
    .adjoint = adjoint,
    .add = add,
};
