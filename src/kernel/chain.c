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
static void fill_angles(const ntk_op *before, const ntk_op *op, size_t layer, ntk_prepared *points, size_t first, size_t end) {
  const double *middle = ntk_variance_array(points, before->middle, NTK_V_ROOT), *root = ntk_variance_array(points, op->before, NTK_V_ROOT);
  const double weight = sqrt(before->dense.weight), bias = sqrt(before->dense.bias), scale = sqrt(sqrt(2));
  for (size_t i = first; i < end; i++) {
    double sum = root[i] + bias, cosine = sum > 0 ? scale * sqrt(0.5 * sum / root[i]) : scale;
    angle_array(points, layer, TANGENT)[i] = sum > 0 ? weight * middle[i] / sum : 0;
    angle_array(points, layer, COSINE)[i] = cosine;
    angle_array(points, layer, HEIGHT)[i] = sum > 0 ? cosine / sum : 0;
  }
}

void ntk_chain_prepare(const ntk_kernel *kernel, ntk_prepared *points, size_t first, size_t end) {
  const ntk_op *ops = kernel->program.ops;
  for (size_t i = 2; i <= kernel->chain; i++) fill_angles(&ops[i - 1], &ops[i], i, points, first, end);
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

/* Tables of row i in front of the step's activation. */
static ntk_chain_row row_tables(const ntk_kernel *kernel, const ntk_chain_step *step, size_t i) {
  ntk_chain_row row = {.root = step->table[0][i], .inverse = step->table[1][i]};
  if (kernel->single && row.root < SMALLEST_SINGLE) row.inverse = 0;
  if (!step->table[2]) return row;
  row.tangent = step->table[2][i];
  row.cosine = step->table[3][i];
  row.height = step->twice_bias_root * step->q_tangent[i] * step->table[4][i];
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

void ntk_chain_round(const ntk_kernel *kernel, ntk_prepared *points, size_t first, size_t end) {
  for (size_t layer = 1; layer <= kernel->chain; layer++) {
    const double *table[TABLES] = {NULL};
    double_tables(kernel, points, layer, table);
    for (size_t t = 0; t < TABLES && table[t]; t++) {
      float *out = points->singles + ((layer - 1) * TABLES + t) * points->stride;
      for (size_t i = first; i < end; i++) out[i] = t == 1 && table[0][i] < SMALLEST_SINGLE ? 0 : (float)table[t][i];
    }
  }
}

static ntk_chain_source source_of(const ntk_kernel *kernel, const ntk_workspace *workspace, const ntk_tile *tile, ntk_block block) {
  const ntk_prepared *z = tile->z;
  ntk_chain_source source = {.dense = kernel->program.ops[0].dense,
                             .column_inverse = ntk_variance_array(z, kernel->program.ops[1].before, NTK_V_INVERSE) + block.column,
                             .general = workspace->registers};
  if (kernel->dimension > NTK_CHAIN_DIRECT) return source;
  source.dimension = kernel->dimension;
  source.stride = z->stride;
  source.z = z->columns + block.column;
  source.column_q = ntk_variance_array(z, 0, NTK_V_Q) + block.column;
  return source;
}

static ntk_chain_step step_of(const ntk_kernel *kernel, const ntk_workspace *workspace, const ntk_tile *tile, ntk_block block, size_t layer) {
  const ntk_op *op = &kernel->program.ops[layer];
  const double weight = op->dense.weight;
  double *registers = workspace->registers;
  ntk_chain_step step = {.q_tangent = ntk_variance_array(tile->x, op->before, NTK_V_TANGENT),
                         .after_tangent = ntk_variance_array(tile->x, op->after, NTK_V_TANGENT),
                         .twice_bias_root = 2 * sqrt(op[-1].dense.bias)};
  double_tables(kernel, tile->x, layer, step.table);
  /* The results are in arrays of register 0 that the input does not use. */
  step.pass = (ntk_chain_pass){.groups = block.groups,
                               .state = registers + NTK_STATES * NTK_BLOCK,
                               .k = registers + NTK_T * NTK_BLOCK,
                               .a = registers + NTK_T_A * NTK_BLOCK,
                               .b = registers + NTK_T_B * NTK_BLOCK,
                               .s = registers + NTK_DELTA_A * NTK_BLOCK,
                               .columns = column_tables(kernel, tile->z, layer, block.column),
                               .f = weight * op->constants[0],
                               .g = weight * op->constants[1],
                               .bias = op->dense.bias,
                               .nngp = op->dense.nngp_factor / weight,
                               .constant = op->dense.constant,
                               .plain = op[-1].dense.bias > SMALLEST_BIAS && (layer == 1 || !may_turn(op - 1))};
  if (layer < kernel->chain) step.pass.next_columns = column_tables(kernel, tile->z, layer + 1, block.column);
  if (layer == 1) step.pass.source = source_of(kernel, workspace, tile, block);
  return step;
}

void ntk_chain_prepare_columns(const ntk_kernel *kernel, ntk_workspace *workspace, const ntk_tile *tile, ntk_block block) {
  for (size_t layer = 1; layer <= kernel->chain; layer++) workspace->chain[layer - 1] = step_of(kernel, workspace, tile, block, layer);
}

static void set_source_row(const ntk_kernel *kernel, const ntk_prepared *x, size_t i, ntk_chain_source *source) {
  source->row_inverse = ntk_variance_array(x, kernel->program.ops[1].before, NTK_V_INVERSE)[i];
  source->row_q = ntk_variance_array(x, 0, NTK_V_Q)[i];
  for (size_t a = 0; a < source->dimension; a++) source->x[a] = x->inputs[i * kernel->dimension + a];
}

ntk_result ntk_chain_evaluate(const ntk_kernel *kernel, ntk_workspace *workspace, const ntk_tile *tile, ntk_block block, size_t marked, int mode) {
  const ntk_chain_engine *engine = kernel->single ? kernel->engine->chain_single : kernel->engine->chain;
  ntk_chain_row row = row_tables(kernel, &workspace->chain[0], block.row);
  set_source_row(kernel, tile->x, block.row, &workspace->chain[0].pass.source);
  for (size_t layer = 1; layer <= kernel->chain; layer++) {
    ntk_chain_step *step = &workspace->chain[layer - 1];
    step->pass.row = row;
    if (layer < kernel->chain) row = step->pass.next_row = row_tables(kernel, step + 1, block.row);
    step->pass.q_tangent = step->q_tangent[block.row];
    step->pass.after_tangent = step->after_tangent[block.row];
    engine->layer[(layer == 1 ? NTK_CHAIN_FIRST : 0) | (layer == kernel->chain ? NTK_CHAIN_LAST : 0)][mode](&step->pass);
  }
  const ntk_chain_pass *pass = &workspace->chain[0].pass;
  if (mode & NTK_MODE_NTK) return (ntk_result){pass->k, pass->a, pass->b, pass->s, 0, 2, marked};
  return (ntk_result){pass->k, pass->a, pass->b, pass->s, ntk_variance_array(tile->x, kernel->program.last_stage, NTK_V_TANGENT)[block.row],
                      -2,      marked};
}
