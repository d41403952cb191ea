/** Flows: how the fake measure moves along -grad(c o f). The discriminator is trained anew wherever the flow is evaluated; f is held fixed in the
 *  gradient. */
#ifndef NTK_GAN_FLOW_H
#define NTK_GAN_FLOW_H

#include "config/schema.h"
#include "config/value.h"
#include "data/data.h"
#include "gan/discriminator.h"

typedef struct ntk_flow ntk_flow;

/** Number and dimension of the fake points of checked settings: of data.fake, or of as many as a generator that starts by itself has latent points, in the
 *  real points' space. Files' headers are read. NTK_E_CONFIG where they contradict each other, NTK_E_INPUT. Not collective. */
NTK_CHECKED ntk_error *ntk_flow_size(const ntk_value *settings, size_t *n, size_t *d);

/** The fake points before the first step, which ntk_flow_start may still place, with their masses. `rng`: seed and repetition. Errors as above. */
NTK_CHECKED ntk_error *ntk_flow_points(const ntk_value *settings, ntk_rng rng, ntk_measure *out);

/** From the checked settings of a run (`generator`, `train`) for `n` fake points of R^d. `rng`: seed and repetition, for what the generator is fed
 *  with. `comm` and `settings` are borrowed for the flow's lifetime. NTK_E_CONFIG for settings that contradict each other. Collective. */
NTK_CHECKED ntk_error *ntk_flow_create(const ntk_comm *comm, const ntk_value *settings, ntk_rng rng, size_t n, size_t d, ntk_flow **out);
void ntk_flow_free(ntk_flow **flow);

/** Places fake->x where the generator starts; left alone where it starts at data.fake. Before the first step. Collective; same bits on any number of ranks. */
NTK_CHECKED ntk_error *ntk_flow_start(ntk_flow *flow, ntk_measure *fake);

/** The generator's outputs of now at its fresh latent points (NULL, count 0: none are asked for). Borrowed, until the next call. After ntk_flow_start.
 *  Collective; replicated; same bits on any number of ranks. */
size_t ntk_flow_fresh_count(const ntk_flow *flow);
NTK_CHECKED ntk_error *ntk_flow_fresh(ntk_flow *flow, const ntk_measure **out);

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

/** What the flow remembers from step to step beside the points (momentum, moments, summed forces, step sizes): *count numbers, to be saved and written back by
 *  checkpoints; the same on every rank. Borrowed. */
double *ntk_flow_state(ntk_flow *flow, size_t *count);

/** What a step of these settings costs, for plans: evaluations of the trained discriminator, and kernel entries' cost of k_g (0: none) at each; fresh points
 *  of a record; weights of the random network it starts from. Fails where ntk_flow_create would for `n` fake points. Not collective. */
typedef struct {
  double evaluations, kernel_cost, fresh, weights;
} ntk_flow_cost;
NTK_CHECKED ntk_error *ntk_flow_estimate(const ntk_value *settings, size_t n, ntk_flow_cost *out);

/** Catalog kinds "generators", "generator_starts", "integrators", "optimizers", "annealings". */
const ntk_choices *ntk_generator_choices(void);
const ntk_choices *ntk_generator_start_choices(void);
const ntk_choices *ntk_integrator_choices(void);
const ntk_choices *ntk_optimizer_choices(void);
const ntk_choices *ntk_annealing_choices(void);

#endif
