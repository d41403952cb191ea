/* The tile functions of networks over images: rows one by one, columns in blocks of as many lanes as the workspace has. */
#include <string.h>

#include "base/numbers.h"
#include "kernel/image.h"

static const long NONE[2] = {0, 0};

/* Columns of a tile that are side by side in the workspace: `blocks` of `lanes` from `first` on, `count` of them the tile's own. */
typedef struct {
  size_t first, count, lanes, blocks;
} panel;

static ntk_image_run start(const ntk_kernel *kernel, ntk_workspace *workspace, const ntk_tile *tile) {
  return (ntk_image_run){.kernel = kernel,
                         .program = kernel->image,
                         .w = workspace->image,
                         .row_features = tile->x->features,
                         .column_features = tile->z->features,
                         .ntk = kernel->mode & NTK_MODE_NTK};
}

static void choose_row(ntk_image_run *run, const ntk_tile *tile, size_t i) {
  run->row_tables = ntk_image_tables_of(run->kernel, tile->x, tile->row + i);
  run->row_pixels = tile->x->inputs + (tile->row + i) * tile->x->dimension;
  ntk_image_forget(&run->w->row_features);
}

static size_t column_size(const ntk_kernel *kernel) { return kernel->image->tables + kernel->dimension; }

static double *block_of(const ntk_image_run *run, const panel *p, size_t block) {
  return run->w->panel + block * p->lanes * column_size(run->kernel);
}

static void choose_block(ntk_image_run *run, const panel *p, size_t block) {
  const double *at = block_of(run, p, block);
  run->lanes = p->lanes;
  run->columns = (ntk_image_columns){at, at + run->program->tables * p->lanes};
  if (run->w->block == block) return;
  run->w->block = block;
  ntk_image_forget(&run->w->column_features);
}

static size_t columns_of(const panel *p, size_t block) { return ntk_min_size(p->lanes, p->count - block * p->lanes); }

static void interleave(size_t lanes, size_t count, const double *const *from, double *to) {
  for (size_t t = 0; t < count; t++)
    for (size_t l = 0; l < lanes; l++) to[t * lanes + l] = from[l][t];
}

/* The next panel of the tile; behind the last column its lanes hold the last one again. */
static panel fill_panel(const ntk_image_run *run, const ntk_tile *tile, size_t first) {
  const ntk_prepared *z = tile->z;
  panel p = {.first = first, .count = ntk_min_size(run->w->panel_lanes / run->w->lanes * run->w->lanes, tile->columns - first)};
  size_t needed = (p.count + NTK_LANES - 1) / NTK_LANES * NTK_LANES, tables = run->program->tables;
  p.lanes = ntk_min_size(needed, run->w->lanes);
  p.blocks = (p.count + p.lanes - 1) / p.lanes;
  run->w->block = (size_t)-1;
  for (size_t b = 0; b < p.blocks; b++) {
    const double *from[NTK_IMAGE_LANES], *pixels[NTK_IMAGE_LANES];
    for (size_t l = 0; l < p.lanes; l++) {
      size_t column = tile->column + first + ntk_min_size(b * p.lanes + l, p.count - 1);
      from[l] = ntk_image_tables_of(run->kernel, z, column);
      pixels[l] = z->inputs + column * z->dimension;
    }
    interleave(p.lanes, tables, from, block_of(run, &p, b));
    interleave(p.lanes, z->dimension, pixels, block_of(run, &p, b) + tables * p.lanes);
  }
  return p;
}

/* The output of the row and the block. */
static const double *evaluate(const ntk_image_run *run, bool gradient) {
  ntk_image_slot *slot = ntk_image_slot_of(run, 0, run->program->segments[0].root);
  ntk_image_forward(run, 0, NONE, gradient);
  if (!run->ntk) return slot->r;
  if (slot->t) return slot->t;
  memset(run->w->scratch, 0, run->lanes * sizeof(double)); /* no weights at all */
  return run->w->scratch;
}

static void values(const ntk_kernel *kernel, ntk_workspace *workspace, const ntk_tile *tile, double *out, size_t ld) {
  ntk_image_run run = start(kernel, workspace, tile);
  panel p;
  for (size_t first = 0; first < tile->columns; first += p.count) {
    p = fill_panel(&run, tile, first);
    /* Blocks outermost: one block's tables stay near, rows come in a stream. */
    for (size_t b = 0; b < p.blocks; b++) {
      choose_block(&run, &p, b);
      for (size_t i = 0; i < tile->rows; i++) {
        choose_row(&run, tile, i);
        memcpy(out + i * ld + first + b * p.lanes, evaluate(&run, false), columns_of(&p, b) * sizeof *out);
      }
    }
  }
}

static void clear(const ntk_image_run *run) {
  size_t lanes = run->lanes;
  for (size_t v = 0; v <= run->program->count; v++) memset(run->w->alpha[v], 0, ntk_image_positions(run->program, v) * lanes * sizeof(double));
  memset(run->w->gradient, 0, run->kernel->dimension * lanes * sizeof(double));
}

/* Adjoint of the evaluated block with the weights `seeds` of its lanes. */
static void reverse(const ntk_image_run *run, const double *seeds, size_t stride, size_t count) {
  const ntk_image_slot *slot = ntk_image_slot_of(run, 0, run->program->segments[0].root);
  if (run->ntk && !slot->t) return;
  double *seed = run->ntk ? slot->t : slot->r;
  if (run->ntk) memset(slot->r, 0, run->lanes * sizeof *seed);
  for (size_t j = 0; j < run->lanes; j++) seed[j] = j < count ? seeds[j * stride] : 0;
  ntk_image_reverse(run, 0, NONE);
}

/* The output and its adjoint, by one evaluation of what is below the pooling layers where that is possible. */
static const double *evaluate_both(ntk_image_run *run, const double *seeds, size_t stride, size_t count) {
  run->sums = run->program->ends_linear;
  if (run->sums) reverse(run, seeds, stride, count);
  const double *k = evaluate(run, true);
  memcpy(run->w->output, k, count * sizeof *k);
  if (!run->sums) reverse(run, seeds, stride, count);
  run->sums = false;
  return run->w->output;
}

static double factor_of(const ntk_image_run *run, const double *factors, size_t a) {
  return (factors ? factors[a] : 1) / (double)run->program->channels;
}

static const double *factors_of(const ntk_tile *tile, size_t i) {
  return tile->x->factors ? tile->x->factors + (tile->row + i) * tile->x->dimension : NULL;
}

static void gradients(const ntk_kernel *kernel, ntk_workspace *workspace, const ntk_tile *tile, double *out, size_t ld) {
  ntk_image_run run = start(kernel, workspace, tile);
  size_t d = kernel->dimension;
  const double one = 1;
  panel p;
  for (size_t first = 0; first < tile->columns; first += p.count) {
    p = fill_panel(&run, tile, first);
    for (size_t i = 0; i < tile->rows; i++) {
      choose_row(&run, tile, i);
      for (size_t b = 0; b < p.blocks; b++) {
        size_t count = columns_of(&p, b);
        double *to = out + (i * ld + first + b * p.lanes) * d;
        choose_block(&run, &p, b);
        clear(&run);
        (void)evaluate_both(&run, &one, 0, count);
        ntk_image_reverse_diagonal(&run);
        for (size_t k = 0; k < count; k++)
          for (size_t a = 0; a < d; a++) to[k * d + a] = factor_of(&run, factors_of(tile, i), a) * run.w->gradient[a * run.lanes + k];
      }
    }
  }
}

/* `count` arrays of `lanes` into arrays of one group: what follows is linear, sums over lanes do. */
static void fold(size_t count, size_t lanes, double *field) {
  for (size_t a = 0; a < count; a++)
    for (size_t j = 0; j < lanes; j++) {
      double value = field[a * lanes + j];
      field[a * NTK_LANES + j % NTK_LANES] = j < NTK_LANES ? value : field[a * NTK_LANES + j % NTK_LANES] + value;
    }
}

static void add_gradient(ntk_image_run *run, const double *factors, double *gradient) {
  if (run->lanes > NTK_LANES) {
    for (size_t v = 0; v <= run->program->count; v++) fold(ntk_image_positions(run->program, v), run->lanes, run->w->alpha[v]);
    fold(run->kernel->dimension, run->lanes, run->w->gradient);
    run->lanes = NTK_LANES;
  }
  ntk_image_reverse_diagonal(run);
  for (size_t a = 0; a < run->kernel->dimension; a++) {
    double sum = 0;
    for (size_t j = 0; j < NTK_LANES; j++) sum += run->w->gradient[a * NTK_LANES + j];
    gradient[a] += factor_of(run, factors, a) * sum;
  }
}

static void apply(const ntk_kernel *kernel, ntk_workspace *workspace, const ntk_tile *tile, size_t c, const double *w, double *value,
                  double *gradient) {
  ntk_image_run run = start(kernel, workspace, tile);
  panel p;
  for (size_t first = 0; first < tile->columns; first += p.count) {
    p = fill_panel(&run, tile, first);
    for (size_t i = 0; i < tile->rows; i++) {
      choose_row(&run, tile, i);
      for (size_t b = 0; b < p.blocks; b++) {
        size_t count = columns_of(&p, b);
        const double *weights = w + (first + b * p.lanes) * c;
        choose_block(&run, &p, b);
        if (gradient && !b) clear(&run);
        const double *k = gradient ? evaluate_both(&run, weights, c, count) : evaluate(&run, false);
        for (size_t a = 0; value && a < c; a++)
          for (size_t l = 0; l < count; l++) value[i * c + a] += k[l] * weights[l * c + a];
      }
      if (gradient) add_gradient(&run, factors_of(tile, i), gradient + i * kernel->dimension);
    }
  }
}

static size_t tables(const ntk_kernel *kernel) { return kernel->image->tables; }

static ntk_error *make_workspace(const ntk_kernel *kernel, ntk_workspace *workspace) { return ntk_image_workspace_create(kernel, &workspace->image); }

const ntk_evaluator ntk_image_evaluator = {.tables = tables,
                                           .prepare = ntk_image_prepare,
                                           .cover = ntk_image_cover,
                                           .workspace = make_workspace,
                                           .values = values,
                                           .gradients = gradients,
                                           .apply = apply,
                                           .cost = ntk_image_cost,
                                           .gradient_factor = 2.2};
