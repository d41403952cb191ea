/** Private to gan/: the functions l_fake, l_real and c of the losses, each with two derivatives. */
#ifndef NTK_GAN_TERMS_H
#define NTK_GAN_TERMS_H

#include "gan/loss.h"

ntk_jet ntk_term_zero(const double *parameters, double f);
ntk_jet ntk_term_linear(const double *parameters, double f);   /* f */
ntk_jet ntk_term_opposite(const double *parameters, double f); /* -f */

/* (f - parameter)^2: fake label [0], real label [1], generator's target [2] */
ntk_jet ntk_term_square_fake(const double *parameters, double f);
ntk_jet ntk_term_square_real(const double *parameters, double f);
ntk_jet ntk_term_square_generator(const double *parameters, double f);

ntk_jet ntk_term_softplus(const double *parameters, double f);          /* log(1 + e^f) = -log(1 - sigmoid f) */
ntk_jet ntk_term_softplus_opposite(const double *parameters, double f); /* log(1 + e^-f) = -log sigmoid f */

ntk_jet ntk_term_hinge_fake(const double *parameters, double f); /* max(0, 1 + f) */
ntk_jet ntk_term_hinge_real(const double *parameters, double f); /* max(0, 1 - f) */

/** f-GAN (Nowozin, Cseke, Tomioka 2016, tables 2 and 6): T = g(f), l_real = -T, l_fake = phi*(T), phi* the convex conjugate of the generator phi
 *  of D_phi(real | fake) = int q phi(p/q), p real, q fake. */
typedef struct {
  const char *name;
  ntk_term fake, real;
} ntk_divergence;

/** NULL when there is none of that name; `alpha` is for "alpha" alone: phi(u) = (u^a - 1 - a (u - 1)) / (a (a - 1)), kept in parameters[0]. */
const ntk_divergence *ntk_divergence_find(const char *name, double alpha);

#endif
