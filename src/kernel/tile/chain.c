#include "kernel/tile/chain.h"

#include <tgmath.h>

#include "kernel/tile/angle.h"
#include "kernel/tile/area.h"
#include "kernel/tile/layer.h"
#include "kernel/tile/passes.h"
#include "kernel/tile/real.h"
#include "kernel/tile/roots.h"

/* G(u) of angle.h. With gradients the roots of 512-bit vectors leave the divider free (roots.h), without them a square root keeps it busy. */
NTK_INLINE ntk_real angle_function(ntk_real u, const bool gradient) {
#if defined(NTK_SINGLE)
  (void)gradient;
  return ntk_angle_series_single(u);
#elif defined(__AVX512F__)
  return gradient ? ntk_angle_quotient(1 - u) : ntk_angle_series(u);
#else
  (void)gradient;
  return ntk_angle_series(u);
#endif
}

/* In front of the first activation: sin^2 and cos of the angle, q - r, s - r; q - s of the input and its NTK behind the dense layer. */
typedef struct {
  ntk_real square, cosine, gap, gap_s, p, t;
} first_state;

/* The same from sums over coordinates, each in units of `unit`: x.z, S2 (of unit^2), |x - z|^2, x.(x - z), z.(z - x), by the dense layer. */
NTK_INLINE first_state through_dense(const ntk_chain_source *source, double unit, double inverse, double r, double s2, double delta, double along,
                                     double back) {
  const ntk_dense dense = source->dense;
  const double weight = unit * dense.weight;
  double s2_behind = (weight * weight) * s2 + (weight * dense.bias) * delta;
  return (first_state){.square = NTK_REAL(s2_behind * inverse * inverse),
                       .cosine = NTK_REAL((weight * r + dense.bias) * inverse),
                       .gap = NTK_REAL(weight * along),
                       .gap_s = NTK_REAL(weight * back),
                       .p = NTK_REAL((2 * unit) * along - unit * delta),
                       .t = NTK_REAL((unit * dense.nngp_factor) * r + dense.constant)};
}

/* Coordinates of few dimensions, as direct_few of input.c, with the dense layer. |x - z|^2 < |z|^2 where 2 x.z > |x|^2. The area of collinear points
 * is rounding, which does not count beside a bias. */
NTK_INLINE first_state from_points(const ntk_chain_source *source, const size_t j, const size_t d, const bool biased, double inverse) {
  const double unit = 1.0 / (double)d, *x = source->x, *z = source->z, half = 0.5 * (double)d * source->row_q;
  const double collinear = (NTK_COLLINEAR * (double)(d * d)) * source->row_q;
  const size_t stride = source->stride;
  double r = 0, delta = 0, along = 0, back = 0;
  for (size_t a = 0; a < d; a++) {
    double c = z[a * stride + j], difference = x[a] - c;
    r += x[a] * c;
    delta += difference * difference;
    along += x[a] * difference;
    back -= c * difference;
  }
  double area2 = ntk_square_area(x, z, stride, j, d, r > half);
  if (!biased) area2 = area2 > collinear * source->column_q[j] ? area2 : 0;
  return through_dense(source, unit, inverse, r, area2, delta, along, back);
}

NTK_INLINE first_state from_general(const ntk_chain_source *source, const size_t j, double inverse) {
  const double *in = source->general;
  double delta = in[NTK_DELTA * NTK_BLOCK + j], p = in[NTK_P * NTK_BLOCK + j];
  return through_dense(source, 1, inverse, in[NTK_R * NTK_BLOCK + j], in[NTK_S2 * NTK_BLOCK + j], delta, 0.5 * (delta + p), 0.5 * (delta - p));
}

/* What an activation needs of the angle: u = 1 - |cos|, sin^2, fall = 1 - cos, all exact for small ones; negative = min(cos, 0). Without a variance,
 * which a bias always gives, two points count as orthogonal. */
typedef struct {
  ntk_real u, square, fall, negative;
} angle_state;

/* over_sum: 1/(1 + |cos|). */
NTK_INLINE angle_state first_angle(first_state in, ntk_real inverse, ntk_real over_sum, const bool biased) {
  ntk_real square = !biased && inverse == 0 ? 1 : in.square, u = square * over_sum, negative = in.cosine < 0 ? in.cosine : 0;
  return (angle_state){.u = u, .square = square, .fall = u - 2 * negative, .negative = negative};
}

/* v: see chain.h. */
NTK_INLINE angle_state later_angle(ntk_real c, ntk_real inverse, ntk_real v, const bool plain) {
  ntk_real fall = c * inverse + v * v;
  if (plain) return (angle_state){.u = fall, .square = fall + fall * (1 - fall), .fall = fall, .negative = 0};
  fall = inverse == 0 ? 1 : fall;
  ntk_real cosine = 1 - fall, negative = cosine < 0 ? cosine : 0, u = fall + 2 * negative;
  return (angle_state){.u = u, .square = u + u * (1 - u), .fall = fall, .negative = negative};
}

/* plain: there is a bias in front, and in later layers r >= 0. */
NTK_INLINE void chain_layer(const ntk_chain_pass *pass, const int place, const int mode, const bool plain, const size_t d) {
  const ntk_real pi = NTK_REAL(3.14159265358979323846), half = NTK_REAL(0.5);
  const bool first = place & NTK_CHAIN_FIRST, last = place & NTK_CHAIN_LAST, ntk = mode & NTK_MODE_NTK, gradient = mode & NTK_MODE_GRADIENT;
  const bool both = mode & NTK_MODE_BOTH;
  const ntk_real row_root = NTK_REAL(pass->row.root), row_inverse = NTK_REAL(pass->row.inverse);
  const ntk_real row_tangent = NTK_REAL(pass->row.tangent), row_cosine = NTK_REAL(pass->row.cosine);
  const ntk_real next_row_root = NTK_REAL(pass->next_row.root), next_row_tangent = NTK_REAL(pass->next_row.tangent);
  const ntk_real next_row_height = NTK_REAL(pass->next_row.height);
  const ntk_real *root = pass->columns.root, *inverse_root = pass->columns.inverse, *tangent = pass->columns.tangent, *cosine = pass->columns.cosine;
  const ntk_real *next_root = pass->next_columns.root, *next_tangent = pass->next_columns.tangent, *next_height = pass->next_columns.height;
  const ntk_real f = NTK_REAL(pass->f), g = NTK_REAL(pass->g), nngp = NTK_REAL(pass->nngp), constant = NTK_REAL(pass->constant);
  const ntk_real bias = NTK_REAL(pass->bias), q_tangent = NTK_REAL(pass->q_tangent), behind_tangent = half * nngp * NTK_REAL(pass->after_tangent);
  /* A copy: what the loop stores cannot change it. */
  const ntk_chain_source source = pass->source;
  const ntk_real input_nngp = NTK_REAL(source.dense.nngp_factor), input_weight = NTK_REAL(source.dense.weight);
  const ntk_real slope = half * f * q_tangent, half_tangent = half * q_tangent, curve_factor = half_tangent * row_inverse * row_inverse;
  const ntk_real g_row_root = g * row_root, f_over_g = f / g, f_row_inverse = f * row_inverse;
  ntk_real *state = pass->state;
  double *out_k = pass->k, *out_a = pass->a, *out_b = pass->b, *out_s = pass->s;
  const size_t count = pass->groups * NTK_LANES;
#pragma omp simd
  for (size_t j = 0; j < count; j++) {
    ntk_real inverse = row_inverse * inverse_root[j], sums = 1;
    if (gradient && !last) sums = ntk_real_larger((next_row_root + next_root[j]) * (next_row_tangent + next_tangent[j]), NTK_REAL_SMALLEST);
    first_state in = {0, 0, 0, 0, 0, 0};
    angle_state angle;
    ntk_real over_sums;
    if (first) {
      double wide = sizeof(ntk_real) == sizeof(double) ? inverse : source.row_inverse * source.column_inverse[j];
      in = d ? from_points(&source, j, d, plain, wide) : from_general(&source, j, wide);
      ntk_real sum = 1 + fabs(in.cosine), quotient = 1 / (sum * sums);
      angle = first_angle(in, inverse, sums * quotient, plain);
      over_sums = sum * quotient;
    } else {
      ntk_real v = gradient ? state[NTK_CHAIN_V * NTK_BLOCK + j] : row_cosine * cosine[j] * (row_tangent - tangent[j]);
      angle = later_angle(state[NTK_CHAIN_C * NTK_BLOCK + j], inverse, v, plain);
      over_sums = 1 / sums;
    }
    ntk_roots roots = gradient ? ntk_roots_of(angle.square) : (ntk_roots){sqrt(angle.square), 0};
    ntk_real u = angle.u, sine = roots.root, more = sine * (u * angle_function(u, gradient)), acute = sine + more;
    ntk_real theta = acute, loss = u * acute - more; /* sin(theta) - theta cos(theta) */
    if (first || !plain) {
      theta = angle.negative < 0 ? pi - acute : acute;
      loss = loss - pi * angle.negative;
    }
    ntk_real dot = g - f * theta, whole = g_row_root * root[j], norm_loss = whole * (f_over_g * loss);
    ntk_real c = whole * angle.fall - norm_loss, r = first ? row_root * root[j] * (dot * in.cosine + f * sine) : whole - c;
    ntk_real t = first ? in.t : state[NTK_CHAIN_T * NTK_BLOCK + j];
    ntk_real new_t = dot * t + (nngp * r + constant);
    if (last) {
      out_k[j] = ntk ? new_t : r + bias;
    } else {
      state[NTK_CHAIN_C * NTK_BLOCK + j] = c;
      if (ntk) state[NTK_CHAIN_T * NTK_BLOCK + j] = new_t;
    }
    if (gradient) {
      ntk_real gap = first ? in.gap : state[NTK_CHAIN_GAP * NTK_BLOCK + j], p = in.p, gap_s = in.gap_s;
      if (!first && both) gap_s = state[NTK_CHAIN_GAP_S * NTK_BLOCK + j];
      if (!first && !last) p = state[NTK_CHAIN_P * NTK_BLOCK + j];
      ntk_real delta_a = first ? 0 : state[NTK_CHAIN_DELTA_A * NTK_BLOCK + j], r_b = first ? input_weight : state[NTK_CHAIN_R_B * NTK_BLOCK + j];
      ntk_real new_delta_a = dot * delta_a + slope * (theta - sine * (row_inverse * root[j])), new_r_b = dot * r_b;
      ntk_real delta_s = both && !first ? state[NTK_CHAIN_DELTA_S * NTK_BLOCK + j] : 0, new_delta_s = 0;
      if (both) new_delta_s = dot * delta_s + slope * (theta - sine * (row_root * inverse_root[j]));
      if (!last) {
        state[NTK_CHAIN_V * NTK_BLOCK + j] = (p * over_sums) * (next_row_height * next_height[j]);
        if (first) state[NTK_CHAIN_P * NTK_BLOCK + j] = p;
        state[NTK_CHAIN_GAP * NTK_BLOCK + j] = g * gap - norm_loss;
        state[NTK_CHAIN_DELTA_A * NTK_BLOCK + j] = new_delta_a;
        state[NTK_CHAIN_R_B * NTK_BLOCK + j] = new_r_b;
        if (both) state[NTK_CHAIN_DELTA_S * NTK_BLOCK + j] = new_delta_s;
        if (both) state[NTK_CHAIN_GAP_S * NTK_BLOCK + j] = g * gap_s - norm_loss;
      }
      if (ntk) {
        ntk_real t_a = first ? half * input_nngp : state[NTK_CHAIN_T_A * NTK_BLOCK + j];
        ntk_real t_b = first ? input_nngp : state[NTK_CHAIN_T_B * NTK_BLOCK + j];
        ntk_real t_s = both && !first ? state[NTK_CHAIN_T_S * NTK_BLOCK + j] : half * input_nngp;
        ntk_real curve = (f_row_inverse * inverse_root[j]) * t * roots.inverse;
        ntk_real new_t_a = dot * t_a + (curve * (curve_factor * gap - delta_a) + (behind_tangent - nngp * new_delta_a));
        ntk_real new_t_b = dot * t_b + (curve * r_b + nngp * new_r_b), new_t_s = 0;
        if (both) {
          ntk_real factor = half_tangent * inverse_root[j] * inverse_root[j];
          new_t_s = dot * t_s + (curve * (factor * gap_s - delta_s) + (behind_tangent - nngp * new_delta_s));
        }
        if (last) {
          out_a[j] = new_t_a;
          out_b[j] = new_t_b;
          if (both) out_s[j] = new_t_s;
        } else {
          state[NTK_CHAIN_T_A * NTK_BLOCK + j] = new_t_a;
          state[NTK_CHAIN_T_B * NTK_BLOCK + j] = new_t_b;
          if (both) state[NTK_CHAIN_T_S * NTK_BLOCK + j] = new_t_s;
        }
      } else if (last) {
        out_a[j] = new_delta_a;
        out_b[j] = new_r_b;
        if (both) out_s[j] = new_delta_s;
      }
    }
  }
}

NTK_INLINE void first_of(const ntk_chain_pass *pass, const int place, const int mode, const bool plain) {
  switch (pass->source.dimension) {
    case 1: chain_layer(pass, place, mode, plain, 1); return;
    case 2: chain_layer(pass, place, mode, plain, 2); return;
    case 3: chain_layer(pass, place, mode, plain, 3); return;
    default: chain_layer(pass, place, mode, plain, 0);
  }
}

NTK_INLINE void first_layer(const ntk_chain_pass *pass, const int place, const int mode) {
  if (pass->plain) {
    first_of(pass, place, mode, true);
  } else {
    first_of(pass, place, mode, false);
  }
}

NTK_INLINE void later_layer(const ntk_chain_pass *pass, const int place, const int mode) {
  if (pass->plain) {
    chain_layer(pass, place, mode, true, 0);
  } else {
    chain_layer(pass, place, mode, false, 0);
  }
}

#define PASS(name, which, place, mode) \
  static void name(const ntk_chain_pass *pass) { which(pass, place, mode); }
#define PLACE(name, which, place)             \
  PASS(name##_nngp_value, which, place, 0)    \
  PASS(name##_ntk_value, which, place, 1)     \
  PASS(name##_nngp_gradient, which, place, 2) \
  PASS(name##_ntk_gradient, which, place, 3)  \
  PASS(name##_nngp_both, which, place, 6)     \
  PASS(name##_ntk_both, which, place, 7)
#define ROW(name) \
  { name##_nngp_value, name##_ntk_value, name##_nngp_gradient, name##_ntk_gradient, NULL, NULL, name##_nngp_both, name##_ntk_both }

PLACE(middle, later_layer, 0)
PLACE(first, first_layer, NTK_CHAIN_FIRST)
PLACE(last, later_layer, NTK_CHAIN_LAST)
PLACE(only, first_layer, (NTK_CHAIN_FIRST | NTK_CHAIN_LAST))

const struct ntk_chain_engine NTK_REAL_TILE(ntk_chain) = {{ROW(middle), ROW(first), ROW(last), ROW(only)}};
