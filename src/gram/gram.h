/** Gram matrices as objects: block-cyclic over a process grid (ScaLAPACK), filled in place, and their eigenproblems.
 *
 *  Memory: n^2/P doubles a rank, about 4 to 6 times that while eigenvectors are computed. All functions are collective over the comm given at
 *  creation.
 */
#ifndef NTK_GRAM_GRAM_H
#define NTK_GRAM_GRAM_H

#include "base/comm.h"
#include "kernel/kernel.h"

typedef struct ntk_gram ntk_gram;

/** The n x n matrix diag(mass)^1/2 k(Z, Z) diag(mass)^1/2 (mass NULL = ones), each rank filling its own blocks (block size 64,
 *  grid as square as possible, no more ranks a side than there are blocks). Symmetric to the last bit; entries do not depend on the number of ranks.
 *  NTK_E_MEMORY names what would be needed. NTK_E_NONFINITE. */
NTK_CHECKED ntk_error *ntk_gram_create(const ntk_comm *comm, const ntk_kernel *kernel, const ntk_prepared *z, const double *mass, ntk_gram **out);
void ntk_gram_free(ntk_gram **gram);
size_t ntk_gram_size(const ntk_gram *gram);

/** Eigenvalues (n, descending, replicated) and, when `vectors` is not NULL, the k leading eigenvectors as an n x k row-major array on every rank
 *  (each normalised, sign fixed: its entry of largest modulus is positive). Destroys the matrix. By ELPA where built in, else ScaLAPACK;
 *  the choice is in ntk_gram_solver(). NTK_E_NUMERIC with the solver's info. */
NTK_CHECKED ntk_error *ntk_gram_eigen(ntk_gram *gram, size_t k, double *values, double *vectors);
/** "elpa 20221109" (the date of its interface) or "scalapack pdsyevd". */
const char *ntk_gram_solver(void);

/** Bytes a rank needs for n points on `ranks` ranks with k vectors. */
size_t ntk_gram_memory(size_t n, size_t ranks, size_t k);

#endif
