/** A loop of independent multiply-adds that keeps every arithmetic unit of one core busy: the instruction set is that of the kernels. */
#ifndef NTK_BENCH_FMA_H
#define NTK_BENCH_FMA_H

#include <stddef.h>

void bench_fma_run(size_t rounds);
/** Operations on lanes in a round, a multiply-add counting one (where there is none: a multiplication and an addition, two). */
double bench_fma_operations(void);

#endif
