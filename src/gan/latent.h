/** Private to gan/: an infinitely wide generator fed with latent points. Its outputs start at given points or at those of one wide random network g_0, and
 *  move by its kernel k_g: x_i(s) = g_0(z_i) + sum_j k_g(z_i, z_j) v_j with the accumulated forces v. So it has an output at any new z too. */
#ifndef NTK_GAN_LATENT_H
#define NTK_GAN_LATENT_H

#include "base/comm.h"
#include "base/rng.h"
#include "config/value.h"
#include "data/data.h"

typedef struct ntk_latent ntk_latent;

/** From the checked parameters of generator `kernel`, for n outputs in R^d. `rng`: seed and repetition. `comm` and `parameters` are borrowed.
 *  NTK_E_CONFIG, NTK_E_INPUT. Collective. */
NTK_CHECKED ntk_error *ntk_latent_create(const ntk_comm *comm, const ntk_value *parameters, ntk_rng rng, size_t n, size_t d, ntk_latent **out);
void ntk_latent_free(ntk_latent **latent);

/** Whether the outputs start at those of a random network. */
bool ntk_latent_starts(const ntk_value *parameters);

/** The latent points as the settings have them, with their masses. Not collective. */
NTK_CHECKED ntk_error *ntk_latent_points(const ntk_value *parameters, ntk_rng rng, ntk_measure *out);

/** Fails where ntk_latent_create or ntk_latent_start would for n outputs. What it costs: an entry of k_g (ntk_kernel_cost), fresh points, weights of g_0. */
typedef struct {
  double kernel, fresh, weights;
} ntk_latent_cost;
NTK_CHECKED ntk_error *ntk_latent_check(const ntk_value *parameters, size_t n, ntk_latent_cost *cost);

/** x (n x d) = g_0(z_i); left alone where the outputs start elsewhere. To be called before ntk_latent_fresh. Collective. */
NTK_CHECKED ntk_error *ntk_latent_start(ntk_latent *latent, double *x);

/** motion (n x d) = k_g(Z, Z) force; after ntk_latent_draw only the rows of the batch are read. Collective. */
NTK_CHECKED ntk_error *ntk_latent_move(const ntk_latent *latent, const double *force, double *motion);

/** Draws the batch of generator step `iteration` and makes of forces (n x d) on all points those of the batch: 0 outside, times n over the batch's points
 *  inside. Nothing without `batch`. Collective. */
NTK_CHECKED ntk_error *ntk_latent_draw(ntk_latent *latent, long long iteration, double *force);
/** Back to all points. */
void ntk_latent_undraw(ntk_latent *latent);
/** Whether steps are made of batches. */
bool ntk_latent_has_batch(const ntk_value *parameters);

/** How many fresh points there are. */
size_t ntk_latent_fresh_count(const ntk_latent *latent);
/** Outputs at the fresh points with their masses, g_0(z') + k_g(z', Z) weights (n x d). Borrowed, until the next call. Collective. */
NTK_CHECKED ntk_error *ntk_latent_fresh(ntk_latent *latent, const double *weights, const ntk_measure **out);

#endif
