#include "kernel/tile/gaussian.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "kernel/tile/layer.h"
#include "kernel/tile/passes.h"
#include "kernel/tile/real.h"

/* exp(-rate s) = 2^(-rate s / log 2): the rate of powers of two, and the largest s for which the result is an ordinary number. */
typedef struct {
  ntk_real rate, most;
} binary_rate;

/* 2^r = 1 + r P(r) for |r| <= 1/2, P interpolated at Chebyshev nodes to 2e-17 (single: 9e-9). A number is SHIFT + n in its low bits, n an exponent. */
#ifdef NTK_SINGLE
enum { LARGEST_EXPONENT = 125, MANTISSA_BITS = 23 };
#define SHIFT 0x1.8p23F
typedef uint32_t real_bits;

NTK_INLINE float power_of_two(float r) {
  float p = 0x1.44138ap-13F;
  p = p * r + 0x1.5f0890p-10F;
  p = p * r + 0x1.3b2a54p-7F;
  p = p * r + 0x1.c6af6cp-5F;
  p = p * r + 0x1.ebfbe0p-3F;
  p = p * r + 0x1.62e430p-1F;
  return p * r + 1;
}
#else
enum { LARGEST_EXPONENT = 1021, MANTISSA_BITS = 52 };
#define SHIFT 0x1.8p52
typedef uint64_t real_bits;

NTK_INLINE double power_of_two(double r) {
  double p = 0x1.e9d3fe3952179p-32;
  p = p * r + 0x1.e6063f7217bc6p-28;
  p = p * r + 0x1.b524fae627834p-24;
  p = p * r + 0x1.62bfd47773353p-20;
  p = p * r + 0x1.ffcbfc670dcd4p-17;
  p = p * r + 0x1.430913096fd9fp-13;
  p = p * r + 0x1.5d87fe78a5276p-10;
  p = p * r + 0x1.3b2ab6fba1ddap-7;
  p = p * r + 0x1.c6b08d704a0c2p-5;
  p = p * r + 0x1.ebfbdff82c598p-3;
  p = p * r + 0x1.62e42fefa39efp-1;
  return p * r + 1;
}
#endif

NTK_INLINE binary_rate binary_rate_of(const ntk_gaussian_pass *pass) {
  double rate = 0x1.71547652b82fep+0 * pass->rate;
  return (binary_rate){NTK_REAL(rate), NTK_REAL(LARGEST_EXPONENT / rate)};
}

/** 2^(-rate square), never below 2^-LARGEST_EXPONENT: the exponent is n + r, and n is added to that of 2^r. The rate's rounding matters where the result is
 *  small. */
NTK_INLINE ntk_real decay(binary_rate b, ntk_real square) {
  ntk_real bounded = square < b.most ? square : b.most, shifted = SHIFT - b.rate * bounded, r = (SHIFT - shifted) - b.rate * bounded;
  ntk_real power = power_of_two(r);
  real_bits bits, exponent;
  memcpy(&bits, &power, sizeof bits);
  memcpy(&exponent, &shifted, sizeof exponent);
  bits += exponent << MANTISSA_BITS;
  memcpy(&power, &bits, sizeof power);
  return power;
}

/* Differences are taken in double precision, so that close points keep their direction. */
NTK_INLINE ntk_real difference(double z, double x) { return NTK_REAL(z - x); }

NTK_INLINE void unrolled_values(const ntk_gaussian_pass *pass, double *k, const size_t d) {
  const double *z = pass->z;
  const binary_rate rate = binary_rate_of(pass);
  const ntk_real height = NTK_REAL(pass->height);
  const size_t stride = pass->stride, count = pass->groups * NTK_LANES;
  double x[NTK_GAUSSIAN_UNROLLED];
  for (size_t a = 0; a < d; a++) x[a] = pass->x[a];
#pragma omp simd
  for (size_t j = 0; j < count; j++) {
    ntk_real square = 0;
    for (size_t a = 0; a < d; a++) square += difference(z[a * stride + j], x[a]) * difference(z[a * stride + j], x[a]);
    k[j] = height * decay(rate, square);
  }
}

/* Named accumulators: GCC does not vectorise sums in an array. */
NTK_INLINE double unrolled_sum(const ntk_gaussian_pass *pass, double *gradient, const size_t d, const bool with_gradient) {
  const size_t step = pass->stride;
  const double *z0 = pass->z, *z1 = d > 1 ? z0 + step : z0, *z2 = d > 2 ? z1 + step : z0, *z3 = d > 3 ? z2 + step : z0, *weights = pass->weights;
  const double x0 = pass->x[0], x1 = d > 1 ? pass->x[1] : 0, x2 = d > 2 ? pass->x[2] : 0, x3 = d > 3 ? pass->x[3] : 0;
  const binary_rate rate = binary_rate_of(pass);
  const size_t count = pass->groups * NTK_LANES;
  ntk_real sum = 0, sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
#pragma omp simd reduction(+ : sum, sum0, sum1, sum2, sum3)
  for (size_t j = 0; j < count; j++) {
    ntk_real d0 = difference(z0[j], x0), d1 = d > 1 ? difference(z1[j], x1) : 0;
    ntk_real d2 = d > 2 ? difference(z2[j], x2) : 0, d3 = d > 3 ? difference(z3[j], x3) : 0;
    ntk_real k = NTK_REAL(weights[j]) * decay(rate, d0 * d0 + d1 * d1 + d2 * d2 + d3 * d3);
    sum += k;
    if (with_gradient) {
      sum0 += k * d0;
      if (d > 1) sum1 += k * d1;
      if (d > 2) sum2 += k * d2;
      if (d > 3) sum3 += k * d3;
    }
  }
  if (with_gradient) {
    const double sums[] = {sum0, sum1, sum2, sum3};
    for (size_t a = 0; a < d; a++) gradient[a] += pass->height * sums[a];
  }
  return pass->height * sum;
}

/* k into the second array of the scratch, coordinate by coordinate. */
static double *rolled(const ntk_gaussian_pass *pass) {
  const size_t count = pass->groups * NTK_LANES;
  double *square = pass->scratch, *k = square + count;
#pragma omp simd
  for (size_t j = 0; j < count; j++) square[j] = 0;
  for (size_t a = 0; a < pass->dimension; a++) {
    const double *z = pass->z + a * pass->stride, x = pass->x[a];
#pragma omp simd
    for (size_t j = 0; j < count; j++) square[j] += (z[j] - x) * (z[j] - x);
  }
  const binary_rate rate = binary_rate_of(pass);
  const ntk_real height = NTK_REAL(pass->height);
#pragma omp simd
  for (size_t j = 0; j < count; j++) k[j] = height * decay(rate, NTK_REAL(square[j]));
  return k;
}

static double rolled_sum(const ntk_gaussian_pass *pass, double *gradient) {
  const size_t count = pass->groups * NTK_LANES;
  const double *weights = pass->weights;
  double *k = rolled(pass), sum = 0;
#pragma omp simd reduction(+ : sum)
  for (size_t j = 0; j < count; j++) {
    k[j] *= weights[j];
    sum += k[j];
  }
  for (size_t a = 0; gradient && a < pass->dimension; a++) {
    const double *z = pass->z + a * pass->stride, x = pass->x[a];
    double part = 0;
#pragma omp simd reduction(+ : part)
    for (size_t j = 0; j < count; j++) part += k[j] * (z[j] - x);
    gradient[a] += part;
  }
  return sum;
}

static void values(const ntk_gaussian_pass *pass, double *k) {
  switch (pass->dimension) {
    case 1: unrolled_values(pass, k, 1); return;
    case 2: unrolled_values(pass, k, 2); return;
    case 3: unrolled_values(pass, k, 3); return;
    case 4: unrolled_values(pass, k, 4); return;
    default: memcpy(k, rolled(pass), pass->groups * NTK_LANES * sizeof *k);
  }
}

NTK_INLINE double sum_of(const ntk_gaussian_pass *pass, double *gradient, const bool with_gradient) {
  switch (pass->dimension) {
    case 1: return unrolled_sum(pass, gradient, 1, with_gradient);
    case 2: return unrolled_sum(pass, gradient, 2, with_gradient);
    case 3: return unrolled_sum(pass, gradient, 3, with_gradient);
    case 4: return unrolled_sum(pass, gradient, 4, with_gradient);
    default: return rolled_sum(pass, gradient);
  }
}

static double sum(const ntk_gaussian_pass *pass, double *gradient) { return gradient ? sum_of(pass, gradient, true) : sum_of(pass, NULL, false); }

const struct ntk_gaussian_engine NTK_REAL_TILE(ntk_gaussian) = {values, sum};
