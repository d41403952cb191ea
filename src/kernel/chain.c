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

enum { TANGENT, COSINE, HEIGHT };
enum { TABLES = NTK_CHAIN_TABLES };

static double *angle_array(const ntk_prepared *points, size_t layer, size_t field) {
  return points->angles + ((layer - 2) * NTK_CHAIN_ANGLES + field) * points->stride;
}

/* The tables of activation `layer`, a = sqrt(weight) times the root of the variance behind the activation before. */
static void fill_angles(const ntk_op *before, const ntk_op *op, size_t layer, ntk_prepared *points) {
  const double *middle = ntk_variance_array(points, before->middle, NTK_V_ROOT), *root = ntk_variance_array(points, op->before, NTK_V_ROOT);
  const double weight = sqrt(before->dense.weight), bias = sqrt(before->dense.bias), scale = sqrt(sqrt(2));
  for (size_t i = 0; i < points->count; i++) {
    double sum = root[i] + bias, cosine = sum > 0 ? scale * sqrt(0.5 * sum / root[i]) : scale;
    angle_array(points, layer, TANGENT)[i] = sum > 0 ? weight * middle[i] / sum : 0;
    angle_array(points, layer, COSINE)[i] = cosine;
    angle_array(points, layer, HEIGHT)[i] = sum > 0 ? cosine / sum : 0;
  }
}

void ntk_chain_prepare(const ntk_kernel *kernel, ntk_prepared *points) {
  const ntk_op *ops = kernel->program.ops;
  for (size_t i = 2; i <= kernel->chain; i++) fill_angles(&ops[i - 1], &ops[i], i, points);
}

/* Whether r < 0 is possible behind the activation: a b = g - pi f > 0. */
static bool may_turn(const ntk_op *op) {
  const double pi = 3.14159265358979323846;
  return op->constants[1] - pi * op->constants[0] > 1e-12 * op->constants[1];
}

/* Variances behind such a bias are far from 0, in single precision too. */
#define SMALLEST_BIAS 1e-20

/* Roots of variances below it count as 0 in single precision: products of their inverses would not be numbers. */
#define SMALLEST_SINGLE 1e-15

static ntk_chain_row row_tables(const ntk_kernel *kernel, const ntk_prepared *points, size_t layer, size_t i) {
  const ntk_op *op = &kernel->program.ops[layer];
  ntk_chain_row row = {.root = ntk_variance_array(points, op->before, NTK_V_ROOT)[i],
                       .inverse = ntk_variance_array(points, op->before, NTK_V_INVERSE)[i]};
  if (kernel->single && row.root < SMALLEST_SINGLE) row.inverse = 0;
  if (layer == 1) return row;
  row.tangent = angle_array(points, layer, TANGENT)[i];
  row.cosine = angle_array(points, layer, COSINE)[i];
  row.height = 2 * sqrt(op[-1].dense.bias) * ntk_variance_array(points, op->before, NTK_V_TANGENT)[i] * angle_array(points, layer, HEIGHT)[i];
  return row;
}

/* The arrays that the columns of a layer are, in the order of ntk_chain_columns; the first layer has two. */
static void double_tables(const ntk_kernel *kernel, const ntk_prepared *points, size_t layer, const double *out[TABLES]) {
  const ntk_op *op = &kernel->program.ops[layer];
  out[0] = ntk_variance_array(points, op->before, NTK_V_ROOT);
  out[1] = ntk_variance_array(points, op->before, NTK_V_INVERSE);
  for (size_t i = TANGENT; layer > 1 && i <= HEIGHT; i++) out[2 + i] = angle_array(points, layer, i);
}

static ntk_chain_columns column_tables(const ntk_kernel *kernel, const ntk_prepared *points, size_t layer, size_t j) {
  const double *table[TABLES] = {NULL};
  if (kernel->single) {
    const float *at = points->singles + (layer - 1) * TABLES * points->stride + j;
    return (ntk_chain_columns){at, at + points->stride, at + 2 * points->stride, at + 3 * points->stride, at + 4 * points->stride};
  }
  double_tables(kernel, points, layer, table);
  if (layer == 1) return (ntk_chain_columns){.root = table[0] + j, .inverse = table[1] + j};
  return (ntk_chain_columns){table[0] + j, table[1] + j, table[2] + j, table[3] + j, table[4] + j};
}

void ntk_chain_round(const ntk_kernel *kernel, ntk_prepared *points) {
  for (size_t layer = 1; layer <= kernel->chain; layer++) {
    const double *table[TABLES] = {NULL};
    double_tables(kernel, points, layer, table);
    for (size_t t = 0; t < TABLES && table[t]; t++) {
      float *out = points->singles + ((layer - 1) * TABLES + t) * points->stride;
      for (size_t i = 0; i < points->stride; i++) out[i] = t == 1 && table[0][i] < SMALLEST_SINGLE ? 0 : (float)table[t][i];
    }
  }
}

static ntk_chain_pass layer_pass(const ntk_kernel *kernel, const ntk_tile *tile, ntk_block block, size_t layer) {
  const ntk_op *op = &kernel->program.ops[layer];
  const double weight = op->dense.weight;
  ntk_chain_pass pass = {.groups = block.groups,
                         .row = row_tables(kernel, tile->x, layer, block.row),
                         .columns = column_tables(kernel, tile->z, layer, block.column),
                         .f = weight * op->constants[0],
                         .g = weight * op->constants[1],
                         .bias = op->dense.bias,
                         .nngp = op->dense.nngp_factor / weight,
                         .constant = op->dense.constant,
                         .q_tangent = ntk_variance_array(tile->x, op->before, NTK_V_TANGENT)[block.row],
                         .after_tangent = ntk_variance_array(tile->x, op->after, NTK_V_TANGENT)[block.row],
                         .plain = op[-1].dense.bias > SMALLEST_BIAS && (layer == 1 || !may_turn(op - 1))};
  if (layer < kernel->chain) {
    pass.next_row = row_tables(kernel, tile->x, layer + 1, block.row);
    pass.next_columns = column_tables(kernel, tile->z, layer + 1, block.column);
  }
  return pass;
}

static ntk_chain_source source_of(const ntk_kernel *kernel, const ntk_workspace *workspace, const ntk_tile *tile, ntk_block block) {
  const ntk_prepared *x = tile->x, *z = tile->z;
  size_t d = kernel->dimension;
  ntk_chain_source source = {.dense = kernel->program.ops[0].dense,
                             .column_inverse = ntk_variance_array(z, kernel->program.ops[1].before, NTK_V_INVERSE) + block.column,
                             .row_inverse = ntk_variance_array(x, kernel->program.ops[1].before, NTK_V_INVERSE)[block.row],
                             .general = workspace->registers};
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
  /* Arrays of register 0 that the input does not use. */
  double *k = workspace->registers + NTK_T * NTK_BLOCK, *a = workspace->registers + NTK_T_A * NTK_BLOCK,
         *b = workspace->registers + NTK_T_B * NTK_BLOCK, *s = workspace->registers + NTK_DELTA_A * NTK_BLOCK;
  const ntk_chain_engine *engine = kernel->single ? kernel->engine->chain_single : kernel->engine->chain;
  for (size_t layer = 1; layer <= kernel->chain; layer++) {
    ntk_chain_pass pass = layer_pass(kernel, tile, block, layer);
    pass.state = workspace->registers + NTK_STATES * NTK_BLOCK;
    pass.k = k, pass.a = a, pass.b = b, pass.s = s;
    if (layer == 1) pass.source = source_of(kernel, workspace, tile, block);
    engine->layer[(layer == 1 ? NTK_CHAIN_FIRST : 0) | (layer == kernel->chain ? NTK_CHAIN_LAST : 0)][mode](&pass);
  }
  if (mode & NTK_MODE_NTK) return (ntk_result){k, a, b, s, 0, 2, marked};
  return (ntk_result){k, a, b, s, ntk_variance_array(tile->x, kernel->program.last_stage, NTK_V_TANGENT)[block.row], -2, marked};
}
