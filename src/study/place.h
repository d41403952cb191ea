/** Which workers are free, and which of them share a run: groups fill nodes before they span them. Arithmetic only; no MPI. */
#ifndef NTK_STUDY_PLACE_H
#define NTK_STUDY_PLACE_H

#include <stdbool.h>

#include "base/err.h"

typedef struct {
  int workers, free; /* free: of them */
  int nodes;
  int *node;      /* a worker's node, 0..nodes-1 */
  int *free_here; /* free workers a node */
  bool *busy;     /* a worker */
} ntk_place;

/** All workers free. `node`: any numbers, equal for workers of one node; copied. Release with ntk_place_free, also after an error. */
NTK_CHECKED ntk_error *ntk_place_create(const int *node, int workers, ntk_place *out);
void ntk_place_free(ntk_place *place);

/** Takes `size` free workers (at most place->free), ascending into members[size]: on one node where that is possible, on the one with the least
 *  room left over, so that large groups find whole nodes; else on as few nodes as possible. */
void ntk_place_take(ntk_place *place, int size, int *members);
void ntk_place_give(ntk_place *place, int worker);

#endif
