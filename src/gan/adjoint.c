#include "gan/adjoint.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "field/krylov.h"
#include "gan/lead.h"
#include "gan/solver.h"

typedef struct {
  double ridge, time; /* time: what is left until the end */
} way_back;

static double decay(double s, const void *context) {
  const way_back *way = context;
  return exp(-way->time * (2 * s + way->ridge));
}

/* p(s) = -2 M^1/2 e^(-(t - s)(2 A + ridge)) M^1/2 K g with A = M^1/2 K M^1/2, for all nodes from one basis. */
ntk_error *ntk_adjoint_quadratic(const ntk_training *training, const ntk_panels *nodes, const double *g, double *p) {
  way_back *way = NULL;
  ntk_krylov_job *jobs = NULL;
  ntk_operator *op = NULL;
  ntk_krylov_report report;
  double *start = NULL;
  ntk_error *err = NTK_NEW(nodes->count, &way);
  if (!err) err = NTK_NEW(nodes->count, &jobs);
  if (!err) err = NTK_NEW(training->n, &start);
  err = ntk_agree(training->comm, err);
  if (!err) err = ntk_field_sum(training->comm, training->kernel, training->points, training->points, 1, g, start, NULL);
  for (size_t k = 0; !err && k < nodes->count; k++) {
    way[k] = (way_back){training->ridge, training->time - nodes->time[k]};
    jobs[k] = (ntk_krylov_job){decay, &way[k], p + k * training->n};
  }
  for (size_t j = 0; !err && j < training->n; j++) start[j] *= sqrt(training->mass[j]);
  if (!err) err = ntk_operator_create(training->comm, training->kernel, training->points, training->mass, training->budget, &op);
  if (!err) err = ntk_krylov_functions(op, start, nodes->count, jobs, training->tolerance, &report);
  for (size_t k = 0; !err && k < nodes->count; k++)
    for (size_t j = 0; j < training->n; j++) p[k * training->n + j] *= -2 * sqrt(training->mass[j]);
  ntk_operator_free(&op);
  free(way);
  free(jobs);
  free(start);
  return err;
}

/* --- other losses: lambda integrated backwards, mass l'' interpolated between the nodes -------------------------------------------------------- */

typedef struct {
  const ntk_training *training;
  const ntk_loss *loss;
  const ntk_panels *nodes;
  const double *w, *g;
  ntk_lead *lead;
  size_t n;
  double *lambda, *tolerance, *pull, *at, *bend; /* bend: mass l'' at every node (count x n); at: times from the end */
  double *history;                               /* lambda at every node, the last first */
  ntk_error *err;
} adjoint;

/* out = -K (mass l'' x) - ridge x at time s from the end. */
static int back(adjoint *a, double s, const double *x, double *out) {
  size_t first;
  double weight[NTK_PANEL_NODES];
  ntk_panels_interpolate(a->nodes, fmax(a->training->time - s, 0), &first, weight);
  for (size_t j = 0; j < a->n; j++) {
    double bend = 0;
    for (size_t k = 0; k < NTK_PANEL_NODES; k++) bend += weight[k] * a->bend[(first + k) * a->n + j];
    a->pull[j] = -bend * x[j];
  }
  ntk_error *err = ntk_lead_multiply(a->lead, a->pull, out);
  if (err && ntk_error_code(err) != NTK_E_NONFINITE) {
    a->err = ntk_error_join(a->err, err);
    return -1;
  }
  bool finite = !err;
  ntk_error_free(&err);
  for (size_t j = 0; finite && j < a->n; j++) out[j] -= a->training->ridge * x[j];
  return finite ? 0 : 1;
}

static int slope_at(sunrealtype s, N_Vector y, N_Vector slope, void *context) {
  return back(context, s, N_VGetArrayPointer(y), N_VGetArrayPointer(slope));
}

static int no_setup(sunrealtype s, N_Vector y, N_Vector slope, void *context) {
  (void)s, (void)y, (void)slope, (void)context;
  return 0;
}

static int jacobian_times(N_Vector direction, N_Vector result, sunrealtype s, N_Vector y, N_Vector slope, void *context, N_Vector spare) {
  (void)y, (void)slope, (void)spare;
  return back(context, s, N_VGetArrayPointer(direction), N_VGetArrayPointer(result));
}

/* mass l'' at the nodes, from f = start + K w there. */
static ntk_error *find_bends(adjoint *a) {
  const ntk_training *training = a->training;
  for (size_t k = 0; k < a->nodes->count; k++) {
    double *bend = a->bend + k * a->n;
    NTK_TRY(ntk_lead_multiply(a->lead, a->w + k * a->n, bend));
    for (size_t j = 0; j < a->n; j++) {
      double f = bend[j] + ntk_training_start(training, exp(-training->ridge * a->nodes->time[k]), j);
      bend[j] = training->mass[j] * ntk_loss_term(a->loss, j < training->fakes, f).curvature;
    }
  }
  return NULL;
}

static ntk_error *solve(ntk_lead *lead, void *context) {
  adjoint *a = context;
  size_t count = a->nodes->count;
  double largest = 0, fastest = 0, time;
  int flag = 0;
  a->lead = lead;
  NTK_TRY(find_bends(a));
  NTK_TRY(ntk_lead_multiply(lead, a->g, a->lambda));
  int failed = back(a, 0, a->lambda, a->tolerance); /* the first slope */
  if (failed) return failed < 0 ? a->err : ntk_fail(NTK_E_NONFINITE, "the adjoint of the weights is not finite");
  for (size_t j = 0; j < a->n; j++) {
    largest = fmax(largest, fabs(a->lambda[j]));
    fastest = fmax(fastest, fabs(a->tolerance[j]));
  }
  double relative = fmax(a->training->tolerance, 1e-12);
  for (size_t j = 0; j < a->n; j++) a->tolerance[j] = relative * fmax(largest, 1e-290);
  for (size_t k = 0; k < count; k++) a->at[k] = a->training->time - a->nodes->time[count - 1 - k];
  ntk_solver_job job = {.length = a->n,
                        .state = a->lambda,
                        .tolerance = a->tolerance,
                        .relative = relative,
                        .end = a->training->time,
                        .first_step = 1e-6 * (fastest > 0 ? fmin(a->training->time, largest / fastest) : a->training->time),
                        .slope = slope_at,
                        .setup = no_setup,
                        .times = jacobian_times,
                        .context = a,
                        .err = &a->err,
                        .count = count,
                        .at = a->at,
                        .history = a->history,
                        .kept = a->n};
  NTK_TRY(ntk_solver_run(&job, &time, &flag));
  return ntk_solver_verdict(&job, time, flag, "the adjoint of the weights");
}

ntk_error *ntk_adjoint_integrate(const ntk_training *training, const ntk_loss *loss, const ntk_panels *nodes, const double *w, const double *g,
                                 double *p) {
  size_t n = training->n, count = nodes->count;
  adjoint a = {.training = training, .loss = loss, .nodes = nodes, .w = w, .g = g, .n = n};
  ntk_operator *op = NULL;
  double **vectors[] = {&a.lambda, &a.tolerance, &a.pull};
  ntk_error *err = NULL;
  for (size_t i = 0; !err && i < sizeof vectors / sizeof *vectors; i++) err = ntk_alloc(n, sizeof(double), vectors[i]);
  if (!err) err = NTK_NEW(count, &a.at);
  if (!err) err = ntk_alloc(count * n, sizeof(double), &a.bend);
  if (!err) err = ntk_alloc(count * n, sizeof(double), &a.history);
  err = ntk_agree(training->comm, err);
  if (!err) err = ntk_operator_create(training->comm, training->kernel, training->points, NULL, training->budget, &op);
  if (!err) err = ntk_lead_run(op, solve, &a);
  for (size_t k = 0; !err && k < count; k++)
    for (size_t j = 0; j < n; j++) p[k * n + j] = -a.bend[k * n + j] * a.history[(count - 1 - k) * n + j];
  if (!err) err = ntk_comm_bcast(training->comm, p, count * n * sizeof *p, 0);
  ntk_operator_free(&op);
  double *arrays[] = {a.lambda, a.tolerance, a.pull, a.at, a.bend, a.history};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) free(arrays[i]);
  return err;
}
