#include "kernel/evaluate.h"

#include "kernel/centre.h"
#include "kernel/chain.h"
#include "kernel/gaussian.h"

static ntk_variance row_variance(const ntk_prepared *points, size_t stage, size_t i) {
  return (ntk_variance){.q = ntk_variance_array(points, stage, NTK_V_Q)[i],
                        .root = ntk_variance_array(points, stage, NTK_V_ROOT)[i],
                        .inverse = ntk_variance_array(points, stage, NTK_V_INVERSE)[i],
                        .tangent = ntk_variance_array(points, stage, NTK_V_TANGENT)[i],
                        .slope = ntk_variance_array(points, stage, NTK_V_SLOPE)[i]};
}

static ntk_variances column_variances(const ntk_prepared *points, size_t stage, size_t j) {
  return (ntk_variances){.q = ntk_variance_array(points, stage, NTK_V_Q) + j,
                         .root = ntk_variance_array(points, stage, NTK_V_ROOT) + j,
                         .inverse = ntk_variance_array(points, stage, NTK_V_INVERSE) + j};
}

static size_t input_state(const ntk_kernel *kernel, ntk_workspace *workspace, const ntk_tile *tile, ntk_block block, const double *products) {
  const ntk_prepared *x = tile->x, *z = tile->z;
  size_t d = kernel->dimension;
  const double *point = x->inputs + block.row * d;
  ntk_input input = {.groups = block.groups,
                     .dimension = d,
                     .x = point,
                     .z = z->columns ? z->columns + block.column : NULL,
                     .stride = z->stride,
                     .dot = products,
                     .row = row_variance(x, 0, block.row),
                     .columns = column_variances(z, 0, block.column),
                     .scratch = workspace->scratch,
                     .out = workspace->registers};
  if (!products) {
    kernel->engine->input(&input);
    return 0;
  }
  if (x->centred) {
    input.row_size = ntk_centred_sizes(x)[block.row];
    input.row_lean = ntk_centred_leans(x)[block.row];
    input.sizes = ntk_centred_sizes(z) + block.column;
    input.leans = ntk_centred_leans(z) + block.column;
  }
  size_t marked = kernel->engine->input_products(&input);
  for (size_t j = 0; marked && j < block.count; j++) {
    if (workspace->scratch[j] > 0) kernel->engine->input_pair(d, point, z->inputs + (block.column + j) * d, workspace->registers + j);
  }
  return marked;
}

static double *register_state(ntk_workspace *workspace, size_t index) { return workspace->registers + index * NTK_STATES * NTK_BLOCK; }

void ntk_evaluate_columns(const ntk_kernel *kernel, ntk_workspace *workspace, const ntk_tile *tile, ntk_block block) {
  if (kernel->chain) ntk_chain_prepare_columns(kernel, workspace, tile, block);
  for (size_t i = 0; i < kernel->program.count; i++)
    if (workspace->packed[i]) workspace->columns_of[i] = ntk_features_columns(tile->z->features[i], block.column, block.groups, workspace->packed[i]);
}

static void apply_op(const ntk_kernel *kernel, ntk_workspace *workspace, const ntk_tile *tile, ntk_block block, const ntk_op *op, int mode) {
  size_t behind = op->kind == NTK_OP_LAYER ? op->middle : op->kind == NTK_OP_SUM ? op->other : op->after;
  ntk_pass pass = {.groups = block.groups,
                   .in = register_state(workspace, op->from),
                   .out = register_state(workspace, op->to),
                   .row_before = row_variance(tile->x, op->before, block.row),
                   .row_after = row_variance(tile->x, behind, block.row),
                   .before = column_variances(tile->z, op->before, block.column),
                   .after = column_variances(tile->z, behind, block.column),
                   .constants = op->constants,
                   .dense = op->dense};
  const ntk_engine *engine = kernel->engine;
  size_t index = (size_t)(op - kernel->program.ops);
  ntk_series series;
  if (tile->x->features[index]) {
    series = ntk_features_pair(tile->x->features[index], block.row, tile->z->features[index], workspace->columns_of[index]);
    pass.series = &series;
  }
  switch (op->kind) {
    case NTK_OP_LAYER: engine->layer[op->dual][mode](&pass); break;
    case NTK_OP_NORM: engine->norm[mode](&pass); break;
    case NTK_OP_SUM: engine->sum[mode](&pass); break;
  }
}

/* Whether the first pass of a chain takes the points themselves. */
static bool chain_input(const ntk_kernel *kernel) { return kernel->chain && kernel->dimension <= NTK_CHAIN_DIRECT; }

ntk_result ntk_evaluate_both(const ntk_kernel *kernel, ntk_workspace *workspace, const ntk_tile *tile, ntk_block block, const double *products) {
  size_t marked = chain_input(kernel) ? 0 : input_state(kernel, workspace, tile, block, products);
  return ntk_chain_evaluate(kernel, workspace, tile, block, marked, kernel->mode | NTK_MODE_GRADIENT | NTK_MODE_BOTH);
}

ntk_result ntk_evaluate(const ntk_kernel *kernel, ntk_workspace *workspace, const ntk_tile *tile, ntk_block block, const double *products,
                        bool gradient) {
  const ntk_program *program = &kernel->program;
  int mode = kernel->mode | (gradient ? NTK_MODE_GRADIENT : 0);
  if (kernel->gaussian && !gradient) {
    ntk_gaussian_values(kernel, workspace, tile, block, workspace->registers);
    return (ntk_result){.k = workspace->registers};
  }
  size_t marked = chain_input(kernel) ? 0 : input_state(kernel, workspace, tile, block, products);
  if (kernel->chain) return ntk_chain_evaluate(kernel, workspace, tile, block, marked, mode);
  kernel->engine->seed(block.groups, mode, workspace->registers);
  for (size_t i = 0; i < program->count; i++) apply_op(kernel, workspace, tile, block, &program->ops[i], mode);
  const double *state = register_state(workspace, program->result);
  if (kernel->mode & NTK_MODE_NTK) {
    return (ntk_result){state + NTK_T * NTK_BLOCK, state + NTK_T_A * NTK_BLOCK, state + NTK_T_B * NTK_BLOCK, NULL, 0, 2, marked};
  }
  double tangent = ntk_variance_array(tile->x, program->last_stage, NTK_V_TANGENT)[block.row];
  return (ntk_result){state + NTK_R * NTK_BLOCK, state + NTK_DELTA_A * NTK_BLOCK, state + NTK_R_B * NTK_BLOCK, NULL, tangent, -1, marked};
}

void ntk_finish_gradient(const ntk_kernel *kernel, const ntk_prepared *points, size_t i, const double *sum, double pull, double radial,
                         double *gradient) {
  size_t at = i * points->dimension;
  kernel->engine->finish(&(ntk_finish){.dimension = points->dimension,
                                       .scale = 1 / (double)points->dimension,
                                       .pull = pull,
                                       .radial = radial,
                                       .sum = sum,
                                       .centred = ntk_centred(points) + at,
                                       .x = points->inputs + at,
                                       .factors = points->factors ? points->factors + at : NULL,
                                       .gradient = gradient});
}

void ntk_add_gradient(const ntk_prepared *points, size_t i, const double *sum, size_t stride, double radial, double *gradient) {
  size_t d = points->dimension;
  const double *x = points->inputs + i * d, *factor = points->factors ? points->factors + i * d : NULL;
  for (size_t a = 0; a < d; a++) gradient[a] += (factor ? factor[a] : 1) / (double)d * (sum[a * stride] + radial * x[a]);
}
