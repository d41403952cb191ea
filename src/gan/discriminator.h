/** Discriminators: trained for a time on (fake, real), then a function with a gradient. Callers never ask whether the width is finite. */
#ifndef NTK_GAN_DISCRIMINATOR_H
#define NTK_GAN_DISCRIMINATOR_H

#include <stddef.h>

#include "base/comm.h"
#include "config/value.h"
#include "data/data.h"
#include "gan/loss.h"

typedef struct ntk_discriminator ntk_discriminator;

/** From a checked `discriminator` section for points of R^dimension. `comm` is borrowed for the object's lifetime; `budget`: bytes a rank for
 *  stored matrices. Collective. */
NTK_CHECKED ntk_error *ntk_discriminator_create(const ntk_comm *comm, const ntk_value *settings, size_t dimension, size_t budget,
                                                ntk_discriminator **out);
void ntk_discriminator_free(ntk_discriminator **d);

/** Trains from the initialisation for the settings' time. Collective; inputs replicated. NTK_E_NONFINITE, NTK_E_NUMERIC. */
NTK_CHECKED ntk_error *ntk_discriminator_train(ntk_discriminator *d, const ntk_measure *fake, const ntk_measure *real);

/** f (n, or NULL) and grad f (n x d row-major, or NULL) at x. Collective, replicated. After train. */
NTK_CHECKED ntk_error *ntk_discriminator_evaluate(ntk_discriminator *d, size_t n, const double *x, double *value, double *gradient);

/** The generator's c(f) (n) and grad(c o f) = c'(f) grad f (n x d, or NULL) at x. Collective, replicated. */
NTK_CHECKED ntk_error *ntk_discriminator_objective(ntk_discriminator *d, size_t n, const double *x, double *c, double *gradient);

/** The loss it is trained with and the generator's objective; borrowed. */
const ntk_loss *ntk_discriminator_loss(const ntk_discriminator *d);

/** Infinite width: the weights w (N + M, fake first; borrowed, until the next training) and the kernel. */
const double *ntk_discriminator_weights(const ntk_discriminator *d);
const ntk_kernel *ntk_discriminator_kernel(const ntk_discriminator *d);
/** gamma as prepared points (fake first) and the masses of T_{k,gamma}; borrowed, until the next training. */
const ntk_prepared *ntk_discriminator_points(const ntk_discriminator *d);
const double *ntk_discriminator_mass(const ntk_discriminator *d);

#endif
