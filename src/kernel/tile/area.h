/** The squared area of the parallelogram of two points of few coordinates. */
#ifndef NTK_KERNEL_TILE_AREA_H
#define NTK_KERNEL_TILE_AREA_H

#include "kernel/tile/layer.h"

/* (x_a v_b - x_b v_a)^2, v = z or x - z. */
NTK_INLINE double ntk_square_minor(double x_a, double x_b, double z_a, double z_b, bool close) {
  double minor = x_a * (close ? x_b - z_b : z_b) - x_b * (close ? x_a - z_a : z_a);
  return minor * minor;
}

/** |x|^2 |z|^2 - (x.z)^2 for x and column j of z, d <= 3 (0 for others), from z or, where that is `close` to x, from x - z: both give the same, the
 *  shorter less rounding. Written out, for GCC 12 leaves loops over pairs of coordinates to single numbers. */
NTK_INLINE double ntk_square_area(const double *x, const double *z, const size_t stride, const size_t j, const size_t d, bool close) {
  if (d == 2) return ntk_square_minor(x[0], x[1], z[j], z[stride + j], close);
  if (d != 3) return 0;
  const double u = z[j], v = z[stride + j], w = z[2 * stride + j];
  return ntk_square_minor(x[0], x[1], u, v, close) + ntk_square_minor(x[0], x[2], u, w, close) + ntk_square_minor(x[1], x[2], v, w, close);
}

#endif
