/** Private to gan/: the gradient through the training of the discriminator. */
#ifndef NTK_GAN_TOTAL_H
#define NTK_GAN_TOTAL_H

#include "gan/discriminator.h"

typedef enum {
  NTK_TOTAL_LOSS,     /* of C = -(E_fake l_fake(f) + E_real l_real(f)), what the discriminator maximises */
  NTK_TOTAL_OBJECTIVE /* of E_fake c(f) */
} ntk_total_kind;

/** gradient (fakes x d) = dC/dx_i over mass_i, f trained anew wherever x_i is; the discriminator is trained on the fake points. Collective. */
NTK_CHECKED ntk_error *ntk_discriminator_total_gradient(ntk_discriminator *d, ntk_total_kind kind, double *gradient);

/** NTK_E_CONFIG for a checked `discriminator` section that has no such gradient here. */
NTK_CHECKED ntk_error *ntk_total_check(const ntk_value *discriminator);

#endif
