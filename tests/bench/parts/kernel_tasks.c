/* Kernels of two point sets: matrices, sums, products with a stored matrix, MMD. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "field/field.h"
#include "gram/matrix.h"
#include "metric/mmd.h"
#include "parts/task.h"

/* --- gram: the symmetric matrix of the points, each rank its part, from the coordinates on --------------------------------------- */

typedef struct {
  ntk_gram *gram;
} gram_state;

static ntk_error *create_gram(bench_task *task) {
  gram_state *state = NULL;
  NTK_TRY(NTK_NEW(1, &state));
  task->state = state;
  task->work = (double)task->points.n * (double)task->points.n;
  return NULL;
}

static ntk_error *run_gram(bench_task *task) {
  gram_state *state = task->state;
  ntk_prepared *points = NULL;
  ntk_gram_free(&state->gram);
  NTK_TRY_ALL(task->comm, ntk_prepare(task->kernel, task->points.n, task->points.x, &points));
  ntk_error *err = ntk_gram_create(task->comm, task->kernel, points, NULL, &state->gram);
  ntk_prepared_free(&points);
  return err;
}

static ntk_error *collect_gram(bench_task *task) {
  const ntk_gram *gram = ((gram_state *)task->state)->gram;
  size_t n = task->points.n;
  NTK_TRY_ALL(task->comm, task->answers[0].values ? NULL : bench_answer_create(task, 0, "value", n * n));
  double *out = task->answers[0].values;
  memset(out, 0, n * n * sizeof *out);
  for (size_t j = 0; j < gram->local_columns; j++)
    for (size_t i = 0; i < gram->local_rows; i++)
      out[ntk_gram_global(i, gram->grid.row, gram->grid.rows) * n + ntk_gram_global(j, gram->grid.column, gram->grid.columns)] =
          gram->a[j * gram->leading + i];
  for (size_t i = 0; i < n; i++)
    NTK_TRY(ntk_mpi(MPI_Allreduce(MPI_IN_PLACE, out + i * n, (int)n, MPI_DOUBLE, MPI_SUM, task->comm->mpi), "adding rows of a matrix"));
  return NULL;
}

static void release_gram(bench_task *task) {
  ntk_gram_free(&((gram_state *)task->state)->gram);
  free(task->state);
}

/* --- sum: k(X, Z) w and, with gradient: true, its gradient, from the coordinates on; w alternates between 1 and -1 --------------- */

typedef struct {
  double *w;
} sum_state;

static ntk_error *create_sum(bench_task *task) {
  sum_state *state = NULL;
  size_t n = task->points.n, m = task->others.n;
  const ntk_value *gradient = ntk_value_get(task->request, "gradient");
  NTK_TRY(NTK_NEW(1, &state));
  task->state = state;
  task->work = (double)n * (double)m;
  NTK_TRY(NTK_NEW(m, &state->w));
  for (size_t j = 0; j < m; j++) state->w[j] = j % 2 ? -1 : 1;
  NTK_TRY(bench_answer_create(task, 0, "value", n));
  return gradient && ntk_value_bool(gradient) ? bench_answer_create(task, 1, "gradient", n * task->points.d) : NULL;
}

static ntk_error *run_sum(bench_task *task) {
  const sum_state *state = task->state;
  ntk_prepared *x = NULL, *z = NULL;
  ntk_error *err = ntk_prepare(task->kernel, task->points.n, task->points.x, &x);
  if (!err) err = ntk_prepare(task->kernel, task->others.n, task->others.x, &z);
  err = ntk_agree(task->comm, err);
  if (!err) err = ntk_field_sum(task->comm, task->kernel, x, z, 1, state->w, task->answers[0].values, task->answers[1].values);
  ntk_prepared_free(&x);
  ntk_prepared_free(&z);
  return err;
}

static void release_sum(bench_task *task) {
  free(((sum_state *)task->state)->w);
  free(task->state);
}

/* --- product: one product with the points' matrix, stored (memory_gib allowing) beforehand; work in bytes read ------------------- */

typedef struct {
  ntk_prepared *points;
  ntk_operator *op;
  double *x;
} product_state;

static ntk_error *create_product(bench_task *task) {
  product_state *state = NULL;
  size_t n = task->points.n;
  NTK_TRY(NTK_NEW(1, &state));
  task->state = state;
  task->work = (double)n * (double)n * sizeof(double);
  NTK_TRY(NTK_NEW(n, &state->x));
  for (size_t i = 0; i < n; i++) state->x[i] = i % 2 ? -1 : 1;
  NTK_TRY(bench_answer_create(task, 0, "value", n));
  NTK_TRY(ntk_prepare(task->kernel, n, task->points.x, &state->points));
  return ntk_operator_create(task->comm, task->kernel, state->points, NULL, (size_t)(bench_request_number(task, "memory_gib", 4) * 0x1p30),
                             &state->op);
}

static ntk_error *run_product(bench_task *task) {
  const product_state *state = task->state;
  return ntk_operator_apply(state->op, state->x, task->answers[0].values);
}

static void release_product(bench_task *task) {
  product_state *state = task->state;
  ntk_operator_free(&state->op);
  ntk_prepared_free(&state->points);
  free(state->x);
  free(state);
}

/* --- mmd: MMD^2 of points (fake) and others (real), with `permutations` of the labels --------------------------------------------- */

typedef struct {
  size_t permutations;
} mmd_state;

static ntk_error *create_mmd(bench_task *task) {
  mmd_state *state = NULL;
  size_t n = task->points.n, m = task->others.n;
  NTK_TRY(NTK_NEW(1, &state));
  task->state = state;
  state->permutations = (size_t)bench_request_number(task, "permutations", 0);
  task->work = (double)(n + m) * (double)(n + m) / 2;
  return bench_answer_create(task, 0, "value", 2);
}

static ntk_error *run_mmd(bench_task *task) {
  const mmd_state *state = task->state;
  const ntk_rng rng = {1, 0, NTK_STREAM_PERMUTE};
  ntk_mmd mmd;
  NTK_TRY(ntk_mmd_evaluate(task->comm, task->kernel, &task->points, &task->others, state->permutations, rng, &mmd));
  task->answers[0].values[0] = mmd.biased;
  task->answers[0].values[1] = mmd.unbiased;
  return NULL;
}

static void release_mmd(bench_task *task) { free(task->state); }

static const bench_operation rows[] = {{"gram", create_gram, run_gram, collect_gram, release_gram},
                                       {"sum", create_sum, run_sum, NULL, release_sum},
                                       {"product", create_product, run_product, NULL, release_product},
                                       {"mmd", create_mmd, run_mmd, NULL, release_mmd}};
const bench_operations bench_kernel_operations = {sizeof rows / sizeof *rows, rows};
