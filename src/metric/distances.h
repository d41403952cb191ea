/** Private to metric/: energy distance, Gaussian MMD^2 and Wasserstein-1 on the line. Conventions of the formulas: see the table in metric.c. */
#ifndef NTK_METRIC_DISTANCES_H
#define NTK_METRIC_DISTANCES_H

#include "base/comm.h"
#include "data/data.h"

/** sum a_i b_j |x_i - y_j| - (1/2) sum a_i a_k |x_i - x_k| - (1/2) sum b_j b_l |y_j - y_l|. Collective, replicated,
 *  same bits on any number of ranks. */
NTK_CHECKED ntk_error *ntk_energy_distance(const ntk_comm *comm, const ntk_measure *fake, const ntk_measure *real, double *out);

/** MMD^2 under exp(-|x-y|^2 / (2 bandwidth^2)): *biased with masses; *unbiased for uniform masses and at least 2 points a set,
 *  else NAN. Collective, as above. */
NTK_CHECKED ntk_error *ntk_gaussian_mmd2(const ntk_comm *comm, const ntk_measure *fake, const ntk_measure *real, double bandwidth, double *biased,
                                         double *unbiased);

/** W1 of two measures on the line: the integral of |F - G| over the merged sorted points. NTK_E_CONFIG for d > 1. Not collective. */
NTK_CHECKED ntk_error *ntk_wasserstein_line(const ntk_measure *fake, const ntk_measure *real, double *out);

/** True when all masses are 1/n but for rounding. */
int ntk_masses_uniform(const ntk_measure *m);

#endif
