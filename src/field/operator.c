#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "field/field.h"
#include "field/tiles.h"

/* K is symmetric: square tiles of its upper triangle, row by row, are dealt evenly to the ranks and used for both halves. What a tile gives is added
 * in fixed point (long long), where no order matters: the bits are the same on any number of ranks. */
struct ntk_operator {
  const ntk_comm *comm;
  const ntk_kernel *kernel;
  const ntk_prepared *z;
  size_t n, side, tiles;  /* points; points of a tile; tiles in a row */
  size_t begin, end;      /* own tiles of the triangle */
  size_t row, column;     /* of tile `begin` */
  double *root;           /* mass^1/2 */
  double *bound;          /* |root_i k_ij root_j| <= bound_i bound_j */
  double largest;         /* of the bounds */
  double *scaled;         /* mass^1/2 x, padded to whole tiles */
  double *stored;         /* own tiles, side x side each, or NULL: recomputed */
  double *block;          /* one tile when recomputed */
  double *ahead, *across; /* side: a tile's sums along rows and columns */
  long long *sums;        /* n */
  ntk_workspace *workspace;
};

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define WIDE __attribute__((target_clones("default", "avx2", "avx512f")))
#define WIDE_INTEGERS __attribute__((target_clones("default", "arch=skylake-avx512")))
#else
#define WIDE
#define WIDE_INTEGERS
#endif

enum { TOGETHER = 4 };

/* ahead_i = sum_j a_ij x_j and across_j = sum_i a_ij y_i for a tile, side x side with zeros where it has no points: one reading serves both. The only
 * place where products of the matrix are formed, so stored and recomputed tiles agree to the last bit. */
WIDE static void multiply(size_t side, const double *a, const double *x, const double *y, double *ahead, double *across) {
  for (size_t j = 0; j < side; j++) across[j] = 0;
  for (size_t i = 0; i < side; i += TOGETHER) {
    const double *a0 = a + i * side, *a1 = a0 + side, *a2 = a1 + side, *a3 = a2 + side;
    double sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0, y0 = y[i], y1 = y[i + 1], y2 = y[i + 2], y3 = y[i + 3];
#pragma omp simd reduction(+ : sum0, sum1, sum2, sum3)
    for (size_t j = 0; j < side; j++) {
      sum0 += a0[j] * x[j];
      sum1 += a1[j] * x[j];
      sum2 += a2[j] * x[j];
      sum3 += a3[j] * x[j];
      across[j] += (a0[j] * y0 + a1[j] * y1) + (a2[j] * y2 + a3[j] * y3);
    }
    ahead[i] = sum0, ahead[i + 1] = sum1, ahead[i + 2] = sum2, ahead[i + 3] = sum3;
  }
}

/* Points of a tile: few where n is small, so that they can be dealt evenly. A whole number of TOGETHER. */
static size_t side_for(size_t n) { return n <= 4096 ? 64 : 128; }

/* Number of the triangle's first tile in a row. */
static size_t first_of_row(size_t tiles, size_t row) { return row * tiles - row * (row - 1) / 2; }

static void deal(ntk_operator *op) {
  size_t ranks = (size_t)op->comm->size, rank = (size_t)op->comm->rank;
  op->side = side_for(op->n);
  op->tiles = (op->n + op->side - 1) / op->side;
  size_t count = first_of_row(op->tiles, op->tiles);
  op->begin = count * rank / ranks;
  op->end = count * (rank + 1) / ranks;
  while (op->row + 1 < op->tiles && first_of_row(op->tiles, op->row + 1) <= op->begin) op->row++;
  op->column = op->row + (op->begin - first_of_row(op->tiles, op->row));
}

/* Tiles of the fullest rank against what it may keep: all ranks decide alike. */
static bool fits(size_t tiles, size_t side, size_t ranks, size_t budget) {
  return (first_of_row(tiles, tiles) + ranks - 1) / ranks <= budget / (side * side * sizeof(double));
}

static ntk_error *allocate(ntk_operator *op, size_t budget) {
  deal(op);
  size_t padded = op->tiles * op->side, area = op->side * op->side, ranks = (size_t)op->comm->size;
  NTK_TRY(NTK_NEW(op->n, &op->root));
  NTK_TRY(NTK_NEW(op->n, &op->bound));
  NTK_TRY(NTK_NEW(op->n, &op->sums));
  NTK_TRY(NTK_NEW(padded, &op->scaled));
  NTK_TRY(NTK_NEW(op->side, &op->ahead));
  NTK_TRY(NTK_NEW(op->side, &op->across));
  NTK_TRY(ntk_workspace_create(op->kernel, &op->workspace));
  if (fits(op->tiles, op->side, ranks, budget)) return ntk_alloc_unset(op->end - op->begin, area * sizeof(double), &op->stored);
  return NTK_NEW(area, &op->block);
}

static void scale(ntk_operator *op, const double *mass) {
  ntk_prepared_diagonal(op->kernel, op->z, op->bound);
  for (size_t i = 0; i < op->n; i++) {
    op->root[i] = mass ? sqrt(mass[i]) : 1;
    op->bound[i] = op->root[i] * sqrt(fmax(op->bound[i], 0));
    op->largest = fmax(op->largest, op->bound[i]);
  }
}

/* Goes through own tiles: start with {0}, while (next(op, &tile)). */
typedef struct {
  size_t index, row, column; /* index counts own tiles from 1 */
} place;

static bool next(const ntk_operator *op, place *p) {
  if (op->begin + p->index == op->end) return false;
  if (!p->index++) {
    p->row = op->row;
    p->column = op->column;
  } else if (++p->column == op->tiles) {
    p->column = ++p->row;
  }
  return true;
}

static size_t points_of(const ntk_operator *op, size_t tile) { return ntk_min_size(op->side, op->n - tile * op->side); }

static void fill(const ntk_operator *op, place p, double *out) {
  size_t side = op->side;
  ntk_tile tile = {op->z, op->z, p.row * side, points_of(op, p.row), p.column * side, points_of(op, p.column)};
  ntk_tile_values(op->kernel, op->workspace, tile, out, side);
  for (size_t i = 0; i < side && (tile.rows < side || tile.columns < side); i++) {
    size_t used = i < tile.rows ? tile.columns : 0;
    memset(out + i * side + used, 0, (side - used) * sizeof *out);
  }
}

/* Entries of a tile, computed now unless they are stored. */
static const double *entries(const ntk_operator *op, place p) {
  if (op->stored) return op->stored + (p.index - 1) * op->side * op->side;
  fill(op, p, op->block);
  return op->block;
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
    err = allocate(op, budget);
  }
  err = ntk_agree(comm, err);
  if (err) {
    ntk_operator_free(&op);
    return err;
  }
  scale(op, mass);
  for (place p = {0}; op->stored && next(op, &p);) fill(op, p, op->stored + (p.index - 1) * op->side * op->side);
  *out = op;
  return NULL;
}

bool ntk_operator_stores(const ntk_comm *comm, size_t n, size_t budget) {
  size_t side = side_for(n);
  return fits((n + side - 1) / side, side, (size_t)comm->size, budget);
}

void ntk_operator_free(ntk_operator **op) {
  if (!*op) return;
  void *blocks[] = {(*op)->root, (*op)->bound, (*op)->scaled, (*op)->stored, (*op)->block, (*op)->ahead, (*op)->across, (*op)->sums};
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) free(blocks[i]);
  ntk_workspace_free(&(*op)->workspace);
  free(*op);
  *op = NULL;
}

const ntk_comm *ntk_operator_comm(const ntk_operator *op) { return op->comm; }

size_t ntk_operator_size(const ntk_operator *op) { return op->n; }

ntk_error *ntk_operator_matrix(ntk_operator *op, double *out) {
  size_t n = op->n, side = op->side;
  memset(out, 0, n * n * sizeof *out);
  for (place p = {0}; next(op, &p);) {
    const double *a = entries(op, p);
    size_t row = p.row * side, column = p.column * side;
    for (size_t i = row; i < row + points_of(op, p.row); i++)
      for (size_t j = p.row == p.column ? i : column; j < column + points_of(op, p.column); j++)
        out[i * n + j] = out[j * n + i] = op->root[i] * op->root[j] * a[(i - row) * side + (j - column)];
  }
  return ntk_comm_sum(op->comm, n * n, out);
}

static bool is_within(double term) { return fabs(term) <= 0x1p62; }

/* sums_i += root_i values_i in units of 1/scale. False: one of them is beyond the bound, or no number. */
WIDE_INTEGERS static bool round_and_add(size_t count, const double *root, const double *values, double scale, long long *sums) {
  size_t beyond = 0;
#pragma omp simd reduction(+ : beyond)
  for (size_t i = 0; i < count; i++) {
    double term = root[i] * values[i] * scale;
    beyond += !is_within(term);
    sums[i] += (long long)(is_within(term) ? term : 0);
  }
  return beyond == 0;
}

/* Adds root_i values_i in units of 1/scale. NTK_E_NONFINITE for what is beyond the bound (or no number). */
static ntk_error *add(ntk_operator *op, size_t tile, const double *values, double scale) {
  size_t start = tile * op->side, count = points_of(op, tile), i = 0;
  const double *root = op->root + start;
  if (round_and_add(count, root, values, scale, op->sums + start)) return NULL;
  while (i + 1 < count && is_within(root[i] * values[i] * scale)) i++;
  return ntk_fail(NTK_E_NONFINITE, "kernel matrix product at point %zu is not finite", start + i);
}

/* 2^e with 2^(e-1) <= 2^60 / (largest sum that can be) < 2^e; products of the bounds are safe by a factor 4. */
static double units(const ntk_operator *op, const double *x) {
  double largest = op->largest, sum = 0;
  int exponent;
  for (size_t i = 0; i < op->n; i++) sum += op->bound[i] * fabs(x[i]);
  if (!(largest * sum > 0) || !isfinite(largest * sum)) return 1;
  frexp(largest * sum, &exponent);
  return ldexp(1, exponent > -900 ? 60 - exponent : 960);
}

static ntk_error *add_tiles(ntk_operator *op, double scale) {
  size_t side = op->side;
  for (place p = {0}; next(op, &p);) {
    multiply(side, entries(op, p), op->scaled + p.column * side, op->scaled + p.row * side, op->ahead, op->across);
    NTK_TRY(add(op, p.row, op->ahead, scale));
    if (p.row != p.column) NTK_TRY(add(op, p.column, op->across, scale));
  }
  return NULL;
}

ntk_error *ntk_operator_apply(ntk_operator *op, const double *x, double *y) {
  double scale = units(op, x);
  for (size_t i = 0; i < op->n; i++) {
    op->scaled[i] = op->root[i] * x[i];
    op->sums[i] = 0;
  }
  NTK_TRY_ALL(op->comm, add_tiles(op, scale));
  NTK_TRY(ntk_comm_sum_integers(op->comm, op->n, op->sums));
  for (size_t i = 0; i < op->n; i++) y[i] = (double)op->sums[i] / scale;
  return NULL;
}
