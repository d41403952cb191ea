/* The tile functions of networks over images: rows one by one, columns in blocks of as many lanes as the workspace has. */
#include <string.h>

#include "kernel/image.h"

static const long NONE[2] = {0, 0};

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

static ntk_image_run start(const ntk_kernel *kernel, ntk_workspace *workspace, const ntk_tile *tile) {
  return (ntk_image_run){
      .kernel = kernel, .program = kernel->image, .w = workspace->image, .x = tile->x, .z = tile->z, .ntk = kernel->mode & NTK_MODE_NTK};
}

static void choose_row(ntk_image_run *run, size_t row) {
  const double *tables = run->x->variances + row;
  run->row = row;
  for (size_t t = 0; t < run->program->tables; t++) run->w->row[t] = tables[t * run->x->stride];
}

/* The output of the row and columns [j, j + count) of the tile. */
static const double *evaluate(ntk_image_run *run, const ntk_tile *tile, size_t j, size_t count) {
  run->column = tile->column + j;
  run->groups = (count + NTK_LANES - 1) / NTK_LANES;
  ntk_image_forward(run, 0, NONE);
  const ntk_image_slot *slot = ntk_image_slot_of(run, 0, run->program->segments[0].root);
  return run->ntk ? slot->t : slot->r;
}

static void values(const ntk_kernel *kernel, ntk_workspace *workspace, const ntk_tile *tile, double *out, size_t ld) {
  ntk_image_run run = start(kernel, workspace, tile);
  /* Blocks outermost: the columns' tables are larger than a row's. */
  for (size_t j = 0; j < tile->columns; j += run.w->lanes) {
    size_t count = smaller(run.w->lanes, tile->columns - j);
    for (size_t i = 0; i < tile->rows; i++) {
      choose_row(&run, tile->row + i);
      memcpy(out + i * ld + j, evaluate(&run, tile, j, count), count * sizeof *out);
    }
  }
}

static void clear(const ntk_image_run *run) {
  size_t lanes = run->w->lanes;
  for (size_t v = 0; v <= run->program->count; v++) memset(run->w->alpha[v], 0, ntk_image_positions(run->program, v) * lanes * sizeof(double));
  memset(run->w->gradient, 0, run->x->dimension * lanes * sizeof(double));
}

/* Adjoint of the evaluated block with the weights `seeds` of its lanes. */
static void reverse(const ntk_image_run *run, const double *seeds, size_t stride, size_t count) {
  const ntk_image_slot *slot = ntk_image_slot_of(run, 0, run->program->segments[0].root);
  double *seed = run->ntk ? slot->tau : slot->beta;
  if (run->ntk) memset(slot->beta, 0, run->w->lanes * sizeof *seed);
  for (size_t j = 0; j < run->w->lanes; j++) seed[j] = j < count ? seeds[j * stride] : 0;
  ntk_image_reverse(run, 0, NONE);
}

static double factor_of(const ntk_image_run *run, size_t a) {
  const double *factors = run->x->factors;
  return (factors ? factors[run->row * run->x->dimension + a] : 1) / (double)run->program->channels;
}

static void gradients(const ntk_kernel *kernel, ntk_workspace *workspace, const ntk_tile *tile, double *out, size_t ld) {
  ntk_image_run run = start(kernel, workspace, tile);
  size_t d = kernel->dimension, lanes = run.w->lanes;
  const double one = 1;
  for (size_t i = 0; i < tile->rows; i++) {
    choose_row(&run, tile->row + i);
    for (size_t j = 0; j < tile->columns; j += lanes) {
      size_t count = smaller(lanes, tile->columns - j);
      evaluate(&run, tile, j, count);
      clear(&run);
      reverse(&run, &one, 0, count);
      ntk_image_reverse_diagonal(&run);
      for (size_t k = 0; k < count; k++)
        for (size_t a = 0; a < d; a++) out[(i * ld + j + k) * d + a] = factor_of(&run, a) * run.w->gradient[a * lanes + k];
    }
  }
}

/* The sum over lanes is linear in alpha: one group is enough from there on. */
static void fold_alpha(ntk_image_run *run) {
  size_t lanes = run->w->lanes;
  for (size_t v = 0; v <= run->program->count; v++)
    for (size_t a = 0; a < ntk_image_positions(run->program, v); a++) {
      double *alpha = run->w->alpha[v] + a * lanes;
      for (size_t j = NTK_LANES; j < lanes; j++) alpha[j % NTK_LANES] += alpha[j];
    }
  run->groups = 1;
}

static void add_gradient(ntk_image_run *run, double *gradient) {
  size_t lanes = run->w->lanes;
  fold_alpha(run);
  ntk_image_reverse_diagonal(run);
  for (size_t a = 0; a < run->x->dimension; a++) {
    double sum = 0;
    for (size_t j = 0; j < lanes; j++) sum += run->w->gradient[a * lanes + j];
    gradient[a] += factor_of(run, a) * sum;
  }
}

static void apply(const ntk_kernel *kernel, ntk_workspace *workspace, const ntk_tile *tile, size_t c, const double *w, double *value,
                  double *gradient) {
  ntk_image_run run = start(kernel, workspace, tile);
  for (size_t i = 0; i < tile->rows; i++) {
    choose_row(&run, tile->row + i);
    if (gradient) clear(&run);
    for (size_t j = 0; j < tile->columns; j += run.w->lanes) {
      size_t count = smaller(run.w->lanes, tile->columns - j);
      const double *k = evaluate(&run, tile, j, count);
      for (size_t b = 0; value && b < c; b++)
        for (size_t l = 0; l < count; l++) value[i * c + b] += k[l] * w[(j + l) * c + b];
      if (gradient) reverse(&run, w + j * c, c, count);
    }
    if (gradient) add_gradient(&run, gradient + i * kernel->dimension);
  }
}

static size_t tables(const ntk_kernel *kernel) { return kernel->image->tables; }

static ntk_error *make_workspace(const ntk_kernel *kernel, ntk_workspace *workspace) { return ntk_image_workspace_create(kernel, &workspace->image); }

/* Evaluations of one class of each segment, times the classes that pooling asks for. */
static double segment_cost(const ntk_image_program *program, size_t segment, double classes) {
  double cost = 0;
  for (size_t v = 0; v <= program->count; v++) {
    if (!program->segments[segment].member[v]) continue;
    const ntk_image_op *op = v ? &program->ops[v - 1] : NULL;
    cost += classes * (op ? op->cost : 0.5 * (double)program->channels) * (double)ntk_image_positions(program, v);
    if (!op || op->kind != NTK_IMAGE_POOL) continue;
    double below = 1;
    for (size_t a = 0; a < 2; a++) below *= 2 * (double)op->axis[a].size - 1;
    cost += segment_cost(program, op->child, classes * below) * (op->axis[0].size == op->axis[0].in ? 0.25 : 1);
  }
  return cost;
}

static double cost(const ntk_kernel *kernel) { return segment_cost(kernel->image, 0, 1); }

const ntk_evaluator ntk_image_evaluator = {.tables = tables,
                                           .prepare = ntk_image_prepare,
                                           .workspace = make_workspace,
                                           .values = values,
                                           .gradients = gradients,
                                           .apply = apply,
                                           .cost = cost,
                                           .gradient_factor = 4};
