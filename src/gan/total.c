/* The gradient of C(alpha) in the fake points where f is trained anew at each of their places.
 *
 * With C = sum_j share_j h_j(f(z_j)), g_j = share_j h'_j(f(z_j)), f = b + K w and dw/ds = -M l'(b + K w) - ridge w, the adjoint of the weights'
 * equation gives, for a fake point i,
 *   dC/dx_i = sum_j A_ij grad_1 k(z_i, z_j) + B_i grad b(z_i),  A = g w^T + w g^T + integral of p w^T + w p^T,  B = g + integral of p,
 * with w = w(t) outside the integrals and p_j(s) = -mass_j l''_j lambda_j(s), lambda(t) = K g, -dlambda/ds = -K M l'' lambda - ridge lambda.
 * l'' = 0: p = 0. Quadratic losses: p(s) by the Krylov method that w(s) comes from; others: both equations are integrated. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gan/adjoint.h"
#include "gan/inside.h"
#include "gan/total.h"
#include "gan/trainers.h"

/* g; left and right factors of A (n x rank each, a row a point); B. */
typedef struct {
  size_t n, rank, next; /* columns, those filled */
  double *g, *left, *right, *fixed;
} factors;

/* A += scale (a b^T + b a^T). */
static void add_pair(factors *f, const double *a, const double *b, double scale) {
  for (size_t j = 0; j < f->n; j++) {
    double *left = f->left + j * f->rank + f->next, *right = f->right + j * f->rank + f->next;
    left[0] = right[1] = scale * a[j];
    left[1] = right[0] = b[j];
  }
  f->next += 2;
}

static ntk_error *find_history(const ntk_training *training, const ntk_loss *loss, const ntk_panels *q, const double *g, double *w, double *p) {
  if (loss->train == ntk_train_lsgan) {
    NTK_TRY(ntk_train_lsgan_times(training, loss, q->count, q->time, w));
    return ntk_adjoint_quadratic(training, q, g, p);
  }
  NTK_TRY(ntk_train_ode_times(training, loss, q->count, q->time, w));
  return ntk_adjoint_integrate(training, loss, q, w, g, p);
}

static ntk_error *add_history(const ntk_training *training, const ntk_loss *loss, const ntk_panels *q, factors *f) {
  double *w = NULL, *p = NULL;
  ntk_error *err = ntk_alloc(q->count * f->n, sizeof(double), &w);
  if (!err) err = ntk_alloc(q->count * f->n, sizeof(double), &p);
  err = ntk_agree(training->comm, err);
  if (!err) err = find_history(training, loss, q, f->g, w, p);
  for (size_t k = 0; !err && k < q->count; k++) {
    add_pair(f, p + k * f->n, w + k * f->n, q->share[k]);
    for (size_t j = 0; j < f->n; j++) f->fixed[j] += q->share[k] * p[k * f->n + j];
  }
  free(w);
  free(p);
  return err;
}

/* g = share h' at the trained f: h is minus the discriminator's loss, or the generator's objective. */
static void weigh(const ntk_discriminator *d, ntk_total_kind kind, const double *value, double *g) {
  for (size_t j = 0; j < d->n; j++) {
    bool fake = j < d->fakes;
    double slope = kind == NTK_TOTAL_LOSS ? -ntk_loss_term(&d->loss, fake, value[j]).slope : fake ? ntk_loss_objective(&d->loss, value[j]).slope : 0;
    g[j] = d->share[j] * slope;
  }
}

static ntk_error *allocate(factors *f) {
  NTK_TRY(NTK_NEW(f->n, &f->g));
  NTK_TRY(NTK_NEW(f->n, &f->fixed));
  NTK_TRY(ntk_alloc(f->n * f->rank, sizeof(double), &f->left));
  return ntk_alloc(f->n * f->rank, sizeof(double), &f->right);
}

/* dC/dx of the fake points from the factors. */
static ntk_error *gather(ntk_discriminator *d, const factors *f, double *gradient) {
  ntk_prepared *fake = NULL;
  const double *x = ntk_prepared_points(d->points);
  double *slope = NULL;
  ntk_error *err = ntk_agree(d->comm, d->initial ? NTK_NEW(d->fakes * d->d, &slope) : NULL);
  if (!err) err = ntk_field_prepare(d->comm, d->kernel, d->fakes, x, &fake);
  if (!err) err = ntk_field_weighted_gradient(d->comm, d->kernel, fake, d->points, f->rank, f->left, f->right, gradient);
  if (!err && d->initial) err = ntk_net_evaluate(d->comm, d->initial, d->fakes, x, NULL, slope);
  for (size_t i = 0; !err && i < d->fakes; i++)
    for (size_t a = 0; a < d->d; a++) {
      double *out = gradient + i * d->d + a;
      if (d->initial) *out += f->fixed[i] * slope[i * d->d + a];
      *out = d->share[i] > 0 ? *out / d->share[i] : 0;
    }
  ntk_prepared_free(&fake);
  free(slope);
  return err;
}

/* At least the fastest rate of the weights' equation where it starts and ends: the trace of K M l'', and the ridge. */
static ntk_error *fastest(const ntk_training *training, const ntk_loss *loss, const double *end, double *rate) {
  double *diagonal = NULL, sum[2] = {0, 0};
  NTK_TRY_ALL(training->comm, NTK_NEW(training->n, &diagonal));
  ntk_prepared_diagonal(training->kernel, training->points, diagonal);
  for (size_t j = 0; j < training->n; j++) {
    bool fake = j < training->fakes;
    double size = training->mass[j] * diagonal[j];
    sum[0] += size * fabs(ntk_loss_term(loss, fake, ntk_training_start(training, 1, j)).curvature);
    sum[1] += size * fabs(ntk_loss_term(loss, fake, end[j]).curvature);
  }
  *rate = training->ridge + fmax(sum[0], sum[1]);
  free(diagonal);
  return NULL;
}

static ntk_error *differentiate(ntk_discriminator *d, ntk_total_kind kind, ntk_panels *q, factors *f, double *value, double *gradient) {
  const double *x = ntk_prepared_points(d->points);
  ntk_training training = ntk_discriminator_training(d);
  bool has_history = d->loss.train != ntk_train_linear && d->time > 0;
  double rate;
  if (d->initial) NTK_TRY(ntk_net_evaluate(d->comm, d->initial, d->n, x, value, NULL));
  double *start = value + d->n;
  memcpy(start, value, d->n * sizeof *start);
  if (d->initial) training.start = training.fixed = start;
  NTK_TRY(ntk_discriminator_evaluate(d, d->n, x, value, NULL));
  NTK_TRY(fastest(&training, &d->loss, value, &rate));
  if (has_history) ntk_panels_set(d->time, rate, q);
  f->rank = 2 + 2 * q->count;
  NTK_TRY_ALL(d->comm, allocate(f));
  weigh(d, kind, value, f->g);
  memcpy(f->fixed, f->g, f->n * sizeof *f->g);
  add_pair(f, f->g, d->w, 1);
  if (has_history) NTK_TRY(add_history(&training, &d->loss, q, f));
  return gather(d, f, gradient);
}

ntk_error *ntk_discriminator_total_gradient(ntk_discriminator *d, ntk_total_kind kind, double *gradient) {
  factors f = {.n = d->n};
  ntk_panels *q = NULL;
  double *value = NULL;
  ntk_error *err = NTK_NEW(1, &q);
  if (!err) err = NTK_NEW(2 * d->n, &value);
  err = ntk_agree(d->comm, err);
  if (!err) err = differentiate(d, kind, q, &f, value, gradient);
  void *arrays[] = {f.g, f.left, f.right, f.fixed, q, value};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) free(arrays[i]);
  return ntk_error_prefix(err, "total gradient");
}

ntk_error *ntk_total_check(const ntk_value *discriminator) {
  ntk_loss loss;
  NTK_TRY(ntk_error_prefix(ntk_loss_create(discriminator, &loss), "discriminator"));
  bool is_linear = loss.train == ntk_train_linear, is_smooth = loss.train != ntk_train_hinge && loss.train != ntk_train_vanilla_closed_form;
  const char *name = loss.entry->choice.name;
  if (!is_smooth) return ntk_fail(NTK_E_CONFIG, "train.gradient: total differentiates the training of smooth losses; there is none for %s", name);
  if (!is_linear && ntk_has(discriminator, "momentum")) return ntk_fail(NTK_E_CONFIG, "train.gradient: total does not go with momentum for %s", name);
  if (!is_linear && ntk_value_kind_of(ntk_value_get(discriminator, "time")) == NTK_STRING)
    return ntk_fail(NTK_E_CONFIG, "train.gradient: total needs a finite discriminator.time for %s", name);
  if (ntk_get_bool(discriminator, "carry_over") || ntk_has(discriminator, "batch") || ntk_get_integer(discriminator, "n_critic") > 1)
    return ntk_fail(NTK_E_CONFIG, "train.gradient: total is of one training from f0 on all points, without carry_over, batch and n_critic");
  return NULL;
}
