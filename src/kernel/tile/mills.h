/** Mills' ratio of the normal distribution, m(c) = exp(c^2/2) int_c^inf exp(-t^2/2) dt, c >= 0, as sqrt(pi/2) + c k(c). */
#ifndef NTK_KERNEL_TILE_MILLS_H
#define NTK_KERNEL_TILE_MILLS_H

#define NTK_MILLS_AT_0 1.2533141373155002512

/* (c + 7/2) k(c) is a polynomial in t = (c - 7/2)/(c + 7/2), interpolated at Chebyshev nodes: relative error 3e-16. Even and odd powers apart, so
 * that two chains of multiply-adds run side by side. */
static inline __attribute__((always_inline)) double ntk_mills_slope(double c) {
  double inverse = 1 / (c + 3.5), t = (c - 3.5) * inverse, w = t * t;
  double even = -0x1.6d3e6251812e4p-30;
  double odd = 0x1.c80e4e2dcf198p-30;
  even = even * w + 0x1.075eeac961fd4p-26;
  odd = odd * w + -0x1.6d5033f88329ep-28;
  even = even * w + -0x1.814b03c8ad0c1p-24;
  odd = odd * w + -0x1.c31257d667319p-25;
  even = even * w + 0x1.720c4fed700d2p-22;
  odd = odd * w + 0x1.521a30ff9605cp-21;
  even = even * w + -0x1.c0e161fdf27e4p-21;
  odd = odd * w + -0x1.1033cb161bdffp-18;
  even = even * w + -0x1.3cdfba7c8a783p-23;
  odd = odd * w + 0x1.6e8e1ba29666ap-16;
  even = even * w + 0x1.3bf0fda885b9fp-16;
  odd = odd * w + -0x1.fb653c8f7a087p-14;
  even = even * w + -0x1.69889de3b3038p-13;
  odd = odd * w + 0x1.b474c59a51a74p-11;
  even = even * w + 0x1.28f3f78a8a9e2p-10;
  odd = odd * w + -0x1.07f1504f61930p-7;
  even = even * w + 0x1.d9baefe355230p-13;
  odd = odd * w + 0x1.86927ad045fb2p-4;
  even = even * w + -0x1.9e12d66183521p-2;
  odd = odd * w + 0x1.090a4ccf6baffp+0;
  even = even * w + -0x1.f936d1eaff241p+0;
  return (even + t * odd) * inverse;
}

#endif
