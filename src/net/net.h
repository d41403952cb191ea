/** Finite random networks: drawn at initialisation, evaluated with the gradient in their input. They know nothing of kernels; their covariance
 *  over draws tends to the NNGP kernel of the same keys as the width grows.
 *
 *  All weights are normal numbers of the counter-based generator, a pure function of (seed, repetition, stream, layer, index).
 */
#ifndef NTK_NET_NET_H
#define NTK_NET_NET_H

#include "base/comm.h"
#include "base/rng.h"
#include "config/value.h"

typedef struct ntk_net ntk_net;

/** From a checked `network` value for points of R^dimension, with `width` units in each hidden layer and `outputs` numbers at the end.
 *  NTK_E_CONFIG for networks over images and layers that finite networks do not have. Memory 8 width^2 bytes a hidden layer. Not collective. */
NTK_CHECKED ntk_error *ntk_net_create(const ntk_value *network, size_t dimension, size_t width, size_t outputs, ntk_rng rng, ntk_net **out);
void ntk_net_free(ntk_net **net);

/** NTK_E_CONFIG where ntk_net_create would refuse the network. */
NTK_CHECKED ntk_error *ntk_net_check(const ntk_value *network);

/** About how many weights it has: for plans. */
double ntk_net_weights(const ntk_value *network, size_t width);

/** value (n x outputs, or NULL) and gradient (n x d, or NULL: of the first output) at x (n x d row-major). Replicated input and results, the same
 *  bits on any number of ranks. Collective. NTK_E_NONFINITE names the first point without a finite result. */
NTK_CHECKED ntk_error *ntk_net_evaluate(const ntk_comm *comm, const ntk_net *net, size_t n, const double *x, double *value, double *gradient);

#endif
