/* Training: on all points or on batches of them, once or n_critic times, from f0 or from what the last training left. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gan/draw.h"
#include "gan/inside.h"
#include "gan/trainers.h"

void ntk_discriminator_train_apart(ntk_discriminator *d) {
  d->carry_over = false;
  d->batch = 0;
}

/* What one training works on: all points, or a batch. */
typedef struct {
  size_t n, fakes;
  size_t *index;        /* of the batch in gamma; NULL: all */
  ntk_prepared *points; /* owned with an index, else the discriminator's */
  double *share, *mass, *start, *fixed, *w;
} batch;

static ntk_error *resize(ntk_discriminator *d, size_t n) {
  double **arrays[] = {&d->share, &d->mass, &d->loss_mass, &d->w};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
    free(*arrays[i]);
    NTK_TRY(ntk_alloc(n, sizeof(double), arrays[i]));
  }
  d->n = n;
  return NULL;
}

/* Whether the points of the last training are these but for where the fake ones are. */
static bool only_fakes_moved(const ntk_discriminator *d, const ntk_measure *fake, const ntk_measure *real) {
  if (!d->points || d->n != fake->n + real->n || d->fakes != fake->n || !ntk_prepared_can_move(d->kernel)) return false;
  return !memcmp(real->x, ntk_prepared_points(d->points) + fake->n * d->d, real->n * d->d * sizeof(double));
}

static ntk_error *prepare_points(ntk_discriminator *d, const ntk_measure *fake, const ntk_measure *real) {
  ntk_prepared_free(&d->points);
  return ntk_field_prepare_both(d->comm, d->kernel, (ntk_point_array[2]){{fake->n, fake->x}, {real->n, real->x}}, &d->points);
}

/* gamma = fake u real: points, masses; weights as the memory has them, which are no longer its own. Collective, as what follows with `d`. */
static ntk_error *join(ntk_discriminator *d, const ntk_measure *fake, const ntk_measure *real) {
  size_t n = fake->n + real->n;
  bool moved = only_fakes_moved(d, fake, real);
  if (n != d->n) NTK_TRY_ALL(d->comm, resize(d, n));
  d->fakes = fake->n;
  memcpy(d->share, fake->mass, fake->n * sizeof(double));
  memcpy(d->share + fake->n, real->mass, real->n * sizeof(double));
  memset(d->w, 0, n * sizeof *d->w);
  if (d->old.real_w) memcpy(d->w + fake->n, d->old.real_w, real->n * sizeof *d->w);
  for (size_t j = 0; j < n; j++) {
    d->mass[j] = d->peer ? 2 / (double)n : d->share[j];
    d->loss_mass[j] = d->peer ? d->loss.entry->peer_mass / (double)n : d->share[j];
  }
  if (!moved) return prepare_points(d, fake, real);
  ntk_error *err = ntk_field_move(d->comm, d->kernel, fake->n, fake->x, d->points);
  if (err) ntk_prepared_free(&d->points);
  return err;
}

static size_t at_most(size_t limit, size_t n) { return limit && limit < n ? limit : n; }

static ntk_error *choose(const ntk_discriminator *d, batch *b) {
  size_t reals = d->n - d->fakes, real_count;
  b->fakes = at_most(d->batch, d->fakes);
  real_count = at_most(d->batch, reals);
  b->n = b->fakes + real_count;
  if (b->n == d->n) return NULL;
  ntk_rng rng = d->rng;
  rng.stream = NTK_STREAM_BATCH;
  NTK_TRY(NTK_NEW(b->n, &b->index));
  NTK_TRY(ntk_draw(ntk_rng_part(rng, 0), (uint64_t)d->trainings, d->fakes, b->fakes, 0, b->index));
  return ntk_draw(ntk_rng_part(rng, 1), (uint64_t)d->trainings, reals, real_count, d->fakes, b->index + b->fakes);
}

/* Masses of a batch: in proportion to those of its points, each half 1 in sum. */
static void weigh(const ntk_discriminator *d, batch *b) {
  double sum[2] = {0, 0};
  for (size_t k = 0; k < b->n; k++) sum[k < b->fakes] += d->share[b->index ? b->index[k] : k];
  for (size_t k = 0; k < b->n; k++) {
    double share = d->share[b->index ? b->index[k] : k];
    b->share[k] = b->index ? share / sum[k < b->fakes] : share;
    b->mass[k] = d->peer ? d->loss.entry->peer_mass / (double)b->n : b->share[k];
  }
}

static ntk_error *allocate(const ntk_discriminator *d, batch *b) {
  double **arrays[] = {&b->share, &b->mass, &b->w};
  NTK_TRY(choose(d, b));
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) NTK_TRY(ntk_alloc(b->n, sizeof(double), arrays[i]));
  return NULL;
}

static ntk_error *prepare_batch(const ntk_discriminator *d, batch *b) {
  const double *x = ntk_prepared_points(d->points);
  double *chosen = NULL;
  NTK_TRY_ALL(d->comm, NTK_NEW(b->n * d->d, &chosen));
  for (size_t k = 0; k < b->n; k++) memcpy(chosen + k * d->d, x + b->index[k] * d->d, d->d * sizeof *x);
  ntk_error *err = ntk_field_prepare(d->comm, d->kernel, b->n, chosen, &b->points);
  free(chosen);
  return err;
}

static ntk_error *fill(const ntk_discriminator *d, batch *b) {
  NTK_TRY_ALL(d->comm, allocate(d, b));
  weigh(d, b);
  if (b->index) return prepare_batch(d, b);
  b->points = d->points;
  return NULL;
}

static void release(batch *b) {
  if (b->index) ntk_prepared_free(&b->points);
  void *arrays[] = {b->index, b->share, b->mass, b->start, b->fixed, b->w};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) free(arrays[i]);
}

/* f where it is trained, before that. */
static ntk_error *find_start(ntk_discriminator *d, batch *b) {
  bool trained = d->old.count > 0;
  for (size_t j = 0; j < d->n; j++) trained = trained || d->w[j] != 0;
  ntk_error *err = d->initial ? NTK_NEW(b->n, &b->fixed) : NULL;
  if (!err && (trained || d->initial)) err = NTK_NEW(b->n, &b->start);
  NTK_TRY_ALL(d->comm, err);
  if (trained) NTK_TRY(ntk_discriminator_sum(d, b->points, b->n, b->start, NULL));
  if (d->initial) NTK_TRY(ntk_net_evaluate(d->comm, d->initial, b->n, ntk_prepared_points(b->points), b->fixed, NULL));
  for (size_t k = 0; d->initial && k < b->n; k++) b->start[k] += b->fixed[k];
  return NULL;
}

/* Adds what was trained; what was there before has decayed meanwhile. */
static void keep(ntk_discriminator *d, const batch *b) {
  if (d->ridge > 0) {
    double decay = exp(-d->ridge * d->time);
    for (size_t j = 0; j < d->n; j++) d->w[j] *= decay;
    for (size_t j = 0; j < d->old.count; j++) d->old.w[j] *= decay;
    d->old.lost *= decay;
  }
  for (size_t k = 0; k < b->n; k++) d->w[b->index ? b->index[k] : k] += b->w[k];
}

static ntk_training training_on(ntk_discriminator *d, const batch *b) {
  return (ntk_training){.comm = d->comm,
                        .kernel = d->kernel,
                        .points = b->points,
                        .n = b->n,
                        .fakes = b->fakes,
                        .share = b->share,
                        .mass = b->mass,
                        .time = d->time,
                        .tolerance = d->tolerance,
                        .ridge = d->ridge,
                        .start = b->start,
                        .fixed = b->fixed,
                        .heavy = d->heavy,
                        .damping = d->damping,
                        .rank = &d->rank,
                        .budget = d->budget};
}

ntk_training ntk_discriminator_training(ntk_discriminator *d) {
  const batch whole = {.n = d->n, .fakes = d->fakes, .points = d->points, .share = d->share, .mass = d->loss_mass};
  return training_on(d, &whole);
}

static ntk_error *train_for(ntk_discriminator *d, const ntk_training *training, double *w) {
  ntk_error *err = (isfinite(training->time) ? d->loss.train : ntk_train_for_ever)(training, &d->loss, w);
  return ntk_error_prefix(err, "training with loss %s", d->loss.entry->choice.name);
}

static ntk_error *train_once(ntk_discriminator *d, batch *b) {
  NTK_TRY(fill(d, b));
  NTK_TRY(find_start(d, b));
  ntk_training training = training_on(d, b);
  NTK_TRY(train_for(d, &training, b->w));
  keep(d, b);
  d->trainings++;
  return NULL;
}

/* Forgets, or remembers in the memory, what the last training left. */
static ntk_error *start_over(ntk_discriminator *d) {
  if (d->carry_over) return ntk_agree(d->comm, ntk_memory_put(d));
  ntk_memory_clear(&d->old);
  return NULL;
}

/* Everything before the training: where, and from what. */
static ntk_error *prepare(ntk_discriminator *d, const ntk_measure *fake, const ntk_measure *real) {
  if (fake->d != d->d || real->d != d->d)
    return ntk_fail(NTK_E_INPUT, "fake points have dimension %zu, real points %zu, the discriminator %zu", fake->d, real->d, d->d);
  NTK_TRY(start_over(d));
  if (d->old.real_w && d->old.reals != real->n)
    return ntk_fail(NTK_E_INPUT, "a discriminator carried over was trained on %zu real points, now there are %zu", d->old.reals, real->n);
  NTK_TRY(join(d, fake, real));
  return ntk_memory_shorten(d);
}

ntk_error *ntk_discriminator_train(ntk_discriminator *d, const ntk_measure *fake, const ntk_measure *real) {
  NTK_TRY(prepare(d, fake, real));
  for (size_t critic = 0; critic < d->n_critic; critic++) {
    batch b = {0};
    ntk_error *err = train_once(d, &b);
    release(&b);
    if (err) return err;
  }
  return NULL;
}

/* Quadratic losses: all finite times from one basis. Losses whose equation is integrated: ascending times in one go. */
static ntk_error *train_together(ntk_discriminator *d, const ntk_training *training, size_t count, const double *times, double *w, bool *done) {
  bool finite = true, ascending = true;
  for (size_t t = 0; t < count; t++) {
    finite = finite && isfinite(times[t]);
    ascending = ascending && (!t || times[t] >= times[t - 1]);
  }
  ntk_training longest = *training;
  longest.time = times[count - 1];
  *done = count > 1 && finite;
  if (*done && d->loss.train == ntk_train_lsgan) return ntk_train_lsgan_times(training, &d->loss, count, times, w);
  *done = *done && ascending && d->loss.train == ntk_train_ode;
  return *done ? ntk_error_prefix(ntk_train_ode_times(&longest, &d->loss, count, times, w), "training with loss %s", d->loss.entry->choice.name)
               : NULL;
}

ntk_error *ntk_discriminator_train_times(ntk_discriminator *d, const ntk_measure *fake, const ntk_measure *real, size_t count, const double *times,
                                         double *w) {
  batch b = {0};
  bool done = false;
  ntk_discriminator_train_apart(d);
  NTK_TRY(prepare(d, fake, real));
  ntk_error *err = fill(d, &b);
  if (!err) err = find_start(d, &b);
  ntk_training training = training_on(d, &b);
  if (!err) err = train_together(d, &training, count, times, w, &done);
  for (size_t t = 0; !err && !done && t < count; t++) {
    training.time = times[t];
    err = ntk_error_prefix(train_for(d, &training, w + t * d->n), "time %g", times[t]);
  }
  release(&b);
  return err;
}

void ntk_discriminator_set_weights(ntk_discriminator *d, const double *w) { memcpy(d->w, w, d->n * sizeof *w); }
