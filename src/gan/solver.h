/** Private to gan/: differential equations by CVODE, on one rank: Adams' methods of variable order, then, where these need too many steps (the equation
 *  is stiff), BDF with Newton's method and matrix-free GMRES. Source: Hindmarsh et al. 2005, "SUNDIALS". */
#ifndef NTK_GAN_SOLVER_H
#define NTK_GAN_SOLVER_H

#include <cvode/cvode.h>

#include "base/err.h"

/** y' = slope(t, y) from time 0. The callbacks get `context` as their user data and return 0, 1 (not finite: try a smaller step) or -1 (an error was
 *  kept in *err, which ends the integration and is returned). */
typedef struct {
  size_t length;
  double *state;     /* length: the start, then the end */
  double *tolerance; /* length: absolute */
  double relative, end;
  double first_step;
  CVRhsFn slope;
  CVLsJacTimesSetupFn setup; /* called before `times` for a new y */
  CVLsJacTimesVecFn times;   /* the Jacobian's products */
  void *context;
  ntk_error **err;
  size_t count;     /* 0, or of times, ascending within [0, end], whose states are kept: */
  const double *at; /* count */
  double *history;  /* count x kept: the first numbers of the state */
  size_t kept;
} ntk_solver_job;

/** *time: how far it got; *flag: CVODE's verdict, < 0 where that is not the end (CV_TOO_CLOSE apart). NTK_E_MEMORY, NTK_E_INTERNAL, or *err. */
NTK_CHECKED ntk_error *ntk_solver_run(ntk_solver_job *job, double *time, int *flag);

/** The verdict as an error, or NULL: `what` ("the weights") blows up, or was given up as too stiff. */
NTK_CHECKED ntk_error *ntk_solver_verdict(const ntk_solver_job *job, double time, int flag, const char *what);

#endif
