/** The Gaussian kernel k = a^2 exp(-rate |x - z|^2) of points with few coordinates, straight from them: no state between loops. */
#ifndef NTK_KERNEL_TILE_GAUSSIAN_H
#define NTK_KERNEL_TILE_GAUSSIAN_H

#include "kernel/tile/engine.h"

/** One row against `groups` x NTK_LANES columns. */
typedef struct {
  size_t groups, dimension; /* <= NTK_DIRECT_DIMENSION */
  double rate, height;      /* height: a^2 */
  const double *x, *z;      /* coordinate a of column j: z[a*stride + j] */
  size_t stride;
  const double *weights; /* of the columns, 0 in lanes that are none */
  double *scratch;       /* 2 arrays of groups x NTK_LANES; dimension above NTK_GAUSSIAN_UNROLLED only */
} ntk_gaussian_pass;

enum { NTK_GAUSSIAN_UNROLLED = 4 };

typedef struct ntk_gaussian_engine {
  void (*values)(const ntk_gaussian_pass *pass, double *k);
  /** sum_j w_j k_j; where gradient is not NULL, gradient[a] += sum_j w_j k_j (z_aj - x_a) too. */
  double (*sum)(const ntk_gaussian_pass *pass, double *gradient);
} ntk_gaussian_engine;

#endif
