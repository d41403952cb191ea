#include "field/fixed.h"

#include <math.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define WIDE __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define WIDE
#endif

double ntk_fixed_bound(double estimate) {
  int exponent = 0;
  if (!(estimate > 0) || !isfinite(estimate)) return 1;
  frexp(estimate, &exponent);
  return ldexp(1, exponent < -800 ? -800 : exponent > 900 ? 900 : exponent);
}

/* A number of this size has the units in its last place: added to another one it leaves that one's integer part in its low bits. */
static const double shift = 0x1.8p52;

WIDE static long long add(size_t count, const double *restrict terms, double unit, long long *restrict high, long long *restrict low) {
  long long bad = 0;
#pragma omp simd reduction(+ : bad)
  for (size_t i = 0; i < count; i++) {
    double scaled = terms[i] * unit;
    bool good = fabs(scaled) <= 0x1p40;
    scaled = good ? scaled : 0;
    double shifted = scaled + shift, fine = (scaled - (shifted - shift)) * 0x1p40 + shift;
    long long bits[2], zero;
    memcpy(&bits[0], &shifted, sizeof shifted);
    memcpy(&bits[1], &fine, sizeof fine);
    memcpy(&zero, &shift, sizeof shift);
    high[i] += bits[0] - zero;
    low[i] += bits[1] - zero;
    bad += !good;
  }
  return bad;
}

bool ntk_fixed_add(ntk_fixed_sum *sum, size_t first, size_t count, const double *terms) {
  return add(count, terms, 0x1p40 / sum->bound, sum->high + first, sum->low + first) == 0;
}

void ntk_fixed_read(const ntk_fixed_sum *sum, double *out) {
  const double unit = sum->bound * 0x1p-40;
  for (size_t i = 0; i < sum->count; i++) out[i] = ((double)sum->high[i] + (double)sum->low[i] * 0x1p-40) * unit;
}
