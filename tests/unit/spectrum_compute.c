// ranks: 1 2 3 4
// Spectra: invariants of the trace and the Frobenius norm, and alignment of targets with eigenfunctions.
#include <math.h>

#include "base/mem.h"
#include "base/rng.h"
#include "reference.h"
#include "spectrum/spectrum.h"

enum { N = 90 };

typedef struct {
  ntk_kernel *kernel;
  ntk_prepared *z;
  double mass[N], target[N], full[N * N];
} problem;

static void make(problem *p) {
  double x[2 * N], total = 0;
  ntk_workspace *workspace = NULL;
  OK(ntk_kernel_parse("{type: mlp, depth: 2, activation: relu, bias_stddev: 1}", "ntk", 2, &p->kernel));
  for (size_t i = 0; i < 2 * N; i++) x[i] = ntk_normal((ntk_rng){1, 0, 1}, i);
  for (size_t i = 0; i < N; i++) {
    p->target[i] = i < N / 2 ? -1 : 1;
    total += p->mass[i] = 1 + (double)(i % 5);
  }
  for (size_t i = 0; i < N; i++) p->mass[i] /= total;
  OK(ntk_prepare(p->kernel, N, x, &p->z));
  OK(ntk_workspace_create(p->kernel, &workspace));
  ntk_tile_values(p->kernel, workspace, (ntk_tile){p->z, p->z, 0, N, 0, N}, p->full, N);
  ntk_workspace_free(&workspace);
}

static void release(problem *p) {
  ntk_prepared_free(&p->z);
  ntk_kernel_free(&p->kernel);
}

static void invariants_hold(void **state) {
  const test_comms *comms = *state;
  problem p;
  ntk_spectrum s;
  make(&p);
  OK(ntk_spectrum_compute(&comms->world, p.kernel, p.z, p.mass, 0, p.target, &s));
  assert_null(s.vectors);
  assert_null(s.alignment);
  double trace = 0, squares = 0, values = 0, value_squares = 0;
  for (size_t i = 0; i < N; i++) {
    trace += p.mass[i] * p.full[i * N + i];
    for (size_t j = 0; j < N; j++) squares += p.mass[i] * p.mass[j] * p.full[i * N + j] * p.full[i * N + j];
    values += s.values[i];
    value_squares += s.values[i] * s.values[i];
    if (i) assert_true(s.values[i] <= s.values[i - 1]);
    assert_true(s.values[i] > -1e-14 * s.values[0]);
  }
  CLOSE(values, trace, 1e-13 * trace);
  CLOSE(value_squares, squares, 1e-13 * squares);
  ntk_spectrum_free(&s);
  release(&p);
}

static void alignment_is_the_share_along_eigenfunctions(void **state) {
  const test_comms *comms = *state;
  problem p;
  ntk_spectrum s, again;
  make(&p);
  OK(ntk_spectrum_compute(&comms->world, p.kernel, p.z, p.mass, 2 * N, p.target, &s)); /* more vectors than there are */
  assert_int_equal(s.k, N);
  double total = 0, rayleigh = 0, expected = 0;
  for (size_t c = 0; c < N; c++) {
    total += s.alignment[c];
    rayleigh += s.alignment[c] * s.values[c];
  }
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < N; j++) expected += p.mass[i] * p.mass[j] * p.target[i] * p.target[j] * p.full[i * N + j];
  CLOSE(total, 1, 1e-12);
  CLOSE(rayleigh, expected, 1e-12 * s.values[0]); /* sum_c <y, phi_c>^2 lambda_c = <y, T y>, and |y| = 1 here */
  for (size_t i = 0; i < N; i++) p.target[i] = s.vectors[i * N + 3] / sqrt(p.mass[i]);
  OK(ntk_spectrum_compute(&comms->world, p.kernel, p.z, p.mass, 6, p.target, &again));
  for (size_t c = 0; c < 6; c++) CLOSE(again.alignment[c], c == 3 ? 1 : 0, 1e-10);
  ntk_spectrum_free(&s);
  ntk_spectrum_free(&again);
  release(&p);
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  const struct CMUnitTest tests[] = {cmocka_unit_test(invariants_hold), cmocka_unit_test(alignment_is_the_share_along_eigenfunctions)};
  int failed = cmocka_run_group_tests(tests, comms_create, comms_free);
  MPI_Finalize();
  return failed;
}
