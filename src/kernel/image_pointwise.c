/* Activations and normalisation of fields: by loops of their own where there are, else by the passes of engine.h, one pair of positions after the
 * other. */
#include <string.h>

#include "kernel/image.h"

typedef struct {
  const ntk_image_op *op;
  const ntk_image_slot *from, *to;
  double *t, *out_t; /* NULL without T */
  bool keep, gradient;
} pointwise_context;

/* The tables of an operation for the row and for the columns. */
static void tables_of(const ntk_image_run *run, const ntk_image_op *op, const double *row[NTK_IMAGE_TABLES], const double *column[NTK_IMAGE_TABLES]) {
  const size_t positions = ntk_image_positions(run->program, op->from);
  for (size_t f = 0; f < op->fields; f++) {
    size_t at = op->table + f * positions;
    row[f] = run->row_tables + at;
    column[f] = run->columns.tables + at * run->lanes;
  }
}

static int mode_of(const pointwise_context *c) { return (c->gradient ? NTK_MODE_GRADIENT : 0) | (c->t ? NTK_MODE_NTK : 0); }

static void apply_loops(const ntk_image_run *run, void *context, const ntk_image_patch *patch) {
  const pointwise_context *c = context;
  const ntk_image_engine *engine = run->kernel->engine->image;
  ntk_image_pointwise pointwise = {.patch = *patch,
                                   .lanes = run->lanes,
                                   .constants = c->op->constants,
                                   .r = c->from->r,
                                   .delta = c->from->exact ? c->from->delta : NULL,
                                   .t = c->t,
                                   .out_r = c->to->r,
                                   .out_delta = c->to->delta,
                                   .out_t = c->out_t,
                                   .keep = c->keep};
  memcpy(pointwise.slopes, c->to->slopes, sizeof pointwise.slopes);
  tables_of(run, c->op, pointwise.row, pointwise.column);
  const ntk_image_function *loops = c->op->norm ? engine->norm : engine->layer[c->op->dual];
  if (ntk_image_is_rectified(c->op)) loops = engine->rectified[c->keep];
  loops[mode_of(c)](&pointwise);
}

static void copy(const double *block, size_t array, size_t bytes, double *to) {
  if (to) memcpy(to, block + array * NTK_BLOCK, bytes);
}

/* One pair of positions by a pass; its tangents are units, so that the results are the slopes. */
static void apply_pass(const ntk_image_run *run, const pointwise_context *c, size_t row, size_t column, size_t element) {
  const ntk_image_op *op = c->op;
  const size_t lanes = run->lanes, at = element * lanes, bytes = lanes * sizeof(double);
  ntk_image_state state = {
      .lanes = lanes, .r = c->from->r + at, .delta = c->from->exact ? c->from->delta + at : NULL, .t = c->t ? c->t + at : NULL, .block = run->w->in};
  const double **x = state.row, **z = state.column;
  tables_of(run, op, x, z);
  for (size_t f = 0; f < NTK_IMAGE_TABLES; f++) x[f] += row, z[f] += column * lanes;
  ntk_pass pass = {.groups = lanes / NTK_LANES,
                   .in = run->w->in,
                   .out = run->w->out,
                   .row_before = {*x[NTK_IMAGE_Q], *x[NTK_IMAGE_ROOT], *x[NTK_IMAGE_INVERSE], 1, 0},
                   .row_after = {*x[NTK_IMAGE_Q_AFTER], *x[NTK_IMAGE_ROOT_AFTER], 0, 0, *x[NTK_IMAGE_SLOPE]},
                   .before = {z[NTK_IMAGE_Q], z[NTK_IMAGE_ROOT], z[NTK_IMAGE_INVERSE]},
                   .after = {z[NTK_IMAGE_Q_AFTER], z[NTK_IMAGE_ROOT_AFTER], NULL},
                   .constants = op->constants,
                   .dense = {1, 0, 0, 0}};
  run->kernel->engine->image->state(&state);
  ntk_series series;
  if (ntk_image_is_series(op)) {
    series = ntk_image_series_of(run, op, row, column);
    pass.series = &series;
  }
  run->kernel->engine->layer[op->dual][mode_of(c)](&pass);
  static const size_t arrays[NTK_IMAGE_SLOPES] = {NTK_R_B, NTK_DELTA_A, NTK_T_A, NTK_T_B};
  copy(pass.out, NTK_R, bytes, c->to->r + at);
  copy(pass.out, NTK_DELTA, bytes, c->to->delta + at);
  copy(pass.out, NTK_T, bytes, c->out_t ? c->out_t + at : NULL);
  for (size_t s = 0; c->gradient && s < (c->t ? NTK_IMAGE_SLOPES : NTK_IMAGE_T_BY_Q); s++) copy(pass.out, arrays[s], bytes, c->to->slopes[s] + at);
}

static void apply_passes(const ntk_image_run *run, void *context, const ntk_image_patch *patch) {
  for (size_t line = 0; line < patch->lines; line++)
    for (size_t i = 0; i < patch->count; i++) {
      size_t further = line * patch->step + i;
      apply_pass(run, context, patch->row + further, patch->column + further, patch->element + line * patch->element_step + i);
    }
}

void ntk_image_pointwise_op(const ntk_image_run *run, const ntk_image_op *op, const ntk_image_slot *from, ntk_image_slot *to,
                            const ntk_image_classes *classes, bool gradient) {
  pointwise_context context = {op, from, to, ntk_image_t(run, from), ntk_image_t(run, to), !classes->displaced, gradient};
  bool by_loops = op->norm || run->kernel->engine->image->layer[op->dual];
  ntk_image_each_patch(classes, run, by_loops ? apply_loops : apply_passes, &context);
  to->exact = !classes->displaced;
}
