/** From a checked network value to a program: one builder a network type. */
#ifndef NTK_KERNEL_NETWORKS_H
#define NTK_KERNEL_NETWORKS_H

#include "config/value.h"
#include "kernel/object.h"

/** Appends the network's operations to kernel->program (kernel->dimension and mode are set) and may change kernel->mode and transform. */
NTK_CHECKED ntk_error *ntk_network_build(const ntk_value *network, ntk_kernel *kernel);

#endif
