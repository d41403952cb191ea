/** Private to field/: kernel sums at the first of their own centres, where what x gives to x' and x' to x comes from one evaluation. */
#ifndef NTK_FIELD_MIRROR_H
#define NTK_FIELD_MIRROR_H

#include <stdbool.h>

#include "field/field.h"

/** Whether ntk_mirror_sum() is worth while at n of m points: kernel and sizes decide. */
bool ntk_mirror_fits(const ntk_kernel *kernel, size_t n, size_t m);

/** value (n, or NULL) and gradient (n x d) of sum_j w_j k(x, z_j) at the first n points z, j over all of them. Rows of tiles and columns meet in sums
 *  where no order matters, so the bits are the same on any number of ranks. *done = false: a term was larger than is known beforehand of this kernel
 *  (or no number), and there is no result. Collective; replicated. */
NTK_CHECKED ntk_error *ntk_mirror_sum(const ntk_comm *comm, const ntk_kernel *kernel, const ntk_prepared *z, size_t n, const double *w, double *value,
                                      double *gradient, bool *done);

/** How much more than the mean the busiest of `ranks` has to evaluate, points of d coordinates. Not collective. */
NTK_CHECKED ntk_error *ntk_mirror_imbalance(size_t n, size_t m, size_t d, size_t ranks, double *out);

#endif
