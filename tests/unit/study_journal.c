// ranks: 1
/* The journal survives torn, damaged and foreign lines, and the ledger puts the history of the runs together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "study/event.h"
#include "study/folder.h"
#include "study/journal.h"
#include "study/ledger.h"

static char folder[64], path[128];

static int setup(void **state) {
  (void)state;
  strcpy(folder, "/tmp/ntkgan-journal-XXXXXX");
  if (!mkdtemp(folder)) return -1;
  snprintf(path, sizeof path, "%s/journal-1.jsonl", folder);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  unlink(path);
  return rmdir(folder);
}

static void good(ntk_error *err) {
  if (err) print_error("%s\n", ntk_error_message(err));
  assert_null(err);
}

static void append(const char *json) {
  ntk_journal *journal = NULL;
  good(ntk_journal_open(path, &journal));
  good(ntk_journal_append(journal, json));
  good(ntk_journal_close(&journal));
  assert_null(journal);
}

static long file_size(void) {
  struct stat about;
  assert_int_equal(stat(path, &about), 0);
  return (long)about.st_size;
}

static void add_raw(const char *bytes) {
  FILE *file = fopen(path, "a");
  assert_non_null(file);
  fputs(bytes, file);
  fclose(file);
}

/* Gathers the lines seen as "a|b|". */
static ntk_error *gather(void *context, const char *json, size_t length) {
  assert_int_equal(strlen(json), length);
  strcat(strcat(context, json), "|");
  return NULL;
}

static ntk_journal_position read_all(const char *expected) {
  ntk_journal_position position = {0};
  char seen[4096] = "";
  good(ntk_journal_read(path, &position, gather, seen));
  assert_string_equal(seen, expected);
  return position;
}

static void lines_come_back(void **state) {
  (void)state;
  read_all("");
  append("{\"a\": 1}");
  append("{\"b\": \"x\\ty\"}");
  ntk_journal_position position = read_all("{\"a\": 1}|{\"b\": \"x\\ty\"}|");
  assert_int_equal(position.lines, 2);
  assert_int_equal(position.damaged, 0);
  assert_false(position.torn);
  assert_int_equal(position.offset, file_size());
}

/* Whatever number of bytes of the last line reached the disk: the earlier lines are read, and a line appended later is not glued to it.
 * Where only the newline is missing, closing the line makes it whole again. */
static void a_torn_tail_costs_only_itself(void **state) {
  (void)state;
  append("{\"first\": 1}");
  long first = file_size();
  append("{\"second\": 2}");
  long both = file_size();
  for (long cut = both - 1; cut > first; cut--) {
    bool whole = cut == both - 1;
    assert_int_equal(truncate(path, cut), 0);
    ntk_journal_position position = read_all("{\"first\": 1}|");
    assert_true(position.torn);
    assert_int_equal(position.offset, first);
    append("{\"third\": 3}");
    position = read_all(whole ? "{\"first\": 1}|{\"second\": 2}|{\"third\": 3}|" : "{\"first\": 1}|{\"third\": 3}|");
    assert_int_equal(position.damaged, whole ? 0 : 1);
    assert_false(position.torn);
    assert_int_equal(truncate(path, first), 0);
    append("{\"second\": 2}");
  }
}

static void every_flipped_byte_is_seen(void **state) {
  (void)state;
  append("{\"first\": 1}");
  long first = file_size();
  append("{\"second\": 2}");
  long both = file_size();
  append("{\"third\": 3}");
  for (long at = first; at < both - 1; at++) {
    int fd = open(path, O_RDWR);
    char byte = 0, flipped;
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    flipped = (char)(byte ^ 0x01);
    if (flipped != '\n') {
      assert_int_equal(pwrite(fd, &flipped, 1, at), 1);
      ntk_journal_position position = read_all("{\"first\": 1}|{\"third\": 3}|");
      assert_int_equal(position.damaged, 1);
      assert_int_equal(position.first_damaged, 2);
      assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    }
    close(fd);
  }
  read_all("{\"first\": 1}|{\"second\": 2}|{\"third\": 3}|");
}

static void foreign_lines_are_ignored(void **state) {
  (void)state;
  append("{\"first\": 1}");
  add_raw("{\"no\": \"checksum\"}\n\nsome text\n{\"x\": 1}\t0123456789abcdef0123456789abcdef\n");
  append("{\"last\": 1}");
  assert_int_equal(read_all("{\"first\": 1}|{\"last\": 1}|").damaged, 3);
}

static void reading_goes_on_where_it_stopped(void **state) {
  (void)state;
  ntk_journal_position position = {0};
  char seen[256] = "";
  append("{\"a\": 1}");
  good(ntk_journal_read(path, &position, gather, seen));
  add_raw("{\"half");
  good(ntk_journal_read(path, &position, gather, seen));
  assert_true(position.torn);
  append("{\"b\": 1}");
  good(ntk_journal_read(path, &position, gather, seen));
  assert_string_equal(seen, "{\"a\": 1}|{\"b\": 1}|");
}

/* --- the ledger over it --- */

static ntk_ledger *plan_of_two(void) {
  static char *axes[] = {(char *)"loss"}, *first[] = {(char *)"ipm"}, *second[] = {(char *)"ls\"gan, \\ \xc3\xa9"};
  static ntk_row rows[] = {{.id = "0123456789abcdef", .label = (char *)"ipm", .axes = first, .group = 1},
                           {.id = "fedcba9876543210", .label = (char *)"ls\"gan, \\ \xc3\xa9/r1", .repetition = 1, .axes = second, .group = 2}};
  static ntk_ledger ledger = {.name = (char *)"s", .axis_count = 1, .axes = axes, .row_count = 2, .rows = rows};
  return &ledger;
}

static void note(ntk_error *made, char **json) {
  good(made);
  append(*json);
  free(*json);
}

static void start(size_t row, const char *checkpoint) {
  char *json = NULL;
  ntk_ledger *plan = plan_of_two();
  note(ntk_event_started(plan, &plan->rows[row], 1, 3, "avx", checkpoint, &json), &json);
}

static ntk_record record_of(size_t row, ntk_ledger **ledger) {
  good(ntk_ledger_load(folder, true, NULL, ledger));
  const ntk_record *record = ntk_ledger_find(*ledger, plan_of_two()->rows[row].id);
  assert_non_null(record);
  return *record;
}

static void a_history_is_put_together(void **state) {
  (void)state;
  ntk_ledger *plan = plan_of_two(), *ledger = NULL;
  const char *result = "{\"iteration\": [0, 1], \"metrics\": {\"a, \\\"result\\\": \": [1e-3, null]}}";
  char *json = NULL;
  start(0, "");
  start(1, "");
  const ntk_done_facts facts = {2.5, true, 1234, "abc", result};
  note(ntk_event_done(plan, &plan->rows[0], &facts, &json), &json);
  note(ntk_event_failed(plan, &plan->rows[1], "numeric", "no\nway: \"x\"", &json), &json);
  ntk_record record = record_of(0, &ledger);
  assert_int_equal(record.state, NTK_DONE);
  assert_string_equal(record.result, result);
  assert_true(record.has_file);
  assert_int_equal(record.file_bytes, 1234);
  assert_true(record.seconds == 2.5);
  ntk_ledger_free(&ledger);
  record = record_of(1, &ledger);
  assert_int_equal(record.state, NTK_FAILED);
  assert_string_equal(record.message, "no\nway: \"x\"");
  assert_string_equal(record.label, plan->rows[1].label);
  assert_int_equal(record.group, 2);
  assert_int_equal(ledger->row_count, 2); /* no plan.jsonl: rows from the journal */
  assert_string_equal(ledger->axes[0], "loss");
  assert_string_equal(ledger->rows[1].axes[0], plan->rows[1].axes[0]);
  ntk_ledger_free(&ledger);
}

/* A clock that jumps back changes nothing: in one journal the order of lines decides. */
static void the_clock_may_jump(void **state) {
  (void)state;
  static const char *const lines[] = {"{\"event\": \"started\", \"time\": 1000, \"id\": \"a\", \"label\": \"a\", \"axes\": {}, \"group\": 1}",
                                      "{\"event\": \"done\", \"time\": 1001, \"id\": \"a\", \"seconds\": 1}",
                                      "{\"event\": \"started\", \"time\": 500, \"id\": \"a\", \"group\": 1}",
                                      "{\"event\": \"failed\", \"time\": 501, \"id\": \"a\", \"class\": \"numeric\", \"message\": \"no\"}"};
  static const ntk_state expected[] = {NTK_RUNNING, NTK_DONE, NTK_RUNNING, NTK_FAILED};
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
    ntk_ledger *ledger = NULL;
    append(lines[i]);
    good(ntk_ledger_load(folder, false, NULL, &ledger));
    assert_int_equal(ntk_ledger_state(ledger, "a"), expected[i]);
    ntk_ledger_free(&ledger);
  }
}

/* Attempts that end without a word are counted, unless they had got further. */
static void deaths_are_counted(void **state) {
  (void)state;
  ntk_ledger *ledger = NULL;
  char *json = NULL;
  for (int i = 0; i < 2; i++) {
    start(0, "");
    note(ntk_event_plain("died", plan_of_two()->rows[0].id, &json), &json);
  }
  assert_int_equal(record_of(0, &ledger).deaths, 2);
  ntk_ledger_free(&ledger);
  start(0, "a newer checkpoint");
  assert_int_equal(record_of(0, &ledger).deaths, 0);
  ntk_ledger_free(&ledger);
  start(0, "a newer checkpoint");
  assert_int_equal(record_of(0, &ledger).losses, 1);
  ntk_ledger_free(&ledger);
  note(ntk_event_plain("stopped", plan_of_two()->rows[0].id, &json), &json);
  ntk_record record = record_of(0, &ledger);
  assert_int_equal(record.losses, 0);
  assert_int_equal(record.state, NTK_WAITING);
  assert_int_equal(record.starts, 4);
  ntk_ledger_free(&ledger);
}

/* The plan's own lines give the rows back; a run that the plan does not know is a stranger. */
static void a_plan_comes_back(void **state) {
  (void)state;
  ntk_ledger *plan = plan_of_two(), *ledger = NULL;
  char *text = NULL, name[160];
  start(0, "");
  append("{\"event\": \"started\", \"time\": 1, \"id\": \"aaaaaaaaaaaaaaaa\", \"label\": \"old\", \"axes\": {}}");
  good(ntk_event_plan(plan, &text));
  snprintf(name, sizeof name, "%s/plan.jsonl", folder);
  FILE *file = fopen(name, "w");
  fputs(text, file);
  fclose(file);
  free(text);
  good(ntk_ledger_load(folder, true, NULL, &ledger));
  unlink(name);
  assert_int_equal(ledger->row_count, 2);
  assert_string_equal(ledger->rows[1].label, plan->rows[1].label);
  assert_int_equal(ledger->rows[1].group, 2);
  assert_int_equal(ntk_ledger_strangers(ledger), 1);
  assert_int_equal(ntk_ledger_state(ledger, plan->rows[0].id), NTK_RUNNING);
  assert_int_equal(ntk_ledger_state(ledger, plan->rows[1].id), NTK_WAITING);
  ntk_ledger_free(&ledger);
}

static void many_runs_are_found_by_id(void **state) {
  (void)state;
  ntk_ledger *ledger = NULL;
  enum { COUNT = 3000 };
  good(ntk_ledger_create(&ledger));
  for (int i = 0; i < COUNT; i++) {
    char json[160];
    int length = snprintf(json, sizeof json,
                          "{\"event\": \"done\", \"time\": 1, \"id\": \"%016x\", \"label\": \"l%d\", \"axes\": {}, \"seconds\": %d}", i * 7, i, i);
    good(ntk_ledger_apply(ledger, json, (size_t)length));
  }
  assert_int_equal(ledger->record_count, COUNT);
  for (int i = 0; i < COUNT; i++) {
    char id[17];
    snprintf(id, sizeof id, "%016x", i * 7);
    assert_true(ntk_ledger_find(ledger, id)->seconds == i);
  }
  assert_null(ntk_ledger_find(ledger, "0000000000000001"));
  ntk_ledger_free(&ledger);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(lines_come_back, setup, teardown),
      cmocka_unit_test_setup_teardown(a_torn_tail_costs_only_itself, setup, teardown),
      cmocka_unit_test_setup_teardown(every_flipped_byte_is_seen, setup, teardown),
      cmocka_unit_test_setup_teardown(foreign_lines_are_ignored, setup, teardown),
      cmocka_unit_test_setup_teardown(reading_goes_on_where_it_stopped, setup, teardown),
      cmocka_unit_test_setup_teardown(a_history_is_put_together, setup, teardown),
      cmocka_unit_test_setup_teardown(the_clock_may_jump, setup, teardown),
      cmocka_unit_test_setup_teardown(deaths_are_counted, setup, teardown),
      cmocka_unit_test_setup_teardown(a_plan_comes_back, setup, teardown),
      cmocka_unit_test(many_runs_are_found_by_id),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
