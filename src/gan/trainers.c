#include "gan/trainers.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "field/krylov.h"

ntk_error *ntk_train_linear(const ntk_training *training, const ntk_loss *loss, double *w) {
  double t = ntk_response(training, training->ridge);
  for (size_t j = 0; j < training->n; j++) w[j] = -t * training->share[j] * ntk_loss_term(loss, j < training->fakes, 0).slope;
  return NULL;
}

/* w = D^1/2 f(D^1/2 K D^1/2) b, D = diag(d), for each of the jobs, from one basis. */
static ntk_error *matrix_functions(const ntk_training *training, const double *d, const double *b, size_t count, const ntk_krylov_job *jobs) {
  ntk_operator *op = NULL;
  ntk_krylov_report report;
  NTK_TRY(ntk_operator_create(training->comm, training->kernel, training->points, d, training->budget, &op));
  ntk_error *err = ntk_krylov_functions(op, b, count, jobs, training->tolerance, &report);
  for (size_t c = 0; !err && c < count; c++)
    for (size_t j = 0; j < training->n; j++) jobs[c].result[j] *= sqrt(d[j]);
  ntk_operator_free(&op);
  return err;
}

static ntk_error *matrix_function(const ntk_training *training, const double *d, const double *b, ntk_scalar_function f, double *w) {
  ntk_krylov_job job = {f, training, w};
  return matrix_functions(training, d, b, 1, &job);
}

/* The same with the masses and b = M^1/2 (labels - what f starts from, where that does not decay). */
static ntk_error *functions_of_labels(const ntk_training *training, double fake, double real, size_t count, const ntk_krylov_job *jobs) {
  double *b = NULL;
  NTK_TRY_ALL(training->comm, NTK_NEW(training->n, &b));
  for (size_t j = 0; j < training->n; j++)
    b[j] = sqrt(training->mass[j]) * ((j < training->fakes ? fake : real) - ntk_training_start(training, 0, j));
  ntk_error *err = matrix_functions(training, training->mass, b, count, jobs);
  free(b);
  return err;
}

/* y over b for dy/dt = 2 (b - s y) - ridge y. */
static double squares(double s, const void *context) {
  const ntk_training *training = context;
  return 2 * ntk_response(training, 2 * s + training->ridge);
}

/* y over b for dy/dt = 2 e^(-ridge t) b - (2 s + ridge) y: no momentum. */
static double squares_of_decaying(double s, const void *context) {
  const ntk_training *training = context;
  return 2 * exp(-training->ridge * training->time) * ntk_response(training, 2 * s);
}

/* What a ridge lets decay of f's start pulls by itself. */
static ntk_error *add_decaying(const ntk_training *training, double *w) {
  size_t n = training->n;
  double *b = NULL, *more = NULL;
  ntk_error *err = NTK_NEW(n, &b);
  if (!err) err = NTK_NEW(n, &more);
  err = ntk_agree(training->comm, err);
  for (size_t j = 0; !err && j < n; j++) b[j] = sqrt(training->mass[j]) * (ntk_training_start(training, 0, j) - ntk_training_start(training, 1, j));
  if (!err) err = matrix_function(training, training->mass, b, squares_of_decaying, more);
  for (size_t j = 0; !err && j < n; j++) w[j] += more[j];
  free(b);
  free(more);
  return err;
}

ntk_error *ntk_train_lsgan(const ntk_training *training, const ntk_loss *loss, double *w) {
  ntk_krylov_job job = {squares, training, w};
  NTK_TRY(functions_of_labels(training, loss->parameters[0], loss->parameters[1], 1, &job));
  return training->start && training->ridge > 0 && !training->heavy ? add_decaying(training, w) : NULL;
}

ntk_error *ntk_train_lsgan_times(const ntk_training *training, const ntk_loss *loss, size_t count, const double *times, double *w) {
  ntk_training *each = NULL;
  ntk_krylov_job *jobs = NULL;
  ntk_error *err = NTK_NEW(count, &each);
  if (!err) err = NTK_NEW(count, &jobs);
  err = ntk_agree(training->comm, err);
  for (size_t t = 0; !err && t < count; t++) {
    each[t] = *training;
    each[t].time = times[t];
    jobs[t] = (ntk_krylov_job){squares, &each[t], w + t * training->n};
  }
  if (!err) err = functions_of_labels(training, loss->parameters[0], loss->parameters[1], count, jobs);
  free(each);
  free(jobs);
  return err;
}

/* y(t) of dy/dt = 1 - s y and of dy/dt = t - s y, y(0) = 0. */
static double constant_force(double s, const void *context) { return ntk_response(context, s); }

static double growing_force(double s, const void *context) {
  double t = ((const ntk_training *)context)->time, x = s * t, sum = 0, term = 0.5;
  if (x > 1) return t / s - ntk_response(context, s) / s;
  for (int k = 3; fabs(term) > 1e-18; k++) {
    sum += term;
    term *= -x / k;
  }
  return t * t * sum;
}

/* The weights of real points grow as t times their masses. Those of fake points, w = D^1/2 v with D = masses/2, obey
 * dv/dt = -D^-1/2 masses - D^1/2 (start + t K (real masses)) - D^1/2 K D^1/2 v; D = 0 on real points leaves these out. */
ntk_error *ntk_train_pearson(const ntk_training *training, const ntk_loss *loss, double *w) {
  if (training->heavy || training->ridge > 0) return ntk_train_ode(training, loss, w);
  size_t n = training->n;
  double *d = NULL, *b = NULL, *pull = NULL;
  ntk_error *err = NTK_NEW(n, &d);
  if (!err) err = NTK_NEW(n, &b);
  if (!err) err = NTK_NEW(n, &pull);
  err = ntk_agree(training->comm, err);
  if (err) goto out;
  for (size_t j = training->fakes; j < n; j++) b[j] = training->mass[j];
  NTK_TRY_OUT(ntk_field_sum(training->comm, training->kernel, training->points, training->points, 1, b, pull, NULL));
  for (size_t j = 0; j < n; j++) {
    d[j] = j < training->fakes ? training->mass[j] / 2 : 0;
    b[j] = sqrt(d[j]) * pull[j];
  }
  NTK_TRY_OUT(matrix_function(training, d, b, growing_force, pull));
  for (size_t j = 0; j < n; j++) b[j] = (2 + ntk_training_start(training, 0, j)) * sqrt(d[j]);
  NTK_TRY_OUT(matrix_function(training, d, b, constant_force, w));
  for (size_t j = 0; j < n; j++) w[j] = j < training->fakes ? -w[j] - pull[j] : training->time * training->mass[j];
out:
  free(d);
  free(b);
  free(pull);
  return err;
}

/* u/s with u + e^u = 1 + x, x = t s: du/dt = s sigmoid(-u), u(0) = 0. Newton's iterates for the convex function u + (e^u - 1) - x fall towards
 * its root from any point above, and both bounds are above. So u = 1 + x - omega(1 + x), Wright's omega, without its cancellation at small x. */
static double logistic(double s, const void *context) {
  double t = ((const ntk_training *)context)->time, x = t * s;
  if (x < 1e-300) return t / 2;
  double u = fmin(x / 2, log1p(x));
  for (int i = 0; i < 50; i++) {
    double change = (u + expm1(u) - x) / (1 + exp(u));
    u -= change;
    if (fabs(change) <= 1e-16 * u) break;
  }
  return u / s;
}

ntk_error *ntk_train_vanilla_closed_form(const ntk_training *training, const ntk_loss *loss, double *w) {
  (void)loss;
  ntk_krylov_job job = {logistic, training, w};
  return functions_of_labels(training, -1, 1, 1, &job);
}
