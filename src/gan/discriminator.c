#include "gan/discriminator.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gan/inside.h"
#include "gan/trainers.h"

static const ntk_key network_keys[] = {
    {"width", NTK_T_INTEGER, 0, 1, 65536, NULL, NULL, NULL, "1024", "units", "hidden units of the random network; its error is of order width^-1/2"},
    NTK_KEYS_END};

static const ntk_choice starts[] = {
    {"zero", NULL, "f0 = 0", "the discriminator starts from zero", "Franceschi et al. 2022", NULL},
    {"network", network_keys, "f0(x) = one random network of the same keys as `network`, fixed for the whole run",
     "the discriminator starts from a wide finite network at its initialisation: a draw of the Gaussian process with kernel NNGP, to order "
     "width^-1/2",
     "Lee et al. 2019", "the draw is that of (seed, repetition)"},
};

static const ntk_choice *choice_at(size_t i) { return &starts[i]; }

const ntk_choices *ntk_start_choices(void) {
  static const ntk_choices choices = {"starts", "discriminators before training (f0)", sizeof starts / sizeof *starts, choice_at};
  return &choices;
}

/* A count; 0 where it is null or the section does not have it. */
static size_t count_of(const ntk_value *settings, const char *key) { return ntk_has(settings, key) ? (size_t)ntk_get_integer(settings, key) : 0; }

static bool starts_as_network(const ntk_value *settings) {
  return ntk_has(settings, "f0") && !strcmp(ntk_choice_name(ntk_value_get(settings, "f0")), "network");
}

static double time_of(const ntk_value *settings) {
  const ntk_value *time = ntk_value_get(settings, "time");
  return ntk_value_kind_of(time) == NTK_STRING ? INFINITY : ntk_value_number(time);
}

/* What alternates between training and the generator's steps. */
static ntk_error *read_alternation(const ntk_value *settings, ntk_discriminator *d) {
  d->carry_over = ntk_has(settings, "carry_over") && ntk_get_bool(settings, "carry_over");
  d->n_critic = ntk_has(settings, "n_critic") ? count_of(settings, "n_critic") : 1;
  d->batch = count_of(settings, "batch");
  d->centers = count_of(settings, "centers");
  bool starts_trained = d->carry_over || d->n_critic > 1, has_network = starts_as_network(settings);
  const char *loss = d->loss.entry->choice.name;
  if ((starts_trained || has_network) && !d->loss.entry->start)
    return ntk_fail(NTK_E_CONFIG, "loss: %s is an approximation for f0 = 0: it goes without f0: network, carry_over and n_critic; take vanilla",
                    loss);
  if (starts_trained && d->heavy)
    return ntk_fail(NTK_E_CONFIG, "momentum: it does not go with carry_over or n_critic: the velocity of a training ends with it");
  if (d->centers && !d->carry_over) return ntk_fail(NTK_E_CONFIG, "centers: without carry_over nothing is remembered");
  return NULL;
}

static ntk_error *create_initial(const ntk_value *settings, ntk_discriminator *d) {
  if (!starts_as_network(settings)) return NULL;
  ntk_rng rng = d->rng;
  rng.stream = NTK_STREAM_INITIAL;
  size_t width = (size_t)ntk_get_integer(ntk_choice_parameters(ntk_value_get(settings, "f0")), "width");
  return ntk_error_prefix(ntk_net_create(ntk_value_get(settings, "network"), d->d, width, 1, rng, &d->initial), "f0");
}

ntk_error *ntk_discriminator_create(const ntk_comm *comm, const ntk_value *settings, const ntk_measure *real, ntk_rng rng, size_t budget,
                                    ntk_discriminator **out) {
  *out = NULL;
  ntk_discriminator *d = NULL;
  NTK_TRY(NTK_NEW(1, &d));
  d->comm = comm;
  d->d = real->d;
  d->rng = rng;
  d->budget = budget;
  d->time = time_of(settings);
  d->tolerance = ntk_get_number(settings, "tolerance");
  d->peer = !strcmp(ntk_get_text(settings, "normalization"), "peer");
  d->ridge = ntk_get_number(settings, "ridge");
  d->heavy = ntk_has(settings, "momentum");
  if (d->heavy) d->damping = 1 - ntk_get_number(settings, "momentum");
  ntk_error *err = ntk_loss_create(settings, &d->loss);
  if (!err) err = read_alternation(settings, d);
  if (!err) err = create_initial(settings, d);
  if (!err) err = ntk_kernel_create(ntk_value_get(settings, "network"), ntk_get_text(settings, "kernel"), real->d, &d->kernel);
  if (!err) err = ntk_kernel_set_precision(d->kernel, ntk_get_text(settings, "precision"));
  if (!err) err = ntk_kernel_set_centre(d->kernel, real->n, real->x);
  if (err)
    ntk_discriminator_free(&d);
  else
    *out = d;
  return err;
}

ntk_error *ntk_discriminator_check(const ntk_value *settings) {
  ntk_discriminator d = {.heavy = ntk_has(settings, "momentum")};
  NTK_TRY(ntk_loss_create(settings, &d.loss));
  NTK_TRY(read_alternation(settings, &d));
  bool undamped = d.heavy && !(ntk_get_number(settings, "momentum") < 1);
  const char *why = isfinite(time_of(settings)) ? NULL : ntk_no_limit(&d.loss, undamped, ntk_get_number(settings, "ridge") > 0);
  if (why) return ntk_fail(NTK_E_CONFIG, "time: no limit for infinite time with loss %s: %s", d.loss.entry->choice.name, why);
  if (!starts_as_network(settings)) return NULL;
  return ntk_error_prefix(ntk_net_check(ntk_value_get(settings, "network")), "f0");
}

ntk_discriminator_need ntk_discriminator_estimate(const ntk_value *settings, size_t n, size_t m, size_t d, double iterations) {
  double batch = (double)count_of(settings, "batch"), limit = (double)count_of(settings, "centers"), fakes = (double)n, reals = (double)m;
  ntk_discriminator_need need = {.trainings = (double)count_of(settings, "n_critic")};
  need.points = batch > 0 ? fmin(batch, fakes) + fmin(batch, reals) : fakes + reals;
  if (ntk_get_bool(settings, "carry_over")) {
    double all = iterations * fakes, most = limit > 0 ? fmin(limit, all) : all;
    need.centers = most < all ? most : all / 2;
    need.projections = most < all;
    need.memory_bytes = most * (double)(d + 10) * 2 * sizeof(double);
  }
  if (starts_as_network(settings)) {
    size_t width = (size_t)ntk_get_integer(ntk_choice_parameters(ntk_value_get(settings, "f0")), "width");
    need.network_weights = ntk_net_weights(ntk_value_get(settings, "network"), width);
    need.memory_bytes += need.network_weights * sizeof(double);
  }
  return need;
}

void ntk_discriminator_free(ntk_discriminator **d) {
  if (!*d) return;
  ntk_kernel_free(&(*d)->kernel);
  ntk_net_free(&(*d)->initial);
  ntk_prepared_free(&(*d)->points);
  ntk_memory_clear(&(*d)->old);
  free((*d)->share);
  free((*d)->mass);
  free((*d)->loss_mass);
  free((*d)->w);
  free(*d);
  *d = NULL;
}

static ntk_error *add(size_t count, const double *more, double *to) {
  for (size_t i = 0; i < count; i++) to[i] += more[i];
  return NULL;
}

/* Adds f0 and its gradient. */
static ntk_error *add_initial(ntk_discriminator *d, size_t n, const double *x, double *value, double *gradient) {
  double *f = NULL, *slope = NULL;
  ntk_error *err = value ? NTK_NEW(n, &f) : NULL;
  if (!err && gradient) err = NTK_NEW(n * d->d, &slope);
  err = ntk_agree(d->comm, err);
  if (!err) err = ntk_net_evaluate(d->comm, d->initial, n, x, f, slope);
  if (!err && value) err = add(n, f, value);
  if (!err && gradient) err = add(n * d->d, slope, gradient);
  free(f);
  free(slope);
  return err;
}

ntk_error *ntk_discriminator_sum(ntk_discriminator *d, const ntk_prepared *at, size_t n, double *value, double *gradient) {
  NTK_TRY(ntk_field_sum_first(d->comm, d->kernel, at, n, d->points, 1, d->w, value, gradient));
  if (!d->old.count) return NULL;
  NTK_TRY(ntk_memory_prepare(d));
  double *f = NULL, *slope = NULL;
  ntk_error *err = value ? NTK_NEW(n, &f) : NULL;
  if (!err && gradient) err = NTK_NEW(n * d->d, &slope);
  err = ntk_agree(d->comm, err);
  if (!err) err = ntk_field_sum_first(d->comm, d->kernel, at, n, d->old.prepared, 1, d->old.w, f, slope);
  if (!err && value) err = add(n, f, value);
  if (!err && gradient) err = add(n * d->d, slope, gradient);
  free(f);
  free(slope);
  return err;
}

ntk_error *ntk_discriminator_evaluate(ntk_discriminator *d, size_t n, const double *x, double *value, double *gradient) {
  if (!d->points) return ntk_fail(NTK_E_INTERNAL, "a discriminator was evaluated before it was trained");
  ntk_prepared *queries = NULL;
  bool trained_there = n <= d->fakes && !memcmp(x, ntk_prepared_points(d->points), n * d->d * sizeof *x); /* they are prepared */
  if (!trained_there) NTK_TRY(ntk_field_prepare(d->comm, d->kernel, n, x, &queries));
  ntk_error *err = ntk_discriminator_sum(d, trained_there ? d->points : queries, n, value, gradient);
  ntk_prepared_free(&queries);
  return !err && d->initial ? add_initial(d, n, x, value, gradient) : err;
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
size_t ntk_discriminator_rank(const ntk_discriminator *d) { return d->rank; }
const double *ntk_discriminator_weights(const ntk_discriminator *d) { return d->w; }
const ntk_kernel *ntk_discriminator_kernel(const ntk_discriminator *d) { return d->kernel; }
const ntk_prepared *ntk_discriminator_points(const ntk_discriminator *d) { return d->points; }
const double *ntk_discriminator_mass(const ntk_discriminator *d) { return d->mass; }

const char *ntk_discriminator_matrix(const ntk_discriminator *d, size_t n) {
  if (d->loss.entry->products == 0) return "not needed";
  return ntk_operator_stores(d->comm, n, d->budget) ? "stored" : "recomputed";
}
