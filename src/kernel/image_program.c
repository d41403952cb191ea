#include "kernel/image_program.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void ntk_image_program_free(ntk_image_program *program) {
  for (size_t i = 0; i < program->segment_count; i++) {
    free(program->segments[i].member);
    free(program->segments[i].stride);
  }
  free(program->segments);
  free(program->ops);
  free(program->extent);
  free(program->stages);
  free(program->used);
  *program = (ntk_image_program){0};
}

/* A copy of an array with room for `capacity` items. */
static ntk_error *grow(void *array, size_t count, size_t capacity, size_t size) {
  void *bigger, *old;
  NTK_TRY(ntk_alloc(capacity, size, &bigger));
  memcpy(&old, array, sizeof old);
  if (count) memcpy(bigger, old, count * size);
  free(old);
  memcpy(array, &bigger, sizeof bigger);
  return NULL;
}

static ntk_error *reserve(ntk_image_program *program) {
  if (program->count + 2 <= program->capacity) return NULL;
  size_t capacity = 2 * program->capacity + 16;
  NTK_TRY(grow(&program->ops, program->count, capacity, sizeof *program->ops));
  NTK_TRY(grow(&program->extent, program->capacity ? program->count + 1 : 0, capacity, sizeof *program->extent));
  NTK_TRY(grow(&program->stages, program->stage_count, 2 * capacity, sizeof *program->stages));
  program->capacity = capacity;
  return NULL;
}

ntk_error *ntk_image_start(ntk_image_program *program, size_t height, size_t width, size_t channels) {
  program->height = height, program->width = width, program->channels = channels;
  NTK_TRY(reserve(program));
  program->extent[0][0] = height, program->extent[0][1] = width;
  return NULL;
}

static ntk_error *append(ntk_image_program *program, ntk_image_op op, size_t height, size_t width, size_t *value) {
  NTK_TRY(reserve(program));
  program->ops[program->count++] = op;
  *value = program->count;
  program->extent[*value][0] = height, program->extent[*value][1] = width;
  return NULL;
}

/* Sizes and padding as in TensorFlow and Neural Tangents. */
static ntk_error *make_axis(ntk_padding padding, const char *name, ntk_axis *axis) {
  if (padding == NTK_PAD_VALID) {
    if (axis->size > axis->in)
      return ntk_fail(NTK_E_CONFIG, "a window of %s %zu does not fit on an image of %s %zu", name, axis->size, name, axis->in);
    axis->out = (axis->in - axis->size) / axis->stride + 1;
    return NULL;
  }
  axis->out = (axis->in + axis->stride - 1) / axis->stride;
  axis->circular = padding == NTK_PAD_CIRCULAR;
  size_t reach = (axis->out - 1) * axis->stride + axis->size;
  axis->before = reach > axis->in ? (reach - axis->in) / 2 : 0;
  if (axis->circular && axis->size > axis->in)
    return ntk_fail(NTK_E_CONFIG, "a circular window of %s %zu is larger than the image (%zu)", name, axis->size, axis->in);
  return NULL;
}

ntk_error *ntk_image_window_op(ntk_image_program *program, ntk_image_kind kind, const size_t size[2], const size_t stride[2], ntk_padding padding,
                               ntk_dense dense, size_t *value) {
  static const char *const names[] = {"height", "width"};
  ntk_image_op op = {.kind = kind, .from = *value, .dense = dense, .cost = 0.7};
  for (size_t i = 0; i < 2; i++) {
    op.axis[i] = (ntk_axis){.in = program->extent[*value][i], .size = size[i], .stride = stride[i]};
    NTK_TRY(make_axis(padding, names[i], &op.axis[i]));
    if (size[i] > program->most_taps) program->most_taps = size[i];
  }
  double area = (double)size[0] * (double)size[1];
  op.share = kind == NTK_IMAGE_POOL ? 1 / (area * area) : 1 / area;
  if (kind == NTK_IMAGE_POOL) program->has_pool = true;
  return append(program, op, op.axis[0].out, op.axis[1].out, value);
}

static size_t new_stage(ntk_image_program *program, size_t value) {
  size_t positions = ntk_image_positions(program, value);
  program->stages[program->stage_count] = (ntk_image_stage){value, positions, program->tables};
  program->tables += 3 * positions;
  return program->stage_count++;
}

static ntk_error *pointwise(ntk_image_program *program, ntk_image_op op, size_t *value) {
  op.kind = NTK_IMAGE_POINTWISE;
  op.from = *value;
  NTK_TRY(append(program, op, program->extent[op.from][0], program->extent[op.from][1], value));
  ntk_image_op *last = &program->ops[program->count - 1];
  last->before = new_stage(program, op.from);
  last->after = new_stage(program, *value);
  return NULL;
}

/* Of a series beside that for vectors: the features of a position are interpolated for every pair. */
#define SERIES_COST 3

ntk_error *ntk_image_activation(ntk_image_program *program, ntk_dual_name dual, const double *constants, double cost, size_t *value) {
  ntk_image_op op = {.dual = dual, .cost = (dual == NTK_DUAL_SERIES ? SERIES_COST : 1) * cost + 0.7};
  memcpy(op.constants, constants, sizeof op.constants);
  return pointwise(program, op, value);
}

ntk_error *ntk_image_normalise(ntk_image_program *program, size_t *value) {
  return pointwise(program, (ntk_image_op){.norm = true, .cost = 1.2}, value);
}

ntk_error *ntk_image_add(ntk_image_program *program, size_t other, size_t *value) {
  const size_t *a = program->extent[*value], *b = program->extent[other];
  if (a[0] != b[0] || a[1] != b[1])
    return ntk_fail(NTK_E_CONFIG, "branches of different size cannot be added: %zu x %zu and %zu x %zu", b[0], b[1], a[0], a[1]);
  ntk_image_op op = {.kind = NTK_IMAGE_SUM, .from = *value, .other = other, .cost = 0.3};
  return append(program, op, a[0], a[1], value);
}

static ntk_error *mark(ntk_image_segment *segment, size_t value, const size_t stride[2], bool displaced) {
  bool differs = segment->member[value] && (segment->stride[value][0] != stride[0] || segment->stride[value][1] != stride[1]);
  if (differs && displaced) return ntk_fail(NTK_E_CONFIG, "branches that are added in front of a pooling layer need the same strides");
  segment->member[value] = true;
  segment->stride[value][0] = stride[0], segment->stride[value][1] = stride[1];
  return NULL;
}

/* Members of a segment, from its root down to the input or to pooling layers. */
static ntk_error *fill_segment(ntk_image_program *program, ntk_image_segment *segment, bool displaced) {
  const size_t one[2] = {1, 1};
  NTK_TRY(mark(segment, segment->root, one, displaced));
  for (size_t i = program->count; i-- > 0;) {
    const ntk_image_op *op = &program->ops[i];
    if (!segment->member[i + 1]) continue;
    size_t stride[2] = {segment->stride[i + 1][0], segment->stride[i + 1][1]};
    program->used[i + 1] = true;
    if (op->kind == NTK_IMAGE_POOL) {
      segment->has_pool = true;
      continue;
    }
    if (op->kind == NTK_IMAGE_SUM) NTK_TRY(mark(segment, op->other, stride, displaced));
    if (op->kind == NTK_IMAGE_WINDOW) stride[0] *= op->axis[0].stride, stride[1] *= op->axis[1].stride;
    NTK_TRY(mark(segment, op->from, stride, displaced));
  }
  program->used[0] = true;
  return NULL;
}

/* Around the image a displacement must stay one through every layer, whichever way it goes around. */
static ntk_error *check_torus(const ntk_image_program *program) {
  for (size_t s = 1; s < program->segment_count; s++)
    for (size_t i = 0; i < program->count; i++) {
      const ntk_image_op *op = &program->ops[i];
      if (!program->segments[s].member[i + 1] || op->kind == NTK_IMAGE_SUM || op->kind == NTK_IMAGE_POINTWISE) continue;
      for (size_t a = 0; a < 2; a++)
        if (op->axis[a].out * op->axis[a].stride % op->axis[a].in)
          return ntk_fail(NTK_E_CONFIG,
                          "circular convolutions in front of a pooling layer need layers there whose strides divide the image "
                          "(%zu is followed by %zu with stride %zu)",
                          op->axis[a].in, op->axis[a].out, op->axis[a].stride);
    }
  return NULL;
}

static bool has_circular(const ntk_image_program *program) {
  for (size_t s = 1; s < program->segment_count; s++)
    for (size_t i = 0; i < program->count; i++) {
      const ntk_image_op *op = &program->ops[i];
      if (program->segments[s].member[i + 1] && (op->axis[0].circular || op->axis[1].circular)) return true;
    }
  return false;
}

ntk_error *ntk_image_finish(ntk_image_program *program, size_t result) {
  size_t pools = 0, values = program->count + 1;
  if (ntk_image_positions(program, result) != 1)
    return ntk_fail(NTK_E_CONFIG, "the network ends with an image of %zu x %zu: add flatten or global_average_pool", program->extent[result][0],
                    program->extent[result][1]);
  for (size_t i = 0; i < program->count; i++)
    if (program->ops[i].kind == NTK_IMAGE_POOL) program->ops[i].child = ++pools;
  NTK_TRY(NTK_NEW(values, &program->used));
  NTK_TRY(NTK_NEW(pools + 1, &program->segments));
  program->segment_count = pools + 1;
  program->segments[0].root = result;
  for (size_t i = 0; i < program->count; i++)
    if (program->ops[i].kind == NTK_IMAGE_POOL) program->segments[program->ops[i].child].root = program->ops[i].from;
  for (size_t s = 0; s <= pools; s++) {
    NTK_TRY(NTK_NEW(values, &program->segments[s].member));
    NTK_TRY(NTK_NEW(values, &program->segments[s].stride));
    NTK_TRY(fill_segment(program, &program->segments[s], s > 0));
  }
  program->torus = has_circular(program);
  return program->torus ? check_torus(program) : NULL;
}
