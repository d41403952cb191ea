/** Private to gan/: drawing batches. */
#ifndef NTK_GAN_DRAW_H
#define NTK_GAN_DRAW_H

#include <stddef.h>

#include "base/err.h"
#include "base/rng.h"

/** out: `count` of the n numbers first .. first + n - 1, drawn without replacement; a pure function of (rng, turn). Not collective. NTK_E_MEMORY. */
NTK_CHECKED ntk_error *ntk_draw(ntk_rng rng, uint64_t turn, size_t n, size_t count, size_t first, size_t *out);

#endif
