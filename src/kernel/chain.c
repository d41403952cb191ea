/** Chains of dense layers and piecewise linear activations: which networks are one, their tables, and a block of one (tile/chain.h). */
#include "kernel/chain.h"

#include <math.h>

size_t ntk_chain_length(const ntk_program *program) {
  if (program->count < 2) return 0;
  for (size_t i = 0; i < program->count; i++) {
    const ntk_op *op = &program->ops[i];
    if (op->kind != NTK_OP_LAYER || op->from != 0 || op->to != 0) return 0;
    if (op->dual != (i ? NTK_DUAL_AB_RELU : NTK_DUAL_IDENTITY)) return 0;
    if (i && op->constants[4] > 0) return 0; /* even: 1 - cos near pi would cancel */
  }
  return program->count - 1;
}

/* tan and 2^(1/4) cos of half the angle phi with tan(phi) = a/b in front of activation `op`, a = sqrt(weight) times the root of the variance behind the
 * activation before; a point without any variance counts as orthogonal to the others. */
static void fill_angles(const ntk_op *before, const ntk_op *op, const ntk_prepared *points, double *tangent, double *cosine) {
  const double *middle = ntk_variance_array(points, before->middle, NTK_V_ROOT), *root = ntk_variance_array(points, op->before, NTK_V_ROOT);
  const double weight = sqrt(before->dense.weight), bias = sqrt(before->dense.bias), scale = sqrt(sqrt(2));
  for (size_t i = 0; i < points->count; i++) {
    double sum = root[i] + bias;
    tangent[i] = sum > 0 ? weight * middle[i] / sum : 0;
    cosine[i] = sum > 0 ? scale * sqrt(0.5 * sum / root[i]) : scale;
  }
}

void ntk_chain_prepare(const ntk_kernel *kernel, ntk_prepared *points) {
  for (size_t i = 2; i <= kernel->chain; i++) {
    const ntk_op *ops = kernel->program.ops;
    double *at = points->angles + (i - 2) * 2 * points->stride;
    fill_angles(&ops[i - 1], &ops[i], points, at, at + points->stride);
  }
}

static const double *angle_array(const ntk_prepared *points, size_t layer, size_t field) {
  return points->angles + ((layer - 2) * 2 + field) * points->stride;
}

/* Whether r < 0 is possible behind the activation: a b = g - pi f > 0. */
static bool may_turn(const ntk_op *op) {
  const double pi = 3.14159265358979323846;
  return op->constants[1] - pi * op->constants[0] > 1e-12 * op->constants[1];
}

static ntk_chain_pass layer_pass(const ntk_kernel *kernel, const ntk_tile *tile, ntk_block block, size_t layer) {
  const ntk_op *op = &kernel->program.ops[layer];
  const ntk_prepared *x = tile->x, *z = tile->z;
  const double weight = op->dense.weight;
  size_t i = block.row, j = block.column;
  ntk_chain_pass pass = {
      .groups = block.groups,
      .row = {ntk_variance_array(x, op->before, NTK_V_ROOT)[i], ntk_variance_array(x, op->before, NTK_V_INVERSE)[i], 0, 0},
      .columns = {ntk_variance_array(z, op->before, NTK_V_ROOT) + j, ntk_variance_array(z, op->before, NTK_V_INVERSE) + j, NULL, NULL},
      .f = weight * op->constants[0],
      .g = weight * op->constants[1],
      .bias = op->dense.bias,
      .nngp = op->dense.nngp_factor / weight,
      .constant = op->dense.constant,
      .q_tangent = ntk_variance_array(x, op->before, NTK_V_TANGENT)[i],
      .after_tangent = ntk_variance_array(x, op->after, NTK_V_TANGENT)[i],
      .obtuse = layer == 1 || may_turn(&kernel->program.ops[layer - 1])};
  if (layer > 1) {
    pass.row.tangent = angle_array(x, layer, 0)[i], pass.row.cosine = angle_array(x, layer, 1)[i];
    pass.columns.tangent = angle_array(z, layer, 0) + j, pass.columns.cosine = angle_array(z, layer, 1) + j;
  }
  return pass;
}

static ntk_chain_source source_of(const ntk_kernel *kernel, const ntk_workspace *workspace, const ntk_tile *tile, ntk_block block) {
  const ntk_prepared *x = tile->x, *z = tile->z;
  size_t d = kernel->dimension;
  ntk_chain_source source = {.dense = kernel->program.ops[0].dense, .general = workspace->registers};
  if (d > NTK_CHAIN_DIRECT) return source;
  source.dimension = d;
  source.stride = z->stride;
  for (size_t a = 0; a < d; a++) source.x[a] = x->inputs[block.row * d + a];
  source.z = z->columns + block.column;
  source.row_q = ntk_variance_array(x, 0, NTK_V_Q)[block.row];
  source.column_q = ntk_variance_array(z, 0, NTK_V_Q) + block.column;
  return source;
}

ntk_result ntk_chain_evaluate(const ntk_kernel *kernel, ntk_workspace *workspace, const ntk_tile *tile, ntk_block block, size_t marked, int mode) {
  double *state = workspace->registers + NTK_STATES * NTK_BLOCK;
  for (size_t layer = 1; layer <= kernel->chain; layer++) {
    ntk_chain_pass pass = layer_pass(kernel, tile, block, layer);
    pass.state = state;
    if (layer == 1) pass.source = source_of(kernel, workspace, tile, block);
    int place = (layer == 1 ? NTK_CHAIN_FIRST : 0) | (layer == kernel->chain ? NTK_CHAIN_LAST : 0);
    kernel->engine->chain->layer[place][mode](&pass);
  }
  const double *k = state + NTK_CHAIN_K * NTK_BLOCK;
  if (mode & NTK_MODE_NTK) return (ntk_result){k, state + NTK_CHAIN_T_A * NTK_BLOCK, state + NTK_CHAIN_T_B * NTK_BLOCK, 0, 2, marked};
  double tangent = ntk_variance_array(tile->x, kernel->program.last_stage, NTK_V_TANGENT)[block.row];
  return (ntk_result){k, state + NTK_CHAIN_DELTA_A * NTK_BLOCK, state + NTK_CHAIN_R_B * NTK_BLOCK, tangent, -1, marked};
}
