/** Dual functions of the smooth activations: identity, erf (Williams 1997), sin (cos, arbf), rbf, gelu (Tsuchida et al. 2021).
 *  Constants are set in src/kernel/activation.c. */
#include <math.h>

#include "kernel/tile/arctan.h"
#include "kernel/tile/layer.h"
#include "kernel/tile/passes.h"
#include "kernel/tile/roots.h"
#include "kernel/tile/vector_math.h"

NTK_INLINE ntk_dual identity(const ntk_pass *pass, ntk_pair pair) {
  (void)pass;
  return (ntk_dual){.r = pair.r, .s2 = pair.s2, .delta = pair.delta, .p = pair.p, .v_dot = 1, .v_r = 1, .slope_a = 0, .curve = 0, .curve_a = 0};
}

/* Dropout with independent masks for x and x': variances grow by 1/keep, the covariance does not (Srivastava et al. 2014). Constant: 1/keep. */
NTK_INLINE ntk_dual dropout(const ntk_pass *pass, ntk_pair pair) {
  const double growth = pass->constants[0], q = pass->row_before.q;
  return (ntk_dual){.r = pair.r,
                    .s2 = pair.s2 + (growth * growth - 1) * (q * pair.s),
                    .delta = pair.delta + (growth - 1) * (q + pair.s),
                    .p = growth * pair.p,
                    .v_dot = 1,
                    .v_r = 1,
                    .slope_a = growth - 1};
}

/* a erf(b x) + c. Constants: b^2, 2 a^2/pi, c^2. */
NTK_INLINE ntk_dual error_function(const ntk_pass *pass, ntk_pair pair) {
  const double b2 = pass->constants[0], k = pass->constants[1], c2 = pass->constants[2];
  const double q2 = 2 * b2 * pass->row_before.q, inverse_u = 1 / (1 + q2), root_q = sqrt(1 + 2 * q2);
  double z2 = 2 * b2 * pair.s, area = 4 * b2 * b2 * pair.s2;
  ntk_roots d = ntk_roots_of(1 + q2 + z2 + area);
  double root = d.root, inverse = d.inverse;
  double slope = 2 * b2 * k, cube = slope * 2 * b2 * inverse * inverse * inverse;
  ntk_dual v;
  ntk_smooth_state(pass, pair, k * ntk_arctan_of(2 * b2 * pair.r, root) + c2, &v);
  v.v_dot = slope * inverse;
  /* 1/sqrt(1+4Q) - 1/D through D^2 - (1+4Q), which is small for close points. */
  v.v_r = v.v_dot;
  v.slope_a = slope * inverse_u * inverse * ((area - 2 * b2 * pair.p) / (root_q * (root_q + root)) - b2 * (pair.p + pair.delta));
  v.curve = cube * 2 * b2 * pair.r;
  v.curve_a = -0.5 * cube * (1 + b2 * (pair.delta - pair.p));
  return v;
}

/* a sin(b x + c). Constants: b^2, a^2, cos(2c). */
NTK_INLINE ntk_dual sine(const ntk_pass *pass, ntk_pair pair) {
  const double b2 = pass->constants[0], a2 = pass->constants[1], cos2c = pass->constants[2];
  const double q = pass->row_before.q, decay_q = cos2c * exp(-2 * b2 * q);
  double even = exp(-0.5 * b2 * pair.delta), odd = cos2c * exp(-b2 * (q + pair.s - 0.5 * pair.delta));
  ntk_dual v;
  ntk_smooth_state(pass, pair, 0.5 * a2 * (even - odd), &v);
  v.v_dot = 0.5 * a2 * b2 * (even + odd);
  v.v_r = v.v_dot;
  v.slope_a = a2 * b2 * (decay_q - odd);
  v.curve = b2 * b2 * v.r;
  v.curve_a = -0.5 * a2 * b2 * b2 * odd;
  return v;
}

/* sqrt(2) a sin(sqrt(2 gamma) x + pi/4). Constants: gamma, a^2. */
NTK_INLINE ntk_dual rbf(const ntk_pass *pass, ntk_pair pair) {
  const double gamma = pass->constants[0], a2 = pass->constants[1];
  double loss = -expm1(-gamma * pair.delta);
  ntk_dual v;
  v.r = a2 * (1 - loss);
  v.s2 = a2 * a2 * loss * (2 - loss);
  v.delta = 2 * a2 * loss;
  v.p = 0;
  v.v_dot = 2 * gamma * v.r;
  v.v_r = v.v_dot;
  v.slope_a = 0;
  v.curve = 4 * gamma * gamma * v.r;
  v.curve_a = 0;
  return v;
}

/* x Phi(x). */
NTK_INLINE ntk_dual gelu(const ntk_pass *pass, ntk_pair pair) {
  const double half_over_pi = 0.15915494309189533577;
  const double q = pass->row_before.q, inverse_q = 1 / (1 + q), slope_q = pass->row_after.slope;
  double r = pair.r, s = pair.s, qs = q * s, t = 1 + s;
  double product = (1 + q) * t, ip = 1 / product;
  ntk_roots roots = ntk_roots_of(1 + q + s + pair.s2);
  double d = roots.root, id = roots.inverse, id2 = id * id, id3 = id2 * id;
  double w = ntk_arctan_of(r, d), r2 = r * r;
  ntk_dual v;
  ntk_smooth_state(pass, pair, 0.25 * r + half_over_pi * ((r2 * id + qs * d) * ip + r * w), &v);
  v.v_dot = 0.25 + half_over_pi * (w + r * id * (id2 + (1 - qs) * ip + 1));
  double v_q = half_over_pi * inverse_q * (-r2 * ip * id - 0.5 * r2 * id3 + s * d * ip + 0.5 * pair.s2 * id);
  v.v_r = v.v_dot;
  v.slope_a = slope_q - 2 * v_q - v.v_dot;
  v.curve = half_over_pi * (id + 3 * r2 * id3 * id2 + (3 + q + s) * id3);
  double mixed = -0.5 * id * inverse_q - 1.5 * t * id3 * id2 - 0.5 * t * id3 - s * ip * id - (1 - qs) * inverse_q * (ip * id + 0.5 * id3);
  v.curve_a = half_over_pi * r * mixed + 0.5 * v.curve;
  return v;
}

NTK_LAYER_TABLE(identity, identity);
NTK_LAYER_TABLE(dropout, dropout);
NTK_LAYER_TABLE(erf, error_function);
NTK_LAYER_TABLE(sin, sine);
NTK_LAYER_TABLE(rbf, rbf);
NTK_LAYER_TABLE(gelu, gelu);
