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
  const ntk_assignment assignment = {(size_t)order->index, order->id};
  ntk_outcome outcome = {.code = NTK_E_STOPPED};
  char *text = NULL;
  bool too_late = group->size == 1 && asked_to_stop(&c); /* handed out ahead of time */
  if (!too_late) NTK_TRY(ntk_task_execute(group, &here, &assignment, &calls, &outcome, &text));
  ntk_error *err = group->rank == 0 ? send_with_text(world, NTK_TAG_OUTCOME, &outcome, sizeof outcome, text, (size_t)outcome.text_bytes) : NULL;
  free(text);
  return err;
}

/* A run on a group of its own. Collective over the ranks of the order. */
static ntk_error *work_together(const ntk_comm *world, const ntk_site *site, const ntk_order *order) {
  ntk_comm group = NTK_NO_COMM;
  NTK_TRY(ntk_comm_group(world, order->ranks, order->size, NTK_TAG_GROUP, &group));
  ntk_error *err = work(world, &group, site, order);
  ntk_comm_free(&group);
  return err;
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

static ntk_error *receive_order(const ntk_comm *world, ntk_order **order) {
  MPI_Status status;
  int bytes = 0;
  NTK_TRY(ntk_task_wait(world, 0, NTK_TAG_ORDER, &status));
  NTK_TRY(ntk_mpi(MPI_Get_count(&status, MPI_BYTE, &bytes), "MPI_Get_count"));
  NTK_TRY(ntk_alloc((size_t)bytes, 1, order));
  return ntk_mpi(MPI_Recv(*order, bytes, MPI_BYTE, 0, NTK_TAG_ORDER, world->mpi, MPI_STATUS_IGNORE), "MPI_Recv");
}

ntk_error *ntk_worker_run(const ntk_comm *world, const ntk_site *site) {
  ntk_comm self = NTK_NO_COMM;
  NTK_TRY(ntk_comm_create(MPI_COMM_SELF, &self));
  ntk_error *err = NULL;
  for (bool over = false; !over && !err;) {
    ntk_order *order = NULL;
    err = receive_order(world, &order);
    over = err || order->kind == NTK_ORDER_END;
    if (!over) err = order->size == 1 ? work(world, &self, site, order) : work_together(world, site, order);
    free(order);
  }
  if (!err) err = drain(world);
  ntk_comm_free(&self);
  return err;
}
