/** Private to field/: the sums of one tile of rows over all columns, as every kernel sum is made of them. */
#ifndef NTK_FIELD_SUM_H
#define NTK_FIELD_SUM_H

#include <stdbool.h>

#include "field/field.h"
#include "field/tiles.h"

/** x and z may be changed between row tiles (m with them, up to what it was at creation). */
typedef struct {
  const ntk_kernel *kernel;
  const ntk_prepared *x, *z;
  size_t m, d, c, rows; /* rows: the most of a tile */
  const double *w;      /* m x c */
  bool values, gradients;
  ntk_workspace *workspace;
  ntk_tree_sum tree;
  double *term; /* rows x (c + d): value part, then gradient part, of one column tile */
} ntk_row_sum;

/** Workspaces for the job's sizes. Release with ntk_row_sum_free. */
NTK_CHECKED ntk_error *ntk_row_sum_create(ntk_row_sum *job);
void ntk_row_sum_free(ntk_row_sum *job);
/** Rows [row, row + rows) of x: leaves rows x c values and rows x d gradients in `term`, one after the other, of what is asked for. */
void ntk_row_sum_tile(ntk_row_sum *job, size_t row, size_t rows);

/** NTK_E_NONFINITE that names what and the point. */
NTK_CHECKED ntk_error *ntk_check_finite(size_t count, size_t width, const double *values, const char *what);

/** Completes a replicated n x width array of which each rank holds its own rows, start[r] .. start[r+1]. Collective. */
NTK_CHECKED ntk_error *ntk_share_rows(const ntk_comm *comm, const size_t *start, size_t width, double *values);

#endif
