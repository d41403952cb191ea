/** Front door of the kernel room: include/ntkgan/kernel.h and what other rooms need beside it. */
#ifndef NTK_KERNEL_KERNEL_H
#define NTK_KERNEL_KERNEL_H

#include <ntkgan/kernel.h>
#include <stdbool.h>

#include "base/mem.h"
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

/** Whether ntk_tile_apply_both() evaluates each pair once for gradients in both points: chains of dense layers with piecewise linear activations. */
bool ntk_tile_both_at_once(const ntk_kernel *kernel);

/** ntk_prepare() in stages, for those who let several processes fill one memory: each has an object of its own and gives it the memory that they share. A
 *  stage begins when the one before is filled for all points; those that are not needed are left out. */
typedef enum { NTK_STAGE_TABLES, NTK_STAGE_FEATURES, NTK_STAGE_DIAGONAL, NTK_STAGES } ntk_stage;
bool ntk_stage_is_needed(const ntk_kernel *kernel, ntk_stage stage);

/** n points without anything yet. */
NTK_CHECKED ntk_error *ntk_prepared_create(const ntk_kernel *kernel, size_t n, ntk_prepared **out);
/** How much zeroed memory, aligned to 64 bytes, the stage wants (0: none, nothing is given), and the giving: the points then own it. */
NTK_CHECKED ntk_error *ntk_stage_begin(const ntk_kernel *kernel, ntk_prepared *points, ntk_stage stage, size_t *bytes);
void ntk_stage_give(const ntk_kernel *kernel, ntk_prepared *points, ntk_stage stage, ntk_area memory);
/** Fills the stage for the points [first, end), a part of all by ntk_stage_part(), for the tables also in pieces. x: their coordinates, for
 *  the tables. Errors of ntk_prepare(). */
NTK_CHECKED ntk_error *ntk_stage_fill(const ntk_kernel *kernel, ntk_prepared *points, ntk_stage stage, const double *x, size_t first, size_t end);
/** Part `part` of `parts` of the first `count` points: whole groups of lanes, so that no two write to one line of the cache. */
void ntk_stage_part(size_t count, size_t parts, size_t part, size_t *first, size_t *end);
/** Whether what the stage fills is in mapped memory. */
bool ntk_prepared_is_shared(const ntk_prepared *points, ntk_stage stage);

/** Whether NTK_STAGE_TABLES may be filled again, for points that have moved (the first `count` of all, say; the others keep their tables): for chains as
 *  above, and for the Gaussian kernel. After an error the points are good for ntk_prepared_free() only. */
bool ntk_prepared_can_move(const ntk_kernel *kernel);

/** Unit roundoff of an entry: 2^-53, 2^-24 in single precision. */
double ntk_kernel_roundoff(const ntk_kernel *kernel);

/** Cost of one entry relative to one ReLU layer's value (about 2 ns): for plans. */
double ntk_kernel_cost(const ntk_kernel *kernel, int with_gradient);

/** Bytes of a prepared point, about: for plans. The features of a series activation are as many as those of variances up to 16. */
double ntk_kernel_point_bytes(const ntk_kernel *kernel);

#endif
