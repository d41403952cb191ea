/** Private to field/: sums where no order matters, of two 64-bit integers a number. */
#ifndef NTK_FIELD_FIXED_H
#define NTK_FIELD_FIXED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/comm.h"

/** `count` sums of terms up to `bound` in absolute value, kept to bound/2^80: high[i] in units of bound/2^40, low[i] of bound/2^80. */
typedef struct {
  size_t count;
  double bound; /* a power of two */
  long long *high, *low;
} ntk_fixed_sum;

/** The least power of two above the estimate; 1 where there is none. */
double ntk_fixed_bound(double estimate);

/** Adds `terms` to the sums from `first` on; at most 2^22 times a sum. False, and the sums are no use, if a term is beyond the bound or no number. */
bool ntk_fixed_add(ntk_fixed_sum *sum, size_t first, size_t count, const double *terms);

/** The sums as numbers. */
void ntk_fixed_read(const ntk_fixed_sum *sum, double *out);

#endif
