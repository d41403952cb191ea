/** One row of a tile against one block of its columns: the state of the network's output. */
#ifndef NTK_KERNEL_EVALUATE_H
#define NTK_KERNEL_EVALUATE_H

#include "kernel/object.h"

typedef struct {
  size_t row;    /* of tile.x */
  size_t column; /* of tile.z, the first */
  size_t count;  /* <= NTK_BLOCK */
  size_t groups;
} ntk_block;

/** The output's arrays (in the workspace, valid until the next call): k, and for gradients k_B and a with 2 k_A = offset + scale a; for gradients in both
 *  points s with 2 k_S = offset + scale s. */
typedef struct {
  const double *k, *a, *b, *s;
  double offset, scale;
  size_t marked; /* columns with scratch[j] = 1 (large dimension only): close to x or to its line */
} ntk_result;

/** Column 0 of the weights of a panel's columns into the workspace, zeros behind. */
void ntk_copy_weights(ntk_workspace *workspace, size_t count, size_t c, const double *w);

/** Before rows of `tile` are evaluated against the columns of `block` (whose row does not matter). */
void ntk_evaluate_columns(const ntk_kernel *kernel, ntk_workspace *workspace, const ntk_tile *tile, ntk_block block);

/** x.z of a panel of the tile (indices relative to it), less the centre of both, into workspace->products. Lanes behind the last column are 0, so that
 *  what they give is finite. */
void ntk_panel_products(ntk_workspace *workspace, const ntk_tile *tile, size_t row, size_t rows, size_t column, size_t columns);

/** `products`: x.z of the block's columns when the dimension is above NTK_DIRECT_DIMENSION. */
ntk_result ntk_evaluate(const ntk_kernel *kernel, ntk_workspace *workspace, const ntk_tile *tile, ntk_block block, const double *products,
                        bool gradient);

/** gradient (d) += what is left of point i: factor/d (sum + radial x), sum[a*stride] the part of coordinate a along differences. */
void ntk_add_gradient(const ntk_prepared *points, size_t i, const double *sum, size_t stride, double radial, double *gradient);

/** The same where matrix products have summed differences to the centre, with coefficients that add up to `pull`. */
void ntk_finish_gradient(const ntk_kernel *kernel, const ntk_prepared *points, size_t i, const double *sum, double pull, double radial,
                         double *gradient);

/** ntk_evaluate() with gradients in both points, for chains. */
ntk_result ntk_evaluate_both(const ntk_kernel *kernel, ntk_workspace *workspace, const ntk_tile *tile, ntk_block block, const double *products);

#endif
