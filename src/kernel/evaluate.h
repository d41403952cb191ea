/** One row of a tile against one block of its columns: the state of the network's output. */
#ifndef NTK_KERNEL_EVALUATE_H
#define NTK_KERNEL_EVALUATE_H

#include "base/numbers.h"
#include "kernel/object.h"

/** A chunk of rows against a panel of columns; indices relative to the tile. */
typedef struct {
  size_t row, rows, column, columns;
} ntk_panel;

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

/** x.z of a panel, less the centre if it helps, into workspace->products. Lanes behind the last column are 0, so that
 *  what they give is finite. */
void ntk_panel_products(ntk_workspace *workspace, const ntk_tile *tile, ntk_panel panel);

/** Row i of the panel against its columns from j on. */
static inline ntk_block ntk_block_of(const ntk_tile *tile, ntk_panel p, size_t i, size_t j) {
  size_t count = ntk_min_size(NTK_BLOCK, p.columns - j);
  return (ntk_block){
      .row = tile->row + p.row + i, .column = tile->column + p.column + j, .count = count, .groups = (count + NTK_LANES - 1) / NTK_LANES};
}

/** `products`: x.z of the block's columns when the dimension is above NTK_DIRECT_DIMENSION. */
ntk_result ntk_evaluate(const ntk_kernel *kernel, ntk_workspace *workspace, const ntk_tile *tile, ntk_block block, const double *products,
                        bool gradient);

/** gradient (d) += what is left of point i: factor/d (sum + radial x), sum[a*stride] the part of coordinate a along differences. */
void ntk_add_gradient(const ntk_prepared *points, size_t i, const double *sum, size_t stride, double radial, double *gradient);

/** The same where matrix products have summed them (less the centre if it helps), with coefficients that add up to `pull`. */
void ntk_finish_gradient(const ntk_kernel *kernel, const ntk_workspace *workspace, const ntk_prepared *points, size_t i, const double *sum,
                         double pull, double radial, double *gradient);

/** ntk_evaluate() with gradients in both points, for chains. */
ntk_result ntk_evaluate_both(const ntk_kernel *kernel, ntk_workspace *workspace, const ntk_tile *tile, ntk_block block, const double *products);

#endif
