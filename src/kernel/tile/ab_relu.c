/** phi(x) = a min(x, 0) + b max(x, 0): relu, leaky relu, abs (Cho and Saul 2009; Tsuchida et al. 2018), with the stable recursion for S2 and delta.
 *
 *  Constants: f = (a-b)^2/(2 pi), g = (a^2+b^2)/2, f/g (0 if g = 0), sqrt(g), and 1 where phi is even (a = -b).
 */
#include <float.h>
#include <math.h>

#include "kernel/tile/angle.h"
#include "kernel/tile/layer.h"
#include "kernel/tile/passes.h"

NTK_INLINE ntk_dual ab_relu(const ntk_pass *pass, ntk_pair pair) {
  const double pi = 3.14159265358979323846;
  const double f = pass->constants[0], g = pass->constants[1], f_over_g = pass->constants[2], root_g = pass->constants[3];
  const bool is_even = pass->constants[4] > 0;
  const ntk_variance row = pass->row_before;
  double inverse = row.inverse * pair.inverse, norm = row.root * pair.root;
  double area = sqrt(pair.s2), sine = area * inverse, size = fabs(pair.r);
  bool obtuse = pair.r < 0, at_origin = inverse == 0;
  /* 1 - |cos| from S2, because 1 - r/sqrt(q s) would lose half of the digits at small angles. */
  double u = pair.s2 / ntk_larger(norm * (norm + size), DBL_MIN);
  u = u < 1 ? u : 1;
  double series = ntk_angle_series(u), acute = sine + sine * (u * series);
  double theta = obtuse ? pi - acute : acute;
  theta = at_origin ? 0.5 * pi : theta;
  /* h = 1 - rho of the next layer: its sum of non-negative terms where the result may be small, else directly. */
  double small_h = u * (1 - f_over_g * (acute - sine * series));
  double large_h = 2 - u - f_over_g * (sine + (pi - acute) * (1 - u));
  double h = (obtuse && !is_even) ? large_h : small_h;
  h = h > 0 ? h : 0;
  double roots = row.root + pair.root, difference = root_g * pair.p / ntk_larger(roots, DBL_MIN);
  double norm_after = g * norm;
  ntk_dual v;
  v.v_dot = g - f * theta;
  v.v_r = v.v_dot;
  v.r = f * area + v.v_dot * pair.r;
  v.p = g * pair.p;
  v.s2 = norm_after * norm_after * h * (2 - h);
  v.delta = difference * difference + 2 * norm_after * h;
  /* theta - S/q, the angle's own excess over its sine kept apart. S = 0 with q s > 0: the symmetric derivative has no 1/S terms. */
  double excess = obtuse ? pi - acute - sine : sine * (u * series);
  excess = at_origin ? 0.5 * pi : excess;
  v.slope_a = f * (excess + sine * (pair.p * row.inverse) / ntk_larger(roots, DBL_MIN));
  v.curve = area > 0 ? f / area : 0;
  v.curve_a = v.curve * 0.25 * (pair.p + pair.delta) * (row.inverse * row.inverse);
  return v;
}

NTK_LAYER_TABLE(ab_relu, ab_relu);
