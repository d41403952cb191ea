/** Handing out runs. On rank 0. */
#ifndef NTK_STUDY_MASTER_H
#define NTK_STUDY_MASTER_H

#include "base/comm.h"
#include "study/desk.h"

/** Gives desk->todo to groups of the other ranks until all is done or the desk says stop: in the order of the queue (queue.h), on the places of
 *  place.h; nodes[r]: the node of rank r. A large run that waits for its ranks gets them as they become free; only what does not delay it goes
 *  before it. A failed run is noted and the others go on. Collective with ntk_worker_run of the other ranks, which it does not end. */
NTK_CHECKED ntk_error *ntk_master_run(const ntk_comm *world, ntk_desk *desk, const int *nodes);

/** Lets the workers return. */
NTK_CHECKED ntk_error *ntk_master_end(const ntk_comm *world);

/** The same in this process alone (a world of one rank). */
NTK_CHECKED ntk_error *ntk_master_solo(const ntk_comm *world, const ntk_site *site, ntk_desk *desk);

#endif
