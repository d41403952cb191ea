// ranks: 1 2 4
// Sinkhorn divergences and the other metrics: convergence against a plain solver, weighted points, corners, stored and recomputed costs.
#include <math.h>

#include "base/mem.h"
#include "base/rng.h"
#include "metric/distances.h"
#include "metric/sinkhorn.h"
#include "metric/subsample.h"
#include "reference.h"

static ntk_measure sample(size_t n, size_t d, uint32_t stream, double shift) {
  ntk_measure m = {.n = n, .d = d};
  OK(ntk_alloc(n * d, sizeof(double), &m.x));
  OK(NTK_NEW(n, &m.mass));
  for (size_t i = 0; i < n * d; i++) m.x[i] = ntk_normal((ntk_rng){3, 0, stream}, i) + shift;
  for (size_t i = 0; i < n; i++) m.mass[i] = 1 / (double)n;
  return m;
}

static void release(ntk_measure *m) {
  free(m->x);
  free(m->mass);
}

/* OT_eps by alternating updates of the dual potentials until they stand still. */
static double plain_ot(const ntk_measure *x, const ntk_measure *y, double eps) {
  double *f = calloc(x->n, sizeof *f), *g = calloc(y->n, sizeof *g), value = 0;
  for (int step = 0; step < 20000; step++)
    for (int side = 0; side < 2; side++) {
      const ntk_measure *to = side ? y : x, *from = side ? x : y;
      double *u = side ? g : f, *v = side ? f : g;
      for (size_t i = 0; i < to->n; i++) {
        double sum = 0;
        for (size_t j = 0; j < from->n; j++) {
          double cost = 0;
          for (size_t a = 0; a < x->d; a++) cost += 0.5 * pow(to->x[i * x->d + a] - from->x[j * x->d + a], 2);
          sum += from->mass[j] * exp((v[j] - cost) / eps);
        }
        u[i] = -eps * log(sum);
      }
    }
  for (size_t i = 0; i < x->n; i++) value += x->mass[i] * f[i];
  for (size_t j = 0; j < y->n; j++) value += y->mass[j] * g[j];
  free(f);
  free(g);
  return value;
}

static void converged_equals_a_plain_solver(void **state) {
  const test_comms *comms = *state;
  ntk_measure x = sample(9, 2, 1, 0), y = sample(7, 2, 2, 0.5);
  x.mass[0] += 0.05;
  x.mass[1] -= 0.05;
  double value = 0, alone = 0, eps = 0.7 * 0.7;
  OK(ntk_sinkhorn_converged(&comms->world, &x, &y, 0.7, 0.8, 1e-13, 100000, &value));
  OK(ntk_sinkhorn_converged(&comms->self, &x, &y, 0.7, 0.8, 1e-13, 100000, &alone));
  CLOSE(value, plain_ot(&x, &y, eps) - 0.5 * plain_ot(&x, &x, eps) - 0.5 * plain_ot(&y, &y, eps), 1e-11);
  assert_same_bits(&value, &alone, 1);
  FAILS(ntk_sinkhorn_converged(&comms->world, &x, &y, 1e-3, 0.5, 1e-13, 3, &value), NTK_E_NUMERIC, "3 steps");
  release(&x), release(&y);
}

static void single_points_and_equal_points(void **state) {
  const test_comms *comms = *state;
  ntk_measure x = sample(1, 3, 1, 0), y = sample(1, 3, 2, 1);
  double half = 0, value = 0, both[2];
  for (size_t a = 0; a < 3; a++) half += 0.5 * (x.x[a] - y.x[a]) * (x.x[a] - y.x[a]);
  OK(ntk_sinkhorn_peer(&comms->world, &x, &y, 0.001, 0.95, &value));
  CLOSE(value, half, 1e-14 * half);
  OK(ntk_energy_distance(&comms->world, &x, &y, &value));
  CLOSE(value, sqrt(2 * half), 1e-14);
  OK(ntk_gaussian_mmd2(&comms->world, &x, &y, 2, &both[0], &both[1]));
  CLOSE(both[0], 2 - 2 * exp(-half / 4), 1e-15);
  assert_true(isnan(both[1]));
  memcpy(y.x, x.x, 3 * sizeof *x.x);
  OK(ntk_sinkhorn_peer(&comms->world, &x, &y, 0.001, 0.95, &value));
  CLOSE(value, 0, 0);
  y.x[1] = NAN;
  FAILS(ntk_sinkhorn_peer(&comms->world, &x, &y, 0.001, 0.95, &value), NTK_E_NONFINITE, "real point 0");
  y.x[1] = 1e200;
  FAILS(ntk_sinkhorn_peer(&comms->world, &x, &y, 0.001, 0.95, &value), NTK_E_NONFINITE, "overflow");
  y.d = 1;
  FAILS(ntk_energy_distance(&comms->world, &x, &y, &value), NTK_E_CONFIG, "3 coordinates");
  release(&x), release(&y);
}

/* Masses: a point of twice the mass is two points; a point without mass inside the box is none. */
static void masses_count_points(void **state) {
  const test_comms *comms = *state;
  enum { N = 37 };
  ntk_measure x = sample(N, 2, 1, 0), y = sample(29, 2, 2, 1), more = sample(N + 1, 2, 1, 0), weighted = sample(N + 1, 2, 1, 0);
  memcpy(more.x + 2 * N, x.x, 2 * sizeof *x.x); /* point 0 twice */
  memcpy(weighted.x + 2 * N, x.x + 4, 2 * sizeof *x.x);
  for (size_t i = 0; i < N; i++) weighted.mass[i] = (i == 0 ? 2.0 : 1.0) / (N + 1);
  weighted.mass[N] = 0;
  double a[4], b[4], unused;
  for (int k = 0; k < 2; k++) {
    const ntk_measure *m = k ? &weighted : &more;
    double *out = k ? b : a;
    OK(ntk_sinkhorn_peer(&comms->world, m, &y, 0.01, 0.9, &out[0]));
    OK(ntk_energy_distance(&comms->world, m, &y, &out[1]));
    OK(ntk_gaussian_mmd2(&comms->world, &y, m, 0.8, &out[2], &unused));
    OK(ntk_sinkhorn_peer(&comms->world, &y, m, 0.01, 0.9, &out[3]));
  }
  for (int k = 0; k < 4; k++) CLOSE(b[k], a[k], 1e-13 * fabs(a[k]) + 1e-14);
  CLOSE(a[3], a[0], 1e-12 * a[0]); /* symmetric in the two measures */
  assert_true(isnan(unused));
  release(&x), release(&y), release(&more), release(&weighted);
}

static void w1_with_masses_is_a_transport(void **state) {
  (void)state;
  double xs[] = {0, 1, 5}, a[] = {0.5, 0.25, 0.25}, ys[] = {0, 2}, b[] = {0.25, 0.75}, value = 0;
  ntk_measure x = {.n = 3, .d = 1, .x = xs, .mass = a}, y = {.n = 2, .d = 1, .x = ys, .mass = b};
  OK(ntk_wasserstein_line(&x, &y, &value));
  CLOSE(value, 0.25 * 1 + 0.5 * 1 + 0.25 * 3, 1e-15); /* areas between the steps */
}

/* So many points that one rank alone recomputes its costs at every temperature while four store them. */
static void stored_and_recomputed_costs_agree(void **state) {
  const test_comms *comms = *state;
  if (comms->world.size < 4) skip();
  ntk_measure x = sample(2900, 2, 1, 0), y = sample(2950, 2, 2, 1);
  double value = 0, alone = 0;
  OK(ntk_sinkhorn_peer(&comms->world, &x, &y, 1, 0.5, &value));
  OK(ntk_sinkhorn_peer(&comms->self, &x, &y, 1, 0.5, &alone));
  assert_same_bits(&value, &alone, 1);
  release(&x), release(&y);
}

static void subsets_are_drawn_evenly(void **state) {
  (void)state;
  enum { N = 20, POINTS = 5, DRAWS = 4000 };
  ntk_measure m = sample(N, 1, 1, 0), some;
  size_t count[N] = {0};
  for (size_t i = 0; i < N; i++) m.x[i] = (double)i;
  for (uint64_t seed = 0; seed < DRAWS; seed++) {
    OK(ntk_subsample(&m, POINTS, (ntk_rng){seed, 0, NTK_STREAM_METRIC}, seed % 2, &some));
    assert_int_equal(some.n, POINTS);
    for (size_t i = 0; i < POINTS; i++) {
      count[(size_t)some.x[i]]++;
      if (i) assert_true(some.x[i] > some.x[i - 1]);
      CLOSE(some.mass[i], 1.0 / POINTS, 1e-15);
    }
    release(&some);
  }
  for (size_t i = 0; i < N; i++) assert_in_range(count[i], 860, 1140); /* 1000 expected, standard deviation 27 */
  OK(ntk_subsample(&m, N, (ntk_rng){1, 0, NTK_STREAM_METRIC}, 0, &some));
  assert_null(some.x);
  release(&m);
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  const struct CMUnitTest tests[] = {cmocka_unit_test(converged_equals_a_plain_solver),
                                     cmocka_unit_test(single_points_and_equal_points),
                                     cmocka_unit_test(masses_count_points),
                                     cmocka_unit_test(w1_with_masses_is_a_transport),
                                     cmocka_unit_test(stored_and_recomputed_costs_agree),
                                     cmocka_unit_test(subsets_are_drawn_evenly)};
  int failed = cmocka_run_group_tests(tests, comms_create, comms_free);
  MPI_Finalize();
  return failed;
}
