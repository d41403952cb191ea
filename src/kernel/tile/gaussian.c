#include "kernel/tile/gaussian.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "kernel/tile/layer.h"
#include "kernel/tile/passes.h"
#include "kernel/tile/real.h"

#ifdef NTK_SINGLE
/** exp(x) for x <= 0, relative error 1e-7; 0 below -87. As in double precision, P to 1e-8. */
NTK_INLINE float decay(float x) {
  const float shift = 0x1.8p23F;
  float bounded = ntk_real_larger(x, -87), shifted = bounded * 0x1.715476p+0F + shift, n = shifted - shift;
  float r = (bounded - n * 0x1.62e4p-1F) - n * 0x1.7f7d1cp-20F;
  float p = 0x1.6d110ap-10F;
  p = p * r + 0x1.120b6ep-7F;
  p = p * r + 0x1.55551ap-5F;
  p = p * r + 0x1.5554dcp-3F;
  p = p * r + 0x1p-1F;
  p = p * (r * r) + r + 1;
  int32_t bits, exponent;
  memcpy(&bits, &p, sizeof bits);
  memcpy(&exponent, &shifted, sizeof exponent);
  bits = (int32_t)((uint32_t)bits + ((uint32_t)exponent << 23));
  memcpy(&p, &bits, sizeof p);
  return x < -87 ? 0 : p;
}
#else
/** exp(x) for x <= 0, relative error 2e-16; 0 below -708. x = n log 2 + r, exp(r) = 1 + r + r^2 P(r) with P interpolated at Chebyshev nodes of
 *  |r| <= (log 2)/2: 1.6e-17. */
NTK_INLINE double decay(double x) {
  const double shift = 0x1.8p52;
  double bounded = ntk_real_larger(x, -708), shifted = bounded * 0x1.71547652b82fep+0 + shift, n = shifted - shift;
  double r = (bounded - n * 0x1.62e42fefa2000p-1) - n * 0x1.9ef35793c7673p-41;
  double p = 0x1.af38a9b0ec855p-26;
  p = p * r + 0x1.289185613a3d6p-22;
  p = p * r + 0x1.71de0dae63bb3p-19;
  p = p * r + 0x1.a019b90d2ae7ap-16;
  p = p * r + 0x1.a01a01a7c41d5p-13;
  p = p * r + 0x1.6c16c1788bd90p-10;
  p = p * r + 0x1.11111111109b3p-7;
  p = p * r + 0x1.5555555553d63p-5;
  p = p * r + 0x1.5555555555556p-3;
  p = p * r + 0x1.0000000000001p-1;
  p = p * (r * r) + r + 1;
  /* 2^n: the low bits of `shifted` are n, added to the exponent. */
  int64_t bits, exponent;
  memcpy(&bits, &p, sizeof bits);
  memcpy(&exponent, &shifted, sizeof exponent);
  bits = (int64_t)((uint64_t)bits + ((uint64_t)exponent << 52));
  memcpy(&p, &bits, sizeof p);
  return x < -708 ? 0 : p;
}
#endif

/* Differences are taken in double precision, so that close points keep their direction. */
NTK_INLINE ntk_real difference(double z, double x) { return NTK_REAL(z - x); }

NTK_INLINE void unrolled_values(const ntk_gaussian_pass *pass, double *k, const size_t d) {
  const double *z = pass->z;
  const ntk_real rate = NTK_REAL(-pass->rate), height = NTK_REAL(pass->height);
  const size_t stride = pass->stride, count = pass->groups * NTK_LANES;
  double x[NTK_GAUSSIAN_UNROLLED];
  for (size_t a = 0; a < d; a++) x[a] = pass->x[a];
#pragma omp simd
  for (size_t j = 0; j < count; j++) {
    ntk_real square = 0;
    for (size_t a = 0; a < d; a++) square += difference(z[a * stride + j], x[a]) * difference(z[a * stride + j], x[a]);
    k[j] = height * decay(rate * square);
  }
}

/* Named accumulators: GCC does not vectorise sums in an array. */
NTK_INLINE double unrolled_sum(const ntk_gaussian_pass *pass, double *gradient, const size_t d, const bool with_gradient) {
  const size_t step = pass->stride;
  const double *z0 = pass->z, *z1 = d > 1 ? z0 + step : z0, *z2 = d > 2 ? z1 + step : z0, *z3 = d > 3 ? z2 + step : z0, *weights = pass->weights;
  const double x0 = pass->x[0], x1 = d > 1 ? pass->x[1] : 0, x2 = d > 2 ? pass->x[2] : 0, x3 = d > 3 ? pass->x[3] : 0;
  const ntk_real rate = NTK_REAL(-pass->rate);
  const size_t count = pass->groups * NTK_LANES;
  ntk_real sum = 0, sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
#pragma omp simd reduction(+ : sum, sum0, sum1, sum2, sum3)
  for (size_t j = 0; j < count; j++) {
    ntk_real d0 = difference(z0[j], x0), d1 = d > 1 ? difference(z1[j], x1) : 0;
    ntk_real d2 = d > 2 ? difference(z2[j], x2) : 0, d3 = d > 3 ? difference(z3[j], x3) : 0;
    ntk_real k = NTK_REAL(weights[j]) * decay(rate * (d0 * d0 + d1 * d1 + d2 * d2 + d3 * d3));
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
  const double rate = -pass->rate;
  const ntk_real height = NTK_REAL(pass->height);
#pragma omp simd
  for (size_t j = 0; j < count; j++) k[j] = height * decay(NTK_REAL(rate * square[j]));
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
