#include "gan/discriminator.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct ntk_discriminator {
  const ntk_comm *comm;
  ntk_kernel *kernel;
  ntk_loss loss;
  size_t d, n, budget;
  double time, tolerance, ridge, damping;
  bool peer; /* the same mass for every point, as GAN(TK)^2 */
  bool heavy;
  ntk_prepared *points;
  double *share, *mass, *w;
  double *loss_mass; /* what the loss weighs points with; `mass` is of T_{k,gamma} */
};

ntk_error *ntk_discriminator_create(const ntk_comm *comm, const ntk_value *settings, size_t dimension, size_t budget, ntk_discriminator **out) {
  *out = NULL;
  ntk_discriminator *d = NULL;
  NTK_TRY(NTK_NEW(1, &d));
  d->comm = comm;
  d->d = dimension;
  d->budget = budget;
  d->time = ntk_get_number(settings, "time");
  d->tolerance = ntk_get_number(settings, "tolerance");
  d->peer = !strcmp(ntk_get_text(settings, "normalization"), "peer");
  d->ridge = ntk_get_number(settings, "ridge");
  d->heavy = ntk_has(settings, "momentum");
  if (d->heavy) d->damping = 1 - ntk_get_number(settings, "momentum");
  ntk_error *err = ntk_loss_create(settings, &d->loss);
  if (!err) err = ntk_kernel_create(ntk_value_get(settings, "network"), ntk_get_text(settings, "kernel"), dimension, &d->kernel);
  if (err)
    ntk_discriminator_free(&d);
  else
    *out = d;
  return err;
}

void ntk_discriminator_free(ntk_discriminator **d) {
  if (!*d) return;
  ntk_kernel_free(&(*d)->kernel);
  ntk_prepared_free(&(*d)->points);
  free((*d)->share);
  free((*d)->mass);
  free((*d)->loss_mass);
  free((*d)->w);
  free(*d);
  *d = NULL;
}

/* gamma = fake u real: points, masses. */
static ntk_error *join(ntk_discriminator *d, const ntk_measure *fake, const ntk_measure *real) {
  size_t n = fake->n + real->n;
  double *x = NULL;
  if (n != d->n) {
    free(d->share);
    free(d->mass);
    free(d->loss_mass);
    free(d->w);
    d->share = d->mass = d->loss_mass = d->w = NULL;
    NTK_TRY(NTK_NEW(n, &d->share));
    NTK_TRY(NTK_NEW(n, &d->mass));
    NTK_TRY(NTK_NEW(n, &d->loss_mass));
    NTK_TRY(NTK_NEW(n, &d->w));
    d->n = n;
  }
  memcpy(d->share, fake->mass, fake->n * sizeof(double));
  memcpy(d->share + fake->n, real->mass, real->n * sizeof(double));
  for (size_t j = 0; j < n; j++) {
    d->mass[j] = d->peer ? 2 / (double)n : d->share[j];
    d->loss_mass[j] = d->peer ? d->loss.entry->peer_mass / (double)n : d->share[j];
  }
  NTK_TRY(NTK_NEW(n * d->d, &x));
  memcpy(x, fake->x, fake->n * d->d * sizeof(double));
  memcpy(x + fake->n * d->d, real->x, real->n * d->d * sizeof(double));
  ntk_prepared_free(&d->points);
  ntk_error *err = ntk_prepare(d->kernel, n, x, &d->points);
  free(x);
  return err;
}

ntk_error *ntk_discriminator_train(ntk_discriminator *d, const ntk_measure *fake, const ntk_measure *real) {
  if (fake->d != d->d || real->d != d->d)
    return ntk_fail(NTK_E_INPUT, "fake points have dimension %zu, real points %zu, the discriminator %zu", fake->d, real->d, d->d);
  NTK_TRY_ALL(d->comm, join(d, fake, real));
  ntk_training training = {.comm = d->comm,
                           .kernel = d->kernel,
                           .points = d->points,
                           .n = d->n,
                           .fakes = fake->n,
                           .share = d->share,
                           .mass = d->loss_mass,
                           .time = d->time,
                           .tolerance = d->tolerance,
                           .ridge = d->ridge,
                           .heavy = d->heavy,
                           .damping = d->damping,
                           .budget = d->budget};
  return ntk_error_prefix(d->loss.train(&training, &d->loss, d->w), "training with loss %s", d->loss.entry->choice.name);
}

ntk_error *ntk_discriminator_evaluate(ntk_discriminator *d, size_t n, const double *x, double *value, double *gradient) {
  if (!d->points) return ntk_fail(NTK_E_INTERNAL, "a discriminator was evaluated before it was trained");
  ntk_prepared *queries = NULL;
  NTK_TRY_ALL(d->comm, ntk_prepare(d->kernel, n, x, &queries));
  ntk_error *err = ntk_field_sum(d->comm, d->kernel, queries, d->points, 1, d->w, value, gradient);
  ntk_prepared_free(&queries);
  return err;
}

ntk_error *ntk_discriminator_objective(ntk_discriminator *d, size_t n, const double *x, double *c, double *gradient) {
  NTK_TRY(ntk_discriminator_evaluate(d, n, x, c, gradient));
  for (size_t i = 0; i < n; i++) {
    ntk_jet objective = ntk_loss_objective(&d->loss, c[i]);
    c[i] = objective.value;
    for (size_t a = 0; gradient && a < d->d; a++) gradient[i * d->d + a] *= objective.slope;
  }
  return NULL;
}

const ntk_loss *ntk_discriminator_loss(const ntk_discriminator *d) { return &d->loss; }
const double *ntk_discriminator_weights(const ntk_discriminator *d) { return d->w; }
const ntk_kernel *ntk_discriminator_kernel(const ntk_discriminator *d) { return d->kernel; }
const ntk_prepared *ntk_discriminator_points(const ntk_discriminator *d) { return d->points; }
const double *ntk_discriminator_mass(const ntk_discriminator *d) { return d->mass; }
