#include "field/tiles.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

size_t ntk_tile_rows(size_t n, size_t d) {
  if (d > 16) return n <= 512 ? 32 : n <= 1024 ? 64 : 128;
  return n <= 2048 ? 16 : n <= 16384 ? 64 : 128;
}

ntk_error *ntk_tree_sum_create(size_t length, size_t terms, ntk_tree_sum *out) {
  *out = (ntk_tree_sum){length, 2, 0, NULL};
  for (size_t covered = 1; covered < terms; covered *= 2) out->levels++;
  return ntk_alloc(out->levels * length, sizeof(double), &out->partial);
}

void ntk_tree_sum_free(ntk_tree_sum *sum) {
  free(sum->partial);
  sum->partial = NULL;
}

void ntk_tree_sum_start(ntk_tree_sum *sum, size_t length) {
  sum->length = length;
  sum->count = 0;
}

static void add(size_t n, double *restrict to, const double *restrict from) {
  for (size_t i = 0; i < n; i++) to[i] += from[i];
}

void ntk_tree_sum_add(ntk_tree_sum *sum, size_t level, double *term) {
  size_t at = level;
  for (size_t bits = sum->count >> level; bits & 1; bits >>= 1) add(sum->length, term, sum->partial + at++ * sum->length);
  memcpy(sum->partial + at * sum->length, term, sum->length * sizeof *term);
  sum->count += (size_t)1 << level;
}

void ntk_tree_sum_finish(ntk_tree_sum *sum, double *out) {
  memset(out, 0, sum->length * sizeof *out);
  size_t level = 0;
  for (size_t bits = sum->count; bits; bits >>= 1, level++)
    if (bits & 1) add(sum->length, out, sum->partial + level * sum->length);
}
