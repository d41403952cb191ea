#include "kernel/tile/engine.h"

#include "kernel/tile/passes.h"

const ntk_engine NTK_TILE(ntk_engine) = {
    .input = NTK_TILE(ntk_input_direct),
    .input_products = NTK_TILE(ntk_input_products),
    .seed = NTK_TILE(ntk_input_seed),
    .layer = {[NTK_DUAL_IDENTITY] = NTK_TILE(ntk_layer_identity),
              [NTK_DUAL_AB_RELU] = NTK_TILE(ntk_layer_ab_relu),
              [NTK_DUAL_ERF] = NTK_TILE(ntk_layer_erf),
              [NTK_DUAL_GELU] = NTK_TILE(ntk_layer_gelu),
              [NTK_DUAL_SIN] = NTK_TILE(ntk_layer_sin),
              [NTK_DUAL_RBF] = NTK_TILE(ntk_layer_rbf),
              [NTK_DUAL_EXP] = NTK_TILE(ntk_layer_exp),
              [NTK_DUAL_GAUSSIAN] = NTK_TILE(ntk_layer_gaussian),
              [NTK_DUAL_SIGN] = NTK_TILE(ntk_layer_sign),
              [NTK_DUAL_STEP] = NTK_TILE(ntk_layer_step),
              [NTK_DUAL_RECTIFIED_SQUARE] = NTK_TILE(ntk_layer_rectified_square),
              [NTK_DUAL_RECTIFIED_CUBE] = NTK_TILE(ntk_layer_rectified_cube),
              [NTK_DUAL_ELU] = NTK_TILE(ntk_layer_elu),
              [NTK_DUAL_DROPOUT] = NTK_TILE(ntk_layer_dropout),
              [NTK_DUAL_SERIES] = NTK_TILE(ntk_layer_series)},
    .norm = NTK_TILE(ntk_norm),
    .sum = NTK_TILE(ntk_sum),
    .dot = NTK_TILE(ntk_reduce_dot),
    .add = NTK_TILE(ntk_reduce_add),
    .reduce = NTK_TILE(ntk_reduce_gradient),
    .features = NTK_TILE(ntk_series_features),
    .feature_row = NTK_TILE(ntk_feature_row),
    .feature_lanes = NTK_TILE(ntk_feature_lanes),
    .chain = &NTK_TILE(ntk_chain),
    .image = &NTK_TILE(ntk_image),
};
