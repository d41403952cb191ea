/** Maximum mean discrepancy under a given kernel (Gretton et al., JMLR 2012). */
#ifndef NTK_METRIC_MMD_H
#define NTK_METRIC_MMD_H

#include "base/comm.h"
#include "data/data.h"
#include "kernel/kernel.h"

typedef struct {
  double biased;         /* V-statistic: sum_ij w_i w_j k_ij, w = (fake masses, -real masses); >= 0 but for rounding */
  double unbiased;       /* U-statistic (uniform masses; NAN otherwise or when n or m is 1) */
  double rounding;       /* bound on the rounding error of `biased`, for kernel entries accurate to 8 units of roundoff of (k_ii k_jj)^1/2 */
  double standard_error; /* of `unbiased`: first-order plug-in (Liu et al., ICML 2020, eq. 5), too large near the null; NAN where unbiased is */
  double p_value;        /* permutation test of the U-statistic, (1 + #{>=})/(B + 1); NAN when B = 0 or where unbiased is */
} ntk_mmd;

/** MMD^2 of fake and real; permutations B >= 0. Collective, replicated, same bits on any number of ranks. */
NTK_CHECKED ntk_error *ntk_mmd_evaluate(const ntk_comm *comm, const ntk_kernel *kernel, const ntk_measure *fake, const ntk_measure *real,
                                        size_t permutations, ntk_rng rng, ntk_mmd *out);

#endif
