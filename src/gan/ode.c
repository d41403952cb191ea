/* The weights' differential equation. Rank 0 integrates; all ranks form the products K w. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gan/lead.h"
#include "gan/solver.h"
#include "gan/trainers.h"

/* Local errors add up over the steps: a tenth of what is asked for. 1e-14 is what rounding leaves. */
static const double local_share = 0.1, least_tolerance = 1e-14;
static const double first_step = 1e-7; /* of the fastest mode's time: what the order 1 of the start bears at these tolerances */

typedef struct {
  const ntk_training *training;
  const ntk_loss *loss;
  ntk_lead *lead;
  size_t n, length; /* of the state: w, or (w, dw/dt) with momentum */
  double *state;
  double *w, *f; /* f = K w for the last w asked for: without what f starts from */
  bool known;
  double *product;
  double *tolerance; /* absolute, of each component */
  double scale;      /* of time: until the fastest mode saturates */
  ntk_error *err;    /* that ends the integration */
  size_t count;      /* of times whose weights are kept */
  const double *at;  /* count */
  double *history;   /* count x n */
} weights;

/* 0; 1: not finite, to be tried again with a smaller step; -1: an error was kept. */
static int multiply(weights *ode, const double *x, double *y) {
  ntk_error *err = ntk_lead_multiply(ode->lead, x, y);
  if (!err) return 0;
  if (ntk_error_code(err) != NTK_E_NONFINITE) {
    ode->err = ntk_error_join(ode->err, err);
    return -1;
  }
  ntk_error_free(&err);
  return 1;
}

/* Makes ode->f that of `w`. */
static int know(weights *ode, const double *w) {
  if (ode->known && !memcmp(w, ode->w, ode->n * sizeof *w)) return 0;
  ode->known = false;
  memcpy(ode->w, w, ode->n * sizeof *w);
  int failed = multiply(ode, ode->w, ode->f);
  ode->known = !failed;
  return failed;
}

static ntk_jet term_at(const weights *ode, double t, size_t j) {
  const ntk_training *training = ode->training;
  double decay = training->ridge > 0 ? exp(-training->ridge * t) : 1;
  return ntk_loss_term(ode->loss, j < training->fakes, ode->f[j] + ntk_training_start(training, decay, j));
}

static int right_side(sunrealtype t, N_Vector y, N_Vector slope, void *context) {
  weights *ode = context;
  const ntk_training *training = ode->training;
  const double *w = N_VGetArrayPointer(y), *v = w + ode->n;
  double *dw = N_VGetArrayPointer(slope), *dv = dw + ode->n;
  int failed = know(ode, w);
  if (failed) return failed;
  double *g = training->heavy ? dv : dw;
  for (size_t j = 0; j < ode->n; j++) {
    g[j] = -training->mass[j] * term_at(ode, t, j).slope - training->ridge * w[j];
    if (!isfinite(g[j])) return 1;
  }
  for (size_t j = 0; training->heavy && j < ode->n; j++) {
    dw[j] = v[j];
    dv[j] -= training->damping * v[j];
  }
  return 0;
}

static int jacobian_setup(sunrealtype t, N_Vector y, N_Vector slope, void *context) {
  (void)t, (void)slope;
  return know(context, N_VGetArrayPointer(y));
}

static int jacobian_times(N_Vector direction, N_Vector result, sunrealtype t, N_Vector y, N_Vector slope, void *context, N_Vector spare) {
  (void)slope, (void)spare;
  weights *ode = context;
  const ntk_training *training = ode->training;
  const double *w = N_VGetArrayPointer(y), *u = N_VGetArrayPointer(direction), *du = u + ode->n;
  double *out = N_VGetArrayPointer(result), *g = training->heavy ? out + ode->n : out;
  int failed = know(ode, w);
  if (!failed) failed = multiply(ode, u, ode->product);
  if (failed) return failed;
  for (size_t j = 0; j < ode->n; j++) {
    double curvature = term_at(ode, t, j).curvature;
    g[j] = -training->mass[j] * (curvature > 0 || curvature < 0 ? curvature * ode->product[j] : 0) - training->ridge * u[j];
    if (!isfinite(g[j])) return 1;
  }
  for (size_t j = 0; training->heavy && j < ode->n; j++) {
    out[j] = du[j];
    g[j] -= training->damping * du[j];
  }
  return 0;
}

/* Absolute tolerances: relative to what a weight becomes before the fastest mode saturates, so that modes that have saturated stay accurate too. */
static ntk_error *set_tolerances(weights *ode, double relative) {
  const ntk_training *training = ode->training;
  double fastest = 0, largest = 0;
  for (size_t j = 0; j < ode->n; j++) ode->w[j] = 1;
  NTK_TRY(ntk_lead_multiply(ode->lead, ode->w, ode->f));
  for (size_t j = 0; j < ode->n; j++) {
    double start = ntk_training_start(training, 1, j);
    largest = fmax(largest, training->mass[j] * fabs(ntk_loss_term(ode->loss, j < training->fakes, start).slope));
    fastest = fmax(fastest, training->mass[j] * fabs(ode->f[j]));
  }
  ode->scale = fastest > 0 ? fmin(training->time, 1 / fastest) : training->time;
  for (size_t j = 0; j < ode->length; j++) ode->tolerance[j] = relative * fmax(largest * (j < ode->n ? ode->scale : 1), 1e-290);
  return NULL;
}

static ntk_error *solve(ntk_lead *lead, void *context) {
  weights *ode = context;
  double relative = fmax(local_share * ode->training->tolerance, least_tolerance), time;
  int flag = CV_SUCCESS;
  ode->lead = lead;
  ode->known = false;
  if (!(ode->training->time > 0)) return NULL;
  NTK_TRY(set_tolerances(ode, relative));
  ode->known = false;
  ntk_solver_job job = {.length = ode->length,
                        .state = ode->state,
                        .tolerance = ode->tolerance,
                        .relative = relative,
                        .end = ode->training->time,
                        .first_step = first_step * ode->scale,
                        .slope = right_side,
                        .setup = jacobian_setup,
                        .times = jacobian_times,
                        .context = ode,
                        .err = &ode->err,
                        .count = ode->count,
                        .at = ode->at,
                        .history = ode->history,
                        .kept = ode->n};
  NTK_TRY(ntk_solver_run(&job, &time, &flag));
  return ntk_solver_verdict(&job, time, flag, "the weights");
}

/* w: n numbers at the end, or count x n at the times `at`. */
static ntk_error *train(const ntk_training *training, const ntk_loss *loss, size_t count, const double *at, double *w) {
  weights ode = {.training = training,
                 .loss = loss,
                 .n = training->n,
                 .length = training->heavy ? 2 * training->n : training->n,
                 .count = count,
                 .at = at,
                 .history = w};
  ntk_operator *op = NULL;
  ntk_error *err = NTK_NEW(ode.length, &ode.state);
  if (!err) err = NTK_NEW(ode.length, &ode.tolerance);
  if (!err) err = NTK_NEW(ode.n, &ode.w);
  if (!err) err = NTK_NEW(ode.n, &ode.f);
  if (!err) err = NTK_NEW(ode.n, &ode.product);
  err = ntk_agree(training->comm, err);
  for (size_t k = 0; !err && k < count * ode.n; k++) w[k] = 0;
  if (!err) err = ntk_operator_create(training->comm, training->kernel, training->points, NULL, training->budget, &op);
  if (!err) err = ntk_lead_run(op, solve, &ode);
  if (!err && !count) memcpy(w, ode.state, ode.n * sizeof *w);
  if (!err) err = ntk_comm_bcast(training->comm, w, (count ? count : 1) * ode.n * sizeof *w, 0);
  ntk_operator_free(&op);
  double *arrays[] = {ode.state, ode.tolerance, ode.w, ode.f, ode.product};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) free(arrays[i]);
  return err;
}

ntk_error *ntk_train_ode(const ntk_training *training, const ntk_loss *loss, double *w) { return train(training, loss, 0, NULL, w); }

ntk_error *ntk_train_ode_times(const ntk_training *training, const ntk_loss *loss, size_t count, const double *times, double *w) {
  return train(training, loss, count, times, w);
}
