/** Flows: how the fake measure moves along -grad(c o f), f held fixed during a step. */
#ifndef NTK_GAN_FLOW_H
#define NTK_GAN_FLOW_H

#include "config/schema.h"
#include "config/value.h"
#include "data/data.h"
#include "gan/discriminator.h"

typedef struct ntk_flow ntk_flow;

/** From the checked settings of a run (`generator`, `train`). */
NTK_CHECKED ntk_error *ntk_flow_create(const ntk_value *settings, ntk_flow **out);
void ntk_flow_free(ntk_flow **flow);

/** One generator step. `gradient` is grad(c o f) at the fake points (n x d), already evaluated with the trained `d`; integrators that need more
 *  evaluations ask `d`. Moves fake->x. Euler: x_i -= step * mass_i * gradient_i. Collective over the discriminator's group. */
NTK_CHECKED ntk_error *ntk_flow_step(ntk_flow *flow, ntk_discriminator *d, const double *gradient, ntk_measure *fake);

/** Flow time after `iterations` steps (sum of step sizes). */
double ntk_flow_time(const ntk_flow *flow, long long iterations);

/** Catalog kind "generators". */
const ntk_choices *ntk_generator_choices(void);

#endif
