// ranks: 1
// Random numbers: a pure function of the key, with the right law.
#include <math.h>

#include "base/rng.h"
#include "check.h"

enum { COUNT = 200000 };

static const ntk_rng key = {42, 3, NTK_STREAM_REAL};

static void philox_known_answer(void **state) {
  (void)state;
  /* Random123's known answer for philox4x32-10 with zero counter and key: 6627e8d5 e169c58d bc57ac4c 9b00dbd8. */
  ntk_rng zero = {0, 0, 0};
  double expected = ((double)(0xe169c58d6627e8d5ULL >> 12) + 0.5) * 0x1p-52;
  assert_true(ntk_uniform(zero, 0) == expected);
}

static void uniforms_fill_the_interval(void **state) {
  (void)state;
  double sum = 0, square = 0;
  size_t bins[16] = {0};
  for (uint64_t i = 0; i < COUNT; i++) {
    double u = ntk_uniform(key, i);
    assert_true(u > 0 && u < 1);
    sum += u;
    square += u * u;
    bins[(size_t)(16 * u)]++;
  }
  CLOSE(sum / COUNT, 0.5, 5 * sqrt(1.0 / 12 / COUNT));
  CLOSE(square / COUNT, 1.0 / 3, 5 * sqrt(4.0 / 45 / COUNT));
  double chi2 = 0, expected = COUNT / 16.0;
  for (size_t b = 0; b < 16; b++) chi2 += ((double)bins[b] - expected) * ((double)bins[b] - expected) / expected;
  assert_true(chi2 < 40); /* 15 degrees of freedom: p < 5e-4 beyond */
}

static void normals_have_their_moments(void **state) {
  (void)state;
  double m1 = 0, m2 = 0, m3 = 0, m4 = 0, lag = 0, before = 0;
  for (uint64_t i = 0; i < COUNT; i++) {
    double z = ntk_normal(key, i);
    m1 += z;
    m2 += z * z;
    m3 += z * z * z;
    m4 += z * z * z * z;
    lag += z * before;
    before = z;
  }
  double n = COUNT;
  CLOSE(m1 / n, 0, 5 / sqrt(n));
  CLOSE(m2 / n, 1, 5 * sqrt(2 / n));
  CLOSE(m3 / n, 0, 5 * sqrt(15 / n));
  CLOSE(m4 / n, 3, 5 * sqrt(96 / n));
  CLOSE(lag / n, 0, 5 / sqrt(n)); /* the two of a Box-Muller pair are independent */
}

static void keys_and_streams_differ(void **state) {
  (void)state;
  ntk_rng other = key;
  double first = ntk_normal(key, 5);
  assert_true(first == ntk_normal(key, 5));
  other.seed++;
  assert_true(first != ntk_normal(other, 5));
  other = key;
  other.repetition++;
  assert_true(first != ntk_normal(other, 5));
  other = key;
  other.stream = NTK_STREAM_FAKE;
  assert_true(first != ntk_normal(other, 5));
  assert_true(first != ntk_normal(ntk_rng_part(key, 0), 5));
  assert_true(ntk_normal(ntk_rng_part(key, 1), 5) != ntk_normal(ntk_rng_part(key, 0), 5));
}

static void integers_cover_the_range_evenly(void **state) {
  (void)state;
  size_t bins[7] = {0};
  for (uint64_t i = 0; i < 70000; i++) bins[ntk_integer(key, i, 7)]++;
  for (size_t b = 0; b < 7; b++) CLOSE((double)bins[b], 10000, 5 * sqrt(10000));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(philox_known_answer), cmocka_unit_test(uniforms_fill_the_interval),
                                     cmocka_unit_test(normals_have_their_moments), cmocka_unit_test(keys_and_streams_differ),
                                     cmocka_unit_test(integers_cover_the_range_evenly)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
