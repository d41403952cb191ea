/** Sums over the degrees of a Hermite series from few of them. The coefficients of a function that is analytic near the real axis vary smoothly with
 *  the degree (each parity for itself), so that the sum over all degrees is one over nodes that lie further and further apart, with weights: those of
 *  interpolating the degrees between the nodes from the nearest 24 of them. Error below 1e-14 of the sum of sizes (tests/unit/kernel_activations.c).
 *
 *  Degrees are n = first + step k, k >= 0, step 2; or, step 1, both parities in turn: 3 + 2k and 4 + 2k. Nodes k: the first NTK_SPARSE_LEAD, then
 *  NTK_SPARSE_RUN two apart, NTK_SPARSE_RUN four apart, and so on.
 */
#ifndef NTK_KERNEL_SPARSE_H
#define NTK_KERNEL_SPARSE_H

#include <stddef.h>

enum { NTK_SPARSE_LEAD = 24, NTK_SPARSE_RUN = 16, NTK_SPARSE_NODES = NTK_SPARSE_LEAD + 9 * NTK_SPARSE_RUN };

/** Terms there are at most: NTK_SPARSE_NODES nodes of one parity or of both. */
size_t ntk_sparse_most(size_t step);

/** Degree of the term. */
size_t ntk_sparse_degree(size_t first, size_t step, size_t term);

/** Square roots of the weights of ntk_sparse_most(step) terms: what multiplies each coefficient of a product of two. */
void ntk_sparse_roots(size_t step, double *out);

#endif
