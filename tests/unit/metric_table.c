// ranks: 1 2
// Metrics by name from checked entries: every row of the table, its parameters, kernels, names and subsets.
#include <math.h>

#include "base/mem.h"
#include "base/rng.h"
#include "metric/distances.h"
#include "metric/metric.h"
#include "metric/mmd.h"
#include "metric/sinkhorn.h"
#include "reference.h"

enum { N = 40, M = 30, D = 2 };

static const ntk_rng rng = {1, 0, NTK_STREAM_METRIC};

/* A checked entry; the value lives in `arena`. */
static ntk_error *entry(ntk_arena *arena, const char *text, const ntk_value **out) {
  const ntk_choices kinds[] = {*ntk_metric_choices(), *ntk_network_choices(), *ntk_activation_choices(), *ntk_layer_choices()};
  const ntk_catalog catalog = {4, kinds};
  static const ntk_key key = {.name = "metric", .type = NTK_T_NAMED, .flags = NTK_KEY_REQUIRED, .kind = "metrics"};
  const ntk_value *raw = NULL;
  const ntk_schema schema = {arena, &catalog, NULL};
  NTK_TRY(ntk_value_parse(arena, "test", text, strlen(text), &raw));
  return ntk_schema_check_one(&schema, &key, raw, out);
}

static ntk_error *create(const char *text, const ntk_kernel *kernel, size_t dimension, ntk_metric **out) {
  ntk_arena *arena = NULL;
  const ntk_value *checked = NULL;
  *out = NULL;
  ntk_error *err = ntk_arena_create(&arena);
  if (!err) err = entry(arena, text, &checked);
  if (!err) err = ntk_metric_create(checked, kernel, dimension, rng, out);
  ntk_arena_free(&arena);
  return err;
}

static ntk_measure sample(size_t n, size_t d, uint32_t stream) {
  ntk_measure m = {.n = n, .d = d};
  OK(ntk_alloc(n * d, sizeof(double), &m.x));
  OK(NTK_NEW(n, &m.mass));
  for (size_t i = 0; i < n * d; i++) m.x[i] = ntk_normal((ntk_rng){2, 0, stream}, i) + (stream == 1 ? 0 : 0.5);
  for (size_t i = 0; i < n; i++) m.mass[i] = 1 / (double)n;
  return m;
}

static void release(ntk_measure *m) {
  free(m->x);
  free(m->mass);
}

/* Numbers of the metric `text` on the usual two samples. */
static void evaluate(const test_comms *comms, const char *text, const ntk_kernel *kernel, size_t count, double *out) {
  ntk_metric *metric = NULL;
  ntk_measure fake = sample(N, D, 1), real = sample(M, D, 2);
  OK(create(text, kernel, D, &metric));
  assert_int_equal(ntk_metric_count(metric), count);
  OK(ntk_metric_evaluate(metric, &comms->world, &fake, &real, out));
  ntk_metric_free(&metric);
  assert_null(metric);
  release(&fake);
  release(&real);
}

static void parameters_reach_the_functions(void **state) {
  const test_comms *comms = *state;
  ntk_measure fake = sample(N, D, 1), real = sample(M, D, 2);
  double got[2], expected[2];
  evaluate(comms, "sinkhorn", NULL, 1, got);
  OK(ntk_sinkhorn_peer(&comms->world, &fake, &real, 0.001, 0.95, expected));
  assert_same_bits(got, expected, 1);
  evaluate(comms, "sinkhorn: {blur: 0.1, scaling: 0.5}", NULL, 1, got);
  OK(ntk_sinkhorn_peer(&comms->world, &fake, &real, 0.1, 0.5, expected));
  assert_same_bits(got, expected, 1);
  evaluate(comms, "sinkhorn_converged: {blur: 1, tolerance: 1e-6, steps: 500}", NULL, 1, got);
  OK(ntk_sinkhorn_converged(&comms->world, &fake, &real, 1, 0.9, 1e-6, 500, expected));
  assert_same_bits(got, expected, 1);
  evaluate(comms, "energy", NULL, 1, got);
  OK(ntk_energy_distance(&comms->world, &fake, &real, expected));
  assert_same_bits(got, expected, 1);
  evaluate(comms, "gaussian_mmd2: {bandwidth: 0.7}", NULL, 2, got);
  OK(ntk_gaussian_mmd2(&comms->world, &fake, &real, 0.7, &expected[0], &expected[1]));
  assert_same_bits(got, expected, 2);
  release(&fake), release(&real);
}

static void mmd2_uses_the_run_s_kernel_or_its_own(void **state) {
  const test_comms *comms = *state;
  ntk_measure fake = sample(N, D, 1), real = sample(M, D, 2);
  ntk_kernel *kernel = NULL;
  ntk_mmd mmd;
  ntk_metric *metric = NULL;
  double got[2], gaussian[2];
  OK(ntk_kernel_parse("{type: mlp, depth: 2, activation: relu, bias_stddev: 1}", "ntk", D, &kernel));
  const ntk_mmd_options options = {0, NTK_MMD_BINS, rng, NULL};
  OK(ntk_mmd_measures(&comms->world, kernel, &fake, &real, &options, &mmd));
  evaluate(comms, "mmd2", kernel, 2, got);
  assert_same_bits(&got[0], &mmd.biased, 1);
  assert_same_bits(&got[1], &mmd.unbiased, 1);
  evaluate(comms, "mmd2: {network: {type: rbf, bandwidth: 0.7}}", kernel, 2, got);
  OK(ntk_gaussian_mmd2(&comms->world, &fake, &real, 0.7, &gaussian[0], &gaussian[1]));
  CLOSE(got[0], gaussian[0], 1e-14);
  CLOSE(got[1], gaussian[1], 1e-14);
  FAILS(create("mmd2", NULL, D, &metric), NTK_E_CONFIG, "needs a network");
  ntk_kernel_free(&kernel);
  release(&fake), release(&real);
}

static void names_and_intervals(void **state) {
  (void)state;
  ntk_metric *metric = NULL;
  OK(create("gaussian_mmd2: {name: near, every: 500}", NULL, D, &metric));
  assert_string_equal(ntk_metric_name(metric, 0), "near");
  assert_string_equal(ntk_metric_name(metric, 1), "near_unbiased");
  assert_true(strlen(ntk_metric_long_name(metric, 1)) > 0);
  assert_int_equal(ntk_metric_every(metric), 500);
  ntk_metric_free(&metric);
  OK(create("sinkhorn", NULL, D, &metric));
  assert_string_equal(ntk_metric_name(metric, 0), "sinkhorn");
  assert_int_equal(ntk_metric_every(metric), 0);
  ntk_metric_free(&metric);
  FAILS(create("energy: {name: My Energy}", NULL, D, &metric), NTK_E_CONFIG, "lower-case");
  FAILS(create("sinkhorn: {blur: 0}", NULL, D, &metric), NTK_E_CONFIG, "blur");
  FAILS(create("sinkhorn: {blurr: 0.1}", NULL, D, &metric), NTK_E_CONFIG, "blur");
  FAILS(create("sinkhron", NULL, D, &metric), NTK_E_CONFIG, "sinkhorn");
  FAILS(create("w1_1d", NULL, D, &metric), NTK_E_CONFIG, "on the line");
  OK(create("w1_1d", NULL, 1, &metric));
  ntk_metric_free(&metric);
}

/* `points` evaluates on a subset: always the same one, another value than on all, and all of them when there are not more. */
static void subsets_are_fixed(void **state) {
  const test_comms *comms = *state;
  double all, some, again, more;
  evaluate(comms, "energy", NULL, 1, &all);
  evaluate(comms, "energy: {points: 10}", NULL, 1, &some);
  evaluate(comms, "energy: {points: 10}", NULL, 1, &again);
  evaluate(comms, "energy: {points: 1000}", NULL, 1, &more);
  assert_same_bits(&some, &again, 1);
  assert_same_bits(&all, &more, 1);
  assert_true(some != all);
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  const struct CMUnitTest tests[] = {cmocka_unit_test(parameters_reach_the_functions), cmocka_unit_test(mmd2_uses_the_run_s_kernel_or_its_own),
                                     cmocka_unit_test(names_and_intervals), cmocka_unit_test(subsets_are_fixed)};
  int failed = cmocka_run_group_tests(tests, comms_create, comms_free);
  MPI_Finalize();
  return failed;
}
