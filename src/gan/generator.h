/** Private to gan/: generators, which turn the forces on the fake points into their motion. */
#ifndef NTK_GAN_GENERATOR_H
#define NTK_GAN_GENERATOR_H

#include "base/comm.h"
#include "base/rng.h"
#include "config/value.h"
#include "gan/latent.h"

typedef struct ntk_generator ntk_generator;

/** From a checked `generator` entry, for n fake points of R^d. `comm` and `entry` are borrowed. NTK_E_CONFIG, NTK_E_INPUT. Collective. */
NTK_CHECKED ntk_error *ntk_generator_create(const ntk_comm *comm, const ntk_value *entry, ntk_rng rng, size_t n, size_t d, ntk_generator **out);
void ntk_generator_free(ntk_generator **generator);

/** The latent points it is fed with; NULL: it has none. Borrowed. */
ntk_latent *ntk_generator_latent(const ntk_generator *generator);

/** motion (n x d) = k_g(Z, Z) force. Collective. */
NTK_CHECKED ntk_error *ntk_generator_move(const ntk_generator *generator, size_t n, size_t d, const double *force, double *motion);

/** Flow time that is one unit of the theory's time: n for particles, whose gradient flow moves x_i by -grad(c o f)(x_i); 1 for kernels. */
double ntk_generator_unit(const ntk_generator *generator, size_t n);

/** What it costs (zeros without a kernel); fails where ntk_generator_create would. */
NTK_CHECKED ntk_error *ntk_generator_cost(const ntk_value *entry, size_t n, ntk_latent_cost *cost);

#endif
