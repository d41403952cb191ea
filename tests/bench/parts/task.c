#include "parts/task.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "parts/timing.h"

double bench_request_number(const bench_task *task, const char *key, double fallback) {
  const ntk_value *value = ntk_value_get(task->request, key);
  return value && ntk_value_kind_of(value) == NTK_NUMBER ? ntk_value_number(value) : fallback;
}

const char *bench_request_text(const bench_task *task, const char *key, const char *fallback) {
  const ntk_value *value = ntk_value_get(task->request, key);
  return value ? ntk_value_text(value) : fallback;
}

ntk_error *bench_answer_create(bench_task *task, size_t index, const char *name, size_t count) {
  task->answers[index].name = name;
  task->answers[index].count = count;
  return ntk_alloc_unset(count, sizeof(double), &task->answers[index].values);
}

static const bench_operation *find(const char *name) {
  const bench_operations *tables[] = {&bench_machine_operations, &bench_kernel_operations, &bench_training_operations};
  for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
    for (size_t i = 0; i < tables[t]->count; i++)
      if (!strcmp(tables[t]->rows[i].name, name)) return &tables[t]->rows[i];
  return NULL;
}

static ntk_error *read_points(const bench_task *task, const char *key, ntk_measure *out) {
  const char *path = bench_request_text(task, key, NULL);
  return path ? ntk_measure_read(path, out) : NULL;
}

static ntk_error *prepare(bench_task *task) {
  ntk_text network = NTK_TEXT;
  ntk_json json = NTK_JSON(&network);
  NTK_TRY(read_points(task, "points", &task->points));
  NTK_TRY(read_points(task, "others", &task->others));
  if (!ntk_value_get(task->request, "network")) return NULL;
  ntk_value_json(&json, NULL, ntk_value_get(task->request, "network"));
  ntk_error *err = network.failed ? ntk_fail(NTK_E_MEMORY, "out of memory") : NULL;
  if (!err) err = ntk_kernel_parse(network.bytes, bench_request_text(task, "kernel", "ntk"), task->points.d, &task->kernel);
  if (!err) err = ntk_kernel_set_centre(task->kernel, task->points.n, task->points.x);
  ntk_text_free(&network);
  return err;
}

ntk_error *bench_task_create(const ntk_comm *comm, ntk_arena *arena, const ntk_value *request, bench_task **out) {
  *out = NULL;
  bench_task *task = NULL;
  NTK_TRY(NTK_NEW(1, &task));
  task->comm = comm;
  task->arena = arena;
  task->request = request;
  task->operation = find(bench_request_text(task, "operation", ""));
  ntk_error *err = task->operation ? prepare(task) : ntk_fail(NTK_E_USAGE, "no operation '%s'", bench_request_text(task, "operation", ""));
  err = ntk_agree(comm, err);
  if (!err) err = ntk_agree(comm, task->operation->create(task));
  if (err)
    bench_task_free(&task);
  else
    *out = task;
  return err;
}

void bench_task_free(bench_task **task) {
  if (!*task) return;
  if ((*task)->state) (*task)->operation->release(*task);
  for (size_t i = 0; i < BENCH_ANSWERS; i++) free((*task)->answers[i].values);
  ntk_kernel_free(&(*task)->kernel);
  ntk_measure_free(&(*task)->points);
  ntk_measure_free(&(*task)->others);
  free(*task);
  *task = NULL;
}

/* --- the machine's bounds: every rank runs the loop, so that they share caches and memory as the kernels do ---------------------- */

static ntk_error *create_bound(bench_task *task) {
  const char *name = bench_request_text(task, "bound", "");
  bench_bound bound = bench_bound_named(name);
  if (bound == BENCH_BOUNDS) return ntk_fail(NTK_E_USAGE, "no bound '%s'", name);
  bench_machine *machine = NULL;
  NTK_TRY(NTK_NEW(1, &machine));
  task->state = machine;
  NTK_TRY(bench_machine_create(bound, (size_t)bench_request_number(task, "size", 0), machine));
  task->work = bench_machine_work(machine) * task->comm->size;
  return NULL;
}

static ntk_error *run_bound(bench_task *task) {
  bench_machine_run(task->state);
  return NULL;
}

static void release_bound(bench_task *task) {
  bench_machine_free(task->state);
  free(task->state);
}

static const bench_operation rows[] = {{"bound", create_bound, run_bound, NULL, release_bound}};
const bench_operations bench_machine_operations = {sizeof rows / sizeof *rows, rows};
