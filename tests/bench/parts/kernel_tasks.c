/* Kernels of two point sets: matrices, sums, products with a stored matrix, MMD. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "field/field.h"
#include "field/matrix.h"
#include "gram/matrix.h"
#include "metric/mmd.h"
#include "parts/task.h"

/* --- gram: the symmetric matrix of the points, each rank its part, from the coordinates on --------------------------------------- */

static ntk_error *create_pairs(bench_task *task) {
  task->work = (double)task->points.n * (double)task->points.n;
  return NULL;
}

static void release_gram(bench_task *task) {
  ntk_gram *gram = task->state;
  ntk_gram_free(&gram);
  task->state = NULL;
}

static ntk_error *run_gram(bench_task *task) {
  ntk_prepared *points = NULL;
  ntk_gram *gram = NULL;
  if (task->state) release_gram(task);
  NTK_TRY_ALL(task->comm, ntk_prepare(task->kernel, task->points.n, task->points.x, &points));
  ntk_error *err = ntk_gram_create(task->comm, task->kernel, points, NULL, &gram);
  task->state = gram;
  ntk_prepared_free(&points);
  return err;
}

static ntk_error *collect_gram(bench_task *task) {
  const ntk_gram *gram = task->state;
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

/* --- matrix: the same as gram, whole on rank 0, as `ntkgan gram` makes it: a new array each time -------------------------------------- */

static ntk_error *run_matrix(bench_task *task) {
  size_t n = task->points.n;
  ntk_prepared *points = NULL;
  bench_answer *answer = &task->answers[0];
  free(answer->values);
  answer->values = NULL;
  ntk_error *err = bench_answer_create(task, 0, "value", task->comm->rank == 0 ? n * n : 0);
  if (!err) err = ntk_prepare(task->kernel, n, task->points.x, &points);
  err = ntk_agree(task->comm, err);
  if (!err) err = ntk_field_matrix(task->comm, task->kernel, points, NULL, 0, task->comm->rank == 0 ? answer->values : NULL, NULL);
  ntk_prepared_free(&points);
  return err;
}

/* --- sum: k(X, Z) w and, with gradient: true, its gradient, from the coordinates on; w alternates between 1 and -1 --------------- */

static ntk_error *create_sum(bench_task *task) {
  double *w = NULL;
  size_t n = task->points.n, m = task->others.n;
  const ntk_value *gradient = ntk_value_get(task->request, "gradient");
  task->work = (double)n * (double)m;
  NTK_TRY(NTK_NEW(m, &w));
  task->state = w;
  for (size_t j = 0; j < m; j++) w[j] = j % 2 ? -1 : 1;
  NTK_TRY(bench_answer_create(task, 0, "value", n));
  return gradient && ntk_value_bool(gradient) ? bench_answer_create(task, 1, "gradient", n * task->points.d) : NULL;
}

static ntk_error *run_sum(bench_task *task) {
  ntk_prepared *x = NULL, *z = NULL;
  ntk_error *err = ntk_prepare(task->kernel, task->points.n, task->points.x, &x);
  if (!err) err = ntk_prepare(task->kernel, task->others.n, task->others.x, &z);
  err = ntk_agree(task->comm, err);
  if (!err) err = ntk_field_sum(task->comm, task->kernel, x, z, 1, task->state, task->answers[0].values, task->answers[1].values);
  ntk_prepared_free(&x);
  ntk_prepared_free(&z);
  return err;
}

static void release_array(bench_task *task) { free(task->state); }

/* --- product: one product with the points' matrix, stored (memory_gib allowing) beforehand; work: bytes of its upper half ------------------- */

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
  task->work = (double)n * (double)n / 2 * sizeof(double);
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

static ntk_error *create_mmd(bench_task *task) {
  ntk_mmd_options *options = NULL;
  size_t n = task->points.n, m = task->others.n;
  const char *method = bench_request_text(task, "method", "bins");
  NTK_TRY(NTK_NEW(1, &options));
  task->state = options;
  options->permutations = (size_t)bench_request_number(task, "permutations", 0);
  options->method = !strcmp(method, "labels") ? NTK_MMD_LABELS : !strcmp(method, "wild") ? NTK_MMD_WILD : NTK_MMD_BINS;
  options->rng = (ntk_rng){1, 0, NTK_STREAM_PERMUTE};
  task->work = (double)(n + m) * (double)(n + m) / 2;
  return bench_answer_create(task, 0, "value", 2);
}

static ntk_error *run_mmd(bench_task *task) {
  ntk_mmd mmd;
  NTK_TRY(ntk_mmd_measures(task->comm, task->kernel, &task->points, &task->others, task->state, &mmd));
  task->answers[0].values[0] = mmd.biased;
  task->answers[0].values[1] = mmd.unbiased;
  return NULL;
}

static const bench_operation rows[] = {{"gram", create_pairs, run_gram, collect_gram, release_gram},
                                       {"matrix", create_pairs, run_matrix, NULL, NULL},
                                       {"sum", create_sum, run_sum, NULL, release_array},
                                       {"product", create_product, run_product, NULL, release_product},
                                       {"mmd", create_mmd, run_mmd, NULL, release_array}};
const bench_operations bench_kernel_operations = {sizeof rows / sizeof *rows, rows};
