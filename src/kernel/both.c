/** A tile of a chain with gradients in both points: each pair is evaluated once. For few coordinates and one weight column. */
#include <string.h>

#include "base/numbers.h"
#include "kernel/chain.h"

bool ntk_both_fits(const ntk_kernel *kernel) { return kernel->chain && kernel->dimension <= NTK_DIRECT_DIMENSION; }

/* What one row gives to itself and to the columns of its block. */
static void add_row(const ntk_kernel *kernel, ntk_workspace *w, const ntk_tile *tile, ntk_block block, const ntk_both *both) {
  size_t d = kernel->dimension, i = block.row - tile->row;
  double *row = w->gradient, left = both->left[i];
  ntk_result result = ntk_evaluate_both(kernel, w, tile, block, NULL);
  ntk_both_reduction reduction = {.row = {.groups = block.groups,
                                          .dimension = d,
                                          .weights = w->weights,
                                          .a = result.a,
                                          .b = result.b,
                                          .offset = result.offset,
                                          .scale = result.scale,
                                          .x = tile->x->inputs + block.row * d,
                                          .z = tile->z->columns + block.column,
                                          .stride = tile->z->stride,
                                          .weighted = w->scratch,
                                          .gradient = row},
                                  .s = result.s,
                                  .left = left,
                                  .radial = w->across,
                                  .other = w->across + NTK_PANEL_COLUMNS,
                                  .other_stride = NTK_PANEL_COLUMNS};
  memset(row, 0, d * sizeof *row);
  double radial = kernel->engine->reduce_both(&reduction);
  ntk_add_gradient(tile->x, block.row, row, 1, radial, both->gradient + i * d);
  if (both->value) both->value[i] += kernel->engine->dot(block.groups, w->weights, result.k);
  if (both->other_value) kernel->engine->add(block.groups, left, result.k, w->columns);
}

void ntk_both_apply(const ntk_kernel *kernel, ntk_workspace *w, const ntk_tile *tile, const ntk_both *both) {
  size_t d = kernel->dimension;
  for (size_t column = 0; column < tile->columns; column += NTK_BLOCK) {
    size_t count = ntk_min_size(NTK_BLOCK, tile->columns - column);
    ntk_block block = {.column = tile->column + column, .count = count, .groups = (count + NTK_LANES - 1) / NTK_LANES};
    ntk_evaluate_columns(kernel, w, tile, block);
    ntk_copy_weights(w, count, 1, both->right + column);
    memset(w->columns, 0, NTK_PANEL_COLUMNS * sizeof *w->columns);
    memset(w->across, 0, (1 + d) * NTK_PANEL_COLUMNS * sizeof *w->across);
    for (size_t i = 0; i < tile->rows; i++) {
      block.row = tile->row + i;
      add_row(kernel, w, tile, block, both);
    }
    for (size_t j = 0; j < count; j++) {
      ntk_add_gradient(tile->z, block.column + j, w->across + NTK_PANEL_COLUMNS + j, NTK_PANEL_COLUMNS, w->across[j],
                       both->other_gradient + (column + j) * d);
      if (both->other_value) both->other_value[column + j] += w->columns[j];
    }
  }
}
