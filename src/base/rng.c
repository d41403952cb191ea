#include "base/rng.h"

#include <Random123/philox.h>
#include <math.h>

typedef struct {
  uint64_t a, b;
} words;

/* Counter words: index (64 bits), stream, kind; key words: seed (64 bits) folded with the repetition in the counter's last word. */
static words draw(ntk_rng rng, uint64_t index, uint32_t kind) {
  philox4x32_ctr_t counter = {{(uint32_t)index, (uint32_t)(index >> 32), rng.stream, (rng.repetition << 2) | kind}};
  philox4x32_key_t key = {{(uint32_t)rng.seed, (uint32_t)(rng.seed >> 32)}};
  philox4x32_ctr_t r = philox4x32(counter, key);
  return (words){((uint64_t)r.v[1] << 32) | r.v[0], ((uint64_t)r.v[3] << 32) | r.v[2]};
}

static double open_unit(uint64_t bits) { return ((double)(bits >> 12) + 0.5) * 0x1p-52; }

double ntk_uniform(ntk_rng rng, uint64_t index) { return open_unit(draw(rng, index, 0).a); }

double ntk_normal(ntk_rng rng, uint64_t index) {
  words w = draw(rng, index / 2, 1);
  double radius = sqrt(-2 * log(open_unit(w.a))), angle = 2 * 3.14159265358979323846 * open_unit(w.b);
  return index % 2 ? radius * sin(angle) : radius * cos(angle);
}

uint64_t ntk_integer(ntk_rng rng, uint64_t index, uint64_t bound) {
  __extension__ typedef unsigned __int128 wide;
  return (uint64_t)(((wide)draw(rng, index, 2).a * bound) >> 64);
}

ntk_rng ntk_rng_part(ntk_rng rng, uint32_t part) {
  rng.stream |= (part + 1) << 16;
  return rng;
}
