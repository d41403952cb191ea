/** Sums over a block. */
#include "kernel/tile/passes.h"

double NTK_TILE(ntk_reduce_dot)(size_t groups, const double *a, const double *b) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (size_t j = 0; j < groups * NTK_LANES; j++) sum += a[j] * b[j];
  return sum;
}

void NTK_TILE(ntk_reduce_add)(size_t groups, double factor, const double *a, double *sum) {
#pragma omp simd
  for (size_t j = 0; j < groups * NTK_LANES; j++) sum[j] += factor * a[j];
}

double NTK_TILE(ntk_reduce_gradient)(const ntk_reduction *reduction) {
  const size_t count = reduction->groups * NTK_LANES;
  const double *weights = reduction->weights, *a = reduction->a, *b = reduction->b, offset = reduction->offset, scale = reduction->scale;
  double *weighted = reduction->weighted, sum = 0;
#pragma omp simd reduction(+ : sum)
  for (size_t j = 0; j < count; j++) {
    weighted[j] = weights[j] * b[j];
    sum += weights[j] * (offset + scale * a[j]);
  }
  for (size_t i = 0; reduction->z && i < reduction->dimension; i++) {
    const double *z = reduction->z + i * reduction->stride, x = reduction->x[i];
    double part = 0;
#pragma omp simd reduction(+ : part)
    for (size_t j = 0; j < count; j++) part += weighted[j] * (z[j] - x);
    reduction->gradient[i] += part;
  }
  return sum;
}

double NTK_TILE(ntk_reduce_both)(const ntk_both_reduction *both) {
  const ntk_reduction *row = &both->row;
  const size_t count = row->groups * NTK_LANES;
  const double *weights = row->weights, *a = row->a, *b = row->b, *s = both->s, offset = row->offset, scale = row->scale, left = both->left;
  double *weighted = row->weighted, *radial = both->radial, sum = 0;
#pragma omp simd reduction(+ : sum)
  for (size_t j = 0; j < count; j++) {
    weighted[j] = weights[j] * b[j];
    sum += weights[j] * (offset + scale * a[j]);
    radial[j] += left * (offset + scale * s[j]);
  }
  for (size_t i = 0; i < row->dimension; i++) {
    const double *z = row->z + i * row->stride, x = row->x[i];
    double *other = both->other + i * both->other_stride, part = 0;
#pragma omp simd reduction(+ : part)
    for (size_t j = 0; j < count; j++) {
      double difference = z[j] - x;
      part += weighted[j] * difference;
      other[j] -= left * b[j] * difference;
    }
    row->gradient[i] += part;
  }
  return sum;
}
