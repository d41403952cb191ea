/** Private to gram/: the matrix and its eigensolvers. */
#ifndef NTK_GRAM_MATRIX_H
#define NTK_GRAM_MATRIX_H

#include "gram/gram.h"
#include "gram/grid.h"

struct ntk_gram {
  const ntk_comm *comm;
  ntk_grid grid;
  size_t n, local_rows, local_columns, leading; /* leading dimension of the local array (>= 1) */
  double *a;                                    /* local_rows x local_columns, column-major */
};

/** Row or column of the whole matrix that the local one `i` of process `mine` of `processes` is. */
static inline size_t ntk_gram_global(size_t i, int mine, int processes) {
  return (i / NTK_GRAM_BLOCK * (size_t)processes + (size_t)mine) * NTK_GRAM_BLOCK + i % NTK_GRAM_BLOCK;
}

/** Eigenproblem of the local matrices `a` (destroyed), on the grid's members only and collective over them: values ascending (n), and the vectors of
 *  the k smallest in the leading columns of z (laid out as a), k = 0: values only (z NULL). */
typedef ntk_error *(*ntk_gram_solve)(ntk_gram *gram, size_t k, double *values, double *z);

typedef struct {
  const char *name;
  ntk_gram_solve solve;
} ntk_gram_method;

/** The methods built in, the preferred one first; index < ntk_gram_method_count(). */
const ntk_gram_method *ntk_gram_method_at(size_t index);
size_t ntk_gram_method_count(void);

/** ntk_gram_eigen with a given method. */
NTK_CHECKED ntk_error *ntk_gram_eigen_with(ntk_gram *gram, const ntk_gram_method *method, size_t k, double *values, double *vectors);

NTK_CHECKED ntk_error *ntk_gram_solve_scalapack(ntk_gram *gram, size_t k, double *values, double *z);
NTK_CHECKED ntk_error *ntk_gram_solve_elpa(ntk_gram *gram, size_t k, double *values, double *z);

#endif
