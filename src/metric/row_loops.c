/* The vector loops of metric/. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "metric/rows.h"

/* One binary for every x86-64: the loader picks the clone for the machine's instruction set. Sums of a clone are in its own fixed order.
 * Without traps to keep GCC turns comparisons into blends; clang would only warn that it cannot. (sqrt is a vector instruction under
 * -fno-math-errno only, which GCC accepts on the command line alone.) */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-trapping-math")
#define SIMD_GCC(clauses) _Pragma(clauses)
#else
#define SIMD_GCC(clauses)
#endif
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define WIDE __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define WIDE
#endif

/* exp(x) for x <= 0, to 2 ulp; below -708 it stays at exp(-708) = 3e-308. x = k log 2 + r, Taylor's series of e^r to r^13
 * (remainder 4e-18 for |r| <= log(2)/2), and k added to the exponent bits. */
static inline double exp_negative(double x) {
  static const double round_shift = 0x1.8p52;
  x = x > -708.0 ? x : -708.0;
  double shifted = x * 0x1.71547652b82fep0 + round_shift;
  double k = shifted - round_shift;
  double r = (x - k * 0x1.62e42feep-1) - k * 0x1.a39ef35793c76p-33; /* log 2 in two parts; k times the first is exact */
  double r2 = r * r, r4 = r2 * r2;
  double p0 = 1 + r, p1 = 1.0 / 2 + r * (1.0 / 6), p2 = 1.0 / 24 + r * (1.0 / 120), p3 = 1.0 / 720 + r * (1.0 / 5040);
  double p4 = 1.0 / 40320 + r * (1.0 / 362880), p5 = 1.0 / 3628800 + r * (1.0 / 39916800), p6 = 1.0 / 479001600 + r * (1.0 / 6227020800);
  double low = p0 + r2 * p1, middle = p2 + r2 * p3, high = (p4 + r2 * p5) + r4 * p6;
  double p = low + r4 * (middle + r4 * high);
  int64_t bits, exponent;
  memcpy(&bits, &p, sizeof bits);
  memcpy(&exponent, &shifted, sizeof exponent);
  bits += (int64_t)((uint64_t)exponent << 52);
  memcpy(&p, &bits, sizeof p);
  return p;
}

WIDE void ntk_cloud_distances(const ntk_cloud *cloud, size_t i, double *out) {
  size_t place = ntk_cloud_place(cloud, i), stride = cloud->stride;
  for (size_t a = 0; a < cloud->d; a++) {
    const double *x = cloud->x + a * stride;
    double own = x[place];
    if (a == 0) {
#pragma omp simd aligned(x, out : 64)
      for (size_t j = 0; j < stride; j++) out[j] = (x[j] - own) * (x[j] - own);
    } else {
#pragma omp simd aligned(x, out : 64)
      for (size_t j = 0; j < stride; j++) out[j] += (x[j] - own) * (x[j] - own);
    }
  }
}

WIDE double ntk_row_softmin(size_t n, const double *h, const double *cost, double eps, double *scratch) {
  double largest = -INFINITY, sum = 0, factor = 1 / eps;
  SIMD_GCC("omp simd reduction(max : largest) aligned(h, cost, scratch : 64)")
  for (size_t j = 0; j < n; j++) {
    double t = h[j] - cost[j];
    scratch[j] = t;
    largest = t > largest ? t : largest;
  }
#pragma omp simd reduction(+ : sum) aligned(scratch : 64)
  for (size_t j = 0; j < n; j++) sum += exp_negative((scratch[j] - largest) * factor);
  return -(largest + eps * log(sum));
}

WIDE double ntk_row_distance_sum(size_t n, const double *w, const double *squared) {
  double sum = 0;
  SIMD_GCC("omp simd reduction(+ : sum) aligned(w, squared : 64)")
  for (size_t j = 0; j < n; j++) sum += w[j] * sqrt(squared[j]);
  return sum;
}

WIDE double ntk_row_gaussian_sum(size_t n, const double *w, const double *squared, double factor) {
  double sum = 0;
#pragma omp simd reduction(+ : sum) aligned(w, squared : 64)
  for (size_t j = 0; j < n; j++) sum += w[j] * exp_negative(squared[j] * factor);
  return sum;
}
