#include "study/master.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "study/place.h"
#include "study/queue.h"

static const double shortest_pause = 2e-5, longest_pause = 1e-3;
static const double ahead_seconds = 0.01; /* so much work may wait at a worker: enough to hide the master's answer, too little to be a tail */
static const double gap_seconds = 0.02;   /* the gap is looked at again after that */

/* Runs that were at work twice when their job died: the third time alone, so that nobody else is blamed. */
enum { SUSPECT_DEATHS = 2 };

/* What a worker is at, alone or as the first of a group. */
typedef struct {
  size_t row[NTK_AHEAD]; /* a ring: the run at work, and the runs that were handed to a single worker ahead of time */
  int first, count;
  int size, *members; /* workers of the group, this one included; NULL: alone */
  double since, pace; /* when its last outcome came; seconds from outcome to outcome, 0 = not known yet */
} crew;

/* When a crew is expected to be free, and of what size it is. */
typedef struct {
  double left;
  int size;
} ending;

typedef struct {
  const ntk_comm *world;
  ntk_desk *desk;
  ntk_place place;
  ntk_queue *queue;
  crew *crews; /* a worker each */
  int busy;    /* crews at work */
  bool alone;  /* one run at a time */
  bool told;   /* the crews were told to stop */
  ntk_gap gap;
  double gap_until;
  ending *endings;    /* scratch, a worker each */
  ntk_error *failure; /* of the desk: no more runs are handed out, and it is returned when the crews are idle */
} hall;

static int rank_of(int worker) { return worker + 1; }

static void keep_failure(hall *h, ntk_error *err) {
  h->failure = ntk_error_join(h->failure, err);
  if (h->failure) h->desk->stopping = true;
}

/* --- handing out ---------------------------------------------------------------------------------------------------------------- */

/* The order with the ranks of the group behind it, to each of them. */
static ntk_error *send_run(const hall *h, const ntk_row *row, const int *members, int size) {
  const ntk_order head = {.kind = NTK_ORDER_RUN, .size = size, .index = (long long)row->index};
  size_t bytes = sizeof head + (size_t)size * sizeof(int);
  char *message = NULL;
  NTK_TRY(ntk_alloc(bytes, 1, &message));
  ntk_order *order = (ntk_order *)(void *)message;
  *order = head;
  memcpy(order->id, row->id, sizeof order->id);
  for (int i = 0; i < size; i++) order->ranks[i] = rank_of(members[i]);
  ntk_error *err = NULL;
  for (int i = 0; i < size && !err; i++)
    err = ntk_mpi(MPI_Send(message, (int)bytes, MPI_BYTE, rank_of(members[i]), NTK_TAG_ORDER, h->world->mpi), "MPI_Send");
  free(message);
  return err;
}

static void enlist(crew *c, size_t row) { c->row[(c->first + c->count++) % NTK_AHEAD] = row; }

/* Starts a run on free workers. */
static ntk_error *start(hall *h, size_t number) {
  const ntk_row *row = &h->desk->ledger->rows[number];
  int *members = NULL;
  NTK_TRY(NTK_NEW((size_t)row->group, &members));
  ntk_error *err = ntk_desk_begin(h->desk, number);
  if (err) {
    keep_failure(h, err);
    free(members);
    return NULL;
  }
  ntk_place_take(&h->place, row->group, members);
  crew *c = &h->crews[members[0]];
  enlist(c, number);
  c->since = ntk_clock();
  c->size = row->group;
  h->busy++;
  err = send_run(h, row, members, row->group);
  if (c->size > 1)
    c->members = members;
  else
    free(members);
  return err;
}

static int sooner(const void *a, const void *b) {
  double x = ((const ending *)a)->left, y = ((const ending *)b)->left;
  return (x > y) - (x < y);
}

/* When the first in the queue can have its workers, and what it leaves over then. */
static void look_for_gap(hall *h, int wanted) {
  int free = h->place.free, count = 0;
  double now = ntk_clock(), reached = 0;
  if (now < h->gap_until) return;
  h->gap_until = now + gap_seconds;
  for (int w = 0; w < h->place.workers; w++) {
    const crew *c = &h->crews[w];
    if (c->count) h->endings[count++] = (ending){ntk_desk_seconds_left(h->desk, c->row[c->first]), c->size};
  }
  qsort(h->endings, (size_t)count, sizeof *h->endings, sooner);
  for (int i = 0; i < count && free < wanted; i++) {
    free += h->endings[i].size;
    reached = h->endings[i].left;
  }
  h->gap = (ntk_gap){reached / ntk_desk_rate(h->desk), free > wanted ? free - wanted : 0};
}

static ntk_error *hand_out(hall *h) {
  size_t row;
  while (!h->desk->stopping && h->place.free > 0 && !(h->alone && h->busy > 0) && ntk_queue_first(h->queue, &row)) {
    int wanted = h->desk->ledger->rows[row].group;
    if (wanted > h->place.free) look_for_gap(h, wanted);
    if (!ntk_queue_take(h->queue, h->place.free, &h->gap, &row)) return NULL;
    if (ntk_desk_in_time(h->desk, row)) NTK_TRY(start(h, row));
    h->gap_until = 0;
  }
  return NULL;
}

/* Very short runs wait at their worker, so that it need not wait for the master. */
static ntk_error *hand_ahead(hall *h, int worker) {
  crew *c = &h->crews[worker];
  size_t row;
  while (!h->desk->stopping && !h->alone && c->count > 0 && c->size == 1 && c->pace > 0 && c->count < NTK_AHEAD &&
         c->count * c->pace < ahead_seconds) {
    if (!ntk_queue_first(h->queue, &row) || h->desk->ledger->rows[row].group > 1) return NULL;
    if (!ntk_queue_take(h->queue, 1, &h->gap, &row)) return NULL;
    if (!ntk_desk_in_time(h->desk, row)) continue;
    ntk_error *err = ntk_desk_begin(h->desk, row);
    if (err) {
      keep_failure(h, err);
      return NULL;
    }
    enlist(c, row);
    NTK_TRY(send_run(h, &h->desk->ledger->rows[row], &worker, 1));
  }
  return NULL;
}

/* --- listening ------------------------------------------------------------------------------------------------------------------ */

static ntk_error *receive(const hall *h, const MPI_Status *status, char **message) {
  int bytes = 0;
  NTK_TRY(ntk_mpi(MPI_Get_count(status, MPI_BYTE, &bytes), "MPI_Get_count"));
  NTK_TRY(ntk_alloc((size_t)bytes + 1, 1, message));
  return ntk_mpi(MPI_Recv(*message, bytes, MPI_BYTE, status->MPI_SOURCE, status->MPI_TAG, h->world->mpi, MPI_STATUS_IGNORE), "MPI_Recv");
}

static void release(hall *h, int worker) {
  crew *c = &h->crews[worker];
  for (int i = 0; i < c->size; i++) ntk_place_give(&h->place, c->members ? c->members[i] : worker);
  free(c->members);
  c->members = NULL;
  c->pace = c->size > 1 ? 0 : c->pace;
  h->busy--;
}

static ntk_error *take_outcome(hall *h, int worker, const char *message) {
  crew *c = &h->crews[worker];
  ntk_outcome outcome;
  double now = ntk_clock();
  if (c->count == 0) return ntk_fail(NTK_E_MPI, "rank %d reports a run that it was not given", rank_of(worker));
  size_t row = c->row[c->first];
  memcpy(&outcome, message, sizeof outcome);
  c->pace = c->pace > 0 ? 0.75 * c->pace + 0.25 * (now - c->since) : now - c->since;
  c->since = now;
  c->first = (c->first + 1) % NTK_AHEAD;
  c->count--;
  keep_failure(h, ntk_desk_end(h->desk, row, &outcome, outcome.text_bytes ? message + sizeof outcome : NULL));
  if (c->count > 0) return hand_ahead(h, worker);
  release(h, worker);
  NTK_TRY(hand_out(h));
  return hand_ahead(h, worker);
}

static void take_note(hall *h, const char *message) {
  ntk_note note;
  memcpy(&note, message, sizeof note);
  ntk_desk_say(h->desk, (ntk_log_level)note.level, "%s", message + sizeof note);
}

static void take_progress(hall *h, int worker, const char *message) {
  const crew *c = &h->crews[worker];
  ntk_progress progress;
  memcpy(&progress, message, sizeof progress);
  if (c->count > 0) ntk_desk_progress(h->desk, c->row[c->first], &progress);
}

/* All messages that are there. */
static ntk_error *listen(hall *h, bool *heard) {
  *heard = false;
  for (;;) {
    int there = 0;
    MPI_Status status;
    char *message = NULL;
    NTK_TRY(ntk_mpi(MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, h->world->mpi, &there, &status), "MPI_Iprobe"));
    if (!there) return NULL;
    int worker = status.MPI_SOURCE - 1;
    ntk_error *err = receive(h, &status, &message);
    if (!err && status.MPI_TAG == NTK_TAG_OUTCOME) err = take_outcome(h, worker, message);
    if (!err && status.MPI_TAG == NTK_TAG_NOTE) take_note(h, message);
    if (!err && status.MPI_TAG == NTK_TAG_PROGRESS) take_progress(h, worker, message);
    free(message);
    NTK_TRY(err);
    *heard = true;
  }
}

static ntk_error *tell_stop(hall *h) {
  if (!h->desk->stopping || h->told) return NULL;
  h->told = true;
  for (int w = 0; w < h->place.workers; w++)
    if (h->crews[w].count > 0) NTK_TRY(ntk_mpi(MPI_Send(NULL, 0, MPI_BYTE, rank_of(w), NTK_TAG_STOP, h->world->mpi), "MPI_Send"));
  return NULL;
}

/* Until every run of the queue is done. */
static ntk_error *serve(hall *h) {
  double pause = shortest_pause;
  for (;;) {
    bool heard = false;
    NTK_TRY(hand_out(h));
    NTK_TRY(tell_stop(h));
    if (h->busy == 0 && (ntk_queue_left(h->queue) == 0 || h->desk->stopping)) return NULL;
    NTK_TRY(listen(h, &heard));
    keep_failure(h, ntk_desk_tick(h->desk));
    if (!heard) ntk_sleep(pause);
    pause = heard ? shortest_pause : pause < longest_pause ? 1.2 * pause : longest_pause;
  }
}

static ntk_error *serve_rows(hall *h, const size_t *rows, size_t count, bool alone) {
  if (count == 0 || h->desk->stopping) return NULL;
  h->alone = alone;
  NTK_TRY(ntk_queue_create(h->desk->ledger, rows, count, h->place.workers, &h->queue));
  ntk_error *err = serve(h);
  ntk_queue_free(&h->queue);
  return err;
}

static bool suspect(const ntk_desk *desk, size_t row) {
  const ntk_record *record = ntk_ledger_find(desk->ledger, desk->ledger->rows[row].id);
  return record && record->deaths >= SUSPECT_DEATHS;
}

/* Moves the suspects to the end. Gives the number of the others. */
static size_t set_suspects_apart(ntk_desk *desk) {
  size_t common = 0;
  for (size_t i = 0; i < desk->todo_count; i++)
    if (!suspect(desk, desk->todo[i])) {
      size_t row = desk->todo[i];
      desk->todo[i] = desk->todo[common];
      desk->todo[common++] = row;
    }
  return common;
}

ntk_error *ntk_master_run(const ntk_comm *world, ntk_desk *desk, const int *nodes) {
  hall h = {.world = world, .desk = desk};
  size_t common = set_suspects_apart(desk);
  ntk_error *err = NULL;
  NTK_TRY_OUT(ntk_place_create(nodes + 1, world->size - 1, &h.place));
  NTK_TRY_OUT(NTK_NEW((size_t)world->size, &h.crews));
  NTK_TRY_OUT(NTK_NEW((size_t)world->size, &h.endings));
  NTK_TRY_OUT(serve_rows(&h, desk->todo, common, false));
  err = serve_rows(&h, desk->todo + common, desk->todo_count - common, true);
out:
  for (int w = 0; h.crews && w < h.place.workers; w++) free(h.crews[w].members);
  free(h.crews);
  free(h.endings);
  ntk_place_free(&h.place);
  return ntk_error_join(err, h.failure);
}

ntk_error *ntk_master_end(const ntk_comm *world) {
  const ntk_order order = {.kind = NTK_ORDER_END};
  for (int r = 1; r < world->size; r++) NTK_TRY(ntk_mpi(MPI_Send(&order, (int)sizeof order, MPI_BYTE, r, NTK_TAG_ORDER, world->mpi), "MPI_Send"));
  return NULL;
}

/* --- without workers ------------------------------------------------------------------------------------------------------------ */

typedef struct {
  ntk_desk *desk;
  size_t row;
  ntk_error *failure;
} solo;

static bool solo_stop(void *context) {
  solo *s = context;
  if (!s->failure) s->failure = ntk_desk_tick(s->desk);
  return s->failure || s->desk->stopping;
}

static void solo_progress(void *context, long long iteration, long long iterations) {
  solo *s = context;
  const ntk_progress progress = {iteration, iterations};
  ntk_desk_progress(s->desk, s->row, &progress);
}

static ntk_error *solo_run(const ntk_comm *world, const ntk_site *site, ntk_desk *desk, size_t row) {
  solo s = {desk, row, NULL};
  const ntk_calls calls = {solo_stop, solo_progress, &s};
  const ntk_row *r = &desk->ledger->rows[row];
  const ntk_assignment assignment = {r->index, r->id};
  ntk_outcome outcome;
  char *text = NULL;
  NTK_TRY(ntk_desk_tick(desk));
  if (desk->stopping || !ntk_desk_in_time(desk, row)) return NULL;
  NTK_TRY(ntk_desk_begin(desk, row));
  ntk_error *err = ntk_task_execute(world, site, &assignment, &calls, &outcome, &text);
  if (!err) err = ntk_desk_end(desk, row, &outcome, text);
  free(text);
  return ntk_error_join(s.failure, err);
}

ntk_error *ntk_master_solo(const ntk_comm *world, const ntk_site *site, ntk_desk *desk) {
  static const ntk_gap nothing = {0, 0};
  size_t common = set_suspects_apart(desk);
  ntk_error *err = NULL;
  for (int part = 0; part < 2 && !err; part++) {
    ntk_queue *queue = NULL;
    size_t row;
    err = ntk_queue_create(desk->ledger, part ? desk->todo + common : desk->todo, part ? desk->todo_count - common : common, 1, &queue);
    while (!err && !desk->stopping && ntk_queue_take(queue, 1, &nothing, &row)) err = solo_run(world, site, desk, row);
    ntk_queue_free(&queue);
  }
  return err;
}
