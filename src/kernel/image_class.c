/* Displacement classes along one axis. */
#include "kernel/image_program.h"

ntk_class ntk_class_make(bool torus, size_t extent, long shift) {
  long size = (long)extent;
  if (torus) return (ntk_class){extent, extent, 0, ntk_wrapped(shift, size), true};
  long distance = shift < 0 ? -shift : shift;
  return (ntk_class){extent, distance < size ? (size_t)(size - distance) : 0, shift < 0 ? -shift : 0, shift, false};
}

long ntk_class_partner(const ntk_class *class, long position) {
  long partner = position + class->shift;
  return class->torus ? ntk_wrapped(partner, (long)class->extent) : partner;
}

long ntk_class_below(bool torus, const ntk_axis *axis, long shift) {
  long below = shift * (long)axis->stride;
  return torus ? ntk_wrapped(below, (long)axis->in) : below;
}

static bool is_inside(long position, size_t extent) { return position >= 0 && position < (long)extent; }

/* How many places of the window that starts at `start` read `position`: several where a circular one is larger than the image. */
static size_t places_of(const ntk_axis *axis, long start, long position) {
  long offset = position - start;
  if (axis->circular) offset = ntk_wrapped(offset, (long)axis->in);
  if (!is_inside(offset, axis->size)) return 0;
  return axis->circular ? 1 + (axis->size - 1 - (size_t)offset) / axis->in : 1;
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

/* The element of `in` that tap t of windows starting at `start` and (the partner's) `other` reads, and how often. */
static int tap_of(const ntk_axis *axis, bool pool, long start, long partner_start, long t, const ntk_class *in, size_t *times) {
  long position = start + t, other = partner_start + t;
  *times = 0;
  if (axis->circular) position = ntk_wrapped(position, (long)axis->in), other = ntk_wrapped(other, (long)axis->in);
  if (!is_inside(position, axis->in)) return -1;
  long partner = ntk_class_partner(in, position), index = position - in->first;
  if (!is_inside(partner, axis->in) || !is_inside(index, in->count)) return -1;
  *times = pool ? places_of(axis, partner_start, partner) : partner == other;
  return (int)index;
}

/* Calls of one pass over the taps: start[i + 1] counts those of element i, or (with a list) they go to list[start[i]++]. */
static void each_tap(const ntk_axis *axis, bool pool, const ntk_class *out, const ntk_class *in, bool transposed, int *start, int *list) {
  for (size_t i = 0; i < out->count; i++) {
    long position = out->first + (long)i, partner = ntk_class_partner(out, position);
    long first = position * (long)axis->stride - (long)axis->before, other = partner * (long)axis->stride - (long)axis->before;
    for (size_t t = 0; t < axis->size; t++) {
      size_t times;
      int tap = tap_of(axis, pool, first, other, (long)t, in, &times);
      size_t element = transposed ? (size_t)tap : i;
      for (size_t k = 0; k < times; k++) {
        if (list) {
          list[start[element]++] = transposed ? (int)i : tap;
        } else {
          start[element + 1]++;
        }
      }
    }
  }
}

void ntk_class_taps(const ntk_axis *axis, bool pool, const ntk_class *out, const ntk_class *in, bool transposed, int *start, int *list) {
  const size_t elements = transposed ? in->count : out->count;
  for (size_t i = 0; i <= elements; i++) start[i] = 0;
  each_tap(axis, pool, out, in, transposed, start, NULL);
  for (size_t i = 0; i < elements; i++) start[i + 1] += start[i];
  each_tap(axis, pool, out, in, transposed, start, list);
  /* Each is now where the next one begins. */
  for (size_t i = elements; i > 0; i--) start[i] = start[i - 1];
  start[0] = 0;
}

size_t ntk_class_most_taps(const ntk_axis *axis, bool pool) { return axis->out * axis->size * (pool ? 1 + (axis->size - 1) / axis->in : 1); }
