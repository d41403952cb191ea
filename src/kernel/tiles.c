/** The tile functions: rows in chunks, columns in panels (one matrix product each where the dimension is large), panels in blocks.
 *
 *  The order of every sum depends on the tile's own boundaries only: blocks are counted from its first column.
 */
#include <cblas.h>
#include <string.h>

#include "base/numbers.h"
#include "kernel/centre.h"
#include "kernel/evaluate.h"
#include "kernel/gaussian.h"

void ntk_panel_products(ntk_workspace *workspace, const ntk_tile *tile, ntk_panel p) {
  size_t d = tile->x->dimension;
  int width = (int)d;
  const double *x = ntk_centred(workspace, tile->x) + (tile->row + p.row) * d, *z = ntk_centred(workspace, tile->z) + (tile->column + p.column) * d;
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)p.rows, (int)p.columns, width, 1, x, width, z, width, 0, workspace->products,
              NTK_PANEL_COLUMNS);
  for (size_t i = 0; i < p.rows; i++) {
    for (size_t j = p.columns; j % NTK_LANES; j++) workspace->products[i * NTK_PANEL_COLUMNS + j] = 0;
  }
}

static const double *products_of(const ntk_workspace *workspace, size_t i, size_t j) {
  return workspace->products ? workspace->products + i * NTK_PANEL_COLUMNS + j : NULL;
}

/* Calls `use` for every row and block of the panel. */
typedef void (*block_function)(void *context, const ntk_block *block, const ntk_result *result, size_t i, size_t j);

static void each_block(const ntk_kernel *kernel, ntk_workspace *workspace, const ntk_tile *tile, ntk_panel p, bool gradient, block_function use,
                       void *context) {
  if (workspace->products) ntk_panel_products(workspace, tile, p);
  for (size_t j = 0; j < p.columns; j += NTK_BLOCK) {
    ntk_evaluate_columns(kernel, workspace, tile, ntk_block_of(tile, p, 0, j));
    for (size_t i = 0; i < p.rows; i++) {
      ntk_block block = ntk_block_of(tile, p, i, j);
      ntk_result result = ntk_evaluate(kernel, workspace, tile, block, products_of(workspace, i, j), gradient);
      use(context, &block, &result, i, j);
    }
  }
}

/* Calls each_block for every panel of the tile, rows outermost. */
static void each_panel(const ntk_kernel *kernel, ntk_workspace *workspace, const ntk_tile *tile, bool gradient, block_function use, void *context) {
  for (size_t i = 0; i < tile->rows; i += NTK_PANEL_ROWS) {
    for (size_t j = 0; j < tile->columns; j += NTK_PANEL_COLUMNS) {
      ntk_panel p = {i, ntk_min_size(NTK_PANEL_ROWS, tile->rows - i), j, ntk_min_size(NTK_PANEL_COLUMNS, tile->columns - j)};
      each_block(kernel, workspace, tile, p, gradient, use, context);
    }
  }
}

typedef struct {
  const ntk_tile *tile;
  double *out;
  size_t ld;
} matrix_context;

static void write_values(void *context, const ntk_block *block, const ntk_result *result, size_t i, size_t j) {
  (void)i;
  (void)j;
  const matrix_context *m = context;
  memcpy(m->out + (block->row - m->tile->row) * m->ld + (block->column - m->tile->column), result->k, block->count * sizeof *m->out);
}

static void values(const ntk_kernel *kernel, ntk_workspace *workspace, const ntk_tile *tile, double *out, size_t ld) {
  matrix_context context = {tile, out, ld};
  each_panel(kernel, workspace, tile, false, write_values, &context);
}

static void write_gradients(void *context, const ntk_block *block, const ntk_result *result, size_t i, size_t j) {
  (void)i;
  (void)j;
  const matrix_context *m = context;
  const ntk_prepared *points = m->tile->x;
  size_t d = points->dimension;
  const double *x = points->inputs + block->row * d, *factor = points->factors ? points->factors + block->row * d : NULL;
  double *out = m->out + ((block->row - m->tile->row) * m->ld + (block->column - m->tile->column)) * d;
  for (size_t k = 0; k < block->count; k++) {
    const double *z = m->tile->z->inputs + (block->column + k) * d;
    double radial = result->offset + result->scale * result->a[k];
    for (size_t a = 0; a < d; a++) out[k * d + a] = (factor ? factor[a] : 1) / (double)d * (radial * x[a] + result->b[k] * (z[a] - x[a]));
  }
}

static void gradients(const ntk_kernel *kernel, ntk_workspace *workspace, const ntk_tile *tile, double *out, size_t ld) {
  matrix_context context = {tile, out, ld};
  each_panel(kernel, workspace, tile, true, write_gradients, &context);
}

typedef struct {
  const ntk_kernel *kernel;
  ntk_workspace *workspace;
  const ntk_tile *tile;
  size_t weight_columns;
  double *value; /* of the chunk's first row, or NULL */
  bool gradient;
} apply_context;

/* Large dimension: sum_j B_j (z_j - x) is left to a matrix product, but for marked pairs, whose z - x would be lost in it. */
static double reduce_products(const apply_context *c, const ntk_block *block, const ntk_result *result, size_t i, ntk_reduction *reduction) {
  size_t d = reduction->dimension;
  double sum = c->kernel->engine->reduce(reduction), *gradient = c->workspace->gradient + i * d;
  for (size_t k = 0; result->marked && k < block->count; k++) {
    if (!(c->workspace->scratch[k] > 0)) continue;
    const double *z = c->tile->z->inputs + (block->column + k) * d;
    c->kernel->engine->add_difference(d, reduction->weighted[k], z, reduction->x, gradient);
    reduction->weighted[k] = 0;
  }
  c->workspace->pull[i] += c->kernel->engine->dot(block->groups, reduction->weighted, c->workspace->ones);
  return sum;
}

static void accumulate(void *context, const ntk_block *block, const ntk_result *result, size_t i, size_t j) {
  const apply_context *c = context;
  ntk_workspace *w = c->workspace;
  const ntk_engine *engine = c->kernel->engine;
  if (c->value && c->weight_columns == 1) c->value[i] += engine->dot(block->groups, w->weights + j, result->k);
  if (c->value && c->weight_columns > 1) memcpy(w->values + i * NTK_PANEL_COLUMNS + j, result->k, block->count * sizeof *w->values);
  if (!c->gradient) return;
  size_t d = c->kernel->dimension;
  ntk_reduction reduction = {.groups = block->groups,
                             .dimension = d,
                             .weights = w->weights + j,
                             .a = result->a,
                             .b = result->b,
                             .offset = result->offset,
                             .scale = result->scale,
                             .x = c->tile->x->inputs + block->row * d,
                             .z = c->tile->z->columns ? c->tile->z->columns + block->column : NULL,
                             .stride = c->tile->z->stride,
                             .weighted = w->weighted ? w->weighted + i * NTK_PANEL_COLUMNS + j : w->scratch,
                             .gradient = w->gradient + i * d};
  w->radial[i] += w->weighted ? reduce_products(c, block, result, i, &reduction) : engine->reduce(&reduction);
}

/* What is left of a panel: the products with several weight columns and, for large dimension, with the points. */
static void finish_panel(const apply_context *c, ntk_panel p, const double *w) {
  ntk_workspace *workspace = c->workspace;
  int columns = (int)c->weight_columns, d = (int)c->kernel->dimension;
  if (c->value && columns > 1) {
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)p.rows, columns, (int)p.columns, 1, workspace->values, NTK_PANEL_COLUMNS, w, columns,
                1, c->value, columns);
  }
  if (c->gradient && workspace->weighted) {
    const double *z = ntk_centred(workspace, c->tile->z) + (c->tile->column + p.column) * (size_t)d;
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)p.rows, d, (int)p.columns, 1, workspace->weighted, NTK_PANEL_COLUMNS, z, d, 1,
                workspace->gradient, d);
  }
}

/* The gradients of a chunk's rows. */
static void finish_rows(const apply_context *c, size_t row, size_t rows, double *gradient) {
  size_t d = c->kernel->dimension;
  const ntk_workspace *w = c->workspace;
  for (size_t i = 0; i < rows; i++) {
    size_t point = c->tile->row + row + i;
    double *out = gradient + (row + i) * d;
    if (w->pull) {
      ntk_finish_gradient(c->kernel, w, c->tile->x, point, w->gradient + i * d, w->pull[i], w->radial[i], out);
    } else {
      ntk_add_gradient(c->tile->x, point, w->gradient + i * d, 1, w->radial[i], out);
    }
  }
}

void ntk_copy_weights(ntk_workspace *workspace, size_t count, size_t c, const double *w) {
  memset(workspace->weights, 0, NTK_PANEL_COLUMNS * sizeof *w);
  for (size_t j = 0; j < count; j++) workspace->weights[j] = w[j * c];
}

static void apply(const ntk_kernel *kernel, ntk_workspace *workspace, const ntk_tile *tile, size_t c, const double *w, double *value,
                  double *gradient) {
  if (kernel->gaussian && (c == 1 || !value)) {
    ntk_gaussian_apply(kernel, workspace, tile, c, w, value, gradient);
    return;
  }
  size_t d = kernel->dimension;
  for (size_t i = 0; i < tile->rows; i += NTK_PANEL_ROWS) {
    size_t rows = ntk_min_size(NTK_PANEL_ROWS, tile->rows - i);
    apply_context context = {kernel, workspace, tile, c, value ? value + i * c : NULL, gradient != NULL};
    memset(workspace->gradient, 0, rows * d * sizeof *workspace->gradient);
    memset(workspace->radial, 0, rows * sizeof *workspace->radial);
    if (workspace->pull) memset(workspace->pull, 0, rows * sizeof *workspace->pull);
    for (size_t j = 0; j < tile->columns; j += NTK_PANEL_COLUMNS) {
      ntk_panel p = {i, rows, j, ntk_min_size(NTK_PANEL_COLUMNS, tile->columns - j)};
      ntk_copy_weights(workspace, p.columns, c, w + j * c);
      each_block(kernel, workspace, tile, p, gradient != NULL, accumulate, &context);
      finish_panel(&context, p, w + j * c);
    }
    if (gradient) finish_rows(&context, i, rows, gradient);
  }
}

typedef struct {
  ntk_workspace *workspace;
  const ntk_engine *engine;
  size_t weight_columns;
  const double *left; /* of the panel's first row */
  double *value;      /* likewise, or NULL */
  bool other;
} both_context;

static void accumulate_both(void *context, const ntk_block *block, const ntk_result *result, size_t i, size_t j) {
  const both_context *c = context;
  ntk_workspace *w = c->workspace;
  if (c->weight_columns > 1) {
    memcpy(w->values + i * NTK_PANEL_COLUMNS + j, result->k, block->count * sizeof *w->values);
    return;
  }
  if (c->value) c->value[i] += c->engine->dot(block->groups, w->weights + j, result->k);
  if (c->other) c->engine->add(block->groups, c->left[i], result->k, w->columns + j);
}

/* A panel's share of `both`, which starts at the panel. */
static void panel_both(const ntk_kernel *kernel, ntk_workspace *workspace, const ntk_tile *tile, ntk_panel p, size_t c, const ntk_both *both) {
  both_context context = {workspace, kernel->engine, c, both->left, both->value, both->other_value != NULL};
  int rows = (int)p.rows, columns = (int)p.columns, width = (int)c;
  memset(workspace->columns, 0, NTK_PANEL_COLUMNS * sizeof *workspace->columns);
  if (both->value) ntk_copy_weights(workspace, p.columns, c, both->right);
  each_block(kernel, workspace, tile, p, false, accumulate_both, &context);
  if (c > 1 && both->value) {
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, width, columns, 1, workspace->values, NTK_PANEL_COLUMNS, both->right, width, 1,
                both->value, width);
  }
  if (c > 1 && both->other_value) {
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, columns, width, rows, 1, workspace->values, NTK_PANEL_COLUMNS, both->left, width, 1,
                both->other_value, width);
  }
  for (size_t j = 0; c == 1 && both->other_value && j < p.columns; j++) both->other_value[j] += workspace->columns[j];
}

static void values_both(const ntk_kernel *kernel, ntk_workspace *workspace, const ntk_tile *tile, size_t c, const ntk_both *both) {
  for (size_t i = 0; i < tile->rows; i += NTK_PANEL_ROWS) {
    for (size_t j = 0; j < tile->columns; j += NTK_PANEL_COLUMNS) {
      ntk_panel p = {i, ntk_min_size(NTK_PANEL_ROWS, tile->rows - i), j, ntk_min_size(NTK_PANEL_COLUMNS, tile->columns - j)};
      ntk_both here = {.right = both->value ? both->right + j * c : NULL,
                       .left = both->other_value ? both->left + i * c : NULL,
                       .value = both->value ? both->value + i * c : NULL,
                       .other_value = both->other_value ? both->other_value + j * c : NULL};
      panel_both(kernel, workspace, tile, p, c, &here);
    }
  }
}

static size_t tables(const ntk_kernel *kernel) { return kernel->program.stages * NTK_V_FIELDS; }

/* Of what the general loops take. */
#define CHAIN_COST 0.55
#define SINGLE_COST 0.6

static double cost(const ntk_kernel *kernel) {
  double d = (double)kernel->dimension, sum = kernel->dimension <= NTK_DIRECT_DIMENSION ? 0.3 + 0.1 * d : 1 + 0.02 * d;
  for (size_t i = 0; i < kernel->program.count; i++) sum += kernel->program.ops[i].cost;
  if (kernel->chain) sum *= CHAIN_COST;
  return kernel->single ? SINGLE_COST * sum : sum;
}

const ntk_evaluator ntk_dense_evaluator = {.tables = tables,
                                           .prepare = ntk_dense_prepare,
                                           .cover = ntk_dense_cover,
                                           .workspace = ntk_dense_workspace,
                                           .values = values,
                                           .gradients = gradients,
                                           .apply = apply,
                                           .values_both = values_both,
                                           .both_fits = ntk_both_fits,
                                           .both = ntk_both_apply,
                                           .cost = cost,
                                           .gradient_factor = 1.6};

void ntk_tile_values(const ntk_kernel *kernel, ntk_workspace *workspace, ntk_tile tile, double *out, size_t ld) {
  workspace->centred = ntk_centre_helps(&tile);
  kernel->evaluator->values(kernel, workspace, &tile, out, ld);
}

void ntk_tile_gradients(const ntk_kernel *kernel, ntk_workspace *workspace, ntk_tile tile, double *out, size_t ld) {
  workspace->centred = ntk_centre_helps(&tile);
  kernel->evaluator->gradients(kernel, workspace, &tile, out, ld);
}

void ntk_tile_apply(const ntk_kernel *kernel, ntk_workspace *workspace, ntk_tile tile, size_t c, const double *w, double *value, double *gradient) {
  workspace->centred = ntk_centre_helps(&tile);
  if (value || gradient) kernel->evaluator->apply(kernel, workspace, &tile, c, w, value, gradient);
}

bool ntk_tile_both_at_once(const ntk_kernel *kernel) { return kernel->evaluator->both_fits && kernel->evaluator->both_fits(kernel); }

void ntk_tile_apply_both(const ntk_kernel *kernel, ntk_workspace *workspace, ntk_tile tile, size_t c, const ntk_both *both) {
  bool gradient = both->gradient || both->other_gradient;
  workspace->centred = ntk_centre_helps(&tile);
  if (c == 1 && both->gradient && both->other_gradient && ntk_tile_both_at_once(kernel)) {
    kernel->evaluator->both(kernel, workspace, &tile, both);
    return;
  }
  if (!gradient && !both->value && !both->other_value) return;
  if (!gradient && kernel->evaluator->values_both) {
    kernel->evaluator->values_both(kernel, workspace, &tile, c, both);
    return;
  }
  ntk_tile transposed = {tile.z, tile.x, tile.column, tile.columns, tile.row, tile.rows};
  ntk_tile_apply(kernel, workspace, tile, c, both->right, both->value, both->gradient);
  ntk_tile_apply(kernel, workspace, transposed, c, both->left, both->other_value, both->other_gradient);
}
