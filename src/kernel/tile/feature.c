/** Features from their interpolants (src/kernel/octaves.h): sums over NTK_OCTAVE_NODES Chebyshev polynomials of the position. */
#include "kernel/tile/lanes.h"
#include "kernel/tile/layer.h"
#include "kernel/tile/passes.h"

enum { NODES = NTK_OCTAVE_NODES };

void NTK_TILE(ntk_feature_row)(const ntk_octave_run *run, double position, double scale, double *out) {
  double basis[NODES];
  basis[0] = scale;
  basis[1] = scale * position;
  for (size_t k = 2; k < NODES; k++) basis[k] = 2 * position * basis[k - 1] - basis[k - 2];
#pragma omp simd
  for (size_t e = 0; e < run->count; e++) {
    double sum = 0;
    for (size_t k = 0; k < NODES; k++) sum += run->coefficients[k * run->size + e] * basis[k];
    out[e] = sum;
  }
}

void NTK_TILE(ntk_feature_lanes)(const ntk_octave_run *run, const double *position, const double *scale, bool add, double *out, size_t stride) {
  const ntk_lanes x = *(const ntk_lanes *)position;
  const size_t size = run->size;
  ntk_lanes basis[NODES];
  basis[0] = *(const ntk_lanes *)scale;
  basis[1] = basis[0] * x;
  for (size_t k = 2; k < NODES; k++) basis[k] = 2 * x * basis[k - 1] - basis[k - 2];
  for (size_t e = 0; e < run->count; e++) {
    const double *c = run->coefficients + e;
    /* Four chains of multiply-adds side by side. */
    ntk_lanes sum[4];
    for (size_t k = 0; k < 4; k++) sum[k] = c[k * size] * basis[k];
    for (size_t k = 4; k < NODES; k++) sum[k % 4] += c[k * size] * basis[k];
    ntk_lanes total = (sum[0] + sum[1]) + (sum[2] + sum[3]), *to = (ntk_lanes *)(out + e * stride);
    if (add) total += *to;
    *to = total;
  }
}
