#include "study/queue.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Runs of one group size, longest first. */
typedef struct {
  int group;
  size_t from, to; /* in queue->row; what is before `from` is taken */
} lane;

struct ntk_queue {
  const ntk_ledger *ledger;
  size_t *row;      /* all runs, by lanes */
  size_t *position; /* of each in the order of the whole queue */
  bool *taken;      /* each */
  size_t left, lane_count;
  lane *lanes;
};

double ntk_queue_wall(const ntk_row *row) { return row->seconds / row->group; }

/* A run that takes more than this part of what the whole queue takes begins first, whatever its size: it would be the tail. */
static const double critical_share = 0.25;

typedef struct {
  const ntk_ledger *ledger;
  double critical; /* wall seconds */
} order;

static int longest_first(const ntk_row *x, const ntk_row *y) {
  if (x->seconds != y->seconds) return x->seconds > y->seconds ? -1 : 1;
  return x->index < y->index ? -1 : x->index > y->index;
}

/* The order of the queue: what would be the tail, then large groups, then long runs. */
static int by_order(const void *a, const void *b, void *context) {
  const order *o = context;
  const ntk_row *x = &o->ledger->rows[*(const size_t *)a], *y = &o->ledger->rows[*(const size_t *)b];
  double wall_x = ntk_queue_wall(x), wall_y = ntk_queue_wall(y);
  bool critical_x = wall_x > o->critical, critical_y = wall_y > o->critical;
  if (critical_x != critical_y) return critical_x ? -1 : 1;
  if (critical_x && wall_x != wall_y) return wall_x > wall_y ? -1 : 1;
  if (x->group != y->group) return x->group > y->group ? -1 : 1;
  return longest_first(x, y);
}

typedef struct {
  size_t row, position;
} place_in_order;

static int by_lane(const void *a, const void *b, void *context) {
  const ntk_ledger *ledger = context;
  const ntk_row *x = &ledger->rows[((const place_in_order *)a)->row], *y = &ledger->rows[((const place_in_order *)b)->row];
  if (x->group != y->group) return x->group > y->group ? -1 : 1;
  return longest_first(x, y);
}

static ntk_error *fill(ntk_queue *q, const size_t *rows, size_t count, int workers) {
  order o = {q->ledger, 0};
  place_in_order *all = NULL;
  for (size_t i = 0; i < count; i++) o.critical += q->ledger->rows[rows[i]].seconds;
  o.critical *= critical_share / workers;
  NTK_TRY(NTK_NEW(count, &q->row));
  NTK_TRY(NTK_NEW(count, &q->position));
  NTK_TRY(NTK_NEW(count, &q->taken));
  NTK_TRY(NTK_NEW(count, &q->lanes));
  NTK_TRY(NTK_NEW(count, &all));
  memcpy(q->row, rows, count * sizeof *rows);
  qsort_r(q->row, count, sizeof *q->row, by_order, &o);
  for (size_t i = 0; i < count; i++) all[i] = (place_in_order){q->row[i], i};
  qsort_r(all, count, sizeof *all, by_lane, (void *)q->ledger);
  for (size_t i = 0; i < count; i++) {
    int group = q->ledger->rows[all[i].row].group;
    q->row[i] = all[i].row;
    q->position[i] = all[i].position;
    if (q->lane_count == 0 || q->lanes[q->lane_count - 1].group != group) q->lanes[q->lane_count++] = (lane){group, i, i};
    q->lanes[q->lane_count - 1].to = i + 1;
  }
  q->left = count;
  free(all);
  return NULL;
}

ntk_error *ntk_queue_create(const ntk_ledger *ledger, const size_t *rows, size_t count, int workers, ntk_queue **out) {
  NTK_TRY(NTK_NEW(1, out));
  (*out)->ledger = ledger;
  ntk_error *err = fill(*out, rows, count, workers > 0 ? workers : 1);
  if (err) ntk_queue_free(out);
  return err;
}

void ntk_queue_free(ntk_queue **queue) {
  if (!*queue) return;
  free((*queue)->row);
  free((*queue)->position);
  free((*queue)->taken);
  free((*queue)->lanes);
  free(*queue);
  *queue = NULL;
}

size_t ntk_queue_left(const ntk_queue *queue) { return queue->left; }

/* Place of the first in the queue; false when it is empty. */
static bool find_first(const ntk_queue *q, size_t *at) {
  bool found = false;
  for (size_t l = 0; l < q->lane_count; l++) {
    size_t next = q->lanes[l].from;
    if (next == q->lanes[l].to || (found && q->position[next] > q->position[*at])) continue;
    *at = next;
    found = true;
  }
  return found;
}

/* The longest of a lane that ends in time (all where the lane is narrow enough); lane->to when there is none. */
static size_t find_in_gap(const ntk_queue *q, const lane *l, const ntk_gap *gap) {
  size_t low = l->from, high = l->to;
  while (l->group > gap->workers && low < high) { /* the first that is short enough */
    size_t middle = low + (high - low) / 2;
    if (ntk_queue_wall(&q->ledger->rows[q->row[middle]]) <= gap->seconds)
      high = middle;
    else
      low = middle + 1;
  }
  while (low < l->to && q->taken[low]) low++;
  return low;
}

static size_t take(ntk_queue *q, size_t at) {
  q->taken[at] = true;
  q->left--;
  for (size_t l = 0; l < q->lane_count; l++)
    while (q->lanes[l].from < q->lanes[l].to && q->taken[q->lanes[l].from]) q->lanes[l].from++;
  return q->row[at];
}

bool ntk_queue_first(const ntk_queue *queue, size_t *row) {
  size_t at;
  bool found = find_first(queue, &at);
  if (found) *row = queue->row[at];
  return found;
}

bool ntk_queue_take(ntk_queue *queue, int free, const ntk_gap *gap, size_t *row) {
  size_t best = 0;
  if (!find_first(queue, &best)) return false;
  bool found = queue->ledger->rows[queue->row[best]].group <= free;
  for (size_t l = 0; !found && l < queue->lane_count; l++) { /* lanes are in the order of their groups: the largest that fits */
    if (queue->lanes[l].group > free) continue;
    best = find_in_gap(queue, &queue->lanes[l], gap);
    found = best < queue->lanes[l].to;
  }
  if (found) *row = take(queue, best);
  return found;
}
