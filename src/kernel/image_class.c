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

static long distance_of(bool torus, size_t extent, long from, long to) {
  long distance = to > from ? to - from : from - to;
  if (!torus) return distance;
  distance %= (long)extent;
  return distance < (long)extent - distance ? distance : (long)extent - distance;
}

bool ntk_class_reaches(bool torus, const ntk_axis *axis, bool pool, long shift, long below) {
  long most = pool ? (long)axis->size - 1 : 0, stride = (long)axis->stride;
  if (distance_of(torus, axis->in, shift * stride, below) <= most) return true;
  /* The partner of a position is also one around the image. */
  return torus && distance_of(true, axis->in, (shift - (long)axis->out) * stride, below) <= most;
}

/* The element of `in` that tap t of windows starting at `start` and (the partner's) `other` reads, or -1. */
static int tap_of(const ntk_axis *axis, bool pool, long start, long partner_start, long t, const ntk_class *in) {
  long position = start + t, other = partner_start + t;
  if (axis->circular) position = wrapped(position, (long)axis->in), other = wrapped(other, (long)axis->in);
  if (!is_inside(position, axis->in)) return -1;
  long partner = ntk_class_partner(in, position), index = position - in->first;
  if (!is_inside(partner, axis->in) || !is_inside(index, in->count)) return -1;
  if (pool ? !is_covered(axis, partner_start, partner) : partner != other) return -1;
  return (int)index;
}

void ntk_class_taps(const ntk_axis *axis, bool pool, const ntk_class *out, const ntk_class *in, bool transposed, int *start, int *list) {
  const size_t elements = transposed ? in->count : out->count;
  int used = 0;
  for (size_t i = 0; i <= elements; i++) start[i] = 0;
  /* Sorted by counting: once how many, once where. */
  for (int round = 0; round < 2; round++) {
    for (size_t i = 0; i < out->count; i++) {
      long position = out->first + (long)i, partner = ntk_class_partner(out, position);
      long first = position * (long)axis->stride - (long)axis->before, other = partner * (long)axis->stride - (long)axis->before;
      for (size_t t = 0; t < axis->size; t++) {
        int tap = tap_of(axis, pool, first, other, (long)t, in);
        if (tap < 0) continue;
        int *at = &start[transposed ? (size_t)tap : i];
        if (round) list[*at] = transposed ? (int)i : tap;
        ++*at;
      }
    }
    /* Behind the first round: where each begins; behind the second: where each ends, which is where the next one begins. */
    if (!round) {
      for (size_t i = 0; i <= elements; i++) {
        int own = start[i];
        start[i] = used;
        used += own;
      }
    } else {
      for (size_t i = elements; i > 0; i--) start[i] = start[i - 1];
      start[0] = 0;
    }
  }
}
