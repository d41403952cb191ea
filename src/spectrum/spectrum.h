/** NTK spectra: eigenvalues of T_{k,gamma}, i.e. of the Gram matrix with masses, on gamma = fake u real. */
#ifndef NTK_SPECTRUM_SPECTRUM_H
#define NTK_SPECTRUM_SPECTRUM_H

#include "base/comm.h"
#include "kernel/kernel.h"

typedef struct {
  size_t n, k;
  double *values;    /* n, descending */
  double *vectors;   /* n x k row-major, NULL when k = 0 */
  double *alignment; /* k: squared share of mass^1/2 target along each eigenvector (of the target itself along T's eigenfunctions in
                        L2(gamma)), sums to <= 1; NULL without vectors or target */
} ntk_spectrum;

/** Collective over comm, results replicated; k > n gives n vectors. mass: n masses or NULL (ones). target: n values whose
 *  alignment is wanted, or NULL. */
NTK_CHECKED ntk_error *ntk_spectrum_compute(const ntk_comm *comm, const ntk_kernel *kernel, const ntk_prepared *z, const double *mass, size_t k,
                                            const double *target, ntk_spectrum *out);
void ntk_spectrum_free(ntk_spectrum *s);

#endif
