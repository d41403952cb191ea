/** Flows: how the fake measure moves along -grad(c o f). The discriminator is trained anew wherever the flow is evaluated; f is held fixed in the
 *  gradient. */
#ifndef NTK_GAN_FLOW_H
#define NTK_GAN_FLOW_H

#include "config/schema.h"
#include "config/value.h"
#include "data/data.h"
#include "gan/discriminator.h"

typedef struct ntk_flow ntk_flow;

/** From the checked settings of a run (`generator`, `train`) for `n` fake points of R^d. `rng`: seed and repetition, for what the generator is fed
 *  with. `comm` and `settings` are borrowed for the flow's lifetime. NTK_E_CONFIG for settings that contradict each other. Not collective. */
NTK_CHECKED ntk_error *ntk_flow_create(const ntk_comm *comm, const ntk_value *settings, ntk_rng rng, size_t n, size_t d, ntk_flow **out);
void ntk_flow_free(ntk_flow **flow);

/** c (n, mean's terms) and what drives the fake points (n x d): grad(c o f) with f held fixed, or the gradient through the training of f, over the mass, as
 *  `train.gradient` says. `d` is trained on them. Collective; replicated. */
NTK_CHECKED ntk_error *ntk_flow_gradient(ntk_flow *flow, ntk_discriminator *d, const ntk_measure *fake, double *c, double *gradient);

/** Generator step number `iteration` (from 0). `gradient` is ntk_flow_gradient's at the fake points (n x d), with `d` trained on them; integrators
 *  with stages train and evaluate `d` again, elsewhere. Moves fake->x. Collective; replicated; same bits on any number of ranks.
 *  Euler: x_i -= step sum_j k_g(z_i, z_j) mass_j gradient_j, k_g the identity matrix for particles. NTK_E_NUMERIC, NTK_E_NONFINITE. */
NTK_CHECKED ntk_error *ntk_flow_step(ntk_flow *flow, long long iteration, ntk_discriminator *d, const ntk_measure *real, const double *gradient,
                                     ntk_measure *fake);

/** velocity (n x d) = dx/ds of the plain flow at the fake points, s the theory's time: -grad(c o f)(x_i) for particles, -sum_j k_g(z_i, z_j) mass_j
 *  grad(c o f)(x_j) with a generator's kernel. For kernels s is the flow's own time, for particles it is that divided by n (and n mass_i stands before the
 *  gradient, 1 for equal masses). Collective. */
NTK_CHECKED ntk_error *ntk_flow_velocity(ntk_flow *flow, const ntk_measure *fake, const double *gradient, double *velocity);

/** Flow time after `iterations` steps (sum of step sizes). */
double ntk_flow_time(ntk_flow *flow, long long iterations);

/** What the flow remembers from step to step beside the points (momentum, moments, step sizes): *count numbers, to be saved and written back by
 *  checkpoints; the same on every rank. Borrowed. */
double *ntk_flow_state(ntk_flow *flow, size_t *count);

/** What a step of these settings costs, for plans: evaluations of the trained discriminator, and kernel entries' cost of k_g (0: none) at each.
 *  Fails where ntk_flow_create would for `n` fake points. Not collective. */
typedef struct {
  double evaluations, kernel_cost;
} ntk_flow_cost;
NTK_CHECKED ntk_error *ntk_flow_estimate(const ntk_value *settings, size_t n, ntk_flow_cost *out);

/** Catalog kinds "generators", "integrators", "optimizers", "annealings". */
const ntk_choices *ntk_generator_choices(void);
const ntk_choices *ntk_integrator_choices(void);
const ntk_choices *ntk_optimizer_choices(void);
const ntk_choices *ntk_annealing_choices(void);

#endif
