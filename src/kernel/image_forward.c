/* The fields of a pair of images, operation by operation. */
#include <string.h>

#include "kernel/image.h"

static void load_pixels(const ntk_image_run *run, void *context, const ntk_image_patch *patch) {
  const ntk_image_slot *slot = context;
  ntk_image_pixels pixels = {.patch = *patch,
                             .lanes = run->lanes,
                             .channels = run->program->channels,
                             .x = run->row_pixels,
                             .z = run->columns.pixels,
                             .r = slot->r,
                             .delta = slot->exact ? slot->delta : NULL};
  run->kernel->engine->image->pixels(&pixels);
}

static ntk_image_window window_of(const ntk_image_run *run, const ntk_image_op *op, const ntk_image_classes *above, const ntk_image_classes *below,
                                  const ntk_image_slot *from, const ntk_image_slot *to) {
  ntk_image_window window = {.lanes = run->lanes,
                             .in_columns = below->axis[1].count,
                             .rows = above->axis[0].count,
                             .columns = above->axis[1].count,
                             .r = from->r,
                             .t = ntk_image_t(run, from),
                             .delta = from->delta,
                             .out_r = to->r,
                             .out_t = ntk_image_t(run, to),
                             .r_factor = op->dense.weight * op->share,
                             .t_factor = op->dense.weight * op->share,
                             .t_from_r = op->dense.nngp_factor * op->share,
                             .delta_factor = op->dense.weight * op->share,
                             .scratch = run->w->scratch};
  ntk_image_taps_of(run, op, above, below, false, window.taps);
  return window;
}

static void apply_window(const ntk_image_run *run, const ntk_image_op *op, const ntk_image_slot *from, ntk_image_slot *to,
                         const ntk_image_classes *above, const ntk_image_classes *below) {
  ntk_image_window window = window_of(run, op, above, below, from, to);
  to->exact = from->exact;
  window.out_delta = to->exact ? to->delta : NULL;
  window.r_constant = op->dense.bias;
  window.t_constant = op->dense.constant;
  run->kernel->engine->image->window(&window);
}

void ntk_image_add_class(const ntk_image_run *run, const ntk_image_op *op, const ntk_image_classes *above, const long shift[2], ntk_image_slot *to) {
  const ntk_image_slot *from = ntk_image_slot_of(run, op->child, op->from);
  ntk_image_classes below = ntk_image_classes_of(run->program, op->child, op->from, shift);
  ntk_image_window window = window_of(run, op, above, &below, from, to);
  window.add = true;
  run->kernel->engine->image->window(&window);
}

static void fill(size_t count, double value, double *out) {
  for (size_t i = 0; out && i < count; i++) out[i] = value;
}

void ntk_image_begin_classes(const ntk_image_run *run, const ntk_image_op *op, const ntk_image_classes *above, ntk_image_slot *to) {
  size_t count = above->positions * run->lanes;
  fill(count, op->dense.bias, to->r);
  fill(count, op->dense.constant, ntk_image_t(run, to));
  to->exact = false;
}

typedef struct {
  const ntk_image_op *op;
  const ntk_image_classes *above;
  ntk_image_slot *to;
} parent;

static void evaluate_class(const ntk_image_run *run, void *context, const long shift[2]) {
  const parent *p = context;
  ntk_image_forward(run, p->op->child, shift, false);
  ntk_image_add_class(run, p->op, p->above, shift, p->to);
}

static void copy_sums(const ntk_image_run *run, const ntk_image_slot *sum, size_t count, ntk_image_slot *to) {
  memcpy(to->r, sum->r, count * sizeof *to->r);
  if (ntk_image_t(run, to)) memcpy(to->t, sum->t, count * sizeof *to->t);
  to->exact = false;
}

/* An operation with a segment in front: the sum over the classes there. */
static void apply_classes(const ntk_image_run *run, size_t segment, size_t value, const ntk_image_classes *above, const long shift[2]) {
  static const long none[2] = {0, 0};
  ntk_image_slot *to = ntk_image_slot_of(run, segment, value);
  parent p = {&run->program->ops[value - 1], above, to};
  const size_t *stride = run->program->segments[segment].stride[value];
  const long here[2] = {shift[0] * (long)stride[0], shift[1] * (long)stride[1]};
  if (run->sums && !segment) {
    copy_sums(run, &run->w->sums[value], above->positions * run->lanes, to);
    return;
  }
  if (p.op->kind == NTK_IMAGE_WINDOW && !above->displaced) {
    ntk_image_classes below = ntk_image_classes_of(run->program, p.op->child, p.op->from, none);
    ntk_image_forward(run, p.op->child, none, false);
    apply_window(run, p.op, ntk_image_slot_of(run, p.op->child, p.op->from), to, above, &below);
    return;
  }
  ntk_image_begin_classes(run, p.op, above, to);
  ntk_image_each_below(run, p.op, here, evaluate_class, &p);
}

static void add_fields(const ntk_image_run *run, size_t count, const double *a, const double *b, double *to) {
  if (to != a) memcpy(to, a, count * sizeof *to);
  run->kernel->engine->image->add(count, 1, b, to);
}

static void apply_sum(const ntk_image_run *run, const ntk_image_slot *a, const ntk_image_slot *b, ntk_image_slot *to, size_t positions) {
  size_t count = positions * run->lanes;
  to->exact = a->exact && b->exact;
  add_fields(run, count, a->r, b->r, to->r);
  if (to->exact) add_fields(run, count, a->delta, b->delta, to->delta);
  const double *a_t = ntk_image_t(run, a), *b_t = ntk_image_t(run, b);
  double *to_t = ntk_image_t(run, to);
  if (a_t && b_t) {
    add_fields(run, count, a_t, b_t, to_t);
  } else if (to_t) {
    const double *only = a_t ? a_t : b_t;
    if (to_t != only) memcpy(to_t, only, count * sizeof *to_t);
  }
}

void ntk_image_forward_op(const ntk_image_run *run, size_t segment, size_t value, const long shift[2], bool gradient) {
  const ntk_image_program *program = run->program;
  ntk_image_slot *to = ntk_image_slot_of(run, segment, value);
  ntk_image_classes above = ntk_image_classes_of(program, segment, value, shift);
  if (!value) {
    to->exact = !above.displaced;
    ntk_image_each_patch(&above, run, load_pixels, to);
    return;
  }
  const ntk_image_op *op = &program->ops[value - 1];
  if (op->child) {
    apply_classes(run, segment, value, &above, shift);
    return;
  }
  const ntk_image_slot *from = ntk_image_slot_of(run, segment, op->from);
  if (op->kind == NTK_IMAGE_SUM) {
    apply_sum(run, from, ntk_image_slot_of(run, segment, op->other), to, above.positions);
  } else if (op->kind == NTK_IMAGE_WINDOW) {
    ntk_image_classes below = ntk_image_classes_of(program, segment, op->from, shift);
    apply_window(run, op, from, to, &above, &below);
  } else {
    ntk_image_pointwise_op(run, op, from, to, &above, gradient);
  }
}

void ntk_image_forward(const ntk_image_run *run, size_t segment, const long shift[2], bool gradient) {
  for (size_t value = 0; value <= run->program->count; value++)
    if (run->program->segments[segment].member[value]) ntk_image_forward_op(run, segment, value, shift, gradient);
}
