/** Dual functions of sign(x) and of [x >= 0] x^degree (Cho and Saul 2009, equations 3 to 7; degree 1 is relu, in ab_relu.c). */
#include <math.h>

#include "kernel/tile/angle.h"
#include "kernel/tile/layer.h"
#include "kernel/tile/passes.h"

/** level + height (1 - 2 theta/pi), height 1 at equal points: sign and step. V_dot is 0 by convention (its own is not finite at theta = 0); dV/dr
 *  is dropped at S = 0 alike. */
NTK_INLINE ntk_dual jump(const ntk_pass *pass, ntk_pair pair, const double level, const double height) {
  const double inverse_pi = 0.31830988618379067154;
  const ntk_variance row = pass->row_before;
  double share = inverse_pi * ntk_angle(row, pair), area = sqrt(pair.s2);
  double fall = 2 * height * share, top = level + height;
  bool at_origin = row.inverse * pair.inverse == 0;
  ntk_dual v;
  v.r = top - fall;
  v.p = pass->row_after.q - pair.s_after;
  v.s2 = at_origin ? ntk_larger(pass->row_after.q * pair.s_after - v.r * v.r, 0) : fall * (2 * top - fall);
  v.delta = at_origin ? ntk_larger(pass->row_after.q + pair.s_after - 2 * v.r, 0) : 2 * fall;
  v.v_dot = 0;
  v.v_r = area > 0 ? 2 * height * inverse_pi / area : 0;
  v.slope_a = -v.v_r * 0.5 * (pair.p + pair.delta) * (row.inverse * row.inverse);
  v.curve = 0;
  v.curve_a = 0;
  return v;
}

NTK_INLINE ntk_dual sign(const ntk_pass *pass, ntk_pair pair) { return jump(pass, pair, 0, 1); }
NTK_INLINE ntk_dual step(const ntk_pass *pass, ntk_pair pair) { return jump(pass, pair, 0.25, 0.25); }

/* V_degree and the duals below it: V_dot = degree^2 V_(degree-1) and so on; V is homogeneous of order degree/2 in q. */
NTK_INLINE ntk_dual power(const ntk_pass *pass, ntk_pair pair, const int degree) {
  const double pi = 3.14159265358979323846, scale = 0.15915494309189533577;
  const ntk_variance row = pass->row_before;
  double q = row.q, r = pair.r, area = sqrt(pair.s2), u = pi - ntk_angle(row, pair), product = q * pair.s, square = r * r;
  double v0 = scale * u, v1 = scale * (area + u * r), v2 = scale * (3 * area * r + u * (product + 2 * square));
  double v3 = scale * (area * (4 * product + 11 * square) + u * r * (9 * product + 6 * square));
  double inverse_q = row.inverse * row.inverse, k = degree;
  ntk_dual v;
  ntk_smooth_state(pass, pair, degree == 2 ? v2 : v3, &v);
  v.v_dot = k * k * (degree == 2 ? v1 : v2);
  v.v_r = v.v_dot;
  v.slope_a = pass->row_after.slope - (k * v.r - r * v.v_dot) * inverse_q - v.v_dot;
  v.curve = k * k * (k - 1) * (k - 1) * (degree == 2 ? v0 : v1);
  v.curve_a = 0.5 * ((k - 1) * v.v_dot - r * v.curve) * inverse_q + 0.5 * v.curve;
  return v;
}

NTK_INLINE ntk_dual square(const ntk_pass *pass, ntk_pair pair) { return power(pass, pair, 2); }
NTK_INLINE ntk_dual cube(const ntk_pass *pass, ntk_pair pair) { return power(pass, pair, 3); }

NTK_LAYER_TABLE(sign, sign);
NTK_LAYER_TABLE(step, step);
NTK_LAYER_TABLE(rectified_square, square);
NTK_LAYER_TABLE(rectified_cube, cube);
