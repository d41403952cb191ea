// ranks: 1
#include <math.h>

#include "check.h"
#include "config/schema.h"
#include "data/data.h"
#include "io/file.h"

static char folder[] = "/tmp/ntkgan-data-XXXXXX";
static ntk_arena *arena;
static const ntk_rng real = {7, 0, NTK_STREAM_REAL};

/* A checked entry from YAML; paths are relative to the test's folder. */
static ntk_error *check(const char *yaml, const ntk_value **entry) {
  static const ntk_key key = {"real", NTK_T_TYPED, NTK_KEY_REQUIRED, 0, 0, NULL, "data", NULL, NULL, NULL, "points"};
  const ntk_value *raw = NULL;
  ntk_catalog catalog = {1, ntk_data_choices()};
  ntk_schema schema = {arena, &catalog, folder};
  NTK_TRY(ntk_value_parse(arena, "test.yaml", yaml, strlen(yaml), &raw));
  return ntk_schema_check_one(&schema, &key, raw, entry);
}

static ntk_error *create(const char *yaml, ntk_rng rng, ntk_measure *m) {
  const ntk_value *entry = NULL;
  *m = (ntk_measure){0};
  NTK_TRY(check(yaml, &entry));
  size_t n = 0, d = 0;
  NTK_TRY(ntk_measure_create(entry, rng, m));
  OK(ntk_measure_size(entry, &n, &d));
  assert_int_equal(n, m->n); /* what is planned is what is built */
  assert_int_equal(d, m->d);
  return NULL;
}

static void write_text(const char *name, const char *content) {
  char path[256];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  OK(ntk_file_write(path, content, strlen(content)));
}

static double mean_of(const ntk_measure *m, size_t a) {
  double sum = 0;
  for (size_t i = 0; i < m->n; i++) sum += m->x[i * m->d + a];
  return sum / (double)m->n;
}

static double covariance_of(const ntk_measure *m, size_t a, size_t b) {
  double ma = mean_of(m, a), mb = mean_of(m, b), sum = 0;
  for (size_t i = 0; i < m->n; i++) sum += (m->x[i * m->d + a] - ma) * (m->x[i * m->d + b] - mb);
  return sum / (double)m->n;
}

/* |value - expected| within five standard errors. */
static void near(double value, double expected, double standard_error, const char *what) {
  if (!(fabs(value - expected) <= 5 * standard_error)) fail_msg("%s: %g, expected %g +- %g", what, value, expected, 5 * standard_error);
}

enum { MANY = 20000 };
static const double ROOT = 141.42135623730951; /* of MANY */

static void gaussian_has_its_moments(void **state) {
  (void)state;
  ntk_measure m;
  OK(create("{type: gaussian, dimension: 3, stddev: 2, mean: [1, -1, 0.5], points: 20000}", real, &m));
  assert_int_equal(m.n, MANY);
  static const double mean[3] = {1, -1, 0.5};
  for (size_t a = 0; a < 3; a++) {
    near(mean_of(&m, a), mean[a], 2 / ROOT, "mean");
    for (size_t b = 0; b <= a; b++) near(covariance_of(&m, a, b), a == b ? 4 : 0, (a == b ? 4 * sqrt(2) : 4) / ROOT, "covariance");
  }
  double fourth = 0, total = 0;
  for (size_t i = 0; i < m.n; i++) {
    fourth += pow((m.x[3 * i] - 1) / 2, 4) / MANY;
    total += m.mass[i];
  }
  near(fourth, 3, sqrt(96) / ROOT, "fourth moment");
  assert_true(fabs(total - 1) < 1e-12);
  ntk_measure_free(&m);
  OK(create("{type: gaussian, dimension: 4, mean: 10, points: 100}", real, &m));
  for (size_t a = 0; a < 4; a++) near(mean_of(&m, a), 10, 0.1, "common mean");
  ntk_measure_free(&m);
}

static void ring_is_balanced(void **state) {
  (void)state;
  ntk_measure m;
  OK(create("{type: ring, points: 20000}", real, &m)); /* eight modes, radius 5, stddev 0.5 */
  size_t count[8] = {0};
  double square = 0;
  for (size_t i = 0; i < m.n; i++) {
    const double *x = m.x + 2 * i;
    double nearest = INFINITY;
    size_t mode = 0;
    for (size_t k = 0; k < 8; k++) {
      double angle = M_PI / 4 * (double)k, dx = x[0] - 5 * cos(angle), dy = x[1] - 5 * sin(angle);
      if (dx * dx + dy * dy < nearest) {
        nearest = dx * dx + dy * dy;
        mode = k;
      }
    }
    count[mode]++;
    square += nearest / MANY;
  }
  for (size_t k = 0; k < 8; k++) assert_in_range(count[k], MANY / 8 - 20, MANY / 8 + 20); /* 2e-4 of the points are nearer to a neighbour */
  near(square, 2 * 0.25, 0.5 / ROOT, "squared distance from the mode");
  ntk_measure_free(&m);
  OK(create("{type: ring, modes: 3, radius: 2, stddev: 0, points: 7}", real, &m));
  for (size_t i = 0; i < 7; i++) assert_true(fabs(atan2(m.x[2 * i + 1], m.x[2 * i]) - remainder(2 * M_PI * (double)(i % 3) / 3, 2 * M_PI)) < 1e-12);
  ntk_measure_free(&m);
}

static void grid_visits_each_mode(void **state) {
  (void)state;
  ntk_measure m;
  OK(create("{type: grid, side: 3, dimension: 2, spacing: 2, stddev: 0, points: 18}", real, &m));
  int count[3][3] = {{0}};
  for (size_t i = 0; i < m.n; i++) count[lround(m.x[2 * i] / 2) + 1][lround(m.x[2 * i + 1] / 2) + 1]++;
  for (int i = 0; i < 9; i++) assert_int_equal(count[i / 3][i % 3], 2);
  ntk_measure_free(&m);
  OK(create("{type: grid, points: 20000}", real, &m));
  near(mean_of(&m, 0), 0, 3 / ROOT, "mean");
  near(covariance_of(&m, 0, 0), 4 * 2 + 0.0025, 8 / ROOT, "variance"); /* of 0, +-1, +-2: 2 */
  ntk_measure_free(&m);
}

static void uniform_fills_its_cube(void **state) {
  (void)state;
  ntk_measure m;
  OK(create("{type: uniform, dimension: 2, low: -1, high: 3, points: 20000}", real, &m));
  for (size_t i = 0; i < 2 * m.n; i++) assert_true(m.x[i] > -1 && m.x[i] < 3);
  for (size_t a = 0; a < 2; a++) {
    near(mean_of(&m, a), 1, sqrt(16.0 / 12) / ROOT, "mean");
    near(covariance_of(&m, a, a), 16.0 / 12, 16 * sqrt(1.0 / 180) / ROOT, "variance");
  }
  near(covariance_of(&m, 0, 1), 0, 16.0 / 12 / ROOT, "covariance");
  ntk_measure_free(&m);
  FAILS(create("{type: uniform, dimension: 2, low: 1, high: 1, points: 3}", real, &m), NTK_E_CONFIG, "test.yaml:1:45: high");
}

static void sphere_has_its_radius(void **state) {
  (void)state;
  ntk_measure m;
  OK(create("{type: sphere, dimension: 3, radius: 2, points: 20000}", real, &m));
  for (size_t i = 0; i < m.n; i++) assert_true(fabs(hypot(hypot(m.x[3 * i], m.x[3 * i + 1]), m.x[3 * i + 2]) - 2) < 1e-12);
  for (size_t a = 0; a < 3; a++) {
    near(mean_of(&m, a), 0, 2 / sqrt(3) / ROOT, "mean");
    near(covariance_of(&m, a, a), 4.0 / 3, 4 * sqrt(4.0 / 45) / ROOT, "variance"); /* u^2 of a uniform u in [-1, 1] */
  }
  ntk_measure_free(&m);
  OK(create("{type: sphere, dimension: 2, radius: 1, stddev: 0.5, points: 20000}", real, &m));
  near(covariance_of(&m, 0, 0) + covariance_of(&m, 1, 1), 1.5, 1.5 / ROOT, "noise is independent of the direction");
  ntk_measure_free(&m);
}

static void spiral_winds(void **state) {
  (void)state;
  ntk_measure m;
  OK(create("{type: spiral, turns: 2, radius: 5, stddev: 0, points: 2000}", real, &m));
  double square = 0;
  for (size_t i = 0; i < m.n; i++) {
    double r = hypot(m.x[2 * i], m.x[2 * i + 1]), angle = atan2(m.x[2 * i + 1], m.x[2 * i]);
    assert_true(r <= 5 && fabs(remainder(angle - 4 * M_PI * r / 5, 2 * M_PI)) < 1e-9);
    square += r * r / 25 / 2000;
  }
  near(square, 0.5, sqrt(1.0 / 12 / 2000), "mean squared radius");
  ntk_measure_free(&m);
}

/* A sample begins with the smaller ones; the same seed gives it again; other repetitions and streams give others. */
static void samples_are_nested_and_repeatable(void **state) {
  (void)state;
  static const char *const kinds[] = {
      "gaussian, dimension: 2", "ring", "grid", "uniform, dimension: 3", "sphere, dimension: 3, stddev: 0.1", "spiral"};
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
    char yaml[200];
    ntk_measure small, large, again, other, fake;
    snprintf(yaml, sizeof yaml, "{type: %s, points: 37}", kinds[k]);
    OK(create(yaml, real, &small));
    OK(create(yaml, real, &again));
    OK(create(yaml, (ntk_rng){7, 1, NTK_STREAM_REAL}, &other));
    OK(create(yaml, (ntk_rng){7, 0, NTK_STREAM_FAKE}, &fake));
    snprintf(yaml, sizeof yaml, "{type: %s, points: 100}", kinds[k]);
    OK(create(yaml, real, &large));
    size_t bytes = small.n * small.d * sizeof(double);
    assert_memory_equal(small.x, again.x, bytes);
    assert_memory_equal(small.x, large.x, bytes);
    assert_memory_not_equal(small.x, other.x, bytes);
    assert_memory_not_equal(small.x, fake.x, bytes);
    ntk_measure_free(&small);
    ntk_measure_free(&large);
    ntk_measure_free(&again);
    ntk_measure_free(&other);
    ntk_measure_free(&fake);
  }
}

static void inline_points(void **state) {
  (void)state;
  ntk_measure m;
  OK(create("{type: points, dimension: 2, values: [1, 2, 3, 4, 5, 6], scale: 2, shift: -1}", real, &m));
  static const double expected[6] = {1, 3, 5, 7, 9, 11};
  assert_int_equal(m.n, 3);
  assert_memory_equal(m.x, expected, sizeof expected);
  ntk_measure_free(&m);
  OK(create("{type: points, dimension: 1, values: 4}", real, &m));
  assert_true(m.n == 1 && m.x[0] == 4 && m.mass[0] == 1);
  ntk_measure_free(&m);
  FAILS(create("{type: points, dimension: 2, values: [1, 2, 3]}", real, &m), NTK_E_CONFIG, "values: has 3 numbers");
  FAILS(create("{type: points, dimension: 1, values: [1, 2], points: 3}", real, &m), NTK_E_CONFIG, "test.yaml:1:54: points: 3 asked for");
  FAILS(create("{type: gaussian, dimension: 3, mean: [1, 2], points: 3}", real, &m), NTK_E_CONFIG, "mean: has 2 numbers");
  FAILS(create("{type: gaussian, dimension: 1000000000, points: 9000000000000000}", real, &m), NTK_E_CONFIG, "no memory");
}

static void files_are_shuffled_cut_and_weighted(void **state) {
  (void)state;
  ntk_measure m, shuffled, few;
  write_text("ten.csv", "0,0\n1,1\n2,4\n3,9\n4,16\n5,25\n6,36\n7,49\n8,64\n9,81\n");
  write_text("weights.csv", "1\n1\n1\n1\n1\n1\n1\n1\n1\n7\n");
  OK(create("{type: file, path: ten.csv}", real, &m));
  assert_true(m.n == 10 && m.d == 2 && m.x[5] == 4 && m.mass[3] == 0.1);
  OK(create("{type: file, path: ten.csv, shuffle: true, weights: weights.csv}", real, &shuffled));
  unsigned seen = 0;
  bool moved = false;
  for (size_t i = 0; i < 10; i++) {
    double v = shuffled.x[2 * i];
    assert_true(shuffled.x[2 * i + 1] == v * v); /* rows stay whole, with their weights */
    assert_true(fabs(shuffled.mass[i] - (v == 9 ? 7 : 1) / 16.0) < 1e-15);
    seen |= 1u << (unsigned)v;
    moved = moved || v != (double)i;
  }
  assert_int_equal(seen, 1023);
  assert_true(moved);
  OK(create("{type: file, path: ten.csv, shuffle: true, subset: 4}", real, &few));
  assert_int_equal(few.n, 4);
  assert_memory_equal(few.x, shuffled.x, 8 * sizeof(double));
  assert_true(few.mass[0] == 0.25);
  ntk_measure_free(&few);
  OK(create("{type: file, path: ten.csv, points: 3}", real, &few));
  assert_true(few.n == 3 && few.x[4] == 2);
  ntk_measure_free(&few);
  ntk_measure_free(&m);
  ntk_measure_free(&shuffled);
  FAILS(create("{type: file, path: ten.csv, subset: 11}", real, &m), NTK_E_CONFIG, "test.yaml:1:37: subset: 11 asked for, there are 10");
  FAILS(create("{type: file, path: ten.csv, weights: ten.csv}", real, &m), NTK_E_INPUT, "10 x 2 numbers, expected 10 x 1");
  write_text("negative.csv", "1\n1\n1\n1\n1\n1\n1\n1\n1\n-7\n");
  FAILS(create("{type: file, path: ten.csv, weights: negative.csv}", real, &m), NTK_E_INPUT, "weight 9 (from 0) is negative");
  write_text("zero.csv", "0\n0\n0\n0\n0\n0\n0\n0\n0\n7\n");
  FAILS(create("{type: file, path: ten.csv, weights: zero.csv, subset: 5}", real, &m), NTK_E_INPUT, "are zero");
  write_text("bad.csv", "1,2\n3,four\n");
  FAILS(create("{type: file, path: bad.csv}", real, &m), NTK_E_INPUT, "bad.csv:2:3: expected a number, found 'four'");
}

/* Each of the 24 orders of four points about equally often. */
static void shuffle_is_fair(void **state) {
  (void)state;
  size_t count[4][4] = {{0}};
  enum { TRIALS = 2000 };
  for (uint32_t r = 0; r < TRIALS; r++) {
    ntk_measure m;
    OK(create("{type: points, dimension: 1, values: [0, 1, 2, 3], shuffle: true}", (ntk_rng){7, r, NTK_STREAM_REAL}, &m));
    for (size_t i = 0; i < 4; i++) count[i][(size_t)m.x[i]]++;
    ntk_measure_free(&m);
  }
  for (int i = 0; i < 16; i++) near((double)count[i / 4][i % 4], TRIALS / 4.0, sqrt(TRIALS * 3 / 16.0), "place and point");
}

static void transforms(void **state) {
  (void)state;
  ntk_measure m;
  write_text("four.csv", "0,5,1\n1,5,3\n2,5,5\n7,5,7\n");
  OK(create("{type: file, path: four.csv, transform: minmax, scale: 2, shift: -1}", real, &m));
  static const double box[12] = {-1, -1, -1, 2.0 / 7 - 1, -1, -1 + 2.0 / 3, 4.0 / 7 - 1, -1, -1 + 4.0 / 3, 1, -1, 1};
  for (size_t i = 0; i < 12; i++) assert_true(fabs(m.x[i] - box[i]) < 1e-15);
  ntk_measure_free(&m);
  write_text("w.csv", "1\n1\n1\n3\n");
  OK(create("{type: file, path: four.csv, transform: standardize, weights: w.csv}", real, &m));
  for (size_t a = 0; a < 3; a++) {
    double mean = 0, square = 0;
    for (size_t i = 0; i < 4; i++) {
      mean += m.mass[i] * m.x[3 * i + a];
      square += m.mass[i] * m.x[3 * i + a] * m.x[3 * i + a];
    }
    assert_true(fabs(mean) < 1e-14 && fabs(square - (a == 1 ? 0 : 1)) < 1e-14); /* a constant coordinate becomes 0 */
  }
  ntk_measure_free(&m);
  FAILS(create("{type: points, dimension: 1, values: [1e300], scale: 1e100}", real, &m), NTK_E_CONFIG, "not finite");
}

static void measures_of_plain_points(void **state) {
  (void)state;
  ntk_measure m;
  static const double x[4] = {1, 2, 3, 4};
  char path[256];
  OK(ntk_measure_uniform(2, 2, x, &m));
  assert_memory_equal(m.x, x, sizeof x);
  assert_true(m.mass[0] == 0.5 && m.mass[1] == 0.5);
  ntk_measure_free(&m);
  ntk_measure_free(&m);
  write_text("x.csv", "1,2\n3,4\n");
  snprintf(path, sizeof path, "%s/x.csv", folder);
  OK(ntk_measure_read(path, &m));
  assert_memory_equal(m.x, x, sizeof x);
  ntk_measure_free(&m);
  FAILS(ntk_measure_read("/nonexistent.csv", &m), NTK_E_INPUT, "nonexistent");
}

static void wrong_keys_are_mistakes_of_the_study(void **state) {
  (void)state;
  const ntk_value *entry = NULL;
  FAILS(check("{type: rong, points: 3}", &entry), NTK_E_CONFIG, "ring");
  FAILS(check("{type: ring}", &entry), NTK_E_CONFIG, "points");
  FAILS(check("{type: ring, points: 0}", &entry), NTK_E_CONFIG, "points");
  FAILS(check("{type: ring, points: 3, radius: -1}", &entry), NTK_E_CONFIG, "radius");
  FAILS(check("{type: gaussian, points: 3, dimension: 0}", &entry), NTK_E_CONFIG, "dimension");
  FAILS(check("{type: file, path: none.csv}", &entry), NTK_E_CONFIG, "none.csv");
}

static int set_up(void **state) {
  (void)state;
  OK(ntk_arena_create(&arena));
  return mkdtemp(folder) ? 0 : -1;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gaussian_has_its_moments),
      cmocka_unit_test(ring_is_balanced),
      cmocka_unit_test(grid_visits_each_mode),
      cmocka_unit_test(uniform_fills_its_cube),
      cmocka_unit_test(sphere_has_its_radius),
      cmocka_unit_test(spiral_winds),
      cmocka_unit_test(samples_are_nested_and_repeatable),
      cmocka_unit_test(inline_points),
      cmocka_unit_test(files_are_shuffled_cut_and_weighted),
      cmocka_unit_test(shuffle_is_fair),
      cmocka_unit_test(transforms),
      cmocka_unit_test(measures_of_plain_points),
      cmocka_unit_test(wrong_keys_are_mistakes_of_the_study),
  };
  int failed = cmocka_run_group_tests(tests, set_up, NULL);
  ntk_arena_free(&arena);
  char command[300];
  snprintf(command, sizeof command, "rm -rf %s", folder);
  return system(command) ? 1 : failed;
}
