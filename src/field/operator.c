#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "field/field.h"
#include "field/tiles.h"

struct ntk_operator {
  const ntk_comm *comm;
  const ntk_kernel *kernel;
  const ntk_prepared *z;
  size_t n;
  double *root;   /* mass^1/2 */
  double *scaled; /* mass^1/2 x */
  double *stored; /* own rows x n, or NULL: recomputed */
  double *block;  /* one tile when recomputed */
  double *term;
  size_t *start;
  ntk_workspace *workspace;
  ntk_tree_sum tree;
};

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define WIDE __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define WIDE
#endif

/* out[i] = sum_j a[i*ld + j] x[j]: the only place where products of the matrix are formed, so stored and recomputed rows agree to the last bit. */
WIDE static void multiply(size_t rows, size_t columns, const double *a, size_t ld, const double *x, double *out) {
  for (size_t i = 0; i < rows; i++) {
    double sum = 0;
    const double *row = a + i * ld;
#pragma omp simd reduction(+ : sum)
    for (size_t j = 0; j < columns; j++) sum += row[j] * x[j];
    out[i] = sum;
  }
}

static ntk_error *allocate(ntk_operator *op, const double *mass, size_t budget) {
  size_t rows = ntk_tile_rows(op->n), ranks = (size_t)op->comm->size;
  NTK_TRY(NTK_NEW(ranks + 1, &op->start));
  ntk_tile_deal(op->comm, op->n, op->start);
  NTK_TRY(NTK_NEW(op->n, &op->root));
  for (size_t i = 0; i < op->n; i++) op->root[i] = mass ? sqrt(mass[i]) : 1;
  NTK_TRY(NTK_NEW(op->n, &op->scaled));
  NTK_TRY(NTK_NEW(rows, &op->term));
  NTK_TRY(ntk_workspace_create(op->kernel, &op->workspace));
  NTK_TRY(ntk_tree_sum_create(rows, op->n / NTK_TILE_COLUMNS + 1, &op->tree));
  size_t largest = (op->n + rows * ranks - 1) / (rows * ranks) * rows; /* rows of the fullest rank: all ranks decide alike */
  if (largest < (size_t)-1 / sizeof(double) / op->n && largest * op->n * sizeof(double) <= budget)
    return NTK_NEW((op->start[op->comm->rank + 1] - op->start[op->comm->rank]) * op->n, &op->stored);
  return NTK_NEW(rows * NTK_TILE_COLUMNS, &op->block);
}

static ntk_tile tile_at(const ntk_operator *op, size_t row, size_t rows, size_t column) {
  return (ntk_tile){op->z, op->z, row, rows, column, ntk_min_size(NTK_TILE_COLUMNS, op->n - column)};
}

static void fill(ntk_operator *op) {
  size_t begin = op->start[op->comm->rank], end = op->start[op->comm->rank + 1], rows = ntk_tile_rows(op->n);
  for (size_t row = begin; row < end; row += rows)
    for (size_t column = 0; column < op->n; column += NTK_TILE_COLUMNS)
      ntk_tile_values(op->kernel, op->workspace, tile_at(op, row, ntk_min_size(rows, end - row), column), op->stored + (row - begin) * op->n + column,
                      op->n);
}

ntk_error *ntk_operator_create(const ntk_comm *comm, const ntk_kernel *kernel, const ntk_prepared *z, const double *mass, size_t budget,
                               ntk_operator **out) {
  *out = NULL;
  ntk_operator *op = NULL;
  ntk_error *err = NTK_NEW(1, &op);
  if (!err) {
    op->comm = comm;
    op->kernel = kernel;
    op->z = z;
    op->n = ntk_prepared_count(z);
    err = allocate(op, mass, budget);
  }
  err = ntk_agree(comm, err);
  if (err) {
    ntk_operator_free(&op);
    return err;
  }
  if (op->stored) fill(op);
  *out = op;
  return NULL;
}

void ntk_operator_free(ntk_operator **op) {
  if (!*op) return;
  free((*op)->start);
  free((*op)->root);
  free((*op)->scaled);
  free((*op)->stored);
  free((*op)->block);
  free((*op)->term);
  ntk_workspace_free(&(*op)->workspace);
  ntk_tree_sum_free(&(*op)->tree);
  free(*op);
  *op = NULL;
}

const ntk_comm *ntk_operator_comm(const ntk_operator *op) { return op->comm; }

ntk_error *ntk_operator_matrix(ntk_operator *op, double *out) {
  size_t begin = op->start[op->comm->rank], end = op->start[op->comm->rank + 1], rows = ntk_tile_rows(op->n), n = op->n;
  if (op->stored)
    memcpy(out + begin * n, op->stored, (end - begin) * n * sizeof *out);
  else
    for (size_t row = begin; row < end; row += rows)
      for (size_t column = 0; column < n; column += NTK_TILE_COLUMNS)
        ntk_tile_values(op->kernel, op->workspace, tile_at(op, row, ntk_min_size(rows, end - row), column), out + row * n + column, n);
  for (size_t i = begin; i < end; i++)
    for (size_t j = 0; j < n; j++) out[i * n + j] *= op->root[i] * op->root[j];
  size_t *scaled = NULL;
  NTK_TRY_ALL(op->comm, NTK_NEW((size_t)op->comm->size + 1, &scaled));
  for (int r = 0; r <= op->comm->size; r++) scaled[r] = op->start[r] * n;
  ntk_error *err = ntk_comm_gather_all(op->comm, out, scaled);
  free(scaled);
  return err;
}

size_t ntk_operator_size(const ntk_operator *op) { return op->n; }

ntk_error *ntk_operator_apply(ntk_operator *op, const double *x, double *y) {
  size_t begin = op->start[op->comm->rank], end = op->start[op->comm->rank + 1], rows = ntk_tile_rows(op->n);
  for (size_t i = 0; i < op->n; i++) op->scaled[i] = op->root[i] * x[i];
  for (size_t row = begin; row < end; row += rows) {
    size_t here = ntk_min_size(rows, end - row);
    ntk_tree_sum_start(&op->tree, here);
    for (size_t column = 0; column < op->n; column += NTK_TILE_COLUMNS) {
      ntk_tile tile = tile_at(op, row, here, column);
      const double *block = op->stored ? op->stored + (row - begin) * op->n + column : op->block;
      size_t ld = op->stored ? op->n : NTK_TILE_COLUMNS;
      if (!op->stored) ntk_tile_values(op->kernel, op->workspace, tile, op->block, ld);
      multiply(here, tile.columns, block, ld, op->scaled + column, op->term);
      ntk_tree_sum_add(&op->tree, op->term);
    }
    ntk_tree_sum_finish(&op->tree, y + row);
    for (size_t i = row; i < row + here; i++) y[i] *= op->root[i];
  }
  NTK_TRY(ntk_comm_gather_all(op->comm, y, op->start));
  for (size_t i = 0; i < op->n; i++)
    if (!isfinite(y[i])) return ntk_fail(NTK_E_NONFINITE, "kernel matrix product at point %zu is not finite", i);
  return NULL;
}
