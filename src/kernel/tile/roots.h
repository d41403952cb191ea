/** Square roots and their inverses, as the loops need them: together. */
#ifndef NTK_KERNEL_TILE_ROOTS_H
#define NTK_KERNEL_TILE_ROOTS_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernel/tile/layer.h"
#include "kernel/tile/real.h"

typedef struct {
  ntk_real root, inverse;
} ntk_roots;

/** sqrt(x) and 1/sqrt(x) to a unit in the last place, x >= 0; 0 for the inverse of 0.
 *
 *  With 512-bit vectors, and in single precision, multiply-adds are faster than the divider, which a square root and a quotient keep busy four times as
 *  long. An estimate y from the exponent: z = x y^2 is in [0.776, 0.874]. Then the best quadratic for z^(-1/2) there, to 1.6e-5, and what is left of the
 *  binomial series in 1 - x y^2, on root and inverse at once. */
#if defined(NTK_SINGLE) && defined(__FP_FAST_FMAF)
NTK_INLINE ntk_roots ntk_roots_of(float x) {
  uint32_t bits;
  float y;
  memcpy(&bits, &x, sizeof bits);
  bits = UINT32_C(0x5f235a86) - (bits >> 1);
  memcpy(&y, &bits, sizeof y);
  float z = x * y * y;
  y *= (0x1.37723ap-1F * z - 0x1.ac09f0p+0F) * z + 0x1.087eaap+1F;
  float root = x * y, correction = 0.5F * (1 - root * y), inverse = y + y * correction;
  return (ntk_roots){root + root * correction, x > 0 ? inverse : 0};
}
#elif !defined(NTK_SINGLE) && defined(__AVX512F__)
NTK_INLINE ntk_roots ntk_roots_of(double x) {
  uint64_t bits;
  double y;
  memcpy(&bits, &x, sizeof bits);
  bits = UINT64_C(0x5fe46b50c7b537a9) - (bits >> 1);
  memcpy(&y, &bits, sizeof y);
  double z = x * y * y;
  y *= (0x1.37723a0909604p-1 * z - 0x1.ac09f003833a0p+0) * z + 0x1.087eaaa10f04bp+1;
  double root = x * y, rest = 1 - root * y, correction = rest * ((0.3125 * rest + 0.375) * rest + 0.5), inverse = y + y * correction;
  return (ntk_roots){root + root * correction, x > 0 ? inverse : 0};
}
#else
NTK_INLINE ntk_roots ntk_roots_of(ntk_real x) {
  ntk_real root = sizeof x == sizeof(float) ? sqrtf((float)x) : sqrt(x);
  return (ntk_roots){root, root / ntk_real_larger(x, NTK_REAL_SMALLEST)};
}
#endif

#endif
