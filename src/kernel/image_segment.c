/* The end of building a network over images: segments, where they split, and which fields share memory. */
#include <stdlib.h>

#include "base/mem.h"
#include "kernel/image_program.h"

/* Whether a displacement class of the operation's result comes from several classes around the image. */
static bool comes_from_several(const ntk_image_program *program, const ntk_image_op *op) {
  for (size_t a = 0; program->torus && a < 2; a++)
    if (op->axis[a].out * op->axis[a].stride % op->axis[a].in) return true;
  return false;
}

static bool has_stride(const ntk_image_op *op) { return op->axis[0].stride != 1 || op->axis[1].stride != 1; }

/* False if the value has another stride already. */
static bool mark(ntk_image_segment *segment, size_t value, const size_t stride[2]) {
  bool differs = segment->member[value] && (segment->stride[value][0] != stride[0] || segment->stride[value][1] != stride[1]);
  segment->member[value] = true;
  segment->stride[value][0] = stride[0], segment->stride[value][1] = stride[1];
  return !differs;
}

/* Members of a segment, from its root down to the input or to operations that end it. False where branches with different strides meet. */
static bool fill_members(ntk_image_program *program, ntk_image_segment *segment) {
  const size_t one[2] = {1, 1};
  bool agree = mark(segment, segment->root, one);
  for (size_t i = program->count; i-- > 0;) {
    const ntk_image_op *op = &program->ops[i];
    if (!segment->member[i + 1]) continue;
    size_t stride[2] = {segment->stride[i + 1][0], segment->stride[i + 1][1]};
    program->used[i + 1] = true;
    if (op->child) continue;
    if (op->kind == NTK_IMAGE_SUM) agree = mark(segment, op->other, stride) && agree;
    if (op->kind == NTK_IMAGE_WINDOW) stride[0] *= op->axis[0].stride, stride[1] *= op->axis[1].stride;
    agree = mark(segment, op->from, stride) && agree;
  }
  program->used[0] = true;
  return agree;
}

/* Gives an operation the segment in front of it; its end is the operation's input. */
static ntk_error *begin_segment(ntk_image_program *program, ntk_image_op *op, size_t root) {
  size_t values = program->count + 1;
  ntk_image_segment *segment = &program->segments[program->segment_count];
  if (op) op->child = program->segment_count;
  program->segment_count++;
  segment->root = root;
  NTK_TRY(NTK_NEW(values, &segment->member));
  NTK_TRY(NTK_NEW(values, &segment->stride));
  NTK_TRY(NTK_NEW(values, &segment->last));
  NTK_TRY(NTK_NEW(values, &segment->buffer));
  return NTK_NEW(values, &segment->sizes);
}

/* Splits where one class is not enough in front: around the image, and (when strides disagree) at every stride. */
static ntk_error *split(ntk_image_program *program, const ntk_image_segment *segment, bool strides, bool *changed) {
  for (size_t i = 0; i < program->count; i++) {
    ntk_image_op *op = &program->ops[i];
    if (!segment->member[i + 1] || op->kind != NTK_IMAGE_WINDOW || op->child) continue;
    if (!comes_from_several(program, op) && !(strides && has_stride(op))) continue;
    NTK_TRY(begin_segment(program, op, op->from));
    *changed = true;
  }
  return NULL;
}

/* Whether displacements go around the image anywhere but in the first segment, whose only one is 0. */
static bool has_circular(const ntk_image_program *program) {
  for (size_t s = 0; s < program->segment_count; s++)
    for (size_t i = 0; i < program->count; i++) {
      const ntk_image_op *op = &program->ops[i];
      bool is_behind = s || op->kind == NTK_IMAGE_POOL;
      if (is_behind && program->segments[s].member[i + 1] && (op->axis[0].circular || op->axis[1].circular)) return true;
    }
  return false;
}

/* All segments, again and again until none has to be split. */
static ntk_error *make_segments(ntk_image_program *program) {
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t s = 0; s < program->segment_count; s++)
      for (size_t v = 0; v <= program->count; v++) program->segments[s].member[v] = false;
    for (size_t s = 0; s < program->segment_count; s++) {
      bool agree = fill_members(program, &program->segments[s]);
      if (s) NTK_TRY(split(program, &program->segments[s], !agree, &changed));
    }
    bool torus = has_circular(program);
    changed = changed || torus != program->torus;
    program->torus = torus;
  }
  return NULL;
}

static size_t last_reader(const ntk_image_program *program, const ntk_image_segment *segment, size_t value) {
  size_t last = program->count;
  for (size_t i = value; i < program->count; i++) {
    const ntk_image_op *op = &program->ops[i];
    if (!segment->member[i + 1] || op->child) continue;
    if (op->from == value || (op->kind == NTK_IMAGE_SUM && op->other == value)) last = i;
  }
  return last;
}

/* Whether operation `i` can write over its input. */
static bool is_in_place(const ntk_image_program *program, const ntk_image_segment *segment, size_t i) {
  const ntk_image_op *op = &program->ops[i];
  if (op->kind != NTK_IMAGE_POINTWISE && op->kind != NTK_IMAGE_SUM) return false;
  return segment->last[op->from] == i && !(op->kind == NTK_IMAGE_SUM && op->other == op->from);
}

/* Buffers of the fields: one is free again behind the last operation that reads it. */
static void share_buffers(const ntk_image_program *program, ntk_image_segment *segment, size_t *free_at) {
  for (size_t v = 0; v <= program->count; v++)
    if (segment->member[v]) segment->last[v] = last_reader(program, segment, v);
  for (size_t v = 0; v <= program->count; v++) {
    if (!segment->member[v]) continue;
    size_t b = 0, positions = ntk_image_positions(program, v);
    if (v && !program->ops[v - 1].child && is_in_place(program, segment, v - 1)) {
      b = segment->buffer[program->ops[v - 1].from];
    } else {
      while (b < segment->buffers && free_at[b] > v) b++;
      if (b == segment->buffers) segment->buffers++;
    }
    segment->buffer[v] = b;
    free_at[b] = segment->last[v] + 2; /* for the value behind the one that its last reader makes */
    if (positions > segment->sizes[b]) segment->sizes[b] = positions;
  }
}

static void follow_tangents(ntk_image_program *program) {
  program->still[0] = true;
  for (size_t i = 0; i < program->count; i++) {
    const ntk_image_op *op = &program->ops[i];
    program->still[i + 1] = op->kind != NTK_IMAGE_WINDOW && program->still[op->from] && (op->kind != NTK_IMAGE_SUM || program->still[op->other]);
  }
  for (size_t i = program->count; i-- > 0;) {
    const ntk_image_op *op = &program->ops[i];
    if (!program->used[i + 1]) continue;
    bool varies = program->varies[i + 1] || op->kind == NTK_IMAGE_POINTWISE;
    program->varies[op->from] = program->varies[op->from] || varies;
    if (op->kind == NTK_IMAGE_SUM) program->varies[op->other] = program->varies[op->other] || varies;
  }
}

static bool has_linear_end(const ntk_image_program *program) {
  bool has_child = false;
  for (size_t i = 0; i < program->count; i++) {
    if (!program->segments[0].member[i + 1]) continue;
    if (program->ops[i].kind == NTK_IMAGE_POINTWISE) return false;
    has_child = has_child || program->ops[i].child;
  }
  return has_child;
}

ntk_error *ntk_image_finish(ntk_image_program *program, size_t result) {
  size_t values = program->count + 1, *free_at = NULL;
  if (ntk_image_positions(program, result) != 1)
    return ntk_fail(NTK_E_CONFIG, "the network ends with an image of %zu x %zu: add flatten or global_average_pool", program->extent[result][0],
                    program->extent[result][1]);
  NTK_TRY(NTK_NEW(values, &program->used));
  NTK_TRY(NTK_NEW(values, &program->still));
  NTK_TRY(NTK_NEW(values, &program->varies));
  NTK_TRY(NTK_NEW(values, &program->segments)); /* every operation could begin one */
  NTK_TRY(begin_segment(program, NULL, result));
  for (size_t i = 0; i < program->count; i++)
    if (program->ops[i].kind == NTK_IMAGE_POOL) NTK_TRY(begin_segment(program, &program->ops[i], program->ops[i].from));
  NTK_TRY(make_segments(program));
  NTK_TRY(NTK_NEW(values, &free_at));
  for (size_t s = 0; s < program->segment_count; s++) {
    for (size_t v = 0; v < values; v++) free_at[v] = 0;
    share_buffers(program, &program->segments[s], free_at);
  }
  follow_tangents(program);
  program->ends_linear = has_linear_end(program);
  free(free_at);
  return NULL;
}
