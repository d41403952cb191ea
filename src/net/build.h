/** Private to net/: from a checked network value to a tape. */
#ifndef NTK_NET_BUILD_H
#define NTK_NET_BUILD_H

#include "net/tape.h"

/** Appends the network's operations to an empty tape whose `inputs` is set. */
NTK_CHECKED ntk_error *ntk_net_build(const ntk_value *network, size_t width, size_t outputs, ntk_rng rng, ntk_net_tape *tape);

#endif
