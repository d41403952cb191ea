/** The loop that carries a block through one activation and the dense layer behind it, for any dual activation function.
 *
 *  A dual function gives for one pair (kernels as in Daniely, Frostig, Singer 2016; V = E[phi(u) phi(v)], V_dot = dV/dr, subscripts derivatives):
 *    the new r, S2, delta, p, and v_dot; v_r = dV/dr, which is v_dot but where V_dot is 0 by convention (sign, step),
 *    for gradients slope_a = V'(q) - 2 V_q - v_r and curve = dV_dot/dr, curve_a = dV_dot/dq + curve/2 (derivatives along A of -delta and V_dot).
 */
#ifndef NTK_KERNEL_TILE_LAYER_H
#define NTK_KERNEL_TILE_LAYER_H

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "kernel/tile/image.h"

#if defined(__clang__)
/* Loops with elementary functions stay scalar there (vector_math.h), and each would be warned of. */
#pragma clang diagnostic ignored "-Wpass-failed"
#endif

#define NTK_INLINE static inline __attribute__((always_inline))

typedef struct {
  double r, s2, delta, p;
  double s, root, inverse; /* of the column, before the activation */
  double s_after, root_after;
  size_t index; /* of the column in its block */
} ntk_pair;

typedef struct {
  double r, s2, delta, p, v_dot, v_r;
  double slope_a, curve, curve_a;
} ntk_dual;

typedef ntk_dual (*ntk_dual_function)(const ntk_pass *pass, ntk_pair pair);

NTK_INLINE double ntk_larger(double a, double b) { return a > b ? a : b; }

/** S2, delta and p after a smooth activation with value r, by subtraction: enough where smooth layers follow. Coincident points stay so. */
NTK_INLINE void ntk_smooth_state(const ntk_pass *pass, ntk_pair pair, double r, ntk_dual *out) {
  double q = pass->row_after.q, s = pair.s_after;
  bool apart = pair.delta > 0;
  out->r = r;
  out->p = q - s;
  out->s2 = apart ? ntk_larger(q * s - r * r, 0) : 0;
  out->delta = apart ? ntk_larger(q + s - 2 * r, 0) : 0;
}

NTK_INLINE void ntk_layer(const ntk_pass *given, ntk_dual_function dual, const bool ntk, const bool gradient) {
  /* Copies: what the loop stores cannot change them. */
  double constants[NTK_CONSTANTS];
  ntk_pass here = *given;
  memcpy(constants, given->constants, sizeof constants);
  here.constants = constants;
  const ntk_pass *pass = &here;
  const double *in = pass->in;
  double *out = pass->out;
  const double *column_q = pass->before.q, *column_root = pass->before.root, *column_inverse = pass->before.inverse;
  const double *after_q = pass->after.q, *after_root = pass->after.root;
  const ntk_dense dense = pass->dense;
  const double tangent = pass->row_before.tangent, tangent_after = pass->row_after.tangent;
  const double weight = dense.weight, square = weight * weight, cross = weight * dense.bias;
  const size_t count = pass->groups * NTK_LANES;
#pragma omp simd
  for (size_t j = 0; j < count; j++) {
    ntk_pair pair = {.r = in[NTK_R * NTK_BLOCK + j], .s2 = in[NTK_S2 * NTK_BLOCK + j], .delta = in[NTK_DELTA * NTK_BLOCK + j]};
    pair.p = in[NTK_P * NTK_BLOCK + j];
    pair.s = column_q[j], pair.root = column_root[j], pair.inverse = column_inverse[j];
    pair.s_after = after_q[j], pair.root_after = after_root[j], pair.index = j;
    ntk_dual v = dual(pass, pair);
    out[NTK_R * NTK_BLOCK + j] = weight * v.r + dense.bias;
    out[NTK_S2 * NTK_BLOCK + j] = square * v.s2 + cross * v.delta;
    out[NTK_DELTA * NTK_BLOCK + j] = weight * v.delta;
    out[NTK_P * NTK_BLOCK + j] = weight * v.p;
    double t = 0;
    if (ntk) {
      t = in[NTK_T * NTK_BLOCK + j];
      out[NTK_T * NTK_BLOCK + j] = dense.nngp_factor * v.r + dense.constant + weight * (t * v.v_dot);
    }
    if (gradient) {
      double delta_a = in[NTK_DELTA_A * NTK_BLOCK + j], r_b = in[NTK_R_B * NTK_BLOCK + j];
      double new_delta_a = v.slope_a * tangent + v.v_r * delta_a, new_r_b = v.v_r * r_b;
      out[NTK_DELTA_A * NTK_BLOCK + j] = weight * new_delta_a;
      out[NTK_R_B * NTK_BLOCK + j] = weight * new_r_b;
      if (ntk) {
        double t_a = in[NTK_T_A * NTK_BLOCK + j] * v.v_dot + t * (v.curve_a * tangent - 0.5 * v.curve * delta_a);
        double t_b = in[NTK_T_B * NTK_BLOCK + j] * v.v_dot + t * (v.curve * r_b);
        out[NTK_T_A * NTK_BLOCK + j] = dense.nngp_factor * 0.5 * (tangent_after - new_delta_a) + weight * t_a;
        out[NTK_T_B * NTK_BLOCK + j] = dense.nngp_factor * new_r_b + weight * t_b;
      }
    }
  }
}

/** How far delta is above its least value, (root - column_root)^2, and below its largest; what may be rounding counts as 0. */
typedef struct {
  double below, above;
} ntk_image_range;

NTK_INLINE ntk_image_range ntk_image_range_of(double delta, double root, double column_root) {
  double roots = root + column_root, most = roots * roots, gap = root - column_root, below = delta - gap * gap, above = most - delta;
  below = below > NTK_IMAGE_ROUNDING * delta + NTK_IMAGE_ROOTS_ROUNDING * fabs(gap) * roots ? below : 0;
  above = above > NTK_IMAGE_ROUNDING * most ? above : 0;
  return (ntk_image_range){below, above};
}

/** The pair of two positions of images: `root` of each, r, and delta, `given` or from the variances. */
NTK_INLINE ntk_pair ntk_image_pair_of(double q, double root, double s, double column_root, double r, bool given, double delta) {
  double sum = q + s, d = given ? delta : sum - 2 * r;
  d = !given && d < NTK_IMAGE_ROUNDING * sum ? 0 : d;
  ntk_image_range range = ntk_image_range_of(d, root, column_root);
  return (ntk_pair){.r = r, .s2 = 0.25 * range.below * range.above, .delta = d, .p = q - s, .s = s, .root = column_root};
}

/** Pairs of positions of images through an activation. */
NTK_INLINE void ntk_image_layer(const ntk_image_pointwise *w, ntk_dual_function dual, const bool ntk, const bool gradient) {
  const bool given = w->delta != NULL;
  const double *in_r = w->r, *in_delta = given ? w->delta : w->r, *in_t = w->t;
  double *out_r = w->out_r, *out_delta = w->out_delta, *out_t = w->out_t;
  double *by_r = w->slopes[NTK_IMAGE_BY_R], *by_q = w->slopes[NTK_IMAGE_BY_Q];
  double *t_by_q = w->slopes[NTK_IMAGE_T_BY_Q], *t_by_r = w->slopes[NTK_IMAGE_T_BY_R];
  for (size_t line = 0; line < w->patch.lines; line++) {
    for (size_t i = 0; i < w->patch.count; i++) {
      const size_t row = w->patch.row + line * w->patch.step + i, column = (w->patch.column + line * w->patch.step + i) * w->lanes;
      const ntk_pass pass = {
          .row_before = {.q = w->row[NTK_IMAGE_Q][row], .root = w->row[NTK_IMAGE_ROOT][row], .inverse = w->row[NTK_IMAGE_INVERSE][row]},
          .row_after = {.q = w->row[NTK_IMAGE_Q_AFTER][row], .root = w->row[NTK_IMAGE_ROOT_AFTER][row], .slope = w->row[NTK_IMAGE_SLOPE][row]},
          .constants = w->constants};
      const double *q = w->column[NTK_IMAGE_Q] + column, *root = w->column[NTK_IMAGE_ROOT] + column;
      const double *inverse = w->column[NTK_IMAGE_INVERSE] + column, *q_after = w->column[NTK_IMAGE_Q_AFTER] + column;
      const double *root_after = w->column[NTK_IMAGE_ROOT_AFTER] + column;
      const size_t element = (w->patch.element + line * w->patch.element_step + i) * w->lanes;
#pragma omp simd
      for (size_t j = 0; j < w->lanes; j++) {
        const size_t e = element + j;
        ntk_pair pair = ntk_image_pair_of(pass.row_before.q, pass.row_before.root, q[j], root[j], in_r[e], given, in_delta[e]);
        pair.inverse = inverse[j], pair.s_after = q_after[j], pair.root_after = root_after[j], pair.index = j;
        double t = ntk ? in_t[e] : 0;
        ntk_dual v = dual(&pass, pair);
        out_r[e] = v.r;
        out_delta[e] = v.delta;
        if (ntk) out_t[e] = t * v.v_dot;
        if (gradient) {
          by_r[e] = v.v_r;
          by_q[e] = v.slope_a;
          if (ntk) t_by_q[e] = t * v.curve_a;
          if (ntk) t_by_r[e] = t * v.curve;
        }
      }
    }
  }
}

/** Defines the four passes ntk_layer_<name>_<isa>[mode] of a dual function, and the four loops ntk_image_<name>_<isa>[mode] over images. */
#define NTK_LAYER_TABLE(name, dual)                                                                                                                 \
  static void name##_nngp_value(const ntk_pass *pass) { ntk_layer(pass, dual, false, false); }                                                      \
  static void name##_ntk_value(const ntk_pass *pass) { ntk_layer(pass, dual, true, false); }                                                        \
  static void name##_nngp_gradient(const ntk_pass *pass) { ntk_layer(pass, dual, false, true); }                                                    \
  static void name##_ntk_gradient(const ntk_pass *pass) { ntk_layer(pass, dual, true, true); }                                                      \
  const ntk_pass_function NTK_TILE(ntk_layer_##name)[NTK_MODES] = {name##_nngp_value, name##_ntk_value, name##_nngp_gradient, name##_ntk_gradient}; \
  static void name##_nngp_image(const ntk_image_pointwise *w) { ntk_image_layer(w, dual, false, false); }                                           \
  static void name##_ntk_image(const ntk_image_pointwise *w) { ntk_image_layer(w, dual, true, false); }                                             \
  static void name##_nngp_slopes(const ntk_image_pointwise *w) { ntk_image_layer(w, dual, false, true); }                                           \
  static void name##_ntk_slopes(const ntk_image_pointwise *w) { ntk_image_layer(w, dual, true, true); }                                             \
  const ntk_image_function NTK_TILE(ntk_image_##name)[NTK_MODES] = {name##_nngp_image, name##_ntk_image, name##_nngp_slopes, name##_ntk_slopes}

#endif
