/** Private to metric/: the permutation test of equal laws with MMD^2 as statistic. */
#ifndef NTK_METRIC_PERMUTATION_H
#define NTK_METRIC_PERMUTATION_H

#include "base/comm.h"
#include "base/rng.h"
#include "kernel/kernel.h"

/** The pooled sample (n fake points, then m real ones) with what is known of its kernel matrix K. All borrowed, n + m numbers each. */
typedef struct {
  size_t n, m;
  const ntk_prepared *points;
  const double *diagonal;    /* k_ii */
  const double *sums;        /* K 1 */
  const double *signed_sums; /* K e, e = 1/n on fake, -1/m on real */
  double tie;                /* two values of the statistic that differ by no more are equal: rounding must not decide */
} ntk_pooled_sums;

/** p = (1 + #{permuted statistic >= observed}) / (B + 1), B = permutations of the labels drawn from `rng`. The statistic is the U-statistic.
 *  The level is exact: P(p <= a) <= a under the null, for any kernel. K is not stored: many labellings are evaluated in one pass over it.
 *  Collective, replicated, same bits on any number of ranks. */
NTK_CHECKED ntk_error *ntk_permutation_test(const ntk_comm *comm, const ntk_kernel *kernel, const ntk_pooled_sums *s, size_t permutations,
                                            ntk_rng rng, double *p_value);

#endif
