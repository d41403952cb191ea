#include "gram/gram.h"

#include <limits.h>
#include <stdlib.h>

#include "base/mem.h"
#include "gram/fill.h"

/* Columns a multiple of so many numbers apart share few sets of the cache: one line more keeps them off. */
enum { SLOW_DISTANCE = 512, LINE = 8 };

static ntk_error *allocate(ntk_gram *gram) {
  if (gram->grid.members.size == 0) return NULL;
  gram->local_rows = ntk_grid_owned(gram->n, gram->grid.row, gram->grid.rows);
  gram->local_columns = ntk_grid_owned(gram->n, gram->grid.column, gram->grid.columns);
  gram->leading = gram->local_rows + (gram->local_rows % SLOW_DISTANCE ? 0 : LINE);
  return ntk_alloc_unset(gram->leading, gram->local_columns * sizeof(double), &gram->a);
}

static ntk_error *create(const ntk_comm *comm, size_t n, ntk_gram **out) {
  ntk_error *err = NTK_NEW(1, out);
  NTK_TRY_ALL(comm,
              n > INT_MAX ? ntk_error_join(err, ntk_fail(NTK_E_MEMORY, "a Gram matrix of %zu points is beyond the solvers' integers", n)) : err);
  (*out)->comm = comm;
  (*out)->n = n;
  NTK_TRY_ALL(comm, ntk_grid_create(comm, (n + NTK_GRAM_BLOCK - 1) / NTK_GRAM_BLOCK, &(*out)->grid));
  return NULL;
}

ntk_error *ntk_gram_create(const ntk_comm *comm, const ntk_kernel *kernel, const ntk_prepared *z, const double *mass, ntk_gram **out) {
  *out = NULL;
  size_t n = ntk_prepared_count(z);
  ntk_gram *gram = NULL;
  ntk_error *err = NULL;
  NTK_TRY_OUT(create(comm, n, &gram));
  err = ntk_error_prefix(allocate(gram), "Gram matrix of %zu points: its eigenproblem needs about %.3g GiB a rank on %d ranks", n,
                         (double)ntk_gram_memory(n, (size_t)comm->size, 0) / 0x1p30, comm->size);
  NTK_TRY_OUT(ntk_agree(comm, err));
  err = ntk_agree(comm, gram->a ? ntk_gram_fill(gram, kernel, z, mass) : NULL);
out:
  if (err)
    ntk_gram_free(&gram);
  else
    *out = gram;
  return err;
}

void ntk_gram_free(ntk_gram **gram) {
  if (!*gram) return;
  ntk_grid_free(&(*gram)->grid);
  free((*gram)->a);
  free(*gram);
  *gram = NULL;
}

size_t ntk_gram_size(const ntk_gram *gram) { return gram->n; }

size_t ntk_gram_memory(size_t n, size_t ranks, size_t k) {
  int rows, columns;
  ntk_grid_shape(ranks, (n + NTK_GRAM_BLOCK - 1) / NTK_GRAM_BLOCK, &rows, &columns);
  size_t largest = ntk_grid_owned(n, 0, rows) * ntk_grid_owned(n, 0, columns);
  return sizeof(double) *
         (6 * largest + 2 * n * k + 64 * n); /* 4.2 to 6.2 times the matrix, measured with both solvers; vectors with their staging copy */
}
