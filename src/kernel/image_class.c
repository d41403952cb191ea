/* Displacement classes along one axis. */
#include "kernel/image_program.h"

static long wrapped(long position, long extent) {
  long rest = position % extent;
  return rest < 0 ? rest + extent : rest;
}

ntk_class ntk_class_make(bool torus, size_t extent, long shift) {
  long size = (long)extent;
  if (torus) return (ntk_class){extent, extent, 0, wrapped(shift, size), true};
  long distance = shift < 0 ? -shift : shift;
  return (ntk_class){extent, distance < size ? (size_t)(size - distance) : 0, shift < 0 ? -shift : 0, shift, false};
}

long ntk_class_partner(const ntk_class *class, long position) {
  long partner = position + class->shift;
  return class->torus ? wrapped(partner, (long)class->extent) : partner;
}

long ntk_class_below(bool torus, const ntk_axis *axis, long shift) {
  long below = shift * (long)axis->stride;
  return torus ? wrapped(below, (long)axis->in) : below;
}

static bool is_inside(long position, size_t extent) { return position >= 0 && position < (long)extent; }

/* Whether `position` is in the window that starts at `start`. */
static bool is_covered(const ntk_axis *axis, long start, long position) {
  long offset = position - start;
  if (axis->circular) offset = wrapped(offset, (long)axis->in);
  return is_inside(offset, axis->size);
}

static int tap_of(const ntk_axis *axis, bool pool, long start, long partner_start, long t, const ntk_class *in) {
  long position = start + t, other = partner_start + t;
  if (axis->circular) position = wrapped(position, (long)axis->in), other = wrapped(other, (long)axis->in);
  if (!is_inside(position, axis->in)) return -1;
  if (pool) other = ntk_class_partner(in, position);
  if (!is_inside(other, axis->in)) return -1;
  if (pool && !is_covered(axis, partner_start, other)) return -1;
  long index = position - in->first;
  return is_inside(index, in->count) ? (int)index : -1;
}

void ntk_class_taps(const ntk_axis *axis, bool pool, const ntk_class *out, const ntk_class *in, int *taps) {
  for (size_t i = 0; i < out->count; i++) {
    long position = out->first + (long)i, partner = ntk_class_partner(out, position);
    long start = position * (long)axis->stride - (long)axis->before, other = partner * (long)axis->stride - (long)axis->before;
    for (size_t t = 0; t < axis->size; t++) taps[i * axis->size + t] = tap_of(axis, pool, start, other, (long)t, in);
  }
}
