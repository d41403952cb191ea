/* Generator steps: training the discriminator on points (fake) and others (real), then c(f) and its gradient at the fake points. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "field/field.h"
#include "field/lapack.h"
#include "gan/discriminator.h"
#include "parts/task.h"

static const size_t budget = (size_t)8 << 30;

static ntk_error *create_answers(bench_task *task) {
  size_t n = task->points.n;
  task->work = (double)n * (double)(n + task->others.n);
  NTK_TRY(bench_answer_create(task, 0, "value", n));
  return bench_answer_create(task, 1, "gradient", n * task->points.d);
}

/* --- step: as a study does it, with the request's `discriminator` ------------------------------------------------------------------ */

static ntk_error *checked_discriminator(bench_task *task, const ntk_value **out) {
  const ntk_schema schema = {task->arena, ntk_cli_catalog(), NULL};
  const ntk_key *key = ntk_study_keys();
  while (strcmp(key->name, "discriminator") != 0) key++;
  const ntk_value *given = ntk_value_get(task->request, "discriminator");
  if (!given) return ntk_fail(NTK_E_USAGE, "a step needs a discriminator");
  return ntk_schema_check(&schema, key->keys, "discriminator", given, out);
}

static ntk_error *create_step(bench_task *task) {
  ntk_discriminator *discriminator = NULL;
  const ntk_value *settings = NULL;
  NTK_TRY(create_answers(task));
  NTK_TRY(checked_discriminator(task, &settings));
  ntk_error *err = ntk_discriminator_create(task->comm, settings, &task->others, (ntk_rng){1, 0, 0}, budget, &discriminator);
  task->state = discriminator;
  return err;
}

static ntk_error *run_step(bench_task *task) {
  NTK_TRY(ntk_discriminator_train(task->state, &task->points, &task->others));
  return ntk_discriminator_objective(task->state, task->points.n, task->points.x, task->answers[0].values, task->answers[1].values);
}

static void release_step(bench_task *task) {
  ntk_discriminator *discriminator = task->state;
  ntk_discriminator_free(&discriminator);
}

/* --- eigen: the LSGAN step for time `time` by the eigenvectors of the whole matrix, as whoever has no Krylov method does it -------- */

typedef struct {
  size_t n; /* fake and real points, fake first */
  double *x, *mass, *label, *matrix, *values, *w, *coefficients;
  ntk_prepared *points, *queries;
} eigen_state;

static ntk_error *create_eigen(bench_task *task) {
  eigen_state *s = NULL;
  size_t fakes = task->points.n, reals = task->others.n, n = fakes + reals, d = task->points.d;
  NTK_TRY(NTK_NEW(1, &s));
  task->state = s;
  s->n = n;
  NTK_TRY(create_answers(task));
  NTK_TRY(NTK_NEW(n * d, &s->x));
  NTK_TRY(NTK_NEW(n, &s->mass));
  NTK_TRY(NTK_NEW(n, &s->label));
  NTK_TRY(NTK_NEW(n, &s->values));
  NTK_TRY(NTK_NEW(n, &s->w));
  NTK_TRY(NTK_NEW(n, &s->coefficients));
  NTK_TRY(NTK_NEW(n * n, &s->matrix));
  memcpy(s->x, task->points.x, fakes * d * sizeof(double));
  memcpy(s->x + fakes * d, task->others.x, reals * d * sizeof(double));
  for (size_t j = 0; j < n; j++) {
    s->label[j] = j < fakes ? -1 : 1;
    s->mass[j] = 1 / (double)(j < fakes ? fakes : reals);
  }
  NTK_TRY(ntk_prepare(task->kernel, n, s->x, &s->points));
  return ntk_prepare(task->kernel, fakes, task->points.x, &s->queries);
}

static ntk_error *decompose(eigen_state *s) {
  int n = (int)s->n, lwork = -1, liwork = -1, info = 0, integers = 0, *iwork = NULL;
  double size = 0, *work = NULL;
  dsyevd_("V", "U", &n, s->matrix, &n, s->values, &size, &lwork, &integers, &liwork, &info, 1, 1);
  lwork = (int)size;
  liwork = integers;
  ntk_error *err = NTK_NEW((size_t)lwork, &work);
  if (!err) err = NTK_NEW((size_t)liwork, &iwork);
  if (!err) dsyevd_("V", "U", &n, s->matrix, &n, s->values, work, &lwork, iwork, &liwork, &info, 1, 1);
  free(work);
  free(iwork);
  return !err && info ? ntk_fail(NTK_E_NUMERIC, "dsyevd: %d", info) : err;
}

/* w = D^1/2 V phi(S) V' D^1/2 y with D^1/2 K D^1/2 = V S V' and phi(s) = (1 - exp(-2 t s)) / s. */
static void weights(eigen_state *s, double time) {
  for (size_t i = 0; i < s->n; i++) {
    const double *vector = s->matrix + i * s->n;
    double sum = 0, rate = s->values[i] > 0 ? s->values[i] : 0;
    for (size_t j = 0; j < s->n; j++) sum += vector[j] * sqrt(s->mass[j]) * s->label[j];
    s->coefficients[i] = sum * (rate > 0 ? -expm1(-2 * time * rate) / rate : 2 * time);
  }
  memset(s->w, 0, s->n * sizeof *s->w);
  for (size_t i = 0; i < s->n; i++)
    for (size_t j = 0; j < s->n; j++) s->w[j] += s->coefficients[i] * s->matrix[i * s->n + j] * sqrt(s->mass[j]);
}

static ntk_error *run_eigen(bench_task *task) {
  eigen_state *s = task->state;
  double *value = task->answers[0].values, *gradient = task->answers[1].values;
  ntk_operator *op = NULL;
  NTK_TRY(ntk_operator_create(task->comm, task->kernel, s->points, s->mass, budget, &op));
  ntk_error *err = ntk_operator_matrix(op, s->matrix);
  ntk_operator_free(&op);
  NTK_TRY_ALL(task->comm, err ? err : decompose(s));
  weights(s, bench_request_number(task, "time", 1));
  NTK_TRY(ntk_field_sum(task->comm, task->kernel, s->queries, s->points, 1, s->w, value, gradient));
  for (size_t i = 0; i < task->points.n; i++) {
    for (size_t a = 0; a < task->points.d; a++) gradient[i * task->points.d + a] *= 2 * value[i];
    value[i] *= value[i];
  }
  return NULL;
}

static void release_eigen(bench_task *task) {
  eigen_state *s = task->state;
  ntk_prepared_free(&s->points);
  ntk_prepared_free(&s->queries);
  double *arrays[] = {s->x, s->mass, s->label, s->matrix, s->values, s->w, s->coefficients};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) free(arrays[i]);
  free(s);
}

static const bench_operation rows[] = {{"step", create_step, run_step, NULL, release_step}, {"eigen", create_eigen, run_eigen, NULL, release_eigen}};
const bench_operations bench_training_operations = {sizeof rows / sizeof *rows, rows};
