#include "kernel/image_program.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void ntk_image_program_free(ntk_image_program *program) {
  for (size_t i = 0; i < program->segment_count; i++) {
    ntk_image_segment *segment = &program->segments[i];
    free(segment->member);
    free(segment->stride);
    free(segment->last);
    free(segment->buffer);
    free(segment->sizes);
  }
  free(program->segments);
  free(program->ops);
  free(program->extent);
  free(program->used);
  free(program->still);
  free(program->varies);
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
  return NULL;
}

ntk_error *ntk_image_window_op(ntk_image_program *program, ntk_image_kind kind, const size_t size[2], const size_t stride[2], ntk_padding padding,
                               ntk_dense dense, size_t *value) {
  static const char *const names[] = {"height", "width"};
  ntk_image_op op = {.kind = kind, .from = *value, .dense = dense};
  for (size_t i = 0; i < 2; i++) {
    op.axis[i] = (ntk_axis){.in = program->extent[*value][i], .size = size[i], .stride = stride[i]};
    NTK_TRY(make_axis(padding, names[i], &op.axis[i]));
  }
  double area = (double)size[0] * (double)size[1];
  op.share = kind == NTK_IMAGE_POOL ? 1 / (area * area) : 1 / area;
  if (kind == NTK_IMAGE_POOL) program->has_pool = true;
  return append(program, op, op.axis[0].out, op.axis[1].out, value);
}

static ntk_error *pointwise(ntk_image_program *program, ntk_image_op op, size_t *value) {
  op.kind = NTK_IMAGE_POINTWISE;
  op.from = *value;
  op.table = program->tables;
  op.fields = ntk_image_is_rectified(&op) ? NTK_IMAGE_INVERSE + 1 : NTK_IMAGE_TABLES;
  program->tables += op.fields * ntk_image_positions(program, op.from);
  return append(program, op, program->extent[op.from][0], program->extent[op.from][1], value);
}

ntk_error *ntk_image_activation(ntk_image_program *program, ntk_dual_name dual, const double *constants, double cost, size_t *value) {
  ntk_image_op op = {.dual = dual, .cost = cost};
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
  ntk_image_op op = {.kind = NTK_IMAGE_SUM, .from = *value, .other = other};
  return append(program, op, a[0], a[1], value);
}
