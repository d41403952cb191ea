/** Losses as triples (l_fake, l_real; c) and what training with them for a time t gives.
 *
 *  f is high on real points. The discriminator minimises E_fake[l_fake(f)] + E_real[l_real(f)] + ridge/2 |f|^2 (norm of the kernel's space), the
 *  generator E_fake[c(f)]. With masses gamma_j and g_j = -gamma_j l'_j(f(z_j)) the weights of f = f0 + sum_j w_j k(., z_j) obey
 *  dw/dt = g(f0 + K w) - ridge w, w(0) = 0 (Franceschi et al., ICML 2022), with heavy-ball momentum p: dw/dt = v, dv/dt = g - ridge w + (p - 1) v.
 */
#ifndef NTK_GAN_LOSS_H
#define NTK_GAN_LOSS_H

#include <stdbool.h>
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
  const double *mass;  /* n: masses that enter the loss (the same, or entry->peer_mass/n each under the peer's normalization) */
  double time;
  double tolerance; /* relative, of iterative solvers */
  double ridge;
  /** n numbers or NULL (zeros): f at time 0, and the part of it that a ridge leaves alone. At time t, f = fixed + e^(-ridge t) (start - fixed) + K w.
   *  With momentum start = fixed. */
  const double *start, *fixed;
  bool heavy;     /* with momentum */
  double damping; /* 1 - momentum, when heavy */
  size_t *rank;   /* gets the numerical rank that a limit for infinite time rests on */
  size_t budget;  /* bytes a rank for a stored matrix */
} ntk_training;

/** A function of f with its first two derivatives. */
typedef struct {
  double value, slope, curvature;
} ntk_jet;

typedef struct ntk_loss ntk_loss;
typedef ntk_jet (*ntk_term)(const double *parameters, double f);

typedef struct {
  ntk_choice choice;
  ntk_term fake, real, objective; /* l_fake, l_real, c; what `create` may replace */
  /** Weights w (n, replicated) after time t from w = 0. Collective. */
  ntk_error *(*train)(const ntk_training *training, const ntk_loss *loss, double *w);
  /** Reads parameters that are words; NULL: all are numbers. */
  ntk_error *(*create)(const ntk_value *parameters, ntk_loss *loss);
  double peer_mass;     /* a point's mass under the peer's normalization, times n */
  bool momentum, ridge; /* whether they can be had */
  bool start;           /* whether f may start from anything but zero */
  double products;      /* kernel matrix products a training takes, about: for plans */
} ntk_loss_entry;

enum { NTK_LOSS_PARAMETERS = 4 };

/** A chosen loss. */
struct ntk_loss {
  const ntk_loss_entry *entry;
  ntk_term fake, real, objective;
  ntk_error *(*train)(const ntk_training *training, const ntk_loss *loss, double *w); /* the entry's, or what `create` put here */
  double objective_sign;                                                              /* c = objective_sign * objective */
  double parameters[NTK_LOSS_PARAMETERS];                                             /* numbers among the entry's keys, in their order */
};

/** From a checked `discriminator` section: its `loss`, with the `momentum` and `ridge` it has to go with. NTK_E_CONFIG when they do not. */
NTK_CHECKED ntk_error *ntk_loss_create(const ntk_value *discriminator, ntk_loss *out);

/** What of f at point j does not come from the weights, while `decay` = e^(-ridge t). */
static inline double ntk_training_start(const ntk_training *training, double decay, size_t j) {
  double start = training->start ? training->start[j] : 0, fixed = training->fixed ? training->fixed[j] : 0;
  return training->ridge > 0 ? fixed + decay * (start - fixed) : start;
}

/** l'_j, l''_j of a fake or real point at f. */
static inline ntk_jet ntk_loss_term(const ntk_loss *loss, bool fake, double f) { return (fake ? loss->fake : loss->real)(loss->parameters, f); }

/** The generator's c(f), c'(f), c''(f). */
ntk_jet ntk_loss_objective(const ntk_loss *loss, double f);

/** Catalog kind "losses". */
const ntk_choices *ntk_loss_choices(void);

#endif
