/* Input gradients: the adjoint of the same recursion.
 *
 * Unknowns of a pair's field are r and T, and the row image's variances q, tabulated per image. Adjoints: beta of r, tau of T; alpha of q, by the
 * convention of the dense loops the derivative along q at fixed delta wherever r(a, a) of the class 0 belongs to it (alpha = K_q + K_r/2), so that
 * dK/dx_a = [2 alpha(a) x_a + sum over the classes of beta z_a' - (class 0) beta x_a]/C has no cancellation for close images.
 */
#include <string.h>

#include "kernel/image.h"

static void clear(const ntk_image_run *run, size_t segment, const long shift[2]) {
  const ntk_image_program *program = run->program;
  for (size_t value = 0; value <= program->count; value++) {
    if (!program->segments[segment].member[value] || value == program->segments[segment].root) continue;
    ntk_image_slot *slot = ntk_image_slot_of(run, segment, value);
    size_t bytes = ntk_image_classes_of(program, segment, value, shift).positions * run->w->lanes * sizeof(double);
    memset(slot->beta, 0, bytes);
    if (run->ntk) memset(slot->tau, 0, bytes);
  }
}

static void take_window(const ntk_image_run *run, const ntk_image_op *op, const ntk_image_slot *to, const ntk_image_slot *from,
                        const ntk_image_classes *above, const ntk_image_classes *below) {
  ntk_image_window window = ntk_image_window_of(run, op, above, below);
  window.share = op->dense.weight * op->share;
  window.in = from->beta, window.out = to->beta;
  if (run->ntk) window.other = to->tau, window.factor = op->dense.nngp_factor * op->share;
  run->kernel->engine->image->spread(&window);
  if (!run->ntk) return;
  window.other = NULL;
  if (!below->displaced) { /* along q at fixed delta r moves by half */
    window.share = 0.5 * op->dense.nngp_factor * op->share;
    window.in = run->w->alpha[op->from], window.out = to->tau;
    run->kernel->engine->image->spread(&window);
  }
  if (!op->from) return;
  window.share = op->dense.weight * op->share;
  window.in = from->tau, window.out = to->tau;
  run->kernel->engine->image->spread(&window);
}

typedef struct {
  const ntk_image_op *op;
  const ntk_image_slot *from, *to;
  bool displaced;
} pointwise_context;

static void take_pointwise(const ntk_image_run *run, void *context, ntk_image_pair pair) {
  const pointwise_context *c = context;
  const ntk_engine *engine = run->kernel->engine;
  int mode = NTK_MODE_GRADIENT | (run->ntk ? NTK_MODE_NTK : 0);
  ntk_pass pass = ntk_image_load(run, c->op, c->from, pair);
  if (c->op->norm)
    engine->norm[mode](&pass);
  else
    engine->layer[c->op->dual][mode](&pass);
  size_t lanes = run->w->lanes, at = pair.element * lanes;
  ntk_image_adjoint adjoint = {.groups = run->groups,
                               .ntk = run->ntk,
                               .displaced = c->displaced,
                               .block = run->w->out,
                               .beta_after = c->to->beta + at,
                               .tau_after = c->to->tau + at,
                               .slope = pass.row_after.slope,
                               .factor = run->self ? 2 : 1,
                               .beta = c->from->beta + at,
                               .tau = c->from->tau + at,
                               .alpha = run->w->alpha[c->op->from] + pair.row * lanes};
  engine->image->adjoint(&adjoint);
}

typedef struct {
  const ntk_image_op *op;
  const ntk_image_classes *above;
  double *beta, *tau; /* of the result */
} pool_context;

/* The root's adjoint of one class below a pooling layer. */
static void seed_class(const ntk_image_run *run, const pool_context *c, const long shift[2]) {
  ntk_image_slot *root = ntk_image_slot_of(run, c->op->child, c->op->from);
  ntk_image_classes below = ntk_image_classes_of(run->program, c->op->child, c->op->from, shift);
  ntk_image_window window = ntk_image_window_of(run, c->op, c->above, &below);
  size_t bytes = below.positions * run->w->lanes * sizeof(double);
  window.share = c->op->share;
  memset(root->beta, 0, bytes);
  window.in = root->beta, window.out = c->beta;
  run->kernel->engine->image->spread(&window);
  if (!run->ntk) return;
  memset(root->tau, 0, bytes);
  window.in = root->tau, window.out = c->tau;
  run->kernel->engine->image->spread(&window);
}

static void take_class(const ntk_image_run *run, void *context, const long shift[2]) {
  const pool_context *c = context;
  /* A position with itself: r is the image's own variance. */
  bool is_variance = run->self && !shift[0] && !shift[1];
  if (!is_variance) ntk_image_forward(run, c->op->child, shift);
  seed_class(run, c, shift);
  ntk_image_reverse(run, c->op->child, shift);
}

static void take_pool(const ntk_image_run *run, size_t segment, size_t value, const ntk_image_classes *above, const long shift[2]) {
  const ntk_image_slot *slot = ntk_image_slot_of(run, segment, value);
  pool_context context = {&run->program->ops[value - 1], above, slot->beta, slot->tau};
  const size_t *stride = run->program->segments[segment].stride[value];
  const long here[2] = {shift[0] * (long)stride[0], shift[1] * (long)stride[1]};
  if (!above->displaced) run->kernel->engine->image->add(above->positions, run->w->lanes, run->groups, -0.5, slot->beta, run->w->alpha[value]);
  ntk_image_each_below(run, context.op, here, take_class, &context);
}

typedef struct {
  const ntk_image_slot *slot;
  bool displaced;
} pixels_context;

static void take_pixels(const ntk_image_run *run, void *context, ntk_image_pair pair) {
  const pixels_context *c = context;
  size_t channels = run->program->channels, lanes = run->w->lanes;
  ntk_image_pixels pixels = {.groups = run->groups,
                             .channels = channels,
                             .x = run->x->inputs + run->row * run->x->dimension + pair.row * channels,
                             .z = run->z->columns + pair.column * channels * run->z->stride + run->column,
                             .stride = run->z->stride,
                             .lanes = lanes,
                             .beta = c->slot->beta + pair.element * lanes,
                             .factor = run->self ? 2 : 1,
                             .shift = c->displaced ? 0 : 1,
                             .gradient = run->w->gradient + pair.row * channels * lanes};
  run->kernel->engine->image->pixels_adjoint(&pixels);
}

static void take_op(const ntk_image_run *run, size_t segment, size_t value, const long shift[2]) {
  const ntk_image_program *program = run->program;
  const ntk_image_slot *to = ntk_image_slot_of(run, segment, value);
  ntk_image_classes above = ntk_image_classes_of(program, segment, value, shift);
  if (!value) {
    pixels_context context = {to, above.displaced};
    ntk_image_each_pair(run, &above, take_pixels, &context);
    return;
  }
  const ntk_image_op *op = &program->ops[value - 1];
  if (op->kind == NTK_IMAGE_POOL) {
    take_pool(run, segment, value, &above, shift);
    return;
  }
  const ntk_image_slot *from = ntk_image_slot_of(run, segment, op->from);
  if (op->kind == NTK_IMAGE_WINDOW) {
    ntk_image_classes below = ntk_image_classes_of(program, segment, op->from, shift);
    take_window(run, op, to, from, &above, &below);
  } else if (op->kind == NTK_IMAGE_POINTWISE) {
    pointwise_context context = {op, from, to, above.displaced};
    ntk_image_each_pair(run, &above, take_pointwise, &context);
  } else {
    const ntk_image_slot *inputs[2] = {from, ntk_image_slot_of(run, segment, op->other)};
    for (size_t i = 0; i < 2; i++) {
      run->kernel->engine->image->add(above.positions, run->w->lanes, run->groups, 1, to->beta, inputs[i]->beta);
      if (run->ntk) run->kernel->engine->image->add(above.positions, run->w->lanes, run->groups, 1, to->tau, inputs[i]->tau);
    }
  }
}

void ntk_image_reverse(const ntk_image_run *run, size_t segment, const long shift[2]) {
  const ntk_image_segment *s = &run->program->segments[segment];
  ntk_image_classes root = ntk_image_classes_of(run->program, segment, s->root, shift);
  const ntk_image_slot *slot = ntk_image_slot_of(run, segment, s->root);
  if (!root.displaced)
    run->kernel->engine->image->add(root.positions, run->w->lanes, run->groups, run->self ? 1 : 0.5, slot->beta, run->w->alpha[s->root]);
  if (!root.displaced && run->self) return;
  clear(run, segment, shift);
  for (size_t value = run->program->count + 1; value-- > 0;)
    if (s->member[value]) take_op(run, segment, value, shift);
}

static const long NONE[2] = {0, 0};

static ntk_image_classes diagonal_of(const ntk_image_run *run, size_t value) {
  ntk_image_classes classes;
  for (size_t i = 0; i < 2; i++) classes.axis[i] = ntk_class_make(run->program->torus, run->program->extent[value][i], 0);
  classes.positions = ntk_image_positions(run->program, value);
  classes.displaced = false;
  return classes;
}

/* alpha of a pooled variance goes to the pairs of positions of the image with itself. */
static void diagonal_pool(const ntk_image_run *run, const ntk_image_op *op, size_t value) {
  ntk_image_run self = *run;
  ntk_image_classes above = diagonal_of(run, value);
  pool_context context = {op, &above, run->w->alpha[value], NULL};
  self.x = self.z = &run->w->view;
  self.row = self.column = 0;
  self.ntk = false, self.self = true;
  ntk_image_each_below(&self, op, NONE, take_class, &context);
}

static void diagonal_op(const ntk_image_run *run, size_t value) {
  const ntk_image_op *op = &run->program->ops[value - 1];
  const ntk_image_engine *engine = run->kernel->engine->image;
  double **alpha = run->w->alpha;
  size_t lanes = run->w->lanes, positions = ntk_image_positions(run->program, value);
  if (op->kind == NTK_IMAGE_POOL) {
    diagonal_pool(run, op, value);
  } else if (op->kind == NTK_IMAGE_WINDOW) {
    ntk_image_classes above = diagonal_of(run, value), below = diagonal_of(run, op->from);
    ntk_image_window window = ntk_image_window_of(run, op, &above, &below);
    window.share = op->dense.weight * op->share;
    window.in = alpha[op->from], window.out = alpha[value];
    engine->spread(&window);
  } else if (op->kind == NTK_IMAGE_SUM) {
    engine->add(positions, lanes, run->groups, 1, alpha[value], alpha[op->from]);
    engine->add(positions, lanes, run->groups, 1, alpha[value], alpha[op->other]);
  } else {
    const ntk_image_stage *stage = &run->program->stages[op->after];
    const double *slopes = run->w->row + stage->offset + 2 * stage->positions;
    for (size_t a = 0; a < positions; a++) engine->add(1, lanes, run->groups, slopes[a], alpha[value] + a * lanes, alpha[op->from] + a * lanes);
  }
}

void ntk_image_reverse_diagonal(const ntk_image_run *run) {
  const ntk_image_program *program = run->program;
  size_t lanes = run->w->lanes, channels = program->channels;
  if (program->has_pool) ntk_image_fill_view(run, run->row);
  for (size_t value = program->count; value > 0; value--)
    if (program->used[value]) diagonal_op(run, value);
  const double *x = run->x->inputs + run->row * run->x->dimension;
  for (size_t i = 0; i < program->height * program->width * channels; i++)
    run->kernel->engine->image->add(1, lanes, run->groups, 2 * x[i], run->w->alpha[0] + i / channels * lanes, run->w->gradient + i * lanes);
}
