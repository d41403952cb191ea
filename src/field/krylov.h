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

/** result = f(A) b (n values). Stops when the estimated error, ||f_m - f_{m-k}|| together with the residual of the last Krylov
 *  vector's coefficient, is below tolerance * ||f(A) b||. Falls back to a dense eigen-solution of A when more than n/3 products would be needed
 *  (n <= 4096), else NTK_E_NUMERIC. Collective; replicated input and output; same bits on any number of ranks.
 *  Source: Saad 1992, "Analysis of some Krylov subspace approximations to the matrix exponential operator"; Higham 2008, ch. 13. */
NTK_CHECKED ntk_error *ntk_krylov_function(ntk_operator *op, const double *b, ntk_scalar_function f, const void *context, double tolerance,
                                           double *result, ntk_krylov_report *report);

/** The same by a full eigendecomposition (LAPACK dsyevd on every rank alike): fallback and oracle. */
NTK_CHECKED ntk_error *ntk_dense_function(ntk_operator *op, const double *b, ntk_scalar_function f, const void *context, double *result);

#endif
