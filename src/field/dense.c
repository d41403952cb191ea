#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "field/krylov.h"
#include "field/lapack.h"

/* Q f(L) Q^T b for a = Q L Q^T; `a` (row-major, symmetric) is overwritten. */
static ntk_error *apply_function(int n, double *a, const double *b, ntk_scalar_function f, const void *context, double *result) {
  ntk_error *err = NULL;
  double *eigenvalues = NULL, *work = NULL, size = 0;
  int *integers = NULL, integer_size = 0, info = 0, ask = -1;
  dsyevd_("V", "U", &n, a, &n, eigenvalues, &size, &ask, &integer_size, &ask, &info, 1, 1);
  int length = size < INT_MAX ? (int)size : INT_MAX;
  NTK_TRY_OUT(NTK_NEW((size_t)n, &eigenvalues));
  NTK_TRY_OUT(NTK_NEW((size_t)length, &work));
  NTK_TRY_OUT(NTK_NEW((size_t)integer_size, &integers));
  dsyevd_("V", "U", &n, a, &n, eigenvalues, work, &length, integers, &integer_size, &info, 1, 1);
  if (info) {
    err = ntk_fail(NTK_E_NUMERIC, "eigendecomposition failed (dsyevd info %d)", info);
    goto out;
  }
  memset(result, 0, (size_t)n * sizeof *result);
  for (int k = 0; k < n; k++) { /* column k of Q is the k-th run of n numbers */
    const double *q = a + (size_t)k * (size_t)n;
    double s = eigenvalues[k] > 0 ? eigenvalues[k] : 0;
    double weight = f(s, context) * ntk_dot((size_t)n, q, b);
    for (int i = 0; i < n; i++) result[i] += weight * q[i];
  }
out:
  free(eigenvalues);
  free(work);
  free(integers);
  return err;
}

ntk_error *ntk_dense_function(ntk_operator *op, const double *b, ntk_scalar_function f, const void *context, double *result) {
  const ntk_comm *comm = ntk_operator_comm(op);
  size_t n = ntk_operator_size(op);
  double *a = NULL;
  if (n > 32768) return ntk_fail(NTK_E_NUMERIC, "%zu points are too many for a dense eigen-solution on each rank", n);
  NTK_TRY_ALL(comm, ntk_alloc(n * n, sizeof(double), &a));
  ntk_error *err = ntk_operator_matrix(op, a);
  if (!err && comm->rank == 0) err = apply_function((int)n, a, b, f, context, result);
  free(a);
  err = ntk_agree(comm, err);
  return err ? err : ntk_comm_bcast(comm, result, n * sizeof *result, 0);
}
