/** The runs that wait, and which of them begins next. Arithmetic only; no MPI. */
#ifndef NTK_STUDY_QUEUE_H
#define NTK_STUDY_QUEUE_H

#include "study/ledger.h"

typedef struct ntk_queue ntk_queue;

/** Of the ledger's rows[count] (borrowed: the ledger; row->group >= 1), to be shared by `workers`. */
NTK_CHECKED ntk_error *ntk_queue_create(const ntk_ledger *ledger, const size_t *rows, size_t count, int workers, ntk_queue **out);
void ntk_queue_free(ntk_queue **queue);

size_t ntk_queue_left(const ntk_queue *queue);

/** Wall seconds that a run is expected to take on its group, at nominal rates. */
double ntk_queue_wall(const ntk_row *row);

/** What may begin while the first in the queue has too few free workers: whatever ends within `seconds` (nominal), and whatever takes no more
 *  than `workers`, which the first does not need. */
typedef struct {
  double seconds;
  int workers;
} ntk_gap;

/** The first in the queue, without taking it; false when it is empty. */
bool ntk_queue_first(const ntk_queue *queue, size_t *row);
/** Takes the first in the queue if it fits into `free` workers, else the first one that fits there and into the gap. False: none. */
bool ntk_queue_take(ntk_queue *queue, int free, const ntk_gap *gap, size_t *row);

#endif
