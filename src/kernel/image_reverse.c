/* Input gradients: the adjoint of the same recursion.
 *
 * Unknowns of a pair's field are r and T, and the row image's variances q, tabulated per image. Adjoints: beta of r, tau of T, which take the place of
 * r and T in memory; alpha of q, by the convention of the dense loops the derivative along q at fixed delta wherever r(a, a) of the class 0 belongs to it
 * (alpha = K_q + K_r/2), so that dK/dx_a = [2 alpha(a) x_a + sum over the classes of beta z_a' - (class 0) beta x_a]/C has no cancellation for close
 * images.
 */
#include <string.h>

#include "kernel/image.h"

static const long NONE[2] = {0, 0};

static ntk_image_spread spread_of(const ntk_image_run *run, const ntk_image_op *op, const ntk_image_classes *above, const ntk_image_classes *below) {
  ntk_image_spread spread = {.lanes = run->lanes,
                             .in_columns = above->axis[1].count,
                             .rows = below->axis[0].count,
                             .columns = below->axis[1].count,
                             .beta_factor = op->dense.weight * op->share,
                             .beta_from_tau = op->dense.nngp_factor * op->share,
                             .tau_factor = op->dense.weight * op->share,
                             .scratch = run->w->scratch};
  ntk_image_taps_of(run, op, above, below, true, spread.taps);
  return spread;
}

static void take_window(const ntk_image_run *run, const ntk_image_op *op, const ntk_image_slot *to, const ntk_image_slot *from,
                        const ntk_image_classes *above, const ntk_image_classes *below, bool add) {
  ntk_image_spread spread = spread_of(run, op, above, below);
  spread.beta = to->r, spread.tau = ntk_image_t(run, to);
  spread.to_beta = from->r, spread.to_tau = ntk_image_t(run, from);
  spread.add = add;
  if (!below->displaced) { /* along q at fixed delta r moves by half */
    spread.alpha = run->w->alpha[op->from];
    spread.alpha_factor = 0.5 * spread.beta_from_tau;
  }
  run->kernel->engine->image->spread(&spread);
}

typedef struct {
  const ntk_image_op *op;
  const ntk_image_slot *from, *to;
  bool displaced, add;
} pointwise_context;

static void take_pointwise(const ntk_image_run *run, void *context, const ntk_image_patch *patch) {
  const pointwise_context *c = context;
  const ntk_image_op *op = c->op;
  bool is_rectified = ntk_image_is_rectified(op), jumps = !op->norm && (op->dual == NTK_DUAL_SIGN || op->dual == NTK_DUAL_STEP);
  ntk_image_adjoint adjoint = {
      .patch = *patch,
      .lanes = run->lanes,
      .displaced = c->displaced,
      .add = c->add,
      .beta_after = c->to->r,
      .tau_after = ntk_image_t(run, c->to),
      .row_slopes = is_rectified ? NULL : run->row_tables + op->table + NTK_IMAGE_SLOPE * ntk_image_positions(run->program, op->from),
      .row_slope = is_rectified ? op->constants[1] : 0,
      .factor = run->self ? 2 : 1,
      .tau_kept = jumps ? 0 : 1,
      .beta = c->from->r,
      .tau = ntk_image_t(run, c->from),
      .alpha = run->w->alpha[op->from]};
  for (size_t s = 0; s < NTK_IMAGE_SLOPES; s++) adjoint.slopes[s] = c->to->slopes[s];
  run->kernel->engine->image->adjoint(&adjoint);
}

/* What the operations with a segment in front need; beta and tau are the result's. */
typedef struct {
  const ntk_image_op *op;
  const ntk_image_classes *above;
  double *beta, *tau;
  ntk_image_slot *sum; /* where values go, or NULL */
} parent;

static void reverse_from(const ntk_image_run *run, size_t segment, const long shift[2]);

static void take_class(const ntk_image_run *run, void *context, const long shift[2]) {
  const parent *p = context;
  ntk_image_slot *root = ntk_image_slot_of(run, p->op->child, p->op->from);
  ntk_image_classes below = ntk_image_classes_of(run->program, p->op->child, p->op->from, shift);
  /* A position with itself: r is the image's own variance. */
  bool is_variance = run->self && !below.displaced;
  if (!is_variance) ntk_image_forward(run, p->op->child, shift, true);
  if (p->sum) ntk_image_add_class(run, p->op, p->above, shift, p->sum);
  ntk_image_spread spread = spread_of(run, p->op, p->above, &below);
  spread.beta = p->beta, spread.tau = p->tau;
  spread.to_beta = root->r, spread.to_tau = ntk_image_t(run, root);
  run->kernel->engine->image->spread(&spread);
  ntk_image_reverse(run, p->op->child, shift);
}

static void take_classes(const ntk_image_run *run, size_t segment, size_t value, const ntk_image_classes *above, const long shift[2]) {
  const ntk_image_slot *slot = ntk_image_slot_of(run, segment, value);
  const ntk_image_op *op = &run->program->ops[value - 1];
  parent p = {op, above, slot->r, ntk_image_t(run, slot), run->sums && !segment ? &run->w->sums[value] : NULL};
  const size_t *stride = run->program->segments[segment].stride[value];
  const long here[2] = {shift[0] * (long)stride[0], shift[1] * (long)stride[1]};
  if (op->kind == NTK_IMAGE_WINDOW && !above->displaced) {
    ntk_image_classes below = ntk_image_classes_of(run->program, op->child, op->from, NONE);
    ntk_image_forward(run, op->child, NONE, true);
    take_window(run, op, slot, ntk_image_slot_of(run, op->child, op->from), above, &below, false);
    reverse_from(run, op->child, NONE);
    return;
  }
  if (!above->displaced) run->kernel->engine->image->add(above->positions * run->lanes, -0.5, slot->r, run->w->alpha[value]);
  if (p.sum) ntk_image_begin_classes(run, op, above, p.sum);
  ntk_image_each_below(run, op, here, take_class, &p);
}

typedef struct {
  const ntk_image_slot *slot;
  bool displaced;
} pixels_context;

static void take_pixels(const ntk_image_run *run, void *context, const ntk_image_patch *patch) {
  const pixels_context *c = context;
  ntk_image_pixels pixels = {.patch = *patch,
                             .lanes = run->lanes,
                             .channels = run->program->channels,
                             .x = run->row_pixels,
                             .z = run->columns.pixels,
                             .beta = c->slot->r,
                             .factor = run->self ? 2 : 1,
                             .shift = c->displaced ? 0 : 1,
                             .gradient = run->w->gradient};
  run->kernel->engine->image->pixels_adjoint(&pixels);
}

static void take_field(const ntk_image_run *run, size_t count, const double *after, double *before, bool add) {
  if (!after || !before || after == before) return;
  if (!add) memset(before, 0, count * sizeof *before);
  run->kernel->engine->image->add(count, 1, after, before);
}

static void take_op(const ntk_image_run *run, size_t segment, size_t value, const long shift[2]) {
  const ntk_image_program *program = run->program;
  const ntk_image_slot *to = ntk_image_slot_of(run, segment, value);
  ntk_image_classes above = ntk_image_classes_of(program, segment, value, shift);
  if (!value) {
    pixels_context context = {to, above.displaced};
    ntk_image_each_patch(&above, run, take_pixels, &context);
    return;
  }
  const ntk_image_op *op = &program->ops[value - 1];
  if (op->child) {
    take_classes(run, segment, value, &above, shift);
    return;
  }
  const ntk_image_slot *from = ntk_image_slot_of(run, segment, op->from);
  /* The last reader comes first here and writes, the others add. */
  const size_t *last = program->segments[segment].last;
  bool add = last[op->from] != value - 1;
  if (op->kind == NTK_IMAGE_WINDOW) {
    ntk_image_classes below = ntk_image_classes_of(program, segment, op->from, shift);
    take_window(run, op, to, from, &above, &below, add);
  } else if (op->kind == NTK_IMAGE_POINTWISE) {
    pointwise_context context = {op, from, to, above.displaced, add};
    ntk_image_each_patch(&above, run, take_pointwise, &context);
  } else {
    const ntk_image_slot *other = ntk_image_slot_of(run, segment, op->other);
    bool add_other = last[op->other] != value - 1 || op->other == op->from;
    size_t count = above.positions * run->lanes;
    take_field(run, count, to->r, from->r, add);
    take_field(run, count, ntk_image_t(run, to), ntk_image_t(run, from), add);
    take_field(run, count, to->r, other->r, add_other);
    take_field(run, count, ntk_image_t(run, to), ntk_image_t(run, other), add_other);
  }
}

static void reverse_from(const ntk_image_run *run, size_t segment, const long shift[2]) {
  for (size_t value = run->program->count + 1; value-- > 0;)
    if (run->program->segments[segment].member[value]) take_op(run, segment, value, shift);
}

void ntk_image_reverse(const ntk_image_run *run, size_t segment, const long shift[2]) {
  const ntk_image_segment *s = &run->program->segments[segment];
  ntk_image_classes root = ntk_image_classes_of(run->program, segment, s->root, shift);
  const ntk_image_slot *slot = ntk_image_slot_of(run, segment, s->root);
  if (!root.displaced) run->kernel->engine->image->add(root.positions * run->lanes, run->self ? 1 : 0.5, slot->r, run->w->alpha[s->root]);
  if (!root.displaced && run->self) return;
  reverse_from(run, segment, shift);
}

static ntk_image_classes diagonal_of(const ntk_image_run *run, size_t value) {
  ntk_image_classes classes;
  for (size_t i = 0; i < 2; i++) classes.axis[i] = ntk_class_make(run->program->torus, run->program->extent[value][i], 0);
  classes.positions = ntk_image_positions(run->program, value);
  classes.displaced = false;
  return classes;
}

/* alpha of a pooled variance goes to the pairs of positions of the image with itself. Where nothing behind depends on it, alpha is 0. */
static void diagonal_pool(const ntk_image_run *run, const ntk_image_op *op, size_t value) {
  if (!run->program->varies[value]) return;
  ntk_image_run self = ntk_image_with_itself(run);
  ntk_image_classes above = diagonal_of(run, value);
  parent p = {op, &above, run->w->alpha[value], NULL, NULL};
  ntk_image_each_below(&self, op, NONE, take_class, &p);
}

static void diagonal_op(const ntk_image_run *run, size_t value) {
  const ntk_image_op *op = &run->program->ops[value - 1];
  const ntk_image_engine *engine = run->kernel->engine->image;
  double **alpha = run->w->alpha;
  size_t lanes = run->lanes, positions = ntk_image_positions(run->program, value);
  if (op->kind == NTK_IMAGE_POOL) {
    diagonal_pool(run, op, value);
  } else if (op->kind == NTK_IMAGE_WINDOW) {
    ntk_image_classes above = diagonal_of(run, value), below = diagonal_of(run, op->from);
    ntk_image_spread spread = spread_of(run, op, &above, &below);
    spread.beta = alpha[value], spread.to_beta = alpha[op->from];
    spread.add = true;
    engine->spread(&spread);
  } else if (op->kind == NTK_IMAGE_SUM) {
    engine->add(positions * lanes, 1, alpha[value], alpha[op->from]);
    engine->add(positions * lanes, 1, alpha[value], alpha[op->other]);
  } else if (ntk_image_is_rectified(op)) {
    engine->add(positions * lanes, op->constants[1], alpha[value], alpha[op->from]);
  } else {
    const double *slopes = run->row_tables + op->table + NTK_IMAGE_SLOPE * positions;
    for (size_t a = 0; a < positions; a++) engine->add(lanes, slopes[a], alpha[value] + a * lanes, alpha[op->from] + a * lanes);
  }
}

void ntk_image_reverse_diagonal(const ntk_image_run *run) {
  const ntk_image_program *program = run->program;
  size_t lanes = run->lanes, channels = program->channels;
  for (size_t value = program->count; value > 0; value--)
    if (program->used[value]) diagonal_op(run, value);
  for (size_t i = 0; i < program->height * program->width * channels; i++)
    run->kernel->engine->image->add(lanes, 2 * run->row_pixels[i], run->w->alpha[0] + i / channels * lanes, run->w->gradient + i * lanes);
}
