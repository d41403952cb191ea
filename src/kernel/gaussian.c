#include "kernel/gaussian.h"

bool ntk_gaussian_fits(const ntk_kernel *kernel) {
  const ntk_program *program = &kernel->program;
  const ntk_op *op = program->ops;
  if (kernel->dimension > NTK_DIRECT_DIMENSION || program->count != 1 || kernel->mode & NTK_MODE_NTK) return false;
  return op->kind == NTK_OP_LAYER && op->dual == NTK_DUAL_RBF && op->dense.weight == 1 && op->dense.bias == 0;
}

static const ntk_gaussian_engine *engine_of(const ntk_kernel *kernel) {
  return kernel->single ? kernel->engine->gaussian_single : kernel->engine->gaussian;
}

/* Point i of x against `columns` points of z from point j on. */
static ntk_gaussian_pass pass_of(const ntk_kernel *kernel, const ntk_workspace *workspace, const ntk_tile *tile, size_t i, size_t j, size_t columns) {
  size_t d = kernel->dimension;
  const double *constants = kernel->program.ops[0].constants;
  return (ntk_gaussian_pass){.groups = (columns + NTK_LANES - 1) / NTK_LANES,
                             .dimension = d,
                             .rate = constants[0] / (double)d,
                             .height = constants[1],
                             .x = tile->x->inputs + i * d,
                             .z = tile->z->columns + j,
                             .stride = tile->z->stride,
                             .weights = workspace->weights,
                             .scratch = workspace->values};
}

/* gradient of x_i += 2 rate factor sum, by the chain rule through the transform of the inputs. */
static void add_gradient(const ntk_kernel *kernel, const ntk_prepared *points, size_t i, const double *sum, double *gradient) {
  size_t d = kernel->dimension;
  double factor = 2 * kernel->program.ops[0].constants[0] / (double)d;
  for (size_t a = 0; a < d; a++) gradient[a] += factor * (points->factors ? points->factors[i * d + a] : 1) * sum[a];
}

void ntk_gaussian_values(const ntk_kernel *kernel, ntk_workspace *workspace, const ntk_tile *tile, ntk_block block, double *k) {
  ntk_gaussian_pass pass = pass_of(kernel, workspace, tile, block.row, block.column, block.count);
  engine_of(kernel)->values(&pass, k);
}

void ntk_gaussian_apply(const ntk_kernel *kernel, ntk_workspace *workspace, const ntk_tile *tile, size_t c, const double *w, double *value,
                        double *gradient) {
  size_t d = kernel->dimension;
  for (size_t j = 0; j < tile->columns; j += NTK_PANEL_COLUMNS) {
    size_t columns = tile->columns - j < NTK_PANEL_COLUMNS ? tile->columns - j : NTK_PANEL_COLUMNS;
    ntk_copy_weights(workspace, columns, c, w + j * c);
    for (size_t i = 0; i < tile->rows; i++) {
      double slopes[NTK_DIRECT_DIMENSION] = {0};
      ntk_gaussian_pass pass = pass_of(kernel, workspace, tile, tile->row + i, tile->column + j, columns);
      double sum = engine_of(kernel)->sum(&pass, gradient ? slopes : NULL);
      if (value) value[i] += sum;
      if (gradient) add_gradient(kernel, tile->x, tile->row + i, slopes, gradient + i * d);
    }
  }
}
