/** Functions of a symmetric operator times a vector, by Lanczos with full reorthogonalisation. */
#ifndef NTK_FIELD_KRYLOV_H
#define NTK_FIELD_KRYLOV_H

#include "field/field.h"

/** Scalar function of an eigenvalue s >= 0 (rounding may bring tiny negative ones: they are passed as 0). */
typedef double (*ntk_scalar_function)(double s, const void *context);

typedef struct {
  size_t iterations; /* products used */
  double residual;   /* estimated relative error of the result */
  int dense;         /* 1: answered by the dense eigen-solution */
} ntk_krylov_report;

/** One function of several that share a basis. */
typedef struct {
  ntk_scalar_function f;
  const void *context;
  double *result; /* n values */
} ntk_krylov_job;

/** result = f(A) b for `count` functions from one Krylov basis: the products of the slowest alone. Stops when every estimated error is below
 *  tolerance * ||f(A) b||: the larger of f(0) times the residual (beta times the last coefficient; a bound where f(A) b relaxes towards a solution) and
 *  of the last change, lessened by how much it fell. Falls back to a dense eigen-solution of A when more than n/3 products would be needed
 *  (n <= 4096), else NTK_E_NUMERIC. Collective; replicated input and output; same bits on any number of ranks.
 *  Source: Saad 1992, "Analysis of some Krylov subspace approximations to the matrix exponential operator"; Higham 2008, ch. 13. */
NTK_CHECKED ntk_error *ntk_krylov_functions(ntk_operator *op, const double *b, size_t count, const ntk_krylov_job *jobs, double tolerance,
                                            ntk_krylov_report *report);

/** The same for one function. */
NTK_CHECKED ntk_error *ntk_krylov_function(ntk_operator *op, const double *b, ntk_scalar_function f, const void *context, double tolerance,
                                           double *result, ntk_krylov_report *report);

/** The same by a full eigendecomposition (LAPACK dsyevd on rank 0), at most 32768 points: fallback, oracle, and the way to functions that are not
 *  smooth. `cut` >= 0: eigenvalues up to cut * n * 2^-52 times the largest count as 0; *rank (may be NULL): how many do not. */
NTK_CHECKED ntk_error *ntk_dense_functions(ntk_operator *op, const double *b, size_t count, const ntk_krylov_job *jobs, double cut, size_t *rank);

#endif
