/** Maximum mean discrepancy under a given kernel (Gretton et al., JMLR 2012). */
#ifndef NTK_METRIC_MMD_H
#define NTK_METRIC_MMD_H

#include "base/comm.h"
#include "data/data.h"
#include "kernel/kernel.h"

typedef struct {
  double biased;         /* V-statistic: sum_ij with masses; >= 0 but for rounding */
  double unbiased;       /* U-statistic (uniform masses; NAN otherwise or when n or m is 1) */
  double rounding;       /* bound on the rounding error of `biased` */
  double standard_error; /* of `unbiased` (Sutherland et al. 2017 style plug-in), NAN where unbiased is */
  double p_value;        /* permutation test, (1 + #{>=})/(B + 1); NAN when B = 0 */
} ntk_mmd;

/** MMD^2 of fake and real; permutations B >= 0. Collective, replicated, same bits on any number of ranks. */
NTK_CHECKED ntk_error *ntk_mmd_evaluate(const ntk_comm *comm, const ntk_kernel *kernel, const ntk_measure *fake, const ntk_measure *real,
                                        size_t permutations, ntk_rng rng, ntk_mmd *out);

#endif
