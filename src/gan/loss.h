/** Losses as triples (l_fake, l_real; c) and what training with them for a time t gives.
 *
 *  f is high on real points. The discriminator minimises E_fake[l_fake(f)] + E_real[l_real(f)], the generator E_fake[c(f)]. With masses gamma_j and
 *  g_j = -gamma_j l'_j(f(z_j)) the weights of f = sum_j w_j k(., z_j) obey dw/dt = g(K w), w(0) = 0 (Franceschi et al., ICML 2022).
 */
#ifndef NTK_GAN_LOSS_H
#define NTK_GAN_LOSS_H

#include <stddef.h>

#include "base/comm.h"
#include "config/schema.h"
#include "config/value.h"
#include "field/field.h"

/** What a discriminator is trained on: gamma = fake u real, fake first, n = fakes + reals points. */
typedef struct {
  const ntk_comm *comm;
  const ntk_kernel *kernel;
  const ntk_prepared *points; /* n */
  size_t n, fakes;
  const double *share; /* n: masses of the measures, each half sums to 1 */
  const double *mass;  /* n: masses that enter the loss (the same, or 2/n each under the peer's normalization) */
  double time;
  double tolerance; /* relative, of iterative solvers */
  size_t budget;    /* bytes a rank for a stored matrix */
} ntk_training;

enum { NTK_LOSS_PARAMETERS = 4 };

typedef struct {
  ntk_choice choice;
  /** Weights w (n, replicated) after time t from f0 = 0. Collective. */
  ntk_error *(*train)(const ntk_training *training, const double *parameters, double *w);
  /** c(f) and c'(f). */
  void (*objective)(const double *parameters, double f, double *c, double *slope);
  double products; /* kernel matrix products a training takes, about: for plans */
} ntk_loss_entry;

/** A chosen loss: table entry and parameter values in the order of its keys. */
typedef struct {
  const ntk_loss_entry *entry;
  double parameters[NTK_LOSS_PARAMETERS];
} ntk_loss;

/** From a checked `loss` value. */
NTK_CHECKED ntk_error *ntk_loss_create(const ntk_value *setting, ntk_loss *out);

/** Catalog kind "losses". */
const ntk_choices *ntk_loss_choices(void);

#endif
