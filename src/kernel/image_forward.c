/* The fields of a pair of images, operation by operation. */
#include <string.h>

#include "kernel/image.h"

ntk_image_classes ntk_image_classes_of(const ntk_image_program *program, size_t segment, size_t value, const long shift[2]) {
  const ntk_image_segment *s = &program->segments[segment];
  ntk_image_classes classes;
  for (size_t i = 0; i < 2; i++) classes.axis[i] = ntk_class_make(program->torus, program->extent[value][i], shift[i] * (long)s->stride[value][i]);
  classes.positions = classes.axis[0].count * classes.axis[1].count;
  classes.displaced = classes.axis[0].shift || classes.axis[1].shift;
  return classes;
}

ntk_image_window ntk_image_window_of(const ntk_image_run *run, const ntk_image_op *op, const ntk_image_classes *above,
                                     const ntk_image_classes *below) {
  for (size_t i = 0; i < 2; i++) ntk_class_taps(&op->axis[i], op->kind == NTK_IMAGE_POOL, &above->axis[i], &below->axis[i], run->w->taps[i]);
  return (ntk_image_window){.groups = run->groups,
                            .lanes = run->w->lanes,
                            .in_columns = below->axis[1].count,
                            .out_rows = above->axis[0].count,
                            .out_columns = above->axis[1].count,
                            .row_taps = op->axis[0].size,
                            .column_taps = op->axis[1].size,
                            .rows = run->w->taps[0],
                            .columns = run->w->taps[1],
                            .scratch = run->w->scratch};
}

static size_t shifts_below(const ntk_image_program *program, const ntk_axis *axis) {
  size_t count = 2 * axis->size - 1;
  return program->torus && count > axis->in ? axis->in : count;
}

void ntk_image_each_below(const ntk_image_run *run, const ntk_image_op *op, const long shift[2], ntk_image_below use, void *context) {
  const ntk_image_program *program = run->program;
  const ntk_axis *axis = op->axis;
  for (size_t i = 0; i < shifts_below(program, &axis[0]); i++)
    for (size_t j = 0; j < shifts_below(program, &axis[1]); j++) {
      const size_t index[2] = {i, j};
      long below[2];
      bool is_empty = false;
      for (size_t a = 0; a < 2; a++) {
        long start = shift[a] * (long)axis[a].stride + (long)index[a] - (long)(axis[a].size - 1);
        ntk_class class = ntk_class_make(program->torus, axis[a].in, start);
        below[a] = class.shift;
        is_empty = is_empty || !class.count;
      }
      if (!is_empty) use(run, context, below);
    }
}

void ntk_image_each_pair(const ntk_image_run *run, const ntk_image_classes *classes, ntk_image_use use, void *context) {
  const ntk_class *y = &classes->axis[0], *x = &classes->axis[1];
  size_t element = 0;
  for (size_t i = 0; i < y->count; i++)
    for (size_t j = 0; j < x->count; j++) {
      long top = y->first + (long)i, left = x->first + (long)j;
      size_t row = (size_t)top * x->extent + (size_t)left;
      size_t column = (size_t)ntk_class_partner(y, top) * x->extent + (size_t)ntk_class_partner(x, left);
      use(run, context, (ntk_image_pair){row, column, element++});
    }
}

static void load_pixels(const ntk_image_run *run, void *context, ntk_image_pair pair) {
  const ntk_image_slot *slot = context;
  size_t channels = run->program->channels, at = pair.element * run->w->lanes;
  ntk_image_pixels pixels = {.groups = run->groups,
                             .channels = channels,
                             .x = run->x->inputs + run->row * run->x->dimension + pair.row * channels,
                             .z = run->z->columns + pair.column * channels * run->z->stride + run->column,
                             .stride = run->z->stride,
                             .r = slot->r + at,
                             .delta = slot->delta + at};
  run->kernel->engine->image->pixels(&pixels);
}

static const double *table(const ntk_prepared *points, const ntk_image_stage *stage, size_t field, size_t position) {
  return points->variances + (stage->offset + field * stage->positions + position) * points->stride;
}

static ntk_variance row_variance(const ntk_image_run *run, size_t stage, size_t position) {
  const ntk_image_stage *s = &run->program->stages[stage];
  const double *tables = run->w->row + s->offset + position;
  double third = tables[2 * s->positions];
  return (ntk_variance){.q = tables[0],
                        .root = tables[s->positions],
                        .inverse = third, /* in front; behind, it is the slope */
                        .slope = third};
}

static ntk_variances column_variances(const ntk_image_run *run, size_t stage, size_t position) {
  const ntk_image_stage *s = &run->program->stages[stage];
  return (ntk_variances){.q = table(run->z, s, 0, position) + run->column,
                         .root = table(run->z, s, 1, position) + run->column,
                         .inverse = table(run->z, s, 2, position) + run->column};
}

ntk_pass ntk_image_load(const ntk_image_run *run, const ntk_image_op *op, const ntk_image_slot *from, ntk_image_pair pair) {
  size_t at = pair.element * run->w->lanes;
  ntk_pass pass = {.groups = run->groups,
                   .in = run->w->in,
                   .out = run->w->out,
                   .row_before = row_variance(run, op->before, pair.row),
                   .row_after = row_variance(run, op->after, pair.row),
                   .before = column_variances(run, op->before, pair.column),
                   .after = column_variances(run, op->after, pair.column),
                   .constants = op->constants,
                   .dense = {1, 0, 0, 0}};
  pass.row_before.tangent = 1;
  ntk_image_state state = {.groups = run->groups,
                           .r = from->r + at,
                           .delta = from->exact ? from->delta + at : NULL,
                           .t = run->ntk ? from->t + at : NULL,
                           .row = pass.row_before,
                           .columns = pass.before,
                           .block = run->w->in};
  run->kernel->engine->image->state(&state);
  if (!ntk_image_is_series(op)) return pass;
  size_t index = (size_t)(op - run->program->ops);
  run->w->series =
      ntk_features_lanes(run->x->features[index], pass.row_before.q, run->z->features[index], run->groups, pass.before.q, run->w->features);
  pass.series = &run->w->series;
  return pass;
}

typedef struct {
  const ntk_image_op *op;
  const ntk_image_slot *from, *to;
} pointwise_context;

static void apply_pointwise(const ntk_image_run *run, void *context, ntk_image_pair pair) {
  const pointwise_context *c = context;
  const ntk_engine *engine = run->kernel->engine;
  int mode = run->ntk ? NTK_MODE_NTK : 0;
  ntk_pass pass = ntk_image_load(run, c->op, c->from, pair);
  if (c->op->norm)
    engine->norm[mode](&pass);
  else
    engine->layer[c->op->dual][mode](&pass);
  size_t at = pair.element * run->w->lanes, bytes = run->groups * NTK_LANES * sizeof(double);
  memcpy(c->to->r + at, pass.out + NTK_R * NTK_BLOCK, bytes);
  memcpy(c->to->delta + at, pass.out + NTK_DELTA * NTK_BLOCK, bytes);
  if (run->ntk) memcpy(c->to->t + at, pass.out + NTK_T * NTK_BLOCK, bytes);
}

static void apply_window(const ntk_image_run *run, const ntk_image_op *op, const ntk_image_slot *from, ntk_image_slot *to,
                         const ntk_image_classes *above, const ntk_image_classes *below) {
  const ntk_image_engine *engine = run->kernel->engine->image;
  const ntk_dense *dense = &op->dense;
  ntk_image_window window = ntk_image_window_of(run, op, above, below);
  window.in = from->r, window.out = to->r;
  window.share = op->share;
  engine->window(&window);
  if (run->ntk) {
    window.in = from->t, window.out = to->t;
    window.share = dense->weight * op->share, window.constant = dense->constant;
    window.other = to->r, window.factor = dense->nngp_factor;
    engine->window(&window);
  }
  engine->scale(above->positions, run->w->lanes, run->groups, dense->weight, dense->bias, to->r);
  to->exact = from->exact && !below->displaced;
  if (!to->exact) return;
  window.in = from->delta, window.out = to->delta;
  window.share = dense->weight * op->share, window.constant = 0, window.other = NULL;
  engine->window(&window);
}

typedef struct {
  size_t segment, value;
  const ntk_image_op *op;
  const ntk_image_classes *above;
} pool_context;

static void add_class(const ntk_image_run *run, void *context, const long shift[2]) {
  const pool_context *c = context;
  ntk_image_slot *to = ntk_image_slot_of(run, c->segment, c->value), *from = ntk_image_slot_of(run, c->op->child, c->op->from);
  ntk_image_forward(run, c->op->child, shift);
  ntk_image_classes below = ntk_image_classes_of(run->program, c->op->child, c->op->from, shift);
  ntk_image_window window = ntk_image_window_of(run, c->op, c->above, &below);
  window.share = c->op->share, window.factor = 1;
  window.in = from->r, window.out = to->r, window.other = to->r;
  run->kernel->engine->image->window(&window);
  if (!run->ntk) return;
  window.in = from->t, window.out = to->t, window.other = to->t;
  run->kernel->engine->image->window(&window);
}

static void apply_pool(const ntk_image_run *run, size_t segment, size_t value, const ntk_image_classes *above, const long shift[2]) {
  ntk_image_slot *to = ntk_image_slot_of(run, segment, value);
  pool_context context = {segment, value, &run->program->ops[value - 1], above};
  size_t count = above->positions * run->w->lanes;
  const size_t *stride = run->program->segments[segment].stride[value];
  const long here[2] = {shift[0] * (long)stride[0], shift[1] * (long)stride[1]};
  memset(to->r, 0, count * sizeof *to->r);
  if (run->ntk) memset(to->t, 0, count * sizeof *to->t);
  to->exact = false;
  ntk_image_each_below(run, context.op, here, add_class, &context);
}

static void apply_sum(const ntk_image_run *run, const ntk_image_slot *a, const ntk_image_slot *b, ntk_image_slot *to, size_t positions) {
  const ntk_image_engine *engine = run->kernel->engine->image;
  size_t lanes = run->w->lanes, bytes = positions * lanes * sizeof(double);
  to->exact = a->exact && b->exact;
  memcpy(to->r, a->r, bytes);
  engine->add(positions, lanes, run->groups, 1, b->r, to->r);
  if (to->exact) {
    memcpy(to->delta, a->delta, bytes);
    engine->add(positions, lanes, run->groups, 1, b->delta, to->delta);
  }
  if (!run->ntk) return;
  memcpy(to->t, a->t, bytes);
  engine->add(positions, lanes, run->groups, 1, b->t, to->t);
}

void ntk_image_forward_op(const ntk_image_run *run, size_t segment, size_t value, const long shift[2]) {
  const ntk_image_program *program = run->program;
  ntk_image_slot *to = ntk_image_slot_of(run, segment, value);
  ntk_image_classes above = ntk_image_classes_of(program, segment, value, shift);
  if (!value) {
    to->exact = true;
    ntk_image_each_pair(run, &above, load_pixels, to);
    return;
  }
  const ntk_image_op *op = &program->ops[value - 1];
  if (op->kind == NTK_IMAGE_POOL) {
    apply_pool(run, segment, value, &above, shift);
    return;
  }
  ntk_image_slot *from = ntk_image_slot_of(run, segment, op->from);
  if (op->kind == NTK_IMAGE_SUM) {
    apply_sum(run, from, ntk_image_slot_of(run, segment, op->other), to, above.positions);
  } else if (op->kind == NTK_IMAGE_WINDOW) {
    ntk_image_classes below = ntk_image_classes_of(program, segment, op->from, shift);
    apply_window(run, op, from, to, &above, &below);
  } else {
    pointwise_context context = {op, from, to};
    to->exact = true;
    ntk_image_each_pair(run, &above, apply_pointwise, &context);
  }
}

void ntk_image_forward(const ntk_image_run *run, size_t segment, const long shift[2]) {
  for (size_t value = 0; value <= run->program->count; value++)
    if (run->program->segments[segment].member[value]) ntk_image_forward_op(run, segment, value, shift);
}
