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

/* w = M^1/2 f(M^1/2 K M^1/2) M^1/2 labels, M the masses. */
static ntk_error *matrix_function(const ntk_training *training, double fake, double real, ntk_scalar_function f, double *w) {
  double *b = NULL;
  ntk_operator *op = NULL;
  ntk_krylov_report report;
  ntk_error *err = ntk_agree(training->comm, NTK_NEW(training->n, &b));
  if (err) goto out;
  for (size_t j = 0; j < training->n; j++) b[j] = sqrt(training->mass[j]) * (j < training->fakes ? fake : real);
  NTK_TRY_OUT(ntk_operator_create(training->comm, training->kernel, training->points, training->mass, training->budget, &op));
  NTK_TRY_OUT(ntk_krylov_function(op, b, f, training, training->tolerance, w, &report));
  for (size_t j = 0; j < training->n; j++) w[j] *= sqrt(training->mass[j]);
out:
  ntk_operator_free(&op);
  free(b);
  return err;
}

/* y over b for dy/dt = 2 (b - s y) - ridge y. */
static double squares(double s, const void *context) {
  const ntk_training *training = context;
  return 2 * ntk_response(training, 2 * s + training->ridge);
}

ntk_error *ntk_train_lsgan(const ntk_training *training, const ntk_loss *loss, double *w) {
  return matrix_function(training, loss->parameters[0], loss->parameters[1], squares, w);
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
  return matrix_function(training, -1, 1, logistic, w);
}
