// ranks: 1
/* Group sizes, order, ETA: arithmetic on invented runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "study/outlook.h"
#include "study/plan.h"

/* A run whose memory is `fixed` + `shared` / ranks. */
typedef struct {
  double fixed, shared;
  int asked;
} invented;

static ntk_error *ask(void *context, int ranks, ntk_run_need *need) {
  invented *run = context;
  run->asked++;
  *need = (ntk_run_need){.seconds = 10, .memory_bytes = run->fixed + run->shared / ranks};
  return NULL;
}

static ntk_group_choice choose(double fixed, double shared, ntk_group_rule rule, int workers) {
  invented run = {fixed, shared, 0};
  const ntk_estimator estimator = {ask, &run};
  ntk_group_choice choice;
  assert_null(ntk_plan_group(&estimator, &rule, workers, &choice));
  assert_true(run.asked < 100);
  return choice;
}

/* The smallest number that fits, compared with trying every one. */
static void auto_is_the_smallest_that_fits(void **state) {
  (void)state;
  const int workers = 37;
  for (int shared = 0; shared <= 400; shared += 3) {
    int least = 0;
    for (int r = workers; r >= 1; r--)
      if (1 + shared / (double)r <= 10) least = r;
    ntk_group_choice choice = choose(1, shared, (ntk_group_rule){.runs = 1000, .memory_bytes = 10}, workers);
    assert_int_equal(choice.ranks, least);
    if (least == 0) {
      assert_int_equal(choice.needed, (int)ceil(shared / 9.0));
      assert_true(choice.need.memory_bytes == 1 + shared / 37.0);
    }
  }
}

static void few_runs_share_the_workers(void **state) {
  (void)state;
  assert_int_equal(choose(1, 1, (ntk_group_rule){.runs = 3, .memory_bytes = 10}, 7).ranks, 2);
  assert_int_equal(choose(1, 1, (ntk_group_rule){.runs = 1, .memory_bytes = 10}, 7).ranks, 7);
  assert_int_equal(choose(1, 1, (ntk_group_rule){.runs = 8, .memory_bytes = 10}, 7).ranks, 1);
  assert_int_equal(choose(1, 45, (ntk_group_rule){.runs = 3, .memory_bytes = 10}, 7).ranks, 5);
}

static void an_earlier_attempt_keeps_its_ranks(void **state) {
  (void)state;
  assert_int_equal(choose(1, 1, (ntk_group_rule){.runs = 1, .memory_bytes = 10, .before = 3}, 7).ranks, 3); /* its share is larger */
  assert_int_equal(choose(1, 1, (ntk_group_rule){.runs = 100, .memory_bytes = 10, .before = 3}, 7).ranks, 3);
  assert_int_equal(choose(1, 1, (ntk_group_rule){.runs = 100, .memory_bytes = 10, .before = 9}, 7).ranks, 1);
  assert_int_equal(choose(1, 45, (ntk_group_rule){.runs = 100, .memory_bytes = 10, .before = 2}, 7).ranks, 5);
}

static void a_given_number_is_kept(void **state) {
  (void)state;
  assert_int_equal(choose(1, 1, (ntk_group_rule){.wanted = 3, .runs = 1, .memory_bytes = 10}, 7).ranks, 3);
  ntk_group_choice choice = choose(1, 1, (ntk_group_rule){.wanted = 8, .runs = 1, .memory_bytes = 10}, 7);
  assert_int_equal(choice.ranks, 0);
  assert_int_equal(choice.needed, 8);
  choice = choose(1, 90, (ntk_group_rule){.wanted = 3, .runs = 1, .memory_bytes = 10}, 20);
  assert_int_equal(choice.ranks, 0);
  assert_int_equal(choice.needed, 10);
}

static void what_no_number_helps_is_told_apart(void **state) {
  (void)state;
  ntk_group_choice choice = choose(11, 1, (ntk_group_rule){.runs = 1, .memory_bytes = 10}, 7);
  assert_int_equal(choice.ranks, 0);
  assert_int_equal(choice.needed, 0);
}

static void shards_share_the_runs_out(void **state) {
  (void)state;
  for (int shards = 1; shards <= 5; shards++)
    for (size_t i = 0; i < 23; i++) {
      const ntk_row row = {.index = i, .label = (char *)"a/b"};
      int owners = 0;
      for (int s = 1; s <= shards; s++) owners += ntk_plan_selected(&row, &(ntk_batch_options){.shard = s, .shards = shards});
      assert_int_equal(owners, 1);
    }
}

static void only_matches_labels(void **state) {
  (void)state;
  const ntk_row row = {.index = 0, .label = (char *)"lsgan/relu/r2"};
  assert_true(ntk_plan_selected(&row, &(ntk_batch_options){.only = "lsgan/*", .shard = 1, .shards = 1}));
  assert_true(ntk_plan_selected(&row, &(ntk_batch_options){.only = "*/r2", .shard = 1, .shards = 1}));
  assert_false(ntk_plan_selected(&row, &(ntk_batch_options){.only = "lsgan/relu", .shard = 1, .shards = 1}));
  assert_false(ntk_plan_selected(&row, &(ntk_batch_options){.only = "ipm*", .shard = 1, .shards = 1}));
}

/* Four equal runs estimated at 10 s each; one took 20 s; one is half way after 10 s; two wait; one worker: 5 x 2 + 20 x 2 = 50 s. */
static void eta_follows_what_was_seen(void **state) {
  (void)state;
  ntk_row rows[] = {{.id = "a", .seconds = 10, .group = 1},
                    {.id = "b", .seconds = 10, .group = 1},
                    {.id = "c", .seconds = 10, .group = 1},
                    {.id = "d", .seconds = 10, .group = 1}};
  ntk_ledger *ledger = NULL;
  assert_null(ntk_ledger_create(&ledger));
  const char *lines[] = {"{\"event\": \"done\", \"time\": 1, \"id\": \"a\", \"label\": \"a\", \"axes\": {}, \"group\": 1, \"seconds\": 20}",
                         "{\"event\": \"started\", \"time\": 1, \"id\": \"b\", \"label\": \"b\", \"axes\": {}, \"group\": 1}"};
  for (size_t i = 0; i < 2; i++) assert_null(ntk_ledger_apply(ledger, lines[i], strlen(lines[i])));
  const ntk_active active = {"b", 10, 50, 100};
  ntk_outlook outlook;
  ntk_ledger view = *ledger;
  view.rows = rows;
  view.row_count = 4;
  ntk_outlook_see(&view, NULL, NULL, &active, 1, 1, &outlook);
  assert_int_equal(outlook.done, 1);
  assert_int_equal(outlook.running, 1);
  assert_int_equal(outlook.waiting, 2);
  assert_true(fabs(outlook.eta_seconds - 50) < 1e-9);
  ntk_outlook_see(&view, NULL, NULL, NULL, 0, 0, &outlook);
  assert_true(isnan(outlook.eta_seconds));
  ntk_ledger_free(&ledger);
}

static void durations_are_readable(void **state) {
  (void)state;
  const struct {
    double seconds;
    const char *text;
  } cases[] = {{0.35, "0.35 s"}, {12.4, "12 s"}, {200, "3 min 20 s"}, {59.7, "1 min 0 s"}, {18720, "5 h 12 min"}, {183600, "2 d 3 h"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    ntk_text text = NTK_TEXT;
    ntk_write_duration(&text, cases[i].seconds);
    assert_string_equal(text.bytes, cases[i].text);
    ntk_text_free(&text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(auto_is_the_smallest_that_fits),
      cmocka_unit_test(few_runs_share_the_workers),
      cmocka_unit_test(an_earlier_attempt_keeps_its_ranks),
      cmocka_unit_test(a_given_number_is_kept),
      cmocka_unit_test(what_no_number_helps_is_told_apart),
      cmocka_unit_test(shards_share_the_runs_out),
      cmocka_unit_test(only_matches_labels),
      cmocka_unit_test(eta_follows_what_was_seen),
      cmocka_unit_test(durations_are_readable),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
