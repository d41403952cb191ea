/** Front door of the kernel room: include/ntkgan/kernel.h and what other rooms need beside it. */
#ifndef NTK_KERNEL_KERNEL_H
#define NTK_KERNEL_KERNEL_H

#include <ntkgan/kernel.h>
#include <stdbool.h>

#include "base/text.h"
#include "config/schema.h"
#include "config/value.h"

/** Kernel from a checked `network` value ({type: mlp, ...}, of the catalog kind "networks"). */
NTK_CHECKED ntk_error *ntk_kernel_create(const ntk_value *network, const char *kind, size_t dimension, ntk_kernel **out);

/** `precision`: "double", or "single" for ntk_kernel_use_single(); NTK_E_CONFIG for another word. */
NTK_CHECKED ntk_error *ntk_kernel_set_precision(ntk_kernel *kernel, const char *precision);

/** The tables: catalog kinds "networks", "activations" and "layers" (items of {type: layers, layers: [...]}). */
const ntk_choices *ntk_network_choices(void);
const ntk_choices *ntk_activation_choices(void);
const ntk_choices *ntk_layer_choices(void);

/** Name of the instruction set the tile evaluators use ("x86-64-v4", "x86-64-v3", "x86-64", "generic"): the best this machine has,
 *  or what the environment variable NTKGAN_ISA names if the machine has it. */
const char *ntk_kernel_isa(void);

/** Those there are, the best first, with a space between. */
void ntk_kernel_isas(ntk_text *out);

/** NTK_E_USAGE where NTKGAN_ISA names none of them. */
NTK_CHECKED ntk_error *ntk_kernel_check_isa(void);

/** Whether ntk_tile_apply_both() evaluates each pair once for gradients in both points: chains of dense layers with piecewise linear activations, at
 *  most 16 coordinates. */
bool ntk_tile_both_at_once(const ntk_kernel *kernel);

/** New coordinates (count x d) for the first `count` of prepared points; the others keep their tables. For kernels that ntk_prepared_can_move() says so
 *  of: chains as above, and the Gaussian kernel. Errors of ntk_prepare(), after which the points are good for ntk_prepared_free() only. */
bool ntk_prepared_can_move(const ntk_kernel *kernel);
NTK_CHECKED ntk_error *ntk_prepared_move(const ntk_kernel *kernel, size_t count, const double *x, ntk_prepared *points);

/** Unit roundoff of an entry: 2^-53, 2^-24 in single precision. */
double ntk_kernel_roundoff(const ntk_kernel *kernel);

/** Cost of one entry relative to one ReLU layer's value (about 2 ns): for plans. */
double ntk_kernel_cost(const ntk_kernel *kernel, int with_gradient);

/** Bytes of a prepared point, about: for plans. The features of a series activation are as many as those of variances up to 16. */
double ntk_kernel_point_bytes(const ntk_kernel *kernel);

#endif
