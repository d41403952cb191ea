/** Private to metric/: long evaluations: progress, being stopped, a file to go on from. */
#ifndef NTK_METRIC_MMD_WATCH_H
#define NTK_METRIC_MMD_WATCH_H

#include "metric/mmd.h"

/** Evaluates the sums, from the checkpoint if there is one of this evaluation. NTK_E_STOPPED when asked to, with the state saved. Collective. */
NTK_CHECKED ntk_error *ntk_mmd_run(const ntk_comm *comm, ntk_pairs *pairs, const ntk_mmd_watch *watch);
/** Removes the checkpoint: the evaluation is through. Not collective. */
void ntk_mmd_forget(const ntk_comm *comm, const ntk_mmd_watch *watch);

#endif
