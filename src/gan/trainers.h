/** Private to gan/: weights of infinite-width discriminators, one function a way of training. */
#ifndef NTK_GAN_TRAINERS_H
#define NTK_GAN_TRAINERS_H

#include "gan/loss.h"

/** Losses linear in f: f(., t) is linear in t, w = t (real masses; -fake masses), whatever the normalization; ridge and momentum replace t. */
NTK_CHECKED ntk_error *ntk_train_linear(const ntk_training *training, const ntk_loss *loss, double *w);

/** Quadratic loss with labels parameters[0] (fake), parameters[1] (real). */
NTK_CHECKED ntk_error *ntk_train_lsgan(const ntk_training *training, const ntk_loss *loss, double *w);

/** The same after each of several times (w: count x n) from one Krylov basis, where start = fixed; training->time is not read. */
NTK_CHECKED ntk_error *ntk_train_lsgan_times(const ntk_training *training, const ntk_loss *loss, size_t count, const double *times, double *w);

/** l_fake = f^2/4 + f, l_real = -f: by two matrix functions, or as ntk_train_ode where there is momentum or ridge. */
NTK_CHECKED ntk_error *ntk_train_pearson(const ntk_training *training, const ntk_loss *loss, double *w);

/** The scalar logistic solution for each eigenvalue. */
NTK_CHECKED ntk_error *ntk_train_vanilla_closed_form(const ntk_training *training, const ntk_loss *loss, double *w);

/** Any smooth loss: dw/dt = g(K w) integrated with CVODE. */
NTK_CHECKED ntk_error *ntk_train_ode(const ntk_training *training, const ntk_loss *loss, double *w);

/** The same after each of several ascending times up to training->time (w: count x n), count >= 1, in one integration. */
NTK_CHECKED ntk_error *ntk_train_ode_times(const ntk_training *training, const ntk_loss *loss, size_t count, const double *times, double *w);

/** Hinge loss, exactly, from event to event. */
NTK_CHECKED ntk_error *ntk_train_hinge(const ntk_training *training, const ntk_loss *loss, double *w);

/** The limit for infinite time; with a ridge that of any loss, without that of quadratic losses (projection on the range of the kernel's matrix, numerical
 *  rank in *training->rank), of hinge, and of losses with a smallest value at every atom (f-GANs on shared atoms). NTK_E_NUMERIC where there is none. */
NTK_CHECKED ntk_error *ntk_train_for_ever(const ntk_training *training, const ntk_loss *loss, double *w);
/** Why there is no limit whatever the points are, or NULL. `undamped`: with momentum 1. Static text. */
const char *ntk_no_limit(const ntk_loss *loss, bool undamped, bool has_ridge);

/** y(t) of dy/dt = 1 - rate y, or with momentum of y'' + damping y' = 1 - rate y; y(0) = y'(0) = 0, rate >= 0. To rounding for all arguments. */
double ntk_response(const ntk_training *training, double rate);

#endif
