#include "field/matrix.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "field/tiles.h"

enum { ROWS = 64 };

/* A strip is ROWS rows of the matrix: all columns, or from the diagonal on where it is symmetric. Strip s of many is done by rank s modulo ranks: the
 * short ones at the end are shared out as evenly as the long ones. */
typedef struct {
  const ntk_comm *comm;
  const ntk_kernel *kernel;
  const ntk_prepared *x, *z;
  ntk_workspace *workspace;
  size_t n, m, width; /* width: numbers of an entry, 1 or d */
  bool is_symmetric;
  double *strip;     /* ROWS x m x width */
  bool is_suspected; /* an own entry is not finite */
} matrix;

typedef void (*tile_function)(const ntk_kernel *kernel, ntk_workspace *workspace, ntk_tile tile, double *out, size_t ld);

static size_t strip_rows(const matrix *a, size_t row) { return ntk_min_size(ROWS, a->n - row); }

static void compute(matrix *a, tile_function tile_of, size_t row, double *out) {
  for (size_t j = a->is_symmetric ? row : 0, end; j < a->m; j = end) {
    end = ntk_min_size(j / NTK_TILE_COLUMNS * NTK_TILE_COLUMNS + NTK_TILE_COLUMNS, a->m);
    ntk_tile tile = {a->x, a->z, row, strip_rows(a, row), j, end - j};
    tile_of(a->kernel, a->workspace, tile, out + j * a->width, a->m);
    if (!ntk_are_finite(tile.rows, tile.columns * a->width, out + j * a->width, a->m * a->width)) a->is_suspected = true;
  }
}

/* Copies a strip of a symmetric matrix, which was just written, below the diagonal, LINE rows at a time: each line of the cache is read once. */
static void mirror(const matrix *a, size_t column, double *values) {
  enum { LINE = 8 };
  size_t n = a->n;
  for (size_t row = column; a->is_symmetric && row < n; row += LINE)
    for (size_t j = column; j < ntk_min_size(column + ROWS, row + LINE) && j < n; j++)
      for (size_t i = row > j ? row : j + 1; i < ntk_min_size(row + LINE, n); i++) values[i * n + j] = values[j * n + i];
}

/* One strip over from its rank to rank 0: what was computed of it. */
static ntk_error *move(const matrix *a, size_t row, int owner, double *values) {
  size_t skipped = a->is_symmetric ? row * a->width : 0, count = a->m * a->width - skipped;
  for (size_t i = 0; i < strip_rows(a, row); i++) {
    double *at = values + i * a->m * a->width + skipped;
    if (a->comm->rank == owner) NTK_TRY(ntk_mpi(MPI_Send(at, (int)count, MPI_DOUBLE, 0, 0, a->comm->mpi), "MPI_Send"));
    if (a->comm->rank == 0) NTK_TRY(ntk_mpi(MPI_Recv(at, (int)count, MPI_DOUBLE, owner, 0, a->comm->mpi, MPI_STATUS_IGNORE), "MPI_Recv"));
  }
  return NULL;
}

/* Rank 0 computes its strip before it receives the others of the same round, which are computed meanwhile. */
static ntk_error *strips(matrix *a, tile_function tile_of, double *out) {
  size_t ranks = (size_t)a->comm->size, rank = (size_t)a->comm->rank, strip = ROWS * a->m * a->width;
  for (size_t round = 0; round * ROWS < a->n; round += ranks) {
    size_t row = (round + rank) * ROWS;
    double *own = rank ? a->strip : out + round * strip;
    if (row < a->n) compute(a, tile_of, row, own);
    if (rank && row < a->n) NTK_TRY(move(a, row, a->comm->rank, own));
    if (!rank) mirror(a, row, out);
    for (size_t r = 1; !rank && r < ranks && (round + r) * ROWS < a->n; r++) {
      NTK_TRY(move(a, (round + r) * ROWS, (int)r, out + (round + r) * strip));
      mirror(a, (round + r) * ROWS, out);
    }
  }
  return NULL;
}

/* Rank 0 names the first entry that is not finite if any rank has seen one. */
static ntk_error *check(const matrix *a, const double *numbers, const char *what) {
  double suspected = a->is_suspected;
  NTK_TRY(ntk_comm_max(a->comm, &suspected));
  for (size_t i = 0; suspected > 0 && numbers && i < a->n * a->m * a->width; i++)
    if (!isfinite(numbers[i])) return ntk_fail(NTK_E_NONFINITE, "%s(x_%zu, z_%zu) is not finite", what, i / a->width / a->m, i / a->width % a->m);
  return NULL;
}

ntk_error *ntk_field_matrix(const ntk_comm *comm, const ntk_kernel *kernel, const ntk_prepared *x, const ntk_prepared *z, int with_gradients,
                            double *values, double *gradients) {
  matrix a = {.comm = comm, .kernel = kernel, .x = x, .z = z ? z : x, .width = 1, .is_symmetric = !z};
  size_t d = ntk_kernel_dimension(kernel);
  a.n = ntk_prepared_count(x), a.m = ntk_prepared_count(a.z);
  ntk_error *err = ntk_workspace_create(kernel, &a.workspace);
  if (!err && comm->rank) err = ntk_alloc_unset(ROWS * a.m, (with_gradients ? d : 1) * sizeof(double), &a.strip);
  NTK_TRY_OUT(ntk_agree(comm, err));
  NTK_TRY_OUT(strips(&a, ntk_tile_values, values));
  NTK_TRY_OUT(ntk_agree(comm, check(&a, values, "k")));
  if (with_gradients) {
    a.width = d, a.is_symmetric = false;
    NTK_TRY_OUT(strips(&a, ntk_tile_gradients, gradients));
    err = ntk_agree(comm, check(&a, gradients, "gradient of k"));
  }
out:
  ntk_workspace_free(&a.workspace);
  free(a.strip);
  return err;
}
