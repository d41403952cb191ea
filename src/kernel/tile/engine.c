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
              [NTK_DUAL_RBF] = NTK_TILE(ntk_layer_rbf)},
    .norm = NTK_TILE(ntk_norm),
    .sum = NTK_TILE(ntk_sum),
    .dot = NTK_TILE(ntk_reduce_dot),
    .reduce = NTK_TILE(ntk_reduce_gradient),
    .image = &NTK_TILE(ntk_image),
};
