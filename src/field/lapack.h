/** Private to field/: the two LAPACK drivers it calls (Fortran symbols; LAPACKE is not everywhere). */
#ifndef NTK_FIELD_LAPACK_H
#define NTK_FIELD_LAPACK_H

#include <stddef.h>

/* Eigenvalues d (ascending) and vectors z (column-major) of a symmetric tridiagonal matrix. */
void dstev_(const char *jobz, const int *n, double *d, double *e, double *z, const int *ldz, double *work, int *info, size_t jobz_length);
/* Eigenvalues w (ascending) and vectors (in place of a) of a symmetric matrix. */
void dsyevd_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w, double *work, const int *lwork, int *iwork,
             const int *liwork, int *info, size_t jobz_length, size_t uplo_length);

#endif
