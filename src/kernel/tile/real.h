/** The number type of the loops that are compiled twice: in double and, with -DNTK_SINGLE, in single precision. */
#ifndef NTK_KERNEL_TILE_REAL_H
#define NTK_KERNEL_TILE_REAL_H

#include <float.h>

#include "kernel/tile/engine.h"

#ifdef NTK_SINGLE
typedef float ntk_real;
#define NTK_REAL_TILE(name) NTK_TILE(name##_single)
#define NTK_REAL_SMALLEST FLT_MIN
#else
typedef double ntk_real;
#define NTK_REAL_TILE(name) NTK_TILE(name)
#define NTK_REAL_SMALLEST DBL_MIN
#endif

/** A constant or a scalar as ntk_real, so that single precision stays single. */
#define NTK_REAL(x) ((ntk_real)(x))

static inline __attribute__((always_inline)) ntk_real ntk_real_larger(ntk_real a, ntk_real b) { return a > b ? a : b; }

#endif
