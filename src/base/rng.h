/** Counter-based random numbers (Philox4x32-10 of Random123: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
 *
 *  A number is a pure function of (seed, repetition, stream, index): no state, any order, any rank count. Not collective, thread-safe.
 */
#ifndef NTK_BASE_RNG_H
#define NTK_BASE_RNG_H

#include <stdint.h>

/** What a sequence of numbers is for. A purpose keeps its number for ever: results depend on it. */
typedef enum {
  NTK_STREAM_REAL = 1,
  NTK_STREAM_FAKE = 2,
  NTK_STREAM_SUBSET = 3,  /* shuffles and subsets of files */
  NTK_STREAM_METRIC = 4,  /* subsamples for metrics */
  NTK_STREAM_PERMUTE = 5, /* permutation tests */
  NTK_STREAM_LATENT = 7,  /* what a generator is fed with */
  NTK_STREAM_INITIAL = 9, /* weights of a discriminator before training */
  NTK_STREAM_BATCH = 10,  /* which points a discriminator is trained on */
  NTK_STREAM_START = 11,  /* weights of a generator before the first step */
  NTK_STREAM_FRESH = 12,  /* what a generator is fed with beside its latent points */
  NTK_STREAM_PULL = 13    /* which latent points a generator's step is made of */
} ntk_stream;

typedef struct {
  uint64_t seed;
  uint32_t repetition, stream;
} ntk_rng;

/** Uniform on (0, 1), 52 random bits, never 0 or 1. */
double ntk_uniform(ntk_rng rng, uint64_t index);

/** Standard normal (Box-Muller of two uniforms). Same index, independent of ntk_uniform's numbers. */
double ntk_normal(ntk_rng rng, uint64_t index);

/** Uniform integer in [0, bound), bound > 0 (multiply-shift; bias below 2^-32 for bound < 2^32). */
uint64_t ntk_integer(ntk_rng rng, uint64_t index, uint64_t bound);

/** A sub-stream: the same key with another stream number mixed in, e.g. one per component of a mixture. part < 2^16. */
ntk_rng ntk_rng_part(ntk_rng rng, uint32_t part);

#endif
