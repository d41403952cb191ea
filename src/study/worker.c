#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "study/stop.h"
#include "study/task.h"

typedef struct {
  const ntk_comm *world;
  bool stop;
} connection;

/* Asked between iterations on the group's root. */
static bool asked_to_stop(void *context) {
  connection *c = context;
  int there = 0;
  if (ntk_stop_signal()) c->stop = true;
  if (!c->stop && MPI_Iprobe(0, NTK_TAG_STOP, c->world->mpi, &there, MPI_STATUS_IGNORE) == MPI_SUCCESS && there) c->stop = true;
  return c->stop;
}

static void report_progress(void *context, long long iteration, long long iterations) {
  connection *c = context;
  ntk_progress progress = {iteration, iterations};
  ntk_error *err = ntk_mpi(MPI_Send(&progress, (int)sizeof progress, MPI_BYTE, 0, NTK_TAG_PROGRESS, c->world->mpi), "MPI_Send");
  ntk_error_free(&err); /* a lost progress report changes nothing */
}

/* Head and text in one message to the master. */
static ntk_error *send_with_text(const ntk_comm *world, int tag, const void *head, size_t size, const char *text, size_t length) {
  char *message = NULL;
  NTK_TRY(ntk_alloc(size + length, 1, &message));
  memcpy(message, head, size);
  if (length) memcpy(message + size, text, length);
  ntk_error *err = ntk_mpi(MPI_Send(message, (int)(size + length), MPI_BYTE, 0, tag, world->mpi), "MPI_Send");
  free(message);
  return err;
}

/* What a run has to say to people goes through the master, which has the terminal. */
static void send_note(void *context, ntk_log_level level, const char *text) {
  const connection *c = context;
  const ntk_note note = {(int)level, (int)strlen(text)};
  ntk_error *err = send_with_text(c->world, NTK_TAG_NOTE, &note, sizeof note, text, strlen(text));
  ntk_error_free(&err);
}

static ntk_error *work(const ntk_comm *world, const ntk_comm *group, const ntk_site *site, const ntk_order *order) {
  connection c = {world, false};
  const ntk_calls calls = {asked_to_stop, report_progress, &c};
  const ntk_log log = {.level = NTK_LOG_INFO, .rank = -1, .sink = send_note, .context = &c};
  const ntk_site here = {site->study, site->root, group->rank == 0 ? &log : NULL};
  ntk_outcome outcome;
  char *text = NULL;
  NTK_TRY(ntk_task_execute(group, &here, order, &calls, &outcome, &text));
  ntk_error *err = group->rank == 0 ? send_with_text(world, NTK_TAG_OUTCOME, &outcome, sizeof outcome, text, (size_t)outcome.text_bytes) : NULL;
  free(text);
  return err;
}

static ntk_error *form_group(const ntk_comm *world, const ntk_order *order, ntk_comm *group) {
  int number = (world->rank - 1) / order->size;
  ntk_comm_free(group);
  return ntk_comm_split(world, number < order->count ? number : -1, group);
}

/* Stop messages that came too late for the run they were meant for. */
static ntk_error *drain(const ntk_comm *world) {
  for (;;) {
    int there = 0;
    NTK_TRY(ntk_mpi(MPI_Iprobe(0, NTK_TAG_STOP, world->mpi, &there, MPI_STATUS_IGNORE), "MPI_Iprobe"));
    if (!there) return NULL;
    NTK_TRY(ntk_mpi(MPI_Recv(NULL, 0, MPI_BYTE, 0, NTK_TAG_STOP, world->mpi, MPI_STATUS_IGNORE), "MPI_Recv"));
  }
}

ntk_error *ntk_worker_run(const ntk_comm *world, const ntk_site *site) {
  ntk_comm group = {MPI_COMM_NULL, 0, 0};
  ntk_error *err = NULL;
  for (bool over = false; !over;) {
    ntk_order order;
    MPI_Status status;
    NTK_TRY_OUT(ntk_task_wait(world, 0, NTK_TAG_ORDER, &status));
    NTK_TRY_OUT(ntk_mpi(MPI_Recv(&order, (int)sizeof order, MPI_BYTE, 0, NTK_TAG_ORDER, world->mpi, MPI_STATUS_IGNORE), "MPI_Recv"));
    switch ((ntk_order_kind)order.kind) {
      case NTK_ORDER_GROUPS: NTK_TRY_OUT(form_group(world, &order, &group)); break;
      case NTK_ORDER_RUN: NTK_TRY_OUT(work(world, &group, site, &order)); break;
      case NTK_ORDER_END: over = true; break;
    }
  }
  err = drain(world);
out:
  ntk_comm_free(&group);
  return err;
}
