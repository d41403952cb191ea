/** The angle between two points as the rectified functions need it. */
#ifndef NTK_KERNEL_TILE_ANGLE_H
#define NTK_KERNEL_TILE_ANGLE_H

#include <float.h>
#include <math.h>

#include "kernel/tile/layer.h"

/* theta = sin(theta) (1 + u G(u)), u = 1 - cos(theta) in [0, 1]; G interpolated at Chebyshev nodes: relative error of theta 3e-17. Even and odd
 * powers apart, so that two chains of multiply-adds run side by side. */
NTK_INLINE double ntk_angle_series(double u) {
  double w = u * u;
  double even = 0x1.f39f4f9bcd607p-15;
  double odd = -0x1.0858f9a98e065p-11;
  even = even * w + 0x1.092ae951ea50ep-9;
  odd = odd * w - 0x1.4a93d722bcaf7p-8;
  even = even * w + 0x1.1dcc4d819f41fp-7;
  odd = odd * w - 0x1.69cc41e226aebp-7;
  even = even * w + 0x1.5afa033da8760p-7;
  odd = odd * w - 0x1.ff31e3359ef06p-8;
  even = even * w + 0x1.284e31ddd110ep-8;
  odd = odd * w - 0x1.0080eed14a6acp-9;
  even = even * w + 0x1.b4bb7e4531b9fp-11;
  odd = odd * w + 0x1.2e7750248a6e2p-14;
  even = even * w + 0x1.3778cc5ea7d5fp-11;
  odd = odd * w + 0x1.3118f5c78be4dp-10;
  even = even * w + 0x1.45fda2850d208p-9;
  odd = odd * w + 0x1.5d2c23bdc15dcp-8;
  even = even * w + 0x1.7a4636922c6c8p-7;
  odd = odd * w + 0x1.a01a0184bc5e3p-6;
  even = even * w + 0x1.d41d41d459ae6p-5;
  odd = odd * w + 0x1.1111111110f6ap-3;
  even = even * w + 0x1.5555555555556p-2;
  return even + u * odd;
}

/** G(1 - c) by a quotient of polynomials in c = cos(theta) >= 0, interpolated likewise: 5e-17. All coefficients are positive, so that nothing cancels.
 * Fewer operations, where the divider has nothing else to do. */
NTK_INLINE double ntk_angle_quotient(double c) {
  double p = 0x1.48c79bd0e2aefp-12, q = c + 0x1.6b3c9b4c7f224p+4;
  p = p * c + 0x1.f2b0643e4cc0bp-1;
  q = q * c + 0x1.5307b00440fcfp+7;
  p = p * c + 0x1.30ce1eab7f6aap+4;
  q = q * c + 0x1.1d5f498d2aae6p+9;
  p = p * c + 0x1.d1f28142ea46dp+6;
  q = q * c + 0x1.dce9f53c5c36cp+9;
  p = p * c + 0x1.2b038954f3734p+8;
  q = q * c + 0x1.81f7526846a9cp+9;
  p = p * c + 0x1.511f791f6a447p+8;
  q = q * c + 0x1.e241a7e0691f7p+7;
  return (p * c + 0x1.13452d2a53229p+7) / q;
}

/** The same in single precision: relative error of theta 4e-8. */
NTK_INLINE float ntk_angle_series_single(float u) {
  float w = u * u;
  float even = 0x1.0e61d0p-7F, odd = -0x1.46cb68p-6F;
  even = even * w + 0x1.ce4490p-6F;
  odd = odd * w - 0x1.7c8120p-7F;
  even = even * w + 0x1.244e40p-6F;
  odd = odd * w + 0x1.8b15dcp-6F;
  even = even * w + 0x1.d52b02p-5F;
  odd = odd * w + 0x1.110e80p-3F;
  even = even * w + 0x1.555558p-2F;
  return even + u * odd;
}

/** theta in [0, pi], pi/2 where a variance is 0, without loss of digits at small angles. */
NTK_INLINE double ntk_angle(ntk_variance row, ntk_pair pair) {
  const double pi = 3.14159265358979323846;
  double inverse = row.inverse * pair.inverse, norm = row.root * pair.root, sine = sqrt(pair.s2) * inverse;
  double u = pair.s2 / ntk_larger(norm * (norm + fabs(pair.r)), DBL_MIN);
  u = u < 1 ? u : 1;
  double acute = sine + sine * (u * ntk_angle_series(u));
  double theta = pair.r < 0 ? pi - acute : acute;
  return inverse == 0 ? 0.5 * pi : theta;
}

#endif
