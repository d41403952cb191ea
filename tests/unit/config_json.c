// ranks: 1
/* The strict JSON reader: what it takes it reads as the YAML reader does; what is no JSON it refuses, at every cut of a line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "config/value.h"

static ntk_arena *arena;

static int setup(void **state) {
  (void)state;
  return ntk_arena_create(&arena) ? -1 : 0;
}

static int teardown(void **state) {
  (void)state;
  ntk_arena_free(&arena);
  return 0;
}

static const ntk_value *read_json(const char *text, size_t length) {
  const ntk_value *v = NULL;
  ntk_error *err = ntk_value_parse_json(arena, "line", text, length, &v);
  assert_true(!err == (v != NULL));
  if (err) assert_int_equal(ntk_error_code(err), NTK_E_CONFIG);
  ntk_error_free(&err);
  return v;
}

static void same(const ntk_value *a, const ntk_value *b) {
  assert_int_equal(ntk_value_kind_of(a), ntk_value_kind_of(b));
  assert_int_equal(ntk_value_count(a), ntk_value_count(b));
  assert_string_equal(ntk_value_text(a), ntk_value_text(b));
  if (ntk_value_kind_of(a) == NTK_NUMBER) assert_true(ntk_value_number(a) == ntk_value_number(b));
  if (ntk_value_kind_of(a) == NTK_BOOL) assert_int_equal(ntk_value_bool(a), ntk_value_bool(b));
  for (size_t i = 0; i < ntk_value_count(a); i++) {
    if (ntk_value_kind_of(a) == NTK_MAP) assert_string_equal(ntk_value_key(a, i), ntk_value_key(b, i));
    same(ntk_value_item(a, i), ntk_value_item(b, i));
  }
}

static const char *const good[] = {
    "{}",
    "[]",
    " [1, -2.5, 1e3, 0, -0.0, 1E-300, 17976931348623157e292, 0.1] ",
    "\"\"",
    "true",
    "null",
    "-1",
    "{\"event\": \"done\", \"id\": \"0123456789abcdef\", \"axes\": {\"a.b\": \"1\"}, \"list\": [[], {}, [[null]]], \"flag\": false, \"t\": "
    "1795615658.5822437}",
    "[\"a\\\"b\\\\cd\\n\\t\\b\\f\\r\", \"\\u0041\\u00e9\\u20ac\", \"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\", \"{not: 'yaml'} # & * "
    "!\"]",
};

static void it_agrees_with_the_yaml_reader(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    const ntk_value *expected = NULL, *v = read_json(good[i], strlen(good[i]));
    assert_non_null(v);
    assert_null(ntk_value_parse(arena, "line", good[i], strlen(good[i]), &expected));
    same(v, expected);
  }
  static const char only_json[] = "[\"\\/\", \"\\ud83d\\ude00\"]";
  const ntk_value *v = read_json(only_json, strlen(only_json));
  assert_string_equal(ntk_value_text(ntk_value_item(v, 0)), "/");
  assert_string_equal(ntk_value_text(ntk_value_item(v, 1)), "\xf0\x9f\x98\x80");
}

static void what_is_no_json_is_refused(void **state) {
  (void)state;
  static const char *const bad[] = {"",
                                    " ",
                                    "{",
                                    "{a: 1}",
                                    "{'a': 1}",
                                    "{\"a\" 1}",
                                    "{\"a\": 1,}",
                                    "[1,]",
                                    "[1 2]",
                                    "01",
                                    "+1",
                                    "1.",
                                    ".5",
                                    "1e",
                                    "0x1f",
                                    "nan",
                                    ".inf",
                                    "True",
                                    "nul",
                                    "truefalse",
                                    "1 2",
                                    "\"",
                                    "\"\\x41\"",
                                    "\"\\u12\"",
                                    "\"\\ud800\"",
                                    "\"\\udc00\"",
                                    "\"\\u0000\"",
                                    "\"\t\"",
                                    "\"\xff\"",
                                    "\"\xc3\"",
                                    "\"\xed\xa0\x80\"",
                                    "[1]]",
                                    "- 1",
                                    "# c\n1",
                                    "\"a\" \"b\"",
                                    "{1: 2}",
                                    "{\"a\": }",
                                    "{,}",
                                    "[,]",
                                    "\"\\ud800\\u0041\""};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    if (read_json(bad[i], strlen(bad[i]))) fail_msg("accepted: %s", bad[i]);
  assert_null(read_json("1\0", 2));
  char deep[300];
  memset(deep, '[', 150);
  memset(deep + 150, ']', 150);
  assert_null(read_json(deep, 300));
  assert_non_null(read_json(deep + 90, 120));
}

/* Bytes beyond the end are not looked at, and no cut of a line is taken for a whole one. */
static void every_cut_of_a_line_is_refused(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    if (*good[i] != '{' && *good[i] != '[' && *good[i] != '"') continue;
    for (size_t cut = 0; cut < strlen(good[i]); cut++) assert_null(read_json(good[i], cut));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(it_agrees_with_the_yaml_reader, setup, teardown),
      cmocka_unit_test_setup_teardown(what_is_no_json_is_refused, setup, teardown),
      cmocka_unit_test_setup_teardown(every_cut_of_a_line_is_refused, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
