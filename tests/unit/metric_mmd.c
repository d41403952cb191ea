// ranks: 1 2 4
// MMD: brute force, invariances, standard error by simulation, and the permutation test against full enumeration.
#include <math.h>

#include "base/mem.h"
#include "base/rng.h"
#include "metric/mmd.h"
#include "reference.h"

#define RBF "{type: rbf, bandwidth: 1.3}"

static ntk_measure uniform(size_t n, size_t d, const double *x) {
  ntk_measure m = {.n = n, .d = d};
  OK(ntk_alloc(n * d, sizeof(double), &m.x));
  OK(NTK_NEW(n, &m.mass));
  for (size_t i = 0; i < n * d; i++) m.x[i] = x[i];
  for (size_t i = 0; i < n; i++) m.mass[i] = 1 / (double)n;
  return m;
}

static ntk_measure normal(size_t n, size_t d, uint64_t seed, uint32_t stream, double shift) {
  double *x = NULL;
  OK(ntk_alloc(n * d, sizeof(double), &x));
  for (size_t i = 0; i < n * d; i++) x[i] = ntk_normal((ntk_rng){seed, 0, stream}, i) + (i % d == 0 ? shift : 0);
  ntk_measure m = uniform(n, d, x);
  free(x);
  return m;
}

static void release(ntk_measure *m) {
  free(m->x);
  free(m->mass);
}

static ntk_mmd evaluate(const ntk_comm *comm, const char *network, const ntk_measure *x, const ntk_measure *y, size_t permutations, uint64_t seed) {
  ntk_mmd out;
  ntk_kernel *kernel = NULL;
  OK(ntk_kernel_parse(network, "ntk", x->d, &kernel));
  OK(ntk_mmd_evaluate(comm, kernel, x, y, permutations, (ntk_rng){seed, 0, NTK_STREAM_PERMUTE}, &out));
  ntk_kernel_free(&kernel);
  return out;
}

static double rbf(const ntk_measure *x, size_t i, const ntk_measure *y, size_t j) {
  double squared = 0;
  for (size_t a = 0; a < x->d; a++) squared += (x->x[i * x->d + a] - y->x[j * x->d + a]) * (x->x[i * x->d + a] - y->x[j * x->d + a]);
  return exp(-squared / (2 * 1.3 * 1.3));
}

static double mean(const ntk_measure *x, const ntk_measure *y, int skip_diagonal) {
  long double sum = 0;
  for (size_t i = 0; i < x->n; i++)
    for (size_t j = 0; j < y->n; j++)
      if (!skip_diagonal || i != j) sum += rbf(x, i, y, j);
  return (double)(sum / ((long double)x->n * (long double)(y->n - (skip_diagonal ? 1 : 0))));
}

static double u_statistic(const ntk_measure *x, const ntk_measure *y) { return mean(x, x, 1) + mean(y, y, 1) - 2 * mean(x, y, 0); }

static void equals_the_double_sums(void **state) {
  const test_comms *comms = *state;
  static const size_t sizes[][2] = {{2, 2}, {23, 31}, {300, 170}};
  for (size_t s = 0; s < 3; s++) {
    ntk_measure x = normal(sizes[s][0], 2, 1, 1, 0), y = normal(sizes[s][1], 2, 1, 2, 0.5);
    ntk_mmd all = evaluate(&comms->world, RBF, &x, &y, 20, 3), alone = evaluate(&comms->self, RBF, &x, &y, 20, 3);
    CLOSE(all.biased, mean(&x, &x, 0) + mean(&y, &y, 0) - 2 * mean(&x, &y, 0), 1e-14);
    CLOSE(all.unbiased, u_statistic(&x, &y), 1e-14);
    assert_true(all.rounding > 0 && all.rounding < 1e-13);
    assert_memory_equal(&all, &alone, sizeof all);
    release(&x);
    release(&y);
  }
}

static void equal_measures_have_none(void **state) {
  const test_comms *comms = *state;
  enum { N = 400 };
  ntk_measure x = normal(N, 2, 4, 1, 0), y = uniform(N, 2, x.x);
  for (size_t i = 0; i < 2 * N; i++) y.x[i] = x.x[2 * (N - 1 - i / 2) + i % 2];
  ntk_mmd same = evaluate(&comms->world, RBF, &x, &y, 0, 1);
  CLOSE(same.biased, 0, same.rounding);
  assert_true(isnan(same.p_value) && same.unbiased < 0);
  release(&x);
  release(&y);
}

static void duplicates_and_split_masses_change_nothing(void **state) {
  const test_comms *comms = *state;
  enum { N = 60 };
  ntk_measure x = normal(N, 2, 5, 1, 0), y = normal(N, 2, 5, 2, 1), twice, split;
  double points[4 * N];
  memcpy(points, x.x, sizeof points / 2);
  memcpy(points + 2 * N, x.x, sizeof points / 2);
  twice = uniform(2 * N, 2, points);
  split = uniform(2 * N, 2, points);
  for (size_t i = 0; i < N; i++) {
    split.mass[i] = 0.25 / N;
    split.mass[N + i] = 0.75 / N;
  }
  ntk_mmd once = evaluate(&comms->world, RBF, &x, &y, 0, 1), doubled = evaluate(&comms->world, RBF, &twice, &y, 0, 1);
  ntk_mmd weighted = evaluate(&comms->world, RBF, &split, &y, 5, 1);
  CLOSE(doubled.biased, once.biased, 1e-14);
  CLOSE(weighted.biased, once.biased, 1e-14);
  assert_true(isnan(weighted.unbiased) && isnan(weighted.standard_error) && isnan(weighted.p_value));
  ntk_measure one = uniform(1, 2, points);
  ntk_mmd single = evaluate(&comms->world, RBF, &one, &y, 5, 1);
  assert_true(isnan(single.unbiased) && isnan(single.p_value) && single.biased > 0);
  release(&x), release(&y), release(&twice), release(&split), release(&one);
}

/* Without biases a ReLU kernel is homogeneous: delta_x and delta_0/2 + delta_2x/2 look the same to it. */
static void a_homogeneous_kernel_does_not_see_the_origin(void **state) {
  const test_comms *comms = *state;
  const double point[] = {0.7, -1.1}, both[] = {0, 0, 1.4, -2.2};
  ntk_measure x = uniform(1, 2, point), y = uniform(2, 2, both);
  ntk_mmd blind = evaluate(&comms->world, "{type: mlp, depth: 3, activation: relu}", &x, &y, 0, 1);
  ntk_mmd seeing = evaluate(&comms->world, "{type: mlp, depth: 3, activation: relu, bias_stddev: 1}", &x, &y, 0, 1);
  CLOSE(blind.biased, 0, blind.rounding);
  assert_true(seeing.biased > 0.01);
  release(&x), release(&y);
}

/* The share of all labellings of the pooled points whose U-statistic is at least the observed one. */
static double enumerated(const ntk_measure *x, const ntk_measure *y) {
  size_t p = x->n + y->n, reached = 0, all = 0;
  double observed = u_statistic(x, y);
  for (unsigned bits = 0; bits < 1u << p; bits++) {
    if ((size_t)__builtin_popcount(bits) != x->n) continue;
    double a[64], b[64];
    size_t i = 0, j = 0;
    for (size_t k = 0; k < p; k++) {
      const double *point = k < x->n ? x->x + 2 * k : y->x + 2 * (k - x->n);
      memcpy(bits >> k & 1 ? a + 2 * i++ : b + 2 * j++, point, 2 * sizeof *point);
    }
    ntk_measure u = uniform(x->n, 2, a), v = uniform(y->n, 2, b);
    reached += u_statistic(&u, &v) >= observed - 1e-13;
    all++;
    release(&u), release(&v);
  }
  return (double)reached / (double)all;
}

static void p_values_match_full_enumeration(void **state) {
  const test_comms *comms = *state;
  enum { B = 1500 };
  static const size_t sizes[][2] = {{3, 3}, {2, 5}, {5, 2}, {4, 5}};
  for (uint64_t s = 0; s < 4; s++)
    for (uint64_t seed = 0; seed < 3; seed++) {
      ntk_measure x = normal(sizes[s][0], 2, seed, 1, 0), y = normal(sizes[s][1], 2, seed, 2, 0.7);
      double exact = enumerated(&x, &y), p = evaluate(&comms->world, RBF, &x, &y, B, seed).p_value;
      CLOSE(p, exact, 4.5 * sqrt(exact * (1 - exact) / B) + 1.0 / B);
      release(&x), release(&y);
    }
}

static void the_level_is_kept_and_differences_are_found(void **state) {
  const test_comms *comms = *state;
  enum { CASES = 80, B = 39 };
  size_t low = 0, high = 0;
  for (uint64_t seed = 0; seed < CASES; seed++) {
    ntk_measure x = normal(12, 2, 100 + seed, 1, 0), y = normal(9, 2, 100 + seed, 2, 0);
    double p = evaluate(&comms->world, RBF, &x, &y, B, seed).p_value;
    low += p <= 0.25;
    high += p > 0.75;
    release(&x), release(&y);
  }
  assert_in_range(low, 6, 36); /* 20 expected, standard deviation 3.9 */
  assert_in_range(high, 6, 36);
  ntk_measure x = normal(40, 2, 9, 1, 0), y = normal(50, 2, 9, 2, 2);
  CLOSE(evaluate(&comms->world, RBF, &x, &y, 199, 1).p_value, 1.0 / 200, 1e-15);
  for (size_t i = 0; i < 2 * x.n; i++) x.x[i] = 1;
  for (size_t i = 0; i < 2 * y.n; i++) y.x[i] = 1;
  CLOSE(evaluate(&comms->world, RBF, &x, &y, 199, 1).p_value, 1, 0); /* every labelling ties */
  release(&x), release(&y);
}

static void the_standard_error_is_that_of_repetitions(void **state) {
  const test_comms *comms = *state;
  enum { CASES = 300 };
  double sum = 0, squares = 0, errors = 0;
  for (uint64_t seed = 0; seed < CASES; seed++) {
    ntk_measure x = normal(60, 1, 1000 + seed, 1, 0), y = normal(40, 1, 1000 + seed, 2, 1);
    ntk_mmd mmd = evaluate(&comms->world, RBF, &x, &y, 0, 1);
    sum += mmd.unbiased;
    squares += mmd.unbiased * mmd.unbiased;
    errors += mmd.standard_error;
    release(&x), release(&y);
  }
  double deviation = sqrt(squares / CASES - sum * sum / CASES / CASES);
  CLOSE(errors / CASES, deviation, 0.15 * deviation); /* a standard deviation from 300 samples is good to 4 % */
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  const struct CMUnitTest tests[] = {cmocka_unit_test(equals_the_double_sums),
                                     cmocka_unit_test(equal_measures_have_none),
                                     cmocka_unit_test(duplicates_and_split_masses_change_nothing),
                                     cmocka_unit_test(a_homogeneous_kernel_does_not_see_the_origin),
                                     cmocka_unit_test(p_values_match_full_enumeration),
                                     cmocka_unit_test(the_level_is_kept_and_differences_are_found),
                                     cmocka_unit_test(the_standard_error_is_that_of_repetitions)};
  int failed = cmocka_run_group_tests(tests, comms_create, comms_free);
  MPI_Finalize();
  return failed;
}
