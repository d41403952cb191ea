// ranks: 1
/* How long an allocation lasts, as Slurm writes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "study/deadline.h"

static void slurm_times_are_read(void **state) {
  (void)state;
  static const struct {
    const char *text;
    double seconds;
  } cases[] = {{"0:08", 8},     {"12:34", 754},      {"1:02:03", 3723}, {"2-03:04:05", 183845}, {"90", 5400},
               {"1-00", 86400}, {"1-12:30", 131400}, {"0:00", 0},       {"0:59\n", 59},         {"23:59:59", 86399}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    double seconds = -1;
    assert_true(ntk_deadline_parse(cases[i].text, &seconds));
    assert_true(seconds == cases[i].seconds);
  }
  static const char *const none[] = {"UNLIMITED", "INVALID", "NOT_SET", "", "-1", "1:2:3:4:5", "1:", "1-", "12:34x", "1-2-3", ":30"};
  for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
    double seconds;
    if (ntk_deadline_parse(none[i], &seconds)) fail_msg("accepted: %s", none[i]);
  }
}

static void the_environment_is_asked_first(void **state) {
  (void)state;
  char text[32];
  unsetenv("SLURM_JOB_ID");
  unsetenv("SLURM_JOB_END_TIME");
  assert_true(isinf(ntk_deadline_left()));
  snprintf(text, sizeof text, "%.0f", ntk_clock_wall() + 100);
  setenv("SLURM_JOB_END_TIME", text, 1);
  assert_true(fabs(ntk_deadline_left() - 100) < 5);
  setenv("SLURM_JOB_END_TIME", "1000", 1);
  assert_true(ntk_deadline_left() == 0);
  setenv("SLURM_JOB_END_TIME", "soon", 1);
  assert_true(isinf(ntk_deadline_left()));
  unsetenv("SLURM_JOB_END_TIME");
}

static void short_allocations_have_short_margins(void **state) {
  (void)state;
  assert_true(ntk_deadline_margin(10) == 1);
  assert_true(ntk_deadline_margin(86400) == 60);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(slurm_times_are_read),
      cmocka_unit_test(the_environment_is_asked_first),
      cmocka_unit_test(short_allocations_have_short_margins),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
