/** The loop that carries a block through one activation and the dense layer behind it, for any dual activation function.
 *
 *  A dual function gives for one pair (kernels as in Daniely, Frostig, Singer 2016; V = E[phi(u) phi(v)], V_dot = dV/dr, subscripts derivatives):
 *    the new r, S2, delta, p, and v_dot; v_r = dV/dr, which is v_dot but where V_dot is 0 by convention (sign, step),
 *    for gradients slope_a = V'(q) - 2 V_q - v_r and curve = dV_dot/dr, curve_a = dV_dot/dq + curve/2 (derivatives along A of -delta and V_dot).
 */
#ifndef NTK_KERNEL_TILE_LAYER_H
#define NTK_KERNEL_TILE_LAYER_H

#include <stdbool.h>
#include <string.h>

#include "kernel/tile/engine.h"

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

/** Defines the four passes ntk_layer_<name>_<isa>[mode] of a dual function. */
#define NTK_LAYER_TABLE(name, dual)                                                              \
  static void name##_nngp_value(const ntk_pass *pass) { ntk_layer(pass, dual, false, false); }   \
  static void name##_ntk_value(const ntk_pass *pass) { ntk_layer(pass, dual, true, false); }     \
  static void name##_nngp_gradient(const ntk_pass *pass) { ntk_layer(pass, dual, false, true); } \
  static void name##_ntk_gradient(const ntk_pass *pass) { ntk_layer(pass, dual, true, true); }   \
  const ntk_pass_function NTK_TILE(ntk_layer_##name)[NTK_MODES] = {name##_nngp_value, name##_ntk_value, name##_nngp_gradient, name##_ntk_gradient}

#endif
