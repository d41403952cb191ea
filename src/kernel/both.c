/** A tile of a chain with gradients in both points: each pair is evaluated once. For one weight column. */
#include <cblas.h>
#include <string.h>

#include "base/numbers.h"
#include "kernel/centre.h"
#include "kernel/chain.h"

bool ntk_both_fits(const ntk_kernel *kernel) { return kernel->chain > 0; }

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

static void few_coordinates(const ntk_kernel *kernel, ntk_workspace *w, const ntk_tile *tile, const ntk_both *both) {
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

/* --- many coordinates: the products of a panel serve both directions, and the sums of the columns are a transposed product ----------------- */

/* Arrays of w->across: over a panel's columns the coefficients of z, the sums of left b, then rows of d coordinates. */
static double *column_radial(const ntk_workspace *w) { return w->across; }
static double *column_pull(const ntk_workspace *w) { return w->across + NTK_PANEL_COLUMNS; }
static double *column_sums(const ntk_workspace *w) { return w->across + 2 * NTK_PANEL_COLUMNS; }

/* Marked pairs of row i of the panel and columns j on, whose difference would be lost in the products. */
static void add_marked(const ntk_kernel *kernel, ntk_workspace *w, const ntk_tile *tile, ntk_block block, size_t i, size_t j) {
  size_t d = kernel->dimension;
  const double *x = tile->x->inputs + block.row * d;
  double *weighted = w->weighted + i * NTK_PANEL_COLUMNS + j, *across = w->values + i * NTK_PANEL_COLUMNS + j;
  for (size_t k = 0; k < block.count; k++) {
    if (!(w->scratch[k] > 0)) continue;
    const double *z = tile->z->inputs + (block.column + k) * d;
    kernel->engine->add_difference(d, weighted[k], z, x, w->gradient + i * d);
    kernel->engine->add_difference(d, across[k], x, z, column_sums(w) + (j + k) * d);
    weighted[k] = across[k] = 0;
  }
}

/* Row i of the panel against the block of its columns j on. w b goes to w->weighted, left b to w->values. */
static void add_block(const ntk_kernel *kernel, ntk_workspace *w, const ntk_tile *tile, ntk_block block, size_t i, size_t j, const ntk_both *both) {
  const ntk_engine *engine = kernel->engine;
  size_t row = block.row - tile->row, groups = block.groups, at = i * NTK_PANEL_COLUMNS + j;
  double left = both->left[row], *across = w->values + at;
  ntk_result result = ntk_evaluate_both(kernel, w, tile, block, w->products + at);
  ntk_reduction reduction = {.groups = groups,
                             .dimension = kernel->dimension,
                             .weights = w->weights + j,
                             .a = result.a,
                             .b = result.b,
                             .offset = result.offset,
                             .scale = result.scale,
                             .weighted = w->weighted + at};
  w->radial[i] += engine->reduce(&reduction);
  memset(across, 0, groups * NTK_LANES * sizeof *across);
  engine->add(groups, left, result.b, across);
  engine->add(groups, left * result.scale, result.s, column_radial(w) + j);
  engine->add(groups, left * result.offset, w->ones, column_radial(w) + j);
  if (result.marked) add_marked(kernel, w, tile, block, i, j);
  engine->add(groups, 1, across, column_pull(w) + j);
  w->pull[i] += engine->dot(groups, w->weighted + at, w->ones);
  if (both->value) both->value[row] += engine->dot(groups, w->weights + j, result.k);
  if (both->other_value) engine->add(groups, left, result.k, w->columns + j);
}

static void add_panel(const ntk_kernel *kernel, ntk_workspace *w, const ntk_tile *tile, ntk_panel p, const ntk_both *both) {
  size_t d = kernel->dimension, row = tile->row + p.row, column = tile->column + p.column;
  int m = (int)p.rows, n = (int)p.columns, k = (int)d;
  const double *x = ntk_centred(w, tile->x) + row * d, *z = ntk_centred(w, tile->z) + column * d;
  ntk_panel_products(w, tile, p);
  memset(w->gradient, 0, p.rows * d * sizeof *w->gradient);
  memset(w->radial, 0, p.rows * sizeof *w->radial);
  memset(w->pull, 0, p.rows * sizeof *w->pull);
  for (size_t j = 0; j < p.columns; j += NTK_BLOCK) {
    ntk_evaluate_columns(kernel, w, tile, ntk_block_of(tile, p, 0, j));
    for (size_t i = 0; i < p.rows; i++) add_block(kernel, w, tile, ntk_block_of(tile, p, i, j), i, j, both);
  }
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, k, n, 1, w->weighted, NTK_PANEL_COLUMNS, z, k, 1, w->gradient, k);
  cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, n, k, m, 1, w->values, NTK_PANEL_COLUMNS, x, k, 1, column_sums(w), k);
  for (size_t i = 0; i < p.rows; i++)
    ntk_finish_gradient(kernel, w, tile->x, row + i, w->gradient + i * d, w->pull[i], w->radial[i], both->gradient + (p.row + i) * d);
}

static void many_coordinates(const ntk_kernel *kernel, ntk_workspace *w, const ntk_tile *tile, const ntk_both *both) {
  size_t d = kernel->dimension;
  for (size_t column = 0; column < tile->columns; column += NTK_PANEL_COLUMNS) {
    size_t columns = ntk_min_size(NTK_PANEL_COLUMNS, tile->columns - column);
    ntk_copy_weights(w, columns, 1, both->right + column);
    memset(w->columns, 0, NTK_PANEL_COLUMNS * sizeof *w->columns);
    memset(w->across, 0, (2 * NTK_PANEL_COLUMNS + columns * d) * sizeof *w->across);
    for (size_t row = 0; row < tile->rows; row += NTK_PANEL_ROWS)
      add_panel(kernel, w, tile, (ntk_panel){row, ntk_min_size(NTK_PANEL_ROWS, tile->rows - row), column, columns}, both);
    for (size_t j = 0; j < columns; j++) {
      ntk_finish_gradient(kernel, w, tile->z, tile->column + column + j, column_sums(w) + j * d, column_pull(w)[j], column_radial(w)[j],
                          both->other_gradient + (column + j) * d);
      if (both->other_value) both->other_value[column + j] += w->columns[j];
    }
  }
}

void ntk_both_apply(const ntk_kernel *kernel, ntk_workspace *w, const ntk_tile *tile, const ntk_both *both) {
  if (w->products) {
    many_coordinates(kernel, w, tile, both);
  } else {
    few_coordinates(kernel, w, tile, both);
  }
}
