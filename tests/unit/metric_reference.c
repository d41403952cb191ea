// ranks: 1 2 4
// Sinkhorn, energy, Gaussian MMD and W1 against the reference file (numpy, geomloss, exact solvers), and the same bits on any number of ranks.
#include <math.h>

#include "metric/distances.h"
#include "metric/sinkhorn.h"
#include "reference.h"

typedef struct {
  const char *name;
  ntk_measure x, y;
  double diameter;
} pair;

static hid_t file;

static double number(const pair *p, const char *what) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s", p->name, what);
  return reference_number(file, path);
}

static void read_side(const char *name, const char *side, ntk_measure *out) {
  char path[128];
  size_t shape[2];
  snprintf(path, sizeof path, "%s/%s", name, side);
  out->x = reference_read(file, path, shape);
  out->n = shape[0];
  out->d = shape[1];
  out->mass = calloc(out->n, sizeof(double));
  for (size_t i = 0; i < out->n; i++) out->mass[i] = 1 / (double)out->n;
}

static double diameter(const ntk_measure *x, const ntk_measure *y) {
  double sum = 0;
  for (size_t a = 0; a < x->d; a++) {
    double low = x->x[a], high = low;
    for (size_t i = 0; i < x->n; i++) low = fmin(low, x->x[i * x->d + a]), high = fmax(high, x->x[i * x->d + a]);
    for (size_t i = 0; i < y->n; i++) low = fmin(low, y->x[i * y->d + a]), high = fmax(high, y->x[i * y->d + a]);
    sum += (high - low) * (high - low);
  }
  return sqrt(sum);
}

typedef void (*check)(const test_comms *comms, const pair *p);

static void each_pair(void **state, check f) {
  static const char *const names[] = {"d16_n100_m60",   "d16_n256",      "d16_n64",    "d1_n256",    "d1_n60_m100",  "d1_n64",     "d2_8gauss_n128",
                                      "d2_8gauss_n256", "d2_8gauss_n64", "d2_dup_n64", "d2_n48_m80", "d2_near_n128", "d2_same_n64"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    pair p = {.name = names[i]};
    read_side(p.name, "x", &p.x);
    read_side(p.name, "y", &p.y);
    p.diameter = diameter(&p.x, &p.y);
    f(*state, &p);
    free(p.x.x), free(p.x.mass), free(p.y.x), free(p.y.mass);
  }
}

static void near(const pair *p, const char *what, double value, double relative, double absolute) {
  double expected = number(p, what);
  if (!(fabs(value - expected) <= relative * fabs(expected) + absolute))
    fail_msg("%s/%s: %.17g, expected %.17g (off by %.1e)", p->name, what, value, expected, fabs(value - expected));
}

static void sinkhorn_of(const test_comms *comms, const pair *p) {
  static const struct {
    const char *name;
    double blur, scaling;
  } settings[] = {{"sinkhorn", 0.001, 0.95}, {"sinkhorn_blur0.05_s0.5", 0.05, 0.5}, {"sinkhorn_blur0.1_s0.9", 0.1, 0.9}};
  for (size_t k = 0; k < 3; k++) {
    double value = 0, alone = 0;
    OK(ntk_sinkhorn_peer(&comms->world, &p->x, &p->y, settings[k].blur, settings[k].scaling, &value));
    near(p, settings[k].name, value, 1e-12, 1e-14 * p->diameter * p->diameter);
    if (p->x.n > 128) continue;
    OK(ntk_sinkhorn_peer(&comms->self, &p->x, &p->y, settings[k].blur, settings[k].scaling, &alone));
    assert_same_bits(&value, &alone, 1);
  }
}

static void schedule_of(const test_comms *comms, const pair *p) {
  (void)comms;
  char path[128];
  size_t count = 0, shape[2];
  double *eps = NULL;
  snprintf(path, sizeof path, "%s/sinkhorn_eps", p->name);
  double *expected = reference_read(file, path, shape);
  OK(ntk_sinkhorn_schedule(p->diameter, 0.001, 0.95, &count, &eps));
  assert_int_equal(count, shape[0]);
  for (size_t k = 0; k < count; k++) assert_true(fabs(eps[k] - expected[k]) <= 1e-14 * expected[k]);
  free(eps);
  free(expected);
}

static void energy_of(const test_comms *comms, const pair *p) {
  double value = 0, alone = 0;
  OK(ntk_energy_distance(&comms->world, &p->x, &p->y, &value));
  OK(ntk_energy_distance(&comms->self, &p->x, &p->y, &alone));
  near(p, "energy", value, 1e-12, 1e-15 * p->diameter);
  assert_same_bits(&value, &alone, 1);
}

static void gaussian_of(const test_comms *comms, const pair *p) {
  char path[128];
  size_t shape[2];
  double *values[3];
  static const char *const names[] = {"mmd_sigma", "mmd2_biased", "mmd2_unbiased"};
  for (size_t k = 0; k < 3; k++) {
    snprintf(path, sizeof path, "%s/%s", p->name, names[k]);
    values[k] = reference_read(file, path, shape);
  }
  for (size_t k = 0; k < 3; k++) {
    double got[2], alone[2];
    OK(ntk_gaussian_mmd2(&comms->world, &p->x, &p->y, values[0][k], &got[0], &got[1]));
    OK(ntk_gaussian_mmd2(&comms->self, &p->x, &p->y, values[0][k], &alone[0], &alone[1]));
    assert_same_bits(got, alone, 2);
    if (!(fabs(got[0] - values[1][k]) <= 1e-12 * values[1][k] + 1e-15)) fail_msg("%s biased %.17g, expected %.17g", p->name, got[0], values[1][k]);
    if (!(fabs(got[1] - values[2][k]) <= 1e-12 * fabs(values[2][k]) + 1e-14))
      fail_msg("%s unbiased %.17g, expected %.17g", p->name, got[1], values[2][k]);
  }
  for (size_t k = 0; k < 3; k++) free(values[k]);
}

static void line_of(const test_comms *comms, const pair *p) {
  (void)comms;
  double value = 0;
  if (p->x.d > 1) {
    FAILS(ntk_wasserstein_line(&p->x, &p->y, &value), NTK_E_CONFIG, "points on the line");
    return;
  }
  OK(ntk_wasserstein_line(&p->x, &p->y, &value));
  near(p, "w1_1d", value, 1e-12, 0);
}

static void test_sinkhorn(void **state) { each_pair(state, sinkhorn_of); }
static void test_schedule(void **state) { each_pair(state, schedule_of); }
static void test_energy(void **state) { each_pair(state, energy_of); }
static void test_gaussian(void **state) { each_pair(state, gaussian_of); }
static void test_line(void **state) { each_pair(state, line_of); }

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  file = H5Fopen("tests/data/metrics.h5", H5F_ACC_RDONLY, H5P_DEFAULT);
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_schedule), cmocka_unit_test(test_sinkhorn), cmocka_unit_test(test_energy),
                                     cmocka_unit_test(test_gaussian), cmocka_unit_test(test_line)};
  int failed = cmocka_run_group_tests(tests, comms_create, comms_free);
  H5Fclose(file);
  MPI_Finalize();
  return failed;
}
