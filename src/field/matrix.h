/** Whole kernel matrices, for those who ask for them. */
#ifndef NTK_FIELD_MATRIX_H
#define NTK_FIELD_MATRIX_H

#include "base/comm.h"
#include "kernel/kernel.h"

/** values[i*m + j] = k(x_i, z_j) (n x m) and, unless NULL, gradients[(i*m + j)*d + a] = d k(x_i, z_j)/dx_a (n x m x d), on rank 0; other ranks pass NULL
 *  for both and hold only the rows they compute. z NULL: the same points as x; then values are symmetric to the last bit and each pair is evaluated
 *  once. with_gradients: the same on every rank. Same bits on any number of ranks. NTK_E_NONFINITE names the first entry that is not finite.
 *  Collective. */
NTK_CHECKED ntk_error *ntk_field_matrix(const ntk_comm *comm, const ntk_kernel *kernel, const ntk_prepared *x, const ntk_prepared *z,
                                        int with_gradients, double *values, double *gradients);

#endif
