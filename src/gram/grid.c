#include "gram/grid.h"

void ntk_grid_shape(size_t ranks, size_t blocks, int *rows, int *columns) {
  *rows = *columns = 1;
  for (size_t r = 1; r * r <= ranks && r <= blocks; r++) {
    size_t c = ranks / r < blocks ? ranks / r : blocks;
    if (r * c < (size_t)*rows * (size_t)*columns) continue;
    *rows = (int)r;
    *columns = (int)c;
  }
}

ntk_error *ntk_grid_create(const ntk_comm *comm, size_t blocks, ntk_grid *out) {
  *out = (ntk_grid){.handle = -1, .context = -1};
  ntk_grid_shape((size_t)comm->size, blocks, &out->rows, &out->columns);
  NTK_TRY(ntk_comm_split(comm, comm->rank < out->rows * out->columns ? 0 : -1, &out->members));
  if (out->members.size == 0) return NULL;
  out->handle = Csys2blacs_handle(out->members.mpi);
  out->context = out->handle;
  Cblacs_gridinit(&out->context, "Row-major", out->rows, out->columns);
  int rows, columns;
  Cblacs_gridinfo(out->context, &rows, &columns, &out->row, &out->column);
  if (rows != out->rows || columns != out->columns || out->row < 0 || out->column < 0)
    return ntk_fail(NTK_E_INTERNAL, "BLACS gave no %d x %d process grid", out->rows, out->columns);
  return NULL;
}

void ntk_grid_free(ntk_grid *grid) {
  if (grid->context >= 0) Cblacs_gridexit(grid->context);
  if (grid->handle >= 0) Cfree_blacs_system_handle(grid->handle);
  ntk_comm_free(&grid->members);
  grid->handle = grid->context = -1;
}

size_t ntk_grid_owned(size_t n, int mine, int processes) {
  size_t whole = n / NTK_GRAM_BLOCK, me = (size_t)mine, all = (size_t)processes;
  size_t owned = whole / all * NTK_GRAM_BLOCK, rest = whole % all;
  if (me < rest) owned += NTK_GRAM_BLOCK;
  if (me == rest) owned += n % NTK_GRAM_BLOCK;
  return owned;
}
