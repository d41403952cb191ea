/** Private to metric/: Sinkhorn divergences with ground cost |x - y|^2 / 2 (Feydy et al., AISTATS 2019). */
#ifndef NTK_METRIC_SINKHORN_H
#define NTK_METRIC_SINKHORN_H

#include "base/comm.h"
#include "data/data.h"

/** Temperatures of the annealing: diameter^2, then diameter^2 * scaling^(2k), k = 0, 1, ..., above blur^2, then blur^2, counted and rounded as by
 *  numpy's arange over logarithms (geomloss 0.2.4, epsilon_schedule). diameter > 0 with a finite square. *eps is for the caller to free(). */
NTK_CHECKED ntk_error *ntk_sinkhorn_schedule(double diameter, double blur, double scaling, size_t *count, double **eps);

/** The number that GAN(TK)^2 logs: geomloss' loop, one averaged step per temperature, not iterated to convergence.
 *  Collective, replicated, same bits on any number of ranks. 0 when all points are equal. */
NTK_CHECKED ntk_error *ntk_sinkhorn_peer(const ntk_comm *comm, const ntk_measure *fake, const ntk_measure *real, double blur, double scaling,
                                         double *out);

/** The divergence itself: the same loop, then averaged steps at blur^2 until no potential moves by more than tolerance * diameter^2.
 *  NTK_E_NUMERIC when that takes more than `limit` steps. */
NTK_CHECKED ntk_error *ntk_sinkhorn_converged(const ntk_comm *comm, const ntk_measure *fake, const ntk_measure *real, double blur, double scaling,
                                              double tolerance, size_t limit, double *out);

#endif
