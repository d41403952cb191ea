/** Private to gan/: insides of a discriminator, for the files that train it, remember what it was trained on, and evaluate it. */
#ifndef NTK_GAN_INSIDE_H
#define NTK_GAN_INSIDE_H

#include <stdbool.h>

#include "gan/discriminator.h"
#include "net/net.h"

/** Centres where it was trained in earlier generator steps: fake points that have moved since, and the weights of real points, which have not. */
typedef struct {
  size_t count, reals;
  double *x;              /* count x d */
  double *w;              /* count */
  double *real_w;         /* reals, or NULL */
  ntk_prepared *prepared; /* of x; NULL when count = 0 or not yet made */
  double lost;            /* bound on the norm, in the kernel's space, of what `centers` made it forget */
} ntk_memory;

struct ntk_discriminator {
  const ntk_comm *comm;
  ntk_kernel *kernel;
  ntk_loss loss;
  ntk_net *initial; /* f0; NULL: zero */
  size_t d, n, fakes, budget;
  double time, tolerance, ridge, damping;
  bool peer; /* the same mass for every point, as GAN(TK)^2 */
  bool heavy;
  bool carry_over;
  size_t n_critic, batch, centers; /* 0: all */
  ntk_rng rng;
  long long trainings; /* so far: what batches are drawn by */
  ntk_prepared *points;
  double *share, *mass, *w;
  double *loss_mass; /* what the loss weighs points with; `mass` is of T_{k,gamma} */
  size_t rank;       /* numerical rank that the limit for infinite time rests on, 0: none */
  ntk_memory old;
};

/** What a training on all points works on; without what it starts from. Borrows from d. */
ntk_training ntk_discriminator_training(ntk_discriminator *d);

void ntk_memory_clear(ntk_memory *memory);

/** Moves the weights of the last training into the memory. Not collective. */
NTK_CHECKED ntk_error *ntk_memory_put(ntk_discriminator *d);

/** Keeps at most d->centers old centres: the oldest are projected on the points of now, whose weights d->w change. Collective. */
NTK_CHECKED ntk_error *ntk_memory_shorten(ntk_discriminator *d);

/** f without f0 (n values, or NULL) and its gradient (n x d, or NULL) at the first n of prepared points. Collective. */
NTK_CHECKED ntk_error *ntk_discriminator_sum(ntk_discriminator *d, const ntk_prepared *at, size_t n, double *value, double *gradient);

/** The prepared points of the memory, made when needed (NULL where it is empty). Collective. */
NTK_CHECKED ntk_error *ntk_memory_prepare(ntk_discriminator *d);

#endif
