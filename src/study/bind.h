/** Which core a worker runs on. */
#ifndef NTK_STUDY_BIND_H
#define NTK_STUDY_BIND_H

#include <stdbool.h>

#include "base/comm.h"

/** Ranks of this node that work, i.e. without the master (rank 0 of a world of more than one). Collective. */
NTK_CHECKED ntk_error *ntk_bind_count(const ntk_comm *world, int *workers, int *place);

/** Names the node of each rank: equal numbers on one node. Collective; nodes[size] is filled on rank 0. */
NTK_CHECKED ntk_error *ntk_bind_nodes(const ntk_comm *world, int *nodes);

/** Gives each worker of this node a core of its own where the launcher left that open (all ranks may use the same cores), there are cores for
 *  all, and so many workers that the system's scheduler would put two on one. The master is left free. Collective. */
NTK_CHECKED ntk_error *ntk_bind_workers(const ntk_comm *world);

#endif
