#include "gan/solver.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include <nvector/nvector_serial.h>
#include <sunlinsol/sunlinsol_spgmr.h>
#include <sunnonlinsol/sunnonlinsol_fixedpoint.h>

enum { ADAMS_STEPS = 1000, BDF_STEPS = 30000, KRYLOV = 30 };

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

static bool create_solver(const ntk_solver_job *job, int method, solver *s) {
  sunindextype length = (sunindextype)job->length;
  if (SUNContext_Create(NULL, &s->context)) return false;
  s->state = N_VMake_Serial(length, job->state, s->context);
  s->tolerance = N_VMake_Serial(length, job->tolerance, s->context);
  s->memory = CVodeCreate(method, s->context);
  if (!s->state || !s->tolerance || !s->memory) return false;
  if (method == CV_ADAMS)
    s->fixed_point = SUNNonlinSol_FixedPoint(s->state, 0, s->context);
  else
    s->gmres = SUNLinSol_SPGMR(s->state, SUN_PREC_NONE, KRYLOV, s->context);
  return s->fixed_point || s->gmres;
}

static int set_up(const ntk_solver_job *job, int method, double start, const solver *s) {
  int bad = CVodeSetErrHandlerFn(s->memory, be_silent, NULL) || CVodeInit(s->memory, job->slope, start, s->state) ||
            CVodeSVtolerances(s->memory, job->relative, s->tolerance) || CVodeSetUserData(s->memory, job->context) ||
            CVodeSetStopTime(s->memory, job->end) || CVodeSetMaxHnilWarns(s->memory, -1) ||
            CVodeSetMaxNumSteps(s->memory, method == CV_ADAMS ? ADAMS_STEPS : BDF_STEPS);
  if (!bad && start == 0) bad = CVodeSetInitStep(s->memory, job->first_step);
  if (bad) return bad;
  if (method == CV_ADAMS) return CVodeSetNonlinearSolver(s->memory, s->fixed_point);
  return CVodeSetLinearSolver(s->memory, s->gmres, NULL) || CVodeSetJacTimes(s->memory, job->setup, job->times);
}

static void free_solver(solver *s) {
  if (s->memory) CVodeFree(&s->memory);
  if (s->fixed_point) SUNNonlinSolFree(s->fixed_point);
  if (s->gmres) SUNLinSolFree(s->gmres);
  if (s->state) N_VDestroy(s->state);
  if (s->tolerance) N_VDestroy(s->tolerance);
  if (s->context) SUNContext_Free(&s->context);
}

static void keep(const ntk_solver_job *job, size_t index) { memcpy(job->history + index * job->kept, job->state, job->kept * sizeof(double)); }

/* On to the times that are kept, from number *next on, then to the end. The limit on steps is for all of them. */
static int follow(const ntk_solver_job *job, const solver *s, double *time, size_t *next, long most) {
  long steps = 0;
  for (; *next < job->count && job->at[*next] < job->end; (*next)++) {
    if (job->at[*next] <= *time) { /* only where nothing has moved yet */
      keep(job, *next);
      continue;
    }
    int flag = CVode(s->memory, job->at[*next], s->state, time, CV_NORMAL);
    if (flag < 0) return flag;
    keep(job, *next);
    if (CVodeGetNumSteps(s->memory, &steps) || steps >= most) return CV_TOO_MUCH_WORK;
    if (CVodeSetMaxNumSteps(s->memory, most - steps)) return CV_ILL_INPUT;
  }
  return CVode(s->memory, job->end, s->state, time, CV_NORMAL);
}

/* From *time to the end, or as far as the method gets. */
static ntk_error *integrate(const ntk_solver_job *job, int method, double *time, size_t *next, int *flag) {
  solver s = {.memory = NULL};
  ntk_error *err = NULL;
  if (!create_solver(job, method, &s))
    err = ntk_fail(NTK_E_MEMORY, "no memory for an integrator of %zu numbers", job->length);
  else if (set_up(job, method, *time, &s))
    err = ntk_fail(NTK_E_INTERNAL, "CVODE refuses its settings");
  if (!err) {
    *flag = follow(job, &s, time, next, method == CV_ADAMS ? ADAMS_STEPS : BDF_STEPS);
    err = *job->err;
    *job->err = NULL;
  }
  free_solver(&s);
  return err;
}

ntk_error *ntk_solver_run(ntk_solver_job *job, double *time, int *flag) {
  size_t next = 0;
  *time = 0;
  NTK_TRY(integrate(job, CV_ADAMS, time, &next, flag));
  if (*flag < 0) NTK_TRY(integrate(job, CV_BDF, time, &next, flag));
  for (; *flag >= 0 && next < job->count; next++) keep(job, next);
  for (size_t j = 0; j < job->length; j++)
    if (!isfinite(job->state[j])) *flag = CV_FIRST_RHSFUNC_ERR;
  return NULL;
}

ntk_error *ntk_solver_verdict(const ntk_solver_job *job, double time, int flag, const char *what) {
  if (flag >= 0 || flag == CV_TOO_CLOSE) return NULL;
  if (flag == CV_TOO_MUCH_WORK)
    return ntk_fail(NTK_E_NUMERIC, "the equation of %s was integrated to time %.6g of %.6g in %d steps, then given up as too stiff", what, time,
                    job->end, ADAMS_STEPS + BDF_STEPS);
  return ntk_fail(NTK_E_NONFINITE, "%s blow up, or move faster than rounding can follow, at time %.6g of %.6g (CVODE %d)", what, time, job->end,
                  flag);
}
