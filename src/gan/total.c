/* The gradient of C(alpha) in the fake points where f is trained anew at each of their places.
 *
 * With C = sum_j share_j h_j(f(z_j)), g_j = share_j h'_j(f(z_j)), f = b + K w and dw/ds = -M l'(b + K w) - ridge w, the adjoint of the weights'
 * equation gives, for a fake point i,
 *   dC/dx_i = sum_j A_ij grad_1 k(z_i, z_j) + B_i grad b(z_i),  A = g w^T + w g^T + integral of p w^T + w p^T,  B = g + integral of p,
 * with w = w(t) outside the integrals and p_j(s) = -mass_j l''_j lambda_j(s), lambda(t) = K g, -dlambda/ds = -K M l'' lambda - ridge lambda.
 * l'' = 0: p = 0. l'' = 2: p(s) = -2 M^1/2 e^(-(t - s)(2 A + ridge)) M^1/2 K g, A = M^1/2 K M^1/2 here, by the Krylov method that w(s) comes from.
 * The integrals are Gauss-Legendre sums on panels that shrink towards both ends, where the fast modes move. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "field/krylov.h"
#include "gan/inside.h"
#include "gan/total.h"
#include "gan/trainers.h"

enum { GAUSS = 10, MOST_PANELS = 128 };

/* Times and their shares of the integral from 0 to t. */
typedef struct {
  size_t count;
  double time[GAUSS * MOST_PANELS], share[GAUSS * MOST_PANELS];
} quadrature;

/* Roots of the Legendre polynomial of degree GAUSS by Newton's method (Abramowitz and Stegun 25.4.29), on [low, high]. */
static void add_panel(quadrature *q, double low, double high) {
  const double pi = 3.14159265358979323846;
  for (int i = 0; i < GAUSS; i++) {
    double x = cos(pi * (i + 0.75) / (GAUSS + 0.5)), slope = 1;
    for (int step = 0; step < 20; step++) {
      double before = 1, now = x;
      for (int k = 2; k <= GAUSS; k++) {
        double next = ((2 * k - 1) * x * now - (k - 1) * before) / k;
        before = now;
        now = next;
      }
      slope = GAUSS * (x * now - before) / (x * x - 1);
      x -= now / slope;
    }
    q->time[q->count] = low + (high - low) * (1 + x) / 2;
    q->share[q->count++] = (high - low) / ((1 - x * x) * slope * slope);
  }
}

/* Panels of length x, x, 2x, 4x, ... from 0 to t/2, mirrored behind; x is what the fastest rate needs. */
static void set_quadrature(double t, double rate, quadrature *q) {
  int halvings = 0;
  while (halvings < MOST_PANELS / 2 - 2 && ldexp(t / 2, -halvings) * rate > 1) halvings++;
  for (int side = 0; side < 2; side++)
    for (int k = 0; k <= halvings; k++) {
      double high = ldexp(t / 2, -k), low = k < halvings ? high / 2 : 0;
      if (side)
        add_panel(q, t - high, t - low);
      else
        add_panel(q, low, high);
    }
}

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

typedef struct {
  double ridge, time; /* of p: what is left until the end */
} way_back;

static double decay(double s, const void *context) {
  const way_back *way = context;
  return exp(-way->time * (2 * s + way->ridge));
}

/* p(s) at every node (count x n): -2 M^1/2 e^(..) M^1/2 K g. */
static ntk_error *adjoints(const ntk_training *training, const quadrature *q, const double *g, double *p) {
  way_back *way = NULL;
  ntk_krylov_job *jobs = NULL;
  ntk_operator *op = NULL;
  ntk_krylov_report report;
  double *start = NULL;
  ntk_error *err = NTK_NEW(q->count, &way);
  if (!err) err = NTK_NEW(q->count, &jobs);
  if (!err) err = NTK_NEW(training->n, &start);
  err = ntk_agree(training->comm, err);
  if (!err) err = ntk_field_sum(training->comm, training->kernel, training->points, training->points, 1, g, start, NULL);
  for (size_t k = 0; !err && k < q->count; k++) {
    way[k] = (way_back){training->ridge, training->time - q->time[k]};
    jobs[k] = (ntk_krylov_job){decay, &way[k], p + k * training->n};
  }
  for (size_t j = 0; !err && j < training->n; j++) start[j] *= sqrt(training->mass[j]);
  if (!err) err = ntk_operator_create(training->comm, training->kernel, training->points, training->mass, training->budget, &op);
  if (!err) err = ntk_krylov_functions(op, start, q->count, jobs, training->tolerance, &report);
  for (size_t k = 0; !err && k < q->count; k++)
    for (size_t j = 0; j < training->n; j++) p[k * training->n + j] *= -2 * sqrt(training->mass[j]);
  ntk_operator_free(&op);
  free(way);
  free(jobs);
  free(start);
  return err;
}

static ntk_error *add_history(const ntk_training *training, const ntk_loss *loss, const quadrature *q, factors *f) {
  double *w = NULL, *p = NULL;
  ntk_error *err = ntk_alloc(q->count * f->n, sizeof(double), &w);
  if (!err) err = ntk_alloc(q->count * f->n, sizeof(double), &p);
  err = ntk_agree(training->comm, err);
  if (!err) err = ntk_train_lsgan_times(training, loss, q->count, q->time, w);
  if (!err) err = adjoints(training, q, f->g, p);
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
  ntk_error *err = ntk_prepare(d->kernel, d->fakes, x, &fake);
  if (!err && d->initial) err = NTK_NEW(d->fakes * d->d, &slope);
  err = ntk_agree(d->comm, err);
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

/* At least the fastest rate of the weights' equation: twice the trace of A, and the ridge. */
static ntk_error *fastest(const ntk_training *training, double *rate) {
  double *diagonal = NULL;
  NTK_TRY_ALL(training->comm, NTK_NEW(training->n, &diagonal));
  ntk_prepared_diagonal(training->kernel, training->points, diagonal);
  *rate = training->ridge;
  for (size_t j = 0; j < training->n; j++) *rate += 2 * training->mass[j] * diagonal[j];
  free(diagonal);
  return NULL;
}

static ntk_error *differentiate(ntk_discriminator *d, ntk_total_kind kind, quadrature *q, factors *f, double *value, double *gradient) {
  const double *x = ntk_prepared_points(d->points);
  ntk_training training = ntk_discriminator_training(d);
  bool has_history = d->loss.train == ntk_train_lsgan;
  double rate;
  if (d->initial) NTK_TRY(ntk_net_evaluate(d->comm, d->initial, d->n, x, value, NULL));
  double *start = value + d->n;
  memcpy(start, value, d->n * sizeof *start);
  if (d->initial) training.start = training.fixed = start;
  NTK_TRY(fastest(&training, &rate));
  if (has_history) set_quadrature(d->time, rate, q);
  f->rank = 2 + 2 * q->count;
  NTK_TRY_ALL(d->comm, allocate(f));
  NTK_TRY(ntk_discriminator_evaluate(d, d->n, x, value, NULL));
  weigh(d, kind, value, f->g);
  memcpy(f->fixed, f->g, f->n * sizeof *f->g);
  add_pair(f, f->g, d->w, 1);
  if (has_history) NTK_TRY(add_history(&training, &d->loss, q, f));
  return gather(d, f, gradient);
}

ntk_error *ntk_discriminator_total_gradient(ntk_discriminator *d, ntk_total_kind kind, double *gradient) {
  factors f = {.n = d->n};
  quadrature *q = NULL;
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
  NTK_TRY(ntk_loss_create(discriminator, &loss));
  bool is_linear = loss.train == ntk_train_linear, is_quadratic = loss.train == ntk_train_lsgan;
  const char *name = loss.entry->choice.name;
  if (!is_linear && !is_quadratic)
    return ntk_fail(NTK_E_CONFIG, "train.gradient: total is there for ipm, ipm_external and lsgan, whose training can be differentiated; not for %s",
                    name);
  if (is_quadratic && ntk_has(discriminator, "momentum"))
    return ntk_fail(NTK_E_CONFIG, "train.gradient: total does not go with momentum for %s", name);
  if (is_quadratic && ntk_value_kind_of(ntk_value_get(discriminator, "time")) == NTK_STRING)
    return ntk_fail(NTK_E_CONFIG, "train.gradient: total needs a finite discriminator.time for %s", name);
  if (ntk_get_bool(discriminator, "carry_over") || ntk_has(discriminator, "batch") || ntk_get_integer(discriminator, "n_critic") > 1)
    return ntk_fail(NTK_E_CONFIG, "train.gradient: total is of one training from f0 on all points, without carry_over, batch and n_critic");
  return NULL;
}
