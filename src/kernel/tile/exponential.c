/** Dual functions of a exp(b x) and a exp(b x^2), b <= 0 (Williams 1997). Constants are set in src/kernel/activation.c. */
#include <math.h>

#include "kernel/tile/layer.h"
#include "kernel/tile/passes.h"
#include "kernel/tile/vector_math.h"

/* a exp(b x). Constants: b^2, a^2. */
NTK_INLINE ntk_dual exponential(const ntk_pass *pass, ntk_pair pair) {
  const double b2 = pass->constants[0], a2 = pass->constants[1];
  const double q = pass->row_before.q;
  ntk_dual v;
  ntk_smooth_state(pass, pair, a2 * exp(b2 * (q + pair.s - 0.5 * pair.delta)), &v);
  v.v_dot = b2 * v.r;
  v.v_r = v.v_dot;
  v.slope_a = 2 * b2 * v.r * expm1(b2 * (pair.p + 0.5 * pair.delta));
  v.curve = b2 * b2 * v.r;
  v.curve_a = v.curve;
  return v;
}

/* a exp(b x^2). Constants: b, a^2. */
NTK_INLINE ntk_dual gaussian(const ntk_pass *pass, ntk_pair pair) {
  const double b = pass->constants[0], a2 = pass->constants[1];
  const double q = pass->row_before.q, s = pair.s, r = pair.r;
  const double square_q = 1 - 4 * b * q, root_q = sqrt(square_q), cube_q = 1 / (square_q * root_q);
  double square = 1 - 2 * b * (q + s) + 4 * b * b * pair.s2, inverse = 1 / sqrt(square), root = square * inverse;
  double cube = inverse * inverse * inverse;
  /* 1/D_q^3 - 1/D^3 through D^2 - D_q^2, which is small for close points. */
  double gap = (2 * b * pair.p + 4 * b * b * pair.s2) * (square + root * root_q + square_q) / (root + root_q) * cube * cube_q;
  ntk_dual v;
  ntk_smooth_state(pass, pair, a2 * inverse, &v);
  v.v_dot = 4 * a2 * b * b * r * cube;
  v.v_r = v.v_dot;
  v.slope_a = 2 * a2 * b * (gap + b * (pair.delta - pair.p) * cube);
  v.curve = 4 * a2 * b * b * cube * (1 + 12 * b * b * r * r * inverse * inverse);
  v.curve_a = 12 * a2 * b * b * b * r * (1 - 2 * b * s) * cube * inverse * inverse + 0.5 * v.curve;
  return v;
}

NTK_LAYER_TABLE(exp, exponential);
NTK_LAYER_TABLE(gaussian, gaussian);
