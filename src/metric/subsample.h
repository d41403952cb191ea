/** Private to metric/: a fixed random subset of a measure. */
#ifndef NTK_METRIC_SUBSAMPLE_H
#define NTK_METRIC_SUBSAMPLE_H

#include <stdint.h>

#include "base/rng.h"
#include "data/data.h"

/** `points` of m's points without replacement, in their order, masses rescaled to sum 1; x and mass are for the caller to free().
 *  The same points at every call: which ones depends on rng, m->n, points and `side` (0 fake, 1 real). points = 0 or >= m->n:
 *  *out stays empty (x NULL), the measure itself is meant. NTK_E_NUMERIC if the chosen points have no mass. Not collective. */
NTK_CHECKED ntk_error *ntk_subsample(const ntk_measure *m, size_t points, ntk_rng rng, uint64_t side, ntk_measure *out);

#endif
