/** Sums over a block. */
#include "kernel/tile/layer.h"
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

void NTK_TILE(ntk_reduce_add_difference)(size_t count, double factor, const double *a, const double *b, double *sum) {
#pragma omp simd
  for (size_t i = 0; i < count; i++) sum[i] += factor * (a[i] - b[i]);
}

/* Few coordinates in one pass; part[] would not stay in registers. */
NTK_INLINE double reduce_few(const ntk_reduction *reduction, const size_t d) {
  const size_t count = reduction->groups * NTK_LANES, stride = reduction->stride;
  const double *weights = reduction->weights, *a = reduction->a, *b = reduction->b, offset = reduction->offset, scale = reduction->scale;
  const double *z0 = reduction->z, *z1 = z0 + (d > 1 ? stride : 0), *z2 = z0 + (d > 2 ? 2 * stride : 0);
  const double x0 = reduction->x[0], x1 = d > 1 ? reduction->x[1] : 0, x2 = d > 2 ? reduction->x[2] : 0;
  double sum = 0, part0 = 0, part1 = 0, part2 = 0;
#pragma omp simd reduction(+ : sum, part0, part1, part2)
  for (size_t j = 0; j < count; j++) {
    double weighted = weights[j] * b[j];
    sum += weights[j] * (offset + scale * a[j]);
    part0 += weighted * (z0[j] - x0);
    if (d > 1) part1 += weighted * (z1[j] - x1);
    if (d > 2) part2 += weighted * (z2[j] - x2);
  }
  reduction->gradient[0] += part0;
  if (d > 1) reduction->gradient[1] += part1;
  if (d > 2) reduction->gradient[2] += part2;
  return sum;
}

static double reduce_many(const ntk_reduction *reduction) {
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

double NTK_TILE(ntk_reduce_gradient)(const ntk_reduction *reduction) {
  switch (reduction->z ? reduction->dimension : 0) {
    case 1: return reduce_few(reduction, 1);
    case 2: return reduce_few(reduction, 2);
    case 3: return reduce_few(reduction, 3);
    default: return reduce_many(reduction);
  }
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

NTK_INLINE void finish(const ntk_finish *f, const bool transformed) {
  const double scale = f->scale, pull = f->pull, radial = f->radial, *sum = f->sum, *centred = f->centred, *x = f->x, *factors = f->factors;
  double *gradient = f->gradient;
#pragma omp simd
  for (size_t a = 0; a < f->dimension; a++) gradient[a] += (transformed ? scale * factors[a] : scale) * (sum[a] - pull * centred[a] + radial * x[a]);
}

void NTK_TILE(ntk_reduce_finish)(const ntk_finish *f) {
  if (f->factors) {
    finish(f, true);
  } else {
    finish(f, false);
  }
}
