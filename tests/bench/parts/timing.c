#include "parts/timing.h"

#include <cblas.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "parts/fma.h"

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

bench_spread bench_spread_of(size_t count, double *values) {
  qsort(values, count, sizeof *values, ascending);
  return (bench_spread){count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2, values[0], values[count - 1]};
}

enum { FMA_ROUNDS = 1 << 18, PRODUCT_SIZE = 512, TRIAD_SIZE = 1 << 24 };

static const char *const names[] = {"fma", "dgemm", "sgemm", "triad"};

const char *bench_bound_name(bench_bound bound) { return names[bound]; }

bench_bound bench_bound_named(const char *name) {
  int i = 0;
  while (i < BENCH_BOUNDS && strcmp(names[i], name) != 0) i++;
  return (bench_bound)i;
}

ntk_error *bench_machine_create(bench_bound bound, size_t size, bench_machine *out) {
  *out = (bench_machine){bound, size, NULL, NULL, NULL};
  if (bound == BENCH_FMA) {
    if (!size) out->size = FMA_ROUNDS;
    return NULL;
  }
  if (!size) out->size = bound == BENCH_TRIAD ? TRIAD_SIZE : PRODUCT_SIZE;
  size_t count = bound == BENCH_TRIAD ? out->size : out->size * out->size, width = bound == BENCH_SGEMM ? sizeof(float) : sizeof(double);
  ntk_error *err = ntk_alloc(count, width, &out->a);
  if (!err) err = ntk_alloc(count, width, &out->b);
  if (!err) err = ntk_alloc(count, width, &out->c);
  for (size_t i = 0; !err && i < count; i++) {
    double value = 1 / (1 + (double)(i % 1021));
    if (bound == BENCH_SGEMM)
      ((float *)out->b)[i] = ((float *)out->c)[i] = (float)value;
    else
      ((double *)out->b)[i] = ((double *)out->c)[i] = value;
  }
  if (err) bench_machine_free(out);
  return err;
}

void bench_machine_free(bench_machine *machine) {
  free(machine->a);
  free(machine->b);
  free(machine->c);
  machine->a = machine->b = machine->c = NULL;
}

double bench_machine_work(const bench_machine *machine) {
  double size = (double)machine->size;
  switch (machine->bound) {
    case BENCH_FMA: return size * bench_fma_operations();
    case BENCH_TRIAD: return size * 3 * sizeof(double);
    default: return 2 * size * size * size;
  }
}

static void triad(size_t n, double *restrict a, const double *restrict b, const double *restrict c) {
  for (size_t i = 0; i < n; i++) a[i] = b[i] + 3 * c[i];
}

void bench_machine_run(bench_machine *machine) {
  int n = (int)machine->size;
  switch (machine->bound) {
    case BENCH_FMA: bench_fma_run(machine->size); break;
    case BENCH_TRIAD: triad(machine->size, machine->a, machine->b, machine->c); break;
    case BENCH_SGEMM: cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n, n, n, 1, machine->b, n, machine->c, n, 0, machine->a, n); break;
    default: cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n, n, n, 1, machine->b, n, machine->c, n, 0, machine->a, n); break;
  }
}

double bench_machine_rate(bench_machine *machine) {
  double start = ntk_clock_cpu();
  bench_machine_run(machine);
  return bench_machine_work(machine) / (ntk_clock_cpu() - start);
}
