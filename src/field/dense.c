#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "field/krylov.h"
#include "field/lapack.h"

/* Eigenvalues (ascending) and vectors (in place of `a`, row-major: the k-th run of n numbers) of a symmetric matrix. */
static ntk_error *decompose(int n, double *a, double *eigenvalues) {
  ntk_error *err = NULL;
  double *work = NULL, size = 0;
  int *integers = NULL, integer_size = 0, info = 0, ask = -1;
  dsyevd_("V", "U", &n, a, &n, eigenvalues, &size, &ask, &integer_size, &ask, &info, 1, 1);
  int length = size < INT_MAX ? (int)size : INT_MAX;
  NTK_TRY_OUT(NTK_NEW((size_t)length, &work));
  NTK_TRY_OUT(NTK_NEW((size_t)integer_size, &integers));
  dsyevd_("V", "U", &n, a, &n, eigenvalues, work, &length, integers, &integer_size, &info, 1, 1);
  if (info) err = ntk_fail(NTK_E_NUMERIC, "eigendecomposition failed (dsyevd info %d)", info);
out:
  free(work);
  free(integers);
  return err;
}

/* Q f(L) Q^T b for every function. */
static void apply(size_t n, const double *vectors, const double *eigenvalues, const double *b, size_t count, const ntk_krylov_job *jobs,
                  double least) {
  for (size_t c = 0; c < count; c++) memset(jobs[c].result, 0, n * sizeof *b);
  for (size_t k = 0; k < n; k++) {
    const double *q = vectors + k * n;
    double s = eigenvalues[k] > least ? eigenvalues[k] : 0, part = ntk_dot(n, q, b);
    for (size_t c = 0; c < count; c++) {
      double weight = jobs[c].f(s, jobs[c].context) * part;
      for (size_t i = 0; i < n; i++) jobs[c].result[i] += weight * q[i];
    }
  }
}

ntk_error *ntk_dense_functions(ntk_operator *op, const double *b, size_t count, const ntk_krylov_job *jobs, double cut, size_t *rank) {
  const ntk_comm *comm = ntk_operator_comm(op);
  size_t n = ntk_operator_size(op), above = 0;
  double *a = NULL, *eigenvalues = NULL;
  if (n > 32768) return ntk_fail(NTK_E_NUMERIC, "%zu points are too many for a dense eigen-solution on each rank", n);
  ntk_error *err = ntk_alloc(n * n, sizeof(double), &a);
  if (!err) err = ntk_alloc(n, sizeof(double), &eigenvalues);
  err = ntk_agree(comm, err);
  if (!err) err = ntk_operator_matrix(op, a);
  if (!err && comm->rank == 0) {
    err = decompose((int)n, a, eigenvalues);
    double least = err ? 0 : cut * (double)n * 0x1p-52 * eigenvalues[n - 1];
    if (!err) apply(n, a, eigenvalues, b, count, jobs, least);
    for (size_t k = 0; k < n; k++) above += eigenvalues[k] > least;
  }
  free(a);
  free(eigenvalues);
  err = ntk_agree(comm, err);
  for (size_t c = 0; !err && c < count; c++) err = ntk_comm_bcast(comm, jobs[c].result, n * sizeof *b, 0);
  if (!err) err = ntk_comm_bcast(comm, &above, sizeof above, 0);
  if (rank) *rank = above;
  return err;
}
