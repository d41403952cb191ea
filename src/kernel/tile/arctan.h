/** atan of a quotient, for the dual functions that have one. */
#ifndef NTK_KERNEL_TILE_ARCTAN_H
#define NTK_KERNEL_TILE_ARCTAN_H

#include <math.h>

#include "kernel/tile/layer.h"

/** atan(y/x), x > 0, to 3e-16. atan(w) = w + w^3 G(w^2) with G interpolated at Chebyshev nodes of [0, 1] (relative error 8e-17), even and odd powers
 *  apart, so that two chains of multiply-adds run side by side. */
NTK_INLINE double ntk_arctan_of(double y, double x) {
  const double quarter_turn = 1.57079632679489661923;
  double size = fabs(y), w = (size < x ? size : x) / (size < x ? x : size), u = w * w, v = u * u;
  double odd = 0x1.2f07811f9f6e9p-16, even = -0x1.a359b96a4eee4p-13;
  odd = odd * v + 0x1.1325b2f8964bep-10;
  even = even * v - 0x1.ca3677db66678p-9;
  odd = odd * v + 0x1.123baedb61abdp-7;
  even = even * v - 0x1.fd0e4de8fed90p-7;
  odd = odd * v + 0x1.843f4bca23369p-6;
  even = even * v - 0x1.00390504e9f2fp-5;
  odd = odd * v + 0x1.3328700bb8169p-5;
  even = even * v - 0x1.5d02278205cc7p-5;
  odd = odd * v + 0x1.841dcf603a209p-5;
  even = even * v - 0x1.aebbb1647a168p-5;
  odd = odd * v + 0x1.e1d0239d392a6p-5;
  even = even * v - 0x1.110fff599e4d2p-4;
  odd = odd * v + 0x1.3b1399d1dcdc7p-4;
  even = even * v - 0x1.745d15ee35819p-4;
  odd = odd * v + 0x1.c71c71bb00a6cp-4;
  even = even * v - 0x1.24924924753ecp-3;
  odd = odd * v + 0x1.9999999999620p-3;
  even = even * v - 0x1.5555555555555p-2;
  double angle = w + w * u * (even + u * odd);
  angle = size < x ? angle : quarter_turn - angle;
  return y < 0 ? -angle : angle;
}

#endif
