/** What the benchmark programs share: repetitions and what the machine can do at best. Times are those of this process's processor time, so that
 *  other load on the machine enters as little as it can; it still moves the clock, therefore a bound is timed beside each repetition. */
#ifndef NTK_BENCH_TIMING_H
#define NTK_BENCH_TIMING_H

#include <stddef.h>

#include "base/err.h"

typedef struct {
  double median, least, most;
} bench_spread;

/** Of `count` >= 1 numbers, which it sorts. */
bench_spread bench_spread_of(size_t count, double *values);

/** Rates of the machine on one core, each from a run of about a millisecond or more. */
typedef enum {
  BENCH_FMA,   /* arithmetic on the lanes of vector registers in a loop that does nothing else, a multiply-add counting one: operations/s. Of the
                   instruction set that the kernels use (ntk_kernel_isa) */
  BENCH_DGEMM, /* matrix product of `size`: flop/s, a multiply-add counting two */
  BENCH_SGEMM, /* the same in single precision */
  BENCH_TRIAD, /* a = b + s c over arrays of `size` doubles, more than the caches hold: bytes/s, three arrays counted (STREAM: McCalpin 1995) */
  BENCH_BOUNDS
} bench_bound;

typedef struct {
  bench_bound bound;
  size_t size;
  void *a, *b, *c;
} bench_machine;

/** `size`: 0 takes 512 for matrix products and 2^24 for the triad. Release with bench_machine_free(). */
NTK_CHECKED ntk_error *bench_machine_create(bench_bound bound, size_t size, bench_machine *out);
void bench_machine_free(bench_machine *machine);
/** Work of one run in the bound's unit (operations, flop, bytes). */
double bench_machine_work(const bench_machine *machine);
void bench_machine_run(bench_machine *machine);

/** Name of a bound ("dgemm") and back; BENCH_BOUNDS: none. */
const char *bench_bound_name(bench_bound bound);
bench_bound bench_bound_named(const char *name);

/** Runs it once: work over processor time. */
double bench_machine_rate(bench_machine *machine);

#endif
