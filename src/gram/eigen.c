#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gram/matrix.h"

#ifdef NTK_HAVE_ELPA
#include <elpa/elpa_version.h>
#define TEXT_OF(x) #x
#define VALUE_OF(x) TEXT_OF(x)
#endif

static const ntk_gram_method methods[] = {
#ifdef NTK_HAVE_ELPA
    {"elpa " VALUE_OF(ELPA_API_VERSION), ntk_gram_solve_elpa},
#endif
    {"scalapack pdsyevd", ntk_gram_solve_scalapack}};

const ntk_gram_method *ntk_gram_method_at(size_t index) { return &methods[index]; }
size_t ntk_gram_method_count(void) { return sizeof methods / sizeof *methods; }

/* Own part of the k leading columns of z into the n x k row-major array. */
static void scatter(const ntk_gram *gram, size_t k, const double *z, double *vectors) {
  for (size_t j = 0; j < gram->local_columns; j++) {
    size_t column = ntk_gram_global(j, gram->grid.column, gram->grid.columns);
    for (size_t i = 0; column < k && i < gram->local_rows; i++)
      vectors[ntk_gram_global(i, gram->grid.row, gram->grid.rows) * k + column] = z[j * gram->leading + i];
  }
}

static void fix_signs(size_t n, size_t k, double *vectors) {
  for (size_t c = 0; c < k; c++) {
    size_t largest = 0;
    for (size_t i = 1; i < n; i++)
      if (fabs(vectors[i * k + c]) > fabs(vectors[largest * k + c])) largest = i;
    if (vectors[largest * k + c] >= 0) continue;
    for (size_t i = 0; i < n; i++) vectors[i * k + c] = -vectors[i * k + c];
  }
}

/* The solvers give the smallest eigenvalues' vectors first; those of -A belong to A's largest. */
static void negate(ntk_gram *gram) {
  for (size_t i = 0; i < gram->leading * gram->local_columns; i++) gram->a[i] = -gram->a[i];
}

ntk_error *ntk_gram_eigen_with(ntk_gram *gram, const ntk_gram_method *method, size_t k, double *values, double *vectors) {
  const ntk_comm *comm = gram->comm;
  size_t n = gram->n;
  double *z = NULL;
  ntk_error *err = NULL;
  k = vectors ? (k < n ? k : n) : 0;
  if (k && gram->a) err = ntk_alloc(gram->leading, gram->local_columns * sizeof(double), &z);
  NTK_TRY_OUT(ntk_agree(comm, err));
  if (gram->a) negate(gram);
  err = gram->a ? ntk_error_prefix(method->solve(gram, k, values, z), "eigenvalues of %zu points (%s)", n, method->name) : NULL;
  NTK_TRY_OUT(ntk_agree(comm, err));
  NTK_TRY_OUT(ntk_comm_bcast(comm, values, n * sizeof *values, 0));
  for (size_t i = 0; i < n; i++) values[i] = -values[i];
  for (size_t i = 0; i < n && !err; i++)
    if (!isfinite(values[i])) err = ntk_fail(NTK_E_NUMERIC, "eigenvalues of %zu points (%s): not finite", n, method->name);
  if (err || !k) goto out;
  memset(vectors, 0, n * k * sizeof *vectors);
  if (z) scatter(gram, k, z, vectors);
  NTK_TRY_OUT(ntk_comm_sum(comm, n * k, vectors)); /* each entry stands on one rank only */
  fix_signs(n, k, vectors);
out:
  free(z);
  return err;
}

ntk_error *ntk_gram_eigen(ntk_gram *gram, size_t k, double *values, double *vectors) {
  return ntk_gram_eigen_with(gram, ntk_gram_method_at(0), k, values, vectors);
}

const char *ntk_gram_solver(void) { return methods[0].name; }
