#include "study/master.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { IDLE = -1 };
static const double shortest_pause = 2e-5, longest_pause = 1e-3;

/* Runs that were at work twice when their job died: the third time alone, so that nobody else is blamed. */
enum { SUSPECT_DEATHS = 2 };

/* A stretch of the work with groups of one size. */
typedef struct {
  const ntk_comm *world;
  ntk_desk *desk;
  int size, count; /* ranks a group, groups */
  long long *row;  /* a group's row, or IDLE */
  int busy;
  const size_t *rows;
  size_t row_count, next; /* waiting: rows[next..row_count) */
  bool told;              /* the groups were told to stop */
  ntk_error *failure;     /* of the desk: no more runs are handed out, and it is returned when the groups are idle */
} stretch;

static int root_of(const stretch *s, int group) { return 1 + group * s->size; }

static ntk_error *send_order(const ntk_comm *world, int rank, const ntk_order *order) {
  return ntk_mpi(MPI_Send(order, (int)sizeof *order, MPI_BYTE, rank, NTK_TAG_ORDER, world->mpi), "MPI_Send");
}

static void keep_failure(stretch *s, ntk_error *err) {
  s->failure = ntk_error_join(s->failure, err);
  if (s->failure) s->desk->stopping = true;
}

static ntk_error *hand_out(stretch *s) {
  for (int g = 0; g < s->count && s->next < s->row_count && !s->desk->stopping; g++) {
    if (s->row[g] != IDLE) continue;
    size_t row = s->rows[s->next];
    ntk_order order;
    ntk_error *err = ntk_desk_begin(s->desk, row, &order);
    if (err) {
      keep_failure(s, err);
      return NULL;
    }
    s->next++;
    for (int r = 0; r < s->size; r++) NTK_TRY(send_order(s->world, root_of(s, g) + r, &order));
    s->row[g] = (long long)row;
    s->busy++;
  }
  return NULL;
}

static ntk_error *take_outcome(stretch *s, int group, const MPI_Status *status) {
  int bytes = 0;
  char *message = NULL;
  ntk_outcome outcome = {0};
  NTK_TRY(ntk_mpi(MPI_Get_count(status, MPI_BYTE, &bytes), "MPI_Get_count"));
  NTK_TRY(ntk_alloc((size_t)bytes + 1, 1, &message));
  ntk_error *err = ntk_mpi(MPI_Recv(message, bytes, MPI_BYTE, status->MPI_SOURCE, NTK_TAG_OUTCOME, s->world->mpi, MPI_STATUS_IGNORE), "MPI_Recv");
  if (!err) {
    memcpy(&outcome, message, sizeof outcome);
    keep_failure(s, ntk_desk_end(s->desk, (size_t)s->row[group], &outcome, outcome.text_bytes ? message + sizeof outcome : NULL));
    s->row[group] = IDLE;
    s->busy--;
  }
  free(message);
  return err;
}

static ntk_error *take_progress(stretch *s, int group, const MPI_Status *status) {
  ntk_progress progress;
  NTK_TRY(ntk_mpi(MPI_Recv(&progress, (int)sizeof progress, MPI_BYTE, status->MPI_SOURCE, NTK_TAG_PROGRESS, s->world->mpi, MPI_STATUS_IGNORE),
                  "MPI_Recv"));
  if (s->row[group] != IDLE) ntk_desk_progress(s->desk, (size_t)s->row[group], &progress);
  return NULL;
}

static ntk_error *take_note(stretch *s, const MPI_Status *status) {
  int bytes = 0;
  char *message = NULL;
  ntk_note note;
  NTK_TRY(ntk_mpi(MPI_Get_count(status, MPI_BYTE, &bytes), "MPI_Get_count"));
  NTK_TRY(ntk_alloc((size_t)bytes + 1, 1, &message));
  ntk_error *err = ntk_mpi(MPI_Recv(message, bytes, MPI_BYTE, status->MPI_SOURCE, NTK_TAG_NOTE, s->world->mpi, MPI_STATUS_IGNORE), "MPI_Recv");
  if (!err) {
    memcpy(&note, message, sizeof note);
    ntk_desk_say(s->desk, (ntk_log_level)note.level, "%s", message + sizeof note);
  }
  free(message);
  return err;
}

/* All messages that are there. */
static ntk_error *listen(stretch *s, bool *heard) {
  *heard = false;
  for (;;) {
    int there = 0;
    MPI_Status status;
    NTK_TRY(ntk_mpi(MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, s->world->mpi, &there, &status), "MPI_Iprobe"));
    if (!there) return NULL;
    int group = (status.MPI_SOURCE - 1) / s->size;
    switch (status.MPI_TAG) {
      case NTK_TAG_OUTCOME: NTK_TRY(take_outcome(s, group, &status)); break;
      case NTK_TAG_NOTE: NTK_TRY(take_note(s, &status)); break;
      default: NTK_TRY(take_progress(s, group, &status)); break;
    }
    *heard = true;
  }
}

static ntk_error *tell_stop(stretch *s) {
  if (!s->desk->stopping || s->told) return NULL;
  s->told = true;
  for (int g = 0; g < s->count; g++)
    if (s->row[g] != IDLE) NTK_TRY(ntk_mpi(MPI_Send(NULL, 0, MPI_BYTE, root_of(s, g), NTK_TAG_STOP, s->world->mpi), "MPI_Send"));
  return NULL;
}

/* The groups exist; until every run of the stretch is done. */
static ntk_error *serve(stretch *s) {
  double pause = shortest_pause;
  for (;;) {
    bool heard = false;
    NTK_TRY(hand_out(s));
    NTK_TRY(tell_stop(s));
    if (s->busy == 0 && (s->next == s->row_count || s->desk->stopping)) return NULL;
    NTK_TRY(listen(s, &heard));
    keep_failure(s, ntk_desk_tick(s->desk));
    if (!heard) ntk_sleep(pause);
    pause = heard ? shortest_pause : pause < longest_pause ? 1.2 * pause : longest_pause;
  }
}

static ntk_error *form_groups(stretch *s) {
  ntk_order order = {.kind = NTK_ORDER_GROUPS, .size = s->size, .count = s->count};
  ntk_comm none;
  for (int r = 1; r < s->world->size; r++) NTK_TRY(send_order(s->world, r, &order));
  return ntk_comm_split(s->world, -1, &none);
}

static ntk_error *run_stretch(const ntk_comm *world, ntk_desk *desk, const size_t *rows, size_t count, int most_groups) {
  int workers = world->size - 1, size = desk->ledger->rows[rows[0]].group;
  stretch s = {.world = world, .desk = desk, .size = size, .count = workers / size, .rows = rows, .row_count = count};
  if (s.count > most_groups) s.count = most_groups;
  NTK_TRY(NTK_NEW((size_t)s.count, &s.row));
  for (int g = 0; g < s.count; g++) s.row[g] = IDLE;
  ntk_error *err = form_groups(&s);
  if (!err) err = serve(&s);
  free(s.row);
  return ntk_error_join(err, s.failure);
}

static bool suspect(const ntk_desk *desk, size_t row) {
  const ntk_record *record = ntk_ledger_find(desk->ledger, desk->ledger->rows[row].id);
  return record && record->deaths >= SUSPECT_DEATHS;
}

/* Sorts the work; suspects go to the end. Gives their number. */
static size_t arrange(ntk_desk *desk) {
  size_t suspects = 0, kept = 0;
  ntk_plan_sort(desk->ledger, desk->todo, desk->todo_count);
  size_t *apart = malloc((desk->todo_count + 1) * sizeof *apart);
  if (!apart) return 0; /* then nobody is set apart */
  for (size_t i = 0; i < desk->todo_count; i++) {
    if (suspect(desk, desk->todo[i]))
      apart[suspects++] = desk->todo[i];
    else
      desk->todo[kept++] = desk->todo[i];
  }
  memcpy(desk->todo + kept, apart, suspects * sizeof *apart);
  free(apart);
  return suspects;
}

ntk_error *ntk_master_run(const ntk_comm *world, ntk_desk *desk) {
  size_t suspects = arrange(desk), common = desk->todo_count - suspects;
  for (size_t from = 0, to; from < desk->todo_count && !desk->stopping; from = to) {
    bool alone = from >= common;
    int size = desk->ledger->rows[desk->todo[from]].group;
    for (to = from + 1; to < desk->todo_count && desk->ledger->rows[desk->todo[to]].group == size && (to < common || alone);) to++;
    NTK_TRY(run_stretch(world, desk, desk->todo + from, to - from, alone ? 1 : world->size));
  }
  return NULL;
}

ntk_error *ntk_master_end(const ntk_comm *world) {
  const ntk_order order = {.kind = NTK_ORDER_END};
  for (int r = 1; r < world->size; r++) NTK_TRY(send_order(world, r, &order));
  return NULL;
}

/* --- alone ---------------------------------------------------------------------------------------------------------------------- */

typedef struct {
  ntk_desk *desk;
  size_t row;
  ntk_error *failure;
} alone;

static bool alone_stop(void *context) {
  alone *a = context;
  if (!a->failure) a->failure = ntk_desk_tick(a->desk);
  return a->failure || a->desk->stopping;
}

static void alone_progress(void *context, long long iteration, long long iterations) {
  alone *a = context;
  ntk_progress progress = {iteration, iterations};
  ntk_desk_progress(a->desk, a->row, &progress);
}

ntk_error *ntk_master_solo(const ntk_comm *world, const ntk_site *site, ntk_desk *desk) {
  arrange(desk);
  for (size_t i = 0; i < desk->todo_count; i++) {
    alone a = {desk, desk->todo[i], NULL};
    const ntk_calls calls = {alone_stop, alone_progress, &a};
    ntk_order order;
    ntk_outcome outcome;
    char *text = NULL;
    NTK_TRY(ntk_desk_tick(desk));
    if (desk->stopping) return NULL;
    NTK_TRY(ntk_desk_begin(desk, a.row, &order));
    ntk_error *err = ntk_task_execute(world, site, &order, &calls, &outcome, &text);
    if (!err) err = ntk_desk_end(desk, a.row, &outcome, text);
    free(text);
    err = ntk_error_join(a.failure, err);
    NTK_TRY(err);
  }
  return NULL;
}
