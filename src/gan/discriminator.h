/** Discriminators: trained for a time on (fake, real), then a function with a gradient. Callers never ask whether the width is finite.
 *
 *  f = f0 + the sum of all weights times kernels at the points where it was trained. f0 is zero or one fixed random network. A training works on all
 *  points or on a batch of each kind drawn anew (`batch`), n_critic times in a row. Before, f is f0 again, or is carried over: its weights then stay
 *  on the points of earlier trainings, so the sum grows by the fake points at every step; with `centers` the oldest ones beyond so many are
 *  projected on the points of now.
 */
#ifndef NTK_GAN_DISCRIMINATOR_H
#define NTK_GAN_DISCRIMINATOR_H

#include <stddef.h>

#include "base/comm.h"
#include "base/rng.h"
#include "config/value.h"
#include "data/data.h"
#include "gan/loss.h"

typedef struct ntk_discriminator ntk_discriminator;

/** From a checked `discriminator` section for points like the `real` ones (only looked at; their mean is the kernel's centre, see ntkgan/kernel.h).
 *  `comm` is borrowed for the object's lifetime; `rng`: seed and repetition; `budget`: bytes a rank for stored matrices. NTK_E_CONFIG for settings that
 *  contradict each other. Not collective. */
NTK_CHECKED ntk_error *ntk_discriminator_create(const ntk_comm *comm, const ntk_value *settings, const ntk_measure *real, ntk_rng rng, size_t budget,
                                                ntk_discriminator **out);
/** Fails where ntk_discriminator_create would refuse the settings, without building anything. */
NTK_CHECKED ntk_error *ntk_discriminator_check(const ntk_value *settings);

/** What one iteration's trainings need beside the loss's own work, for plans: of settings that ntk_discriminator_check takes, for n fake and m real points
 *  of R^d and `iterations` steps. */
typedef struct {
  double trainings;       /* of one iteration */
  double points;          /* that each works on */
  double centers;         /* old centres, in the mean over the iterations */
  double projections;     /* of an iteration: trainings' work for forgetting the oldest centres */
  double network_weights; /* of f0 */
  double memory_bytes;    /* of old centres and f0 */
} ntk_discriminator_need;
ntk_discriminator_need ntk_discriminator_estimate(const ntk_value *settings, size_t n, size_t m, size_t d, double iterations);

void ntk_discriminator_free(ntk_discriminator **d);

/** Trains for the settings' time, from the initialisation or from where the last call ended. Collective; inputs replicated. NTK_E_NONFINITE, NTK_E_NUMERIC. */
NTK_CHECKED ntk_error *ntk_discriminator_train(ntk_discriminator *d, const ntk_measure *fake, const ntk_measure *real);

/** Weights (count x (N + M), fake first) after each of several times (INFINITY: the limit) from f0 on all points; quadratic losses build one Krylov basis
 *  for all finite times. Afterwards f is that of ntk_discriminator_set_weights. The settings' time is not read. Collective. */
NTK_CHECKED ntk_error *ntk_discriminator_train_times(ntk_discriminator *d, const ntk_measure *fake, const ntk_measure *real, size_t count,
                                                     const double *times, double *w);
void ntk_discriminator_set_weights(ntk_discriminator *d, const double *w);

/** From now on every training starts from f0 and works on all points: for questions beside a run. */
void ntk_discriminator_train_apart(ntk_discriminator *d);

/** f (n, or NULL) and grad f (n x d row-major, or NULL) at x. Collective, replicated. After train. */
NTK_CHECKED ntk_error *ntk_discriminator_evaluate(ntk_discriminator *d, size_t n, const double *x, double *value, double *gradient);

/** The generator's c(f) (n) and grad(c o f) = c'(f) grad f (n x d, or NULL) at x. Collective, replicated. */
NTK_CHECKED ntk_error *ntk_discriminator_objective(ntk_discriminator *d, size_t n, const double *x, double *c, double *gradient);

/** After training for infinite time without a ridge: numerical rank of the kernel's matrix on the points (lsgan) or on the distinct atoms (other
 *  losses), to which the limit belongs. 0: no limit was taken. */
size_t ntk_discriminator_rank(const ntk_discriminator *d);

/** The loss it is trained with and the generator's objective; borrowed. */
const ntk_loss *ntk_discriminator_loss(const ntk_discriminator *d);

/** Infinite width: the weights w (N + M, fake first; borrowed, until the next training) and the kernel. */
const double *ntk_discriminator_weights(const ntk_discriminator *d);
const ntk_kernel *ntk_discriminator_kernel(const ntk_discriminator *d);
/** gamma as prepared points (fake first) and the masses of T_{k,gamma}; borrowed, until the next training. */
const ntk_prepared *ntk_discriminator_points(const ntk_discriminator *d);
const double *ntk_discriminator_mass(const ntk_discriminator *d);
/** What becomes of the kernel matrix when it is trained on n points: "stored" or "recomputed" at every product, "not needed" by the loss. */
const char *ntk_discriminator_matrix(const ntk_discriminator *d, size_t n);

/** Bound on the norm, in the kernel's space, of what `centers` made it forget: |f - f without the limit|(x) <= lost k(x,x)^1/2 along the same points,
 *  for losses convex in f. */
double ntk_discriminator_lost(const ntk_discriminator *d);

/** What it remembers from one training to the next: *count numbers (0, NULL: nothing), for checkpoints; free(). The same on every rank. */
NTK_CHECKED ntk_error *ntk_discriminator_save(const ntk_discriminator *d, size_t *count, double **values);
NTK_CHECKED ntk_error *ntk_discriminator_restore(ntk_discriminator *d, size_t count, const double *values);

/** Catalog kind "starts": what f0 can be. */
const ntk_choices *ntk_start_choices(void);

#endif
