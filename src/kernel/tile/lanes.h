/** NTK_LANES numbers as one of GCC's and clang's portable vectors: what is accumulated over an inner loop stays in vector registers. */
#ifndef NTK_KERNEL_TILE_LANES_H
#define NTK_KERNEL_TILE_LANES_H

#include "kernel/tile/engine.h"

#ifndef __clang__
/* Functions that take or return them are inlined. */
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

typedef double ntk_lanes __attribute__((vector_size(NTK_LANES * sizeof(double)), aligned(sizeof(double)), may_alias));

/** Vectors side by side in loops that have the registers. */
#ifdef __AVX512F__
enum { NTK_WIDE = 2 };
#else
enum { NTK_WIDE = 1 };
#endif

#endif
