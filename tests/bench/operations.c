/* A server that times whole operations: a driver makes tasks, runs them in turn with another program's, and asks for the answers.
 * usage: operations [RANKS]           RANKS > 1 starts mpirun as the command does; nothing else starts up while an operation is timed
 *
 * Requests and replies are lines of JSON on standard input and output:
 *   {"do": "make", "task": NAME, "operation": ..., ...}     keys: see parts/ (task.c, kernel_tasks.c, training_tasks.c)
 *   {"do": "run", "task": NAME, "seconds": S}               repeats for S seconds, at least once -> {"seconds": median, "repetitions": N, "work": W}
 *   {"do": "answer", "task": NAME, "name": "value", "file": PATH}     the numbers of the last run, as native doubles
 *   {"do": "drop", "task": NAME}
 * A failed request gives {"error": TEXT}. The end of input ends the program. */
#include <errno.h>
#include <mpi.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "kernel/kernel.h"
#include "parts/task.h"
#include "parts/timing.h"
#include "study/launch.h"

enum { TASKS = 16, MOST_REPEATS = 1000 };

typedef struct {
  char *name;
  ntk_arena *arena;
  bench_task *task;
} server_slot;

typedef struct {
  ntk_comm comm;
  server_slot slots[TASKS];
  ntk_text reply;
} bench_server;

/* A task shorter than this runs once before it is timed, so that caches are as in a long run. */
static const double warm_seconds = 0.05, poll_seconds = 1e-3;

/* The next request on every rank, NULL at the end of input. Ranks that wait sleep: another program is being timed. */
static ntk_error *receive(bench_server *server, char **line) {
  size_t capacity = 0;
  long long length = -1;
  int done = 0;
  MPI_Request request;
  *line = NULL;
  if (server->comm.rank == 0) length = getline(line, &capacity, stdin);
  NTK_TRY(ntk_mpi(MPI_Ibcast(&length, 1, MPI_LONG_LONG, 0, server->comm.mpi, &request), "waiting for a request"));
  for (;;) {
    NTK_TRY(ntk_mpi(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "waiting for a request"));
    if (done) break;
    ntk_sleep(poll_seconds);
  }
  if (length >= 0) return ntk_comm_bcast_text(&server->comm, line, 0);
  free(*line);
  *line = NULL;
  return NULL;
}

static server_slot *slot_of(bench_server *server, const char *name) {
  for (size_t i = 0; i < TASKS; i++)
    if (server->slots[i].name && !strcmp(server->slots[i].name, name)) return &server->slots[i];
  return NULL;
}

static void drop(server_slot *slot) {
  bench_task_free(&slot->task);
  ntk_arena_free(&slot->arena);
  free(slot->name);
  slot->name = NULL;
}

static ntk_error *make_in(bench_server *server, server_slot *slot, const char *name, const char *line) {
  const ntk_value *request = NULL;
  NTK_TRY(ntk_copy_text(name, &slot->name));
  NTK_TRY(ntk_arena_create(&slot->arena));
  NTK_TRY(ntk_value_parse(slot->arena, "request", line, strlen(line), &request));
  return bench_task_create(&server->comm, slot->arena, request, &slot->task);
}

static ntk_error *make(bench_server *server, const char *name, const char *line) {
  server_slot *slot = NULL;
  for (size_t i = 0; i < TASKS && !slot; i++)
    if (!server->slots[i].name) slot = &server->slots[i];
  if (!slot) return ntk_fail(NTK_E_USAGE, "more than %d tasks", TASKS);
  ntk_error *err = make_in(server, slot, name, line);
  if (err) drop(slot);
  return err;
}

/* Seconds of one run, between moments when all ranks are ready. */
static ntk_error *run_once(bench_server *server, bench_task *task, double *seconds) {
  NTK_TRY(ntk_mpi(MPI_Barrier(server->comm.mpi), "starting together"));
  double start = ntk_clock();
  ntk_error *err = ntk_agree(&server->comm, task->operation->run(task));
  *seconds = ntk_clock() - start;
  return err;
}

static ntk_error *run(bench_server *server, bench_task *task, double budget, ntk_json *reply) {
  double seconds[MOST_REPEATS], total = 0;
  size_t count = 0;
  NTK_TRY(run_once(server, task, &seconds[0]));
  double first = seconds[0];
  NTK_TRY(ntk_comm_max(&server->comm, &first));
  if (first >= warm_seconds) {
    count = 1;
    total = first;
  }
  while (count == 0 || (total < budget && count < MOST_REPEATS)) {
    NTK_TRY(run_once(server, task, &seconds[count]));
    NTK_TRY(ntk_comm_max(&server->comm, &seconds[count]));
    total += seconds[count++];
  }
  ntk_json_number(reply, "seconds", bench_spread_of(count, seconds).median);
  ntk_json_integer(reply, "repetitions", (long long)count);
  ntk_json_number(reply, "work", task->work);
  return NULL;
}

static ntk_error *write_answer(const bench_answer *answer, const char *path) {
  FILE *file = fopen(path, "wb");
  if (!file) return ntk_fail_errno(errno, "%s", path);
  bool written = fwrite(answer->values, sizeof(double), answer->count, file) == answer->count;
  return fclose(file) == 0 && written ? NULL : ntk_fail_errno(errno, "%s", path);
}

static ntk_error *answer(bench_server *server, bench_task *task, const char *name, const char *path, ntk_json *reply) {
  if (task->operation->collect) NTK_TRY(ntk_agree(&server->comm, task->operation->collect(task)));
  for (size_t i = 0; i < BENCH_ANSWERS; i++)
    if (task->answers[i].name && !strcmp(task->answers[i].name, name)) {
      ntk_json_integer(reply, "count", (long long)task->answers[i].count);
      return ntk_agree(&server->comm, server->comm.rank == 0 ? write_answer(&task->answers[i], path) : NULL);
    }
  return ntk_fail(NTK_E_USAGE, "no answer '%s'", name);
}

static ntk_error *obey(bench_server *server, const char *line, const ntk_value *request, ntk_json *reply) {
  const ntk_value *what = ntk_value_get(request, "do"), *task = ntk_value_get(request, "task");
  if (!what || !task) return ntk_fail(NTK_E_USAGE, "a request needs 'do' and 'task'");
  const char *action = ntk_value_text(what), *name = ntk_value_text(task);
  server_slot *slot = slot_of(server, name);
  if (!strcmp(action, "make")) return slot ? ntk_fail(NTK_E_USAGE, "there is a task '%s'", name) : make(server, name, line);
  if (!slot) return ntk_fail(NTK_E_USAGE, "no task '%s'", name);
  if (!strcmp(action, "run")) return run(server, slot->task, ntk_value_number(ntk_value_get(request, "seconds")), reply);
  if (!strcmp(action, "answer"))
    return answer(server, slot->task, ntk_value_text(ntk_value_get(request, "name")), ntk_value_text(ntk_value_get(request, "file")), reply);
  if (strcmp(action, "drop") != 0) return ntk_fail(NTK_E_USAGE, "cannot '%s'", action);
  drop(slot);
  return NULL;
}

/* Requests until the end of input; a request that fails is answered, and only failures of MPI end the server. */
static ntk_error *serve(bench_server *server) {
  for (;;) {
    char *line = NULL;
    ntk_arena *arena = NULL;
    const ntk_value *request = NULL;
    ntk_json reply = NTK_JSON(&server->reply);
    NTK_TRY(receive(server, &line));
    if (!line) return NULL;
    ntk_json_object(&reply, NULL);
    ntk_error *err = ntk_arena_create(&arena);
    if (!err) err = ntk_value_parse(arena, "request", line, strlen(line), &request);
    if (!err) err = obey(server, line, request, &reply);
    if (err) ntk_json_string(&reply, "error", ntk_error_message(err));
    ntk_json_end_object(&reply);
    if (server->comm.rank == 0) printf("%s\n", server->reply.bytes);
    fflush(stdout);
    ntk_text_clear(&server->reply);
    ntk_arena_free(&arena);
    free(line);
    if (ntk_error_code(err) == NTK_E_MPI) return err;
    ntk_error_free(&err);
  }
}

static int serve_here(void) {
  bench_server server = {.reply = NTK_TEXT};
  ntk_launch_prepare();
  MPI_Init(NULL, NULL);
  ntk_error *err = ntk_comm_create(MPI_COMM_WORLD, &server.comm);
  if (!err) err = serve(&server);
  for (size_t i = 0; i < TASKS; i++)
    if (server.slots[i].name) drop(&server.slots[i]);
  int status = err ? ntk_code_status(ntk_error_code(err)) : 0;
  if (err) fprintf(stderr, "operations: %s\n", ntk_error_message(err));
  if (err) MPI_Abort(MPI_COMM_WORLD, status);
  ntk_error_free(&err);
  ntk_text_free(&server.reply);
  ntk_comm_free(&server.comm);
  MPI_Finalize();
  return ntk_launch_exit(status);
}

int main(int argc, char **argv) {
  int ranks = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 1, status = 0;
  if (ranks < 2 || ntk_launch_inside()) return serve_here();
  const ntk_log log = {.stream = stderr, .level = NTK_LOG_INFO, .start = ntk_clock(), .rank = -1};
  ntk_error *err = ntk_launch(argv, ranks, false, false, &log, &status);
  if (err) fprintf(stderr, "operations: %s\n", ntk_error_message(err));
  if (err) status = ntk_code_status(ntk_error_code(err));
  ntk_error_free(&err);
  return status;
}
