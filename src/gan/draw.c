#include "gan/draw.h"

#include <stdlib.h>

#include "base/mem.h"

/* Fisher and Yates' shuffle, its first `count` numbers. */
ntk_error *ntk_draw(ntk_rng rng, uint64_t turn, size_t n, size_t count, size_t first, size_t *out) {
  size_t *all = NULL;
  NTK_TRY(NTK_NEW(n, &all));
  for (size_t i = 0; i < n; i++) all[i] = first + i;
  for (size_t i = 0; i < count; i++) {
    size_t k = i + (size_t)ntk_integer(rng, turn * n + i, n - i), kept = all[k];
    all[k] = all[i];
    out[i] = all[i] = kept;
  }
  free(all);
  return NULL;
}
