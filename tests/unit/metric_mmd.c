// ranks: 1 2 4
// MMD: brute force, invariances, standard error by simulation, and the permutation test against full enumeration.
#include <math.h>

#include "base/mem.h"
#include "base/rng.h"
#include "metric/mmd.h"
#include "metric/mmd_quick.h"
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

static int ascending(const void *a, const void *b) { return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b); }

static void release(ntk_measure *m) {
  free(m->x);
  free(m->mass);
}

static ntk_mmd evaluate_by(const ntk_comm *comm, ntk_mmd_method method, const char *network, const ntk_measure *x, const ntk_measure *y,
                           size_t permutations, uint64_t seed) {
  ntk_mmd out;
  ntk_kernel *kernel = NULL;
  OK(ntk_kernel_parse(network, "ntk", x->d, &kernel));
  const ntk_mmd_options options = {permutations, method, {seed, 0, NTK_STREAM_PERMUTE}, NULL};
  OK(ntk_mmd_measures(comm, kernel, x, y, &options, &out));
  ntk_kernel_free(&kernel);
  return out;
}

static ntk_mmd evaluate(const ntk_comm *comm, const char *network, const ntk_measure *x, const ntk_measure *y, size_t permutations, uint64_t seed) {
  return evaluate_by(comm, NTK_MMD_BINS, network, x, y, permutations, seed);
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
    assert_memory_equal(&all, &alone, offsetof(ntk_mmd, paired));
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

/* The share of all labellings (or of those that swap points of the same number) whose U-statistic is at least the observed one. */
static double enumerated(const ntk_measure *x, const ntk_measure *y, bool pairs) {
  size_t p = x->n + y->n, reached = 0, all = 0;
  double observed = u_statistic(x, y);
  for (unsigned bits = 0; bits < 1u << p; bits++) {
    if ((size_t)__builtin_popcount(bits) != x->n || (pairs && ((bits >> x->n) ^ bits) % (1u << x->n) != (1u << x->n) - 1)) continue;
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
  static const size_t sizes[][2] = {{3, 3}, {2, 5}, {5, 2}, {4, 5}, {5, 5}};
  for (uint64_t s = 0; s < 5; s++)
    for (uint64_t seed = 0; seed < 3; seed++) {
      ntk_measure x = normal(sizes[s][0], 2, seed, 1, 0), y = normal(sizes[s][1], 2, seed, 2, 0.7);
      double exact = enumerated(&x, &y, false), within = 4.5 * sqrt(exact * (1 - exact) / B) + 1.0 / B;
      CLOSE(evaluate_by(&comms->world, NTK_MMD_BINS, RBF, &x, &y, B, seed).p_value, exact, within);
      CLOSE(evaluate_by(&comms->world, NTK_MMD_LABELS, RBF, &x, &y, B, seed).p_value, exact, within);
      if (x.n == y.n) {
        ntk_mmd wild = evaluate_by(&comms->world, NTK_MMD_WILD, RBF, &x, &y, B, seed);
        exact = enumerated(&x, &y, true);
        assert_true(wild.paired);
        CLOSE(wild.p_value, exact, 4.5 * sqrt(exact * (1 - exact) / B) + 1.0 / B);
      }
      release(&x), release(&y);
    }
}

/* Adds up what each rank has found in its share of many cases (rank, rank + size, ...): as the same bits come from any ranks, one does a case. */
static void over_ranks(int count, uint64_t *found) { MPI_Allreduce(MPI_IN_PLACE, found, count, MPI_UINT64_T, MPI_SUM, MPI_COMM_WORLD); }

/* n, m of more than a thousand points together have several in a bin. The wild bootstrap of n != m keeps its level for large samples only. */
static void the_level_is_kept_and_differences_are_found(void **state) {
  const test_comms *comms = *state;
  enum { CASES = 80, B = 39 };
  static const size_t sizes[][3] = {{12, 9, 0}, {12, 9, 1}, {12, 12, 2}, {700, 450, 0}, {60, 1200, 0}, {600, 600, 2}, {700, 450, 2}};
  for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
    size_t n = sizes[k][0], m = sizes[k][1];
    uint64_t found[2] = {0, 0};
    ntk_mmd_method method = (ntk_mmd_method)sizes[k][2];
    for (uint64_t seed = (uint64_t)comms->world.rank; seed < CASES; seed += (uint64_t)comms->world.size) {
      ntk_measure x = normal(n, 1, 100 + seed, 1, 0), y = normal(m, 1, 100 + seed, 2, 0);
      double p = evaluate_by(&comms->self, method, RBF, &x, &y, B, seed).p_value;
      found[0] += p <= 0.25;
      found[1] += p > 0.75;
      release(&x), release(&y);
    }
    over_ranks(2, found);
    assert_in_range(found[0], 6, 36); /* 20 expected, standard deviation 3.9 */
    assert_in_range(found[1], 6, 36);
    ntk_measure x = normal(n + 30, 2, 9, 1, 0), y = normal(m + 30, 2, 9, 2, 0.1);
    ntk_mmd together = evaluate_by(&comms->world, method, RBF, &x, &y, 199, 1), alone = evaluate_by(&comms->self, method, RBF, &x, &y, 199, 1);
    assert_true(together.p_value == alone.p_value && together.unbiased == alone.unbiased && together.standard_error == alone.standard_error);
    release(&y);
    y = normal(m + 30, 2, 9, 2, 2);
    CLOSE(evaluate_by(&comms->world, method, RBF, &x, &y, 199, 1).p_value, 1.0 / 200, 1e-15);
    for (size_t i = 0; i < 2 * x.n; i++) x.x[i] = 1;
    for (size_t i = 0; i < 2 * y.n; i++) y.x[i] = 1;
    CLOSE(evaluate_by(&comms->world, method, RBF, &x, &y, 199, 1).p_value, 1, 0); /* every labelling ties */
    release(&x), release(&y);
  }
}

/* Points sorted in their files are no hindrance: they are shuffled first. */
static void the_order_of_the_points_does_not_matter_to_the_level(void **state) {
  const test_comms *comms = *state;
  uint64_t low = 0;
  for (uint64_t seed = (uint64_t)comms->world.rank; seed < 40; seed += (uint64_t)comms->world.size) {
    ntk_measure x = normal(700, 1, 500 + seed, 1, 0), y = normal(700, 1, 500 + seed, 2, 0);
    qsort(x.x, x.n, sizeof *x.x, ascending);
    qsort(y.x, y.n, sizeof *y.x, ascending);
    low += evaluate(&comms->self, RBF, &x, &y, 39, seed).p_value <= 0.25;
    release(&x), release(&y);
  }
  over_ranks(1, &low);
  assert_in_range(low, 2, 20); /* 10 expected, standard deviation 2.7 */
}

/* Values between 0.280 and 0.283 with an MMD^2 far below: what they have in common must not cost digits. */
static void a_nearly_constant_kernel_keeps_its_digits(void **state) {
  const test_comms *comms = *state;
  const char *sigmoid = "{type: mlp, depth: 3, activation: sigmoid_like, bias_stddev: 0.2}";
  enum { N = 150 };
  ntk_measure x = normal(N, 2, 3, 1, 0), y = normal(N, 2, 3, 2, 0.1);
  long double sum = 0;
  ntk_kernel *kernel = NULL;
  ntk_prepared *points[2] = {NULL, NULL};
  ntk_workspace *workspace = NULL;
  double k[4][N * N];
  OK(ntk_kernel_parse(sigmoid, "nngp", 2, &kernel));
  OK(ntk_prepare(kernel, N, x.x, &points[0]));
  OK(ntk_prepare(kernel, N, y.x, &points[1]));
  OK(ntk_workspace_create(kernel, &workspace));
  for (size_t b = 0; b < 4; b++) ntk_tile_values(kernel, workspace, (ntk_tile){points[b / 2], points[b % 2], 0, N, 0, N}, k[b], N);
  for (size_t i = 0; i < N * N; i++) sum += (long double)k[0][i] - k[1][i] - k[2][i] + k[3][i];
  ntk_mmd mmd;
  const ntk_mmd_options options = {0, NTK_MMD_BINS, {1, 0, NTK_STREAM_PERMUTE}, NULL};
  OK(ntk_mmd_measures(&comms->world, kernel, &x, &y, &options, &mmd));
  double exact = (double)(sum / (N * N));
  CLOSE(mmd.biased, exact, 0.25 * 0x1p-53 * k[0][0]); /* a plain double sum is off by several units of k */
  ntk_workspace_free(&workspace);
  for (size_t b = 0; b < 2; b++) ntk_prepared_free(&points[b]);
  ntk_kernel_free(&kernel);
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

static double gaussian(double x, double y) { return exp(-(x - y) * (x - y) / (2 * 1.3 * 1.3)); }

static ntk_mmd_quick quick(const ntk_comm *comm, const ntk_measure *x, const ntk_measure *y, size_t block) {
  ntk_mmd_quick out;
  double *both = NULL;
  ntk_kernel *kernel = NULL;
  OK(NTK_NEW(x->n + y->n, &both));
  memcpy(both, x->x, x->n * sizeof *both);
  memcpy(both + x->n, y->x, y->n * sizeof *both);
  const ntk_pair_points sample = {x->n, y->n, 1, both, NULL};
  OK(ntk_kernel_parse(RBF, "ntk", 1, &kernel));
  OK(ntk_mmd_quick_evaluate(comm, kernel, &sample, block, &out));
  ntk_kernel_free(&kernel);
  free(both);
  return out;
}

static void quick_estimators_are_means_of_their_terms(void **state) {
  const test_comms *comms = *state;
  enum { B = 70, TERMS = 3 }; /* more than a strip of rows */
  ntk_measure x = normal(B * TERMS + 5, 1, 11, 1, 0), y = normal(B * TERMS + 60, 1, 11, 2, 0.3);
  double sum = 0, squares = 0, linear = 0;
  for (size_t t = 0; t < TERMS; t++) {
    ntk_measure u = uniform(B, 1, x.x + t * B), v = uniform(B, 1, y.x + t * B);
    double term = u_statistic(&u, &v);
    sum += term;
    squares += term * term;
    release(&u), release(&v);
  }
  ntk_mmd_quick block = quick(&comms->world, &x, &y, B), pairs = quick(&comms->world, &x, &y, 0), alone = quick(&comms->self, &x, &y, 0);
  assert_int_equal(block.terms, TERMS);
  CLOSE(block.value, sum / TERMS, 1e-15);
  CLOSE(block.standard_error, sqrt((squares / TERMS - sum * sum / TERMS / TERMS) / (TERMS - 1)), 1e-9);
  size_t terms = x.n / 2;
  for (size_t t = 0; t < terms; t++) {
    double a = x.x[2 * t], b = x.x[2 * t + 1], c = y.x[2 * t], d = y.x[2 * t + 1];
    linear += gaussian(a, b) + gaussian(c, d) - gaussian(a, d) - gaussian(b, c);
  }
  assert_int_equal(pairs.terms, terms);
  CLOSE(pairs.value, linear / (double)terms, 1e-15);
  assert_memory_equal(&pairs, &alone, sizeof pairs);
  release(&x), release(&y);
}

static void quick_standard_errors_are_those_of_repetitions(void **state) {
  const test_comms *comms = *state;
  enum { CASES = 200 };
  for (size_t block = 0; block <= 8; block += 8) {
    double sum = 0, squares = 0, errors = 0;
    for (uint64_t seed = 0; seed < CASES; seed++) {
      ntk_measure x = normal(320, 1, 3000 + seed, 1, 0), y = normal(320, 1, 3000 + seed, 2, 0);
      ntk_mmd_quick mmd = quick(&comms->world, &x, &y, block);
      sum += mmd.value;
      squares += mmd.value * mmd.value;
      errors += mmd.standard_error;
      release(&x), release(&y);
    }
    double deviation = sqrt(squares / CASES - sum * sum / CASES / CASES);
    CLOSE(sum / CASES, 0, 4 * deviation / sqrt(CASES));
    CLOSE(errors / CASES, deviation, 0.2 * deviation);
  }
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  const struct CMUnitTest tests[] = {cmocka_unit_test(equals_the_double_sums),
                                     cmocka_unit_test(equal_measures_have_none),
                                     cmocka_unit_test(duplicates_and_split_masses_change_nothing),
                                     cmocka_unit_test(a_homogeneous_kernel_does_not_see_the_origin),
                                     cmocka_unit_test(p_values_match_full_enumeration),
                                     cmocka_unit_test(the_level_is_kept_and_differences_are_found),
                                     cmocka_unit_test(the_order_of_the_points_does_not_matter_to_the_level),
                                     cmocka_unit_test(a_nearly_constant_kernel_keeps_its_digits),
                                     cmocka_unit_test(the_standard_error_is_that_of_repetitions),
                                     cmocka_unit_test(quick_estimators_are_means_of_their_terms),
                                     cmocka_unit_test(quick_standard_errors_are_those_of_repetitions)};
  int failed = cmocka_run_group_tests(tests, comms_create, comms_free);
  MPI_Finalize();
  return failed;
}
