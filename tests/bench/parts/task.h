/** Operations that the benchmark server times: each a task that is made once from a request and run many times on all ranks. */
#ifndef NTK_BENCH_TASK_H
#define NTK_BENCH_TASK_H

#include "base/comm.h"
#include "config/schema.h"
#include "data/data.h"
#include "kernel/kernel.h"

typedef struct bench_task bench_task;

/** One row of a table of operations. */
typedef struct {
  const char *name;
  /** Reads the request and makes what runs need; on failure bench_task_free() releases. Collective, as the others. */
  ntk_error *(*create)(bench_task *task);
  ntk_error *(*run)(bench_task *task);
  /** Completes the answers after a run where that is no part of the operation (replicated arrays); NULL = they are there. */
  ntk_error *(*collect)(bench_task *task);
  void (*release)(bench_task *task); /* called while there is a state */
} bench_operation;

/** Numbers that a run gives, replicated, for comparison with somebody else's. */
typedef struct {
  const char *name;
  size_t count;
  double *values; /* freed with the task */
} bench_answer;

enum { BENCH_ANSWERS = 2 };

struct bench_task {
  const bench_operation *operation;
  const ntk_comm *comm;
  ntk_arena *arena;
  const ntk_value *request;
  ntk_measure points, others; /* files of the request's keys `points`, `others`; n = 0 where there is none */
  ntk_kernel *kernel;         /* of its `network`, NULL where there is none */
  double work;                /* what a run does, in the unit that its rate is given in (pairs, flop, bytes) */
  bench_answer answers[BENCH_ANSWERS];
  void *state; /* the operation's own */
};

/** A request is {operation: NAME, points: FILE, others: FILE, network: {...}, ...}; its value must live as long as the task, in `arena`. */
NTK_CHECKED ntk_error *bench_task_create(const ntk_comm *comm, ntk_arena *arena, const ntk_value *request, bench_task **out);
void bench_task_free(bench_task **task);

/** Number and text of a request, `fallback` where the key is absent. */
double bench_request_number(const bench_task *task, const char *key, double fallback);
const char *bench_request_text(const bench_task *task, const char *key, const char *fallback);

/** Makes room for an answer of `count` numbers. */
NTK_CHECKED ntk_error *bench_answer_create(bench_task *task, size_t index, const char *name, size_t count);

/** The tables, each of `count` rows. */
typedef struct {
  size_t count;
  const bench_operation *rows;
} bench_operations;
extern const bench_operations bench_machine_operations;  /* bound */
extern const bench_operations bench_kernel_operations;   /* gram, sum, product, mmd */
extern const bench_operations bench_training_operations; /* step, eigen */

#endif
