/** Private to gan/: weights of infinite-width discriminators, one function a way of training. */
#ifndef NTK_GAN_TRAINERS_H
#define NTK_GAN_TRAINERS_H

#include "gan/loss.h"

/** f(., t) is linear in t: w = t (real masses; -fake masses), whatever the normalization. */
NTK_CHECKED ntk_error *ntk_train_ipm(const ntk_training *training, const double *parameters, double *w);

/** The same without the fake points' term. */
NTK_CHECKED ntk_error *ntk_train_ipm_external(const ntk_training *training, const double *parameters, double *w);

/** Quadratic loss with labels parameters[0] (fake), parameters[1] (real). */
NTK_CHECKED ntk_error *ntk_train_lsgan(const ntk_training *training, const double *parameters, double *w);

#endif
