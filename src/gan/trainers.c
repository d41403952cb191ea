#include "gan/trainers.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "field/krylov.h"

ntk_error *ntk_train_ipm(const ntk_training *training, const double *parameters, double *w) {
  (void)parameters;
  for (size_t j = 0; j < training->n; j++) w[j] = (j < training->fakes ? -training->time : training->time) * training->share[j];
  return NULL;
}

ntk_error *ntk_train_ipm_external(const ntk_training *training, const double *parameters, double *w) {
  (void)parameters;
  for (size_t j = 0; j < training->n; j++) w[j] = j < training->fakes ? 0 : training->time * training->share[j];
  return NULL;
}

/* 2t phi1(-2ts) = (1 - e^(-2ts))/s: the solution of dy/dt = 2 (b - s y), y(0) = 0, over b. */
static double relaxation(double s, const void *context) {
  double t = *(const double *)context;
  return s > 0 ? -expm1(-2 * t * s) / s : 2 * t;
}

ntk_error *ntk_train_lsgan(const ntk_training *training, const double *parameters, double *w) {
  double *b = NULL;
  ntk_operator *op = NULL;
  ntk_krylov_report report;
  ntk_error *err = ntk_agree(training->comm, NTK_NEW(training->n, &b));
  if (err) goto out;
  for (size_t j = 0; j < training->n; j++) b[j] = sqrt(training->mass[j]) * parameters[j < training->fakes ? 0 : 1];
  NTK_TRY_OUT(ntk_operator_create(training->comm, training->kernel, training->points, training->mass, training->budget, &op));
  NTK_TRY_OUT(ntk_krylov_function(op, b, relaxation, &training->time, training->tolerance, w, &report));
  for (size_t j = 0; j < training->n; j++) w[j] *= sqrt(training->mass[j]);
out:
  ntk_operator_free(&op);
  free(b);
  return err;
}
