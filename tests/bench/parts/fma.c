#include "parts/fma.h"

#include <math.h>
#include <string.h>

#include "kernel/kernel.h"

/* Twelve chains: more than latency times units of the processors known, and few enough for sixteen registers. They start from different numbers, for
 * the compiler would make one of equal chains; the volatile ones keep it from doing the sums itself. */
#define CHAINS(step) step(0) step(1) step(2) step(3) step(4) step(5) step(6) step(7) step(8) step(9) step(10) step(11)
enum { CHAINS_COUNT = 12 };

static volatile double factor = 0.999, term = 1e-3, sink;

#define DECLARE(i) vector c##i = x * i;
#define ADD(i) x += c##i;

#define LOOP(name, target, type, broadcast, step) \
  target static void name(size_t rounds) {        \
    typedef type vector;                          \
    vector x = broadcast(factor);                 \
    const vector y = broadcast(term), z = x;      \
    CHAINS(DECLARE)                               \
    for (size_t r = 0; r < rounds; r++) {         \
      CHAINS(step)                                \
    }                                             \
    CHAINS(ADD)                                   \
    double first;                                 \
    memcpy(&first, &x, sizeof first);             \
    sink = first;                                 \
  }

typedef struct {
  const char *isa;
  void (*run)(size_t rounds);
  double operations; /* of a chain and round */
} fma_loop;

#if defined(__x86_64__)
#include <immintrin.h>

#define STEP_V4(i) c##i = _mm512_fmadd_pd(c##i, z, y);
#define STEP_V3(i) c##i = _mm256_fmadd_pd(c##i, z, y);
#define STEP_V1(i) c##i = _mm_add_pd(_mm_mul_pd(c##i, z), y);
LOOP(run_v4, __attribute__((target("avx512f,fma"))), __m512d, _mm512_set1_pd, STEP_V4)
LOOP(run_v3, __attribute__((target("avx2,fma"))), __m256d, _mm256_set1_pd, STEP_V3)
LOOP(run_v1, , __m128d, _mm_set1_pd, STEP_V1)
static const fma_loop loops[] = {{"x86-64-v4", run_v4, 8}, {"x86-64-v3", run_v3, 4}, {"x86-64", run_v1, 2 * 2}};
#else
#define STEP(i) c##i = fma(c##i, z, y);
LOOP(run_generic, , double, , STEP)
static const fma_loop loops[] = {{"generic", run_generic, 1}};
#endif

static const fma_loop *chosen(void) {
  size_t i = 0, last = sizeof loops / sizeof *loops - 1;
  while (i < last && strcmp(loops[i].isa, ntk_kernel_isa()) != 0) i++;
  return &loops[i];
}

void bench_fma_run(size_t rounds) { chosen()->run(rounds); }

double bench_fma_operations(void) { return CHAINS_COUNT * chosen()->operations; }
