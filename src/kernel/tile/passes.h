/** What the files of src/kernel/tile/ give to the engine table of their instruction set. */
#ifndef NTK_KERNEL_TILE_PASSES_H
#define NTK_KERNEL_TILE_PASSES_H

#include <stdbool.h>

#include "kernel/tile/image.h"

void NTK_TILE(ntk_input_direct)(const ntk_input *input);
size_t NTK_TILE(ntk_input_products)(const ntk_input *input);
void NTK_TILE(ntk_input_pair)(size_t dimension, const double *x, const double *z, double *state);
void NTK_TILE(ntk_input_seed)(size_t groups, int mode, double *out);
double NTK_TILE(ntk_reduce_dot)(size_t groups, const double *a, const double *b);
void NTK_TILE(ntk_reduce_add)(size_t groups, double factor, const double *a, double *sum);
void NTK_TILE(ntk_reduce_add_difference)(size_t count, double factor, const double *a, const double *b, double *sum);
double NTK_TILE(ntk_reduce_gradient)(const ntk_reduction *reduction);
double NTK_TILE(ntk_reduce_both)(const ntk_both_reduction *both);
void NTK_TILE(ntk_reduce_finish)(const ntk_finish *f);
void NTK_TILE(ntk_series_features)(const ntk_hermite *h, size_t count, double *gamma);
void NTK_TILE(ntk_feature_row)(const ntk_octave_run *run, double position, double scale, double *out);
void NTK_TILE(ntk_feature_lanes)(const ntk_octave_run *run, const double *position, const double *scale, bool add, double *out, size_t stride);

/* Indexed by mode. */
extern const ntk_pass_function NTK_TILE(ntk_layer_norm)[NTK_MODES];
extern const ntk_pass_function NTK_TILE(ntk_sum)[NTK_MODES];
extern const ntk_pass_function NTK_TILE(ntk_layer_identity)[NTK_MODES];
extern const ntk_pass_function NTK_TILE(ntk_layer_ab_relu)[NTK_MODES];
extern const ntk_pass_function NTK_TILE(ntk_layer_erf)[NTK_MODES];
extern const ntk_pass_function NTK_TILE(ntk_layer_gelu)[NTK_MODES];
extern const ntk_pass_function NTK_TILE(ntk_layer_sin)[NTK_MODES];
extern const ntk_pass_function NTK_TILE(ntk_layer_rbf)[NTK_MODES];
extern const ntk_pass_function NTK_TILE(ntk_layer_exp)[NTK_MODES];
extern const ntk_pass_function NTK_TILE(ntk_layer_gaussian)[NTK_MODES];
extern const ntk_pass_function NTK_TILE(ntk_layer_sign)[NTK_MODES];
extern const ntk_pass_function NTK_TILE(ntk_layer_step)[NTK_MODES];
extern const ntk_pass_function NTK_TILE(ntk_layer_rectified_square)[NTK_MODES];
extern const ntk_pass_function NTK_TILE(ntk_layer_rectified_cube)[NTK_MODES];
extern const ntk_pass_function NTK_TILE(ntk_layer_elu)[NTK_MODES];
extern const ntk_pass_function NTK_TILE(ntk_layer_dropout)[NTK_MODES];
extern const ntk_pass_function NTK_TILE(ntk_layer_series)[NTK_MODES];

extern const ntk_image_function NTK_TILE(ntk_image_norm)[NTK_MODES];
extern const ntk_image_function NTK_TILE(ntk_image_identity)[NTK_MODES];
extern const ntk_image_function NTK_TILE(ntk_image_ab_relu)[NTK_MODES];
extern const ntk_image_function NTK_TILE(ntk_image_erf)[NTK_MODES];
extern const ntk_image_function NTK_TILE(ntk_image_gelu)[NTK_MODES];
extern const ntk_image_function NTK_TILE(ntk_image_sin)[NTK_MODES];
extern const ntk_image_function NTK_TILE(ntk_image_rbf)[NTK_MODES];
extern const ntk_image_function NTK_TILE(ntk_image_exp)[NTK_MODES];
extern const ntk_image_function NTK_TILE(ntk_image_gaussian)[NTK_MODES];
extern const ntk_image_function NTK_TILE(ntk_image_sign)[NTK_MODES];
extern const ntk_image_function NTK_TILE(ntk_image_step)[NTK_MODES];
extern const ntk_image_function NTK_TILE(ntk_image_rectified_square)[NTK_MODES];
extern const ntk_image_function NTK_TILE(ntk_image_rectified_cube)[NTK_MODES];
extern const ntk_image_function NTK_TILE(ntk_image_dropout)[NTK_MODES];
extern const ntk_image_function NTK_TILE(ntk_image_rectified)[NTK_MODES];
extern const ntk_image_function NTK_TILE(ntk_image_rectified_apart)[NTK_MODES];

extern const struct ntk_gaussian_engine NTK_TILE(ntk_gaussian), NTK_TILE(ntk_gaussian_single);
extern const struct ntk_chain_engine NTK_TILE(ntk_chain), NTK_TILE(ntk_chain_single);
extern const struct ntk_image_engine NTK_TILE(ntk_image);
extern const ntk_engine NTK_TILE(ntk_engine);

#endif
