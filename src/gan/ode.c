/* The weights' differential equation by CVODE: Adams' methods of variable order, then, where these need too many steps (the equation is stiff:
 * t times the largest eigenvalue is large), BDF with Newton's method and matrix-free GMRES. Rank 0 integrates; all ranks form the products K w.
 * Source: Hindmarsh et al. 2005, "SUNDIALS". */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cvode/cvode.h>
#include <nvector/nvector_serial.h>
#include <sunlinsol/sunlinsol_spgmr.h>
#include <sunnonlinsol/sunnonlinsol_fixedpoint.h>

#include "base/mem.h"
#include "gan/lead.h"
#include "gan/trainers.h"

enum { ADAMS_STEPS = 1000, BDF_STEPS = 30000, KRYLOV = 30 };

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
} weights;

/* What a solver owns. */
typedef struct {
  SUNContext context;
  N_Vector state, tolerance;
  SUNNonlinearSolver fixed_point;
  SUNLinearSolver gmres;
  void *memory;
} solver;

static void be_silent(int code, const char *module, const char *function, char *message, void *context) {
  (void)code, (void)module, (void)function, (void)message, (void)context;
}

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

static bool create_solver(weights *ode, int method, solver *s) {
  sunindextype length = (sunindextype)ode->length;
  if (SUNContext_Create(NULL, &s->context)) return false;
  s->state = N_VMake_Serial(length, ode->state, s->context);
  s->tolerance = N_VMake_Serial(length, ode->tolerance, s->context);
  s->memory = CVodeCreate(method, s->context);
  if (!s->state || !s->tolerance || !s->memory) return false;
  if (method == CV_ADAMS)
    s->fixed_point = SUNNonlinSol_FixedPoint(s->state, 0, s->context);
  else
    s->gmres = SUNLinSol_SPGMR(s->state, SUN_PREC_NONE, KRYLOV, s->context);
  return s->fixed_point || s->gmres;
}

static int set_up(weights *ode, int method, double start, double relative, const solver *s) {
  double end = ode->training->time;
  int bad = CVodeSetErrHandlerFn(s->memory, be_silent, NULL) || CVodeInit(s->memory, right_side, start, s->state) ||
            CVodeSVtolerances(s->memory, relative, s->tolerance) || CVodeSetUserData(s->memory, ode) || CVodeSetStopTime(s->memory, end) ||
            CVodeSetMaxHnilWarns(s->memory, -1) || CVodeSetMaxNumSteps(s->memory, method == CV_ADAMS ? ADAMS_STEPS : BDF_STEPS);
  if (!bad && start == 0) bad = CVodeSetInitStep(s->memory, first_step * ode->scale);
  if (bad) return bad;
  if (method == CV_ADAMS) return CVodeSetNonlinearSolver(s->memory, s->fixed_point);
  return CVodeSetLinearSolver(s->memory, s->gmres, NULL) || CVodeSetJacTimes(s->memory, jacobian_setup, jacobian_times);
}

static void free_solver(solver *s) {
  if (s->memory) CVodeFree(&s->memory);
  if (s->fixed_point) SUNNonlinSolFree(s->fixed_point);
  if (s->gmres) SUNLinSolFree(s->gmres);
  if (s->state) N_VDestroy(s->state);
  if (s->tolerance) N_VDestroy(s->tolerance);
  if (s->context) SUNContext_Free(&s->context);
}

/* From *time to the end, or as far as the method gets; `flag` is CVODE's. */
static ntk_error *integrate(weights *ode, int method, double relative, double *time, int *flag) {
  solver s = {.memory = NULL};
  ode->known = false;
  ntk_error *err = NULL;
  if (!create_solver(ode, method, &s))
    err = ntk_fail(NTK_E_MEMORY, "no memory for an integrator of %zu weights", ode->n);
  else if (set_up(ode, method, *time, relative, &s))
    err = ntk_fail(NTK_E_INTERNAL, "CVODE refuses its settings");
  if (!err) {
    *flag = CVode(s.memory, ode->training->time, s.state, time, CV_NORMAL);
    err = ode->err;
    ode->err = NULL;
  }
  free_solver(&s);
  return err;
}

static ntk_error *solve(ntk_lead *lead, void *context) {
  weights *ode = context;
  double end = ode->training->time, time = 0, relative = fmax(local_share * ode->training->tolerance, least_tolerance);
  int flag = CV_SUCCESS;
  ode->lead = lead;
  if (end == 0) return NULL;
  NTK_TRY(set_tolerances(ode, relative));
  NTK_TRY(integrate(ode, CV_ADAMS, relative, &time, &flag));
  if (flag < 0) NTK_TRY(integrate(ode, CV_BDF, relative, &time, &flag));
  for (size_t j = 0; j < ode->n; j++)
    if (!isfinite(ode->state[j])) flag = CV_FIRST_RHSFUNC_ERR;
  if (flag >= 0 || flag == CV_TOO_CLOSE) return NULL;
  if (flag == CV_TOO_MUCH_WORK)
    return ntk_fail(NTK_E_NUMERIC, "the weights' equation was integrated to time %.6g of %.6g in %d steps, then given up as too stiff", time, end,
                    ADAMS_STEPS + BDF_STEPS);
  return ntk_fail(NTK_E_NONFINITE, "the weights blow up, or move faster than rounding can follow, at time %.6g of %.6g (CVODE %d)", time, end, flag);
}

ntk_error *ntk_train_ode(const ntk_training *training, const ntk_loss *loss, double *w) {
  weights ode = {.training = training, .loss = loss, .n = training->n, .length = training->heavy ? 2 * training->n : training->n};
  ntk_operator *op = NULL;
  ntk_error *err = NTK_NEW(ode.length, &ode.state);
  if (!err) err = NTK_NEW(ode.length, &ode.tolerance);
  if (!err) err = NTK_NEW(ode.n, &ode.w);
  if (!err) err = NTK_NEW(ode.n, &ode.f);
  if (!err) err = NTK_NEW(ode.n, &ode.product);
  err = ntk_agree(training->comm, err);
  if (!err) err = ntk_operator_create(training->comm, training->kernel, training->points, NULL, training->budget, &op);
  if (!err) err = ntk_lead_run(op, solve, &ode);
  if (!err) {
    memcpy(w, ode.state, ode.n * sizeof *w);
    err = ntk_comm_bcast(training->comm, w, ode.n * sizeof *w, 0);
  }
  ntk_operator_free(&op);
  double *arrays[] = {ode.state, ode.tolerance, ode.w, ode.f, ode.product};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) free(arrays[i]);
  return err;
}
