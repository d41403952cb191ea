// ranks: 1
/* Parsing of YAML and JSON texts into values, positions, bounds, and writing them back. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/value.h"

static const ntk_value *parse(ntk_arena *arena, const char *text) {
  const ntk_value *v = NULL;
  ntk_error *e = ntk_value_parse(arena, "t.yaml", text, strlen(text), &v);
  if (e) fail_msg("%s", ntk_error_message(e));
  return v;
}

static ntk_arena *arena_new(void) {
  ntk_arena *arena;
  assert_null(ntk_arena_create(&arena));
  return arena;
}

static void check_where(ntk_where w, int line, int column) {
  assert_int_equal(w.line, line);
  assert_int_equal(w.column, column);
}

static void scalars_are_typed_by_the_core_schema(void **state) {
  (void)state;
  static const struct {
    const char *text;
    ntk_value_kind kind;
    double number;
  } cases[] = {{"12", NTK_NUMBER, 12},
               {"-0.5", NTK_NUMBER, -0.5},
               {"1e3", NTK_NUMBER, 1000},
               {".5", NTK_NUMBER, 0.5},
               {"1.", NTK_NUMBER, 1},
               {"+7", NTK_NUMBER, 7},
               {"0o17", NTK_NUMBER, 15},
               {"0xfF", NTK_NUMBER, 255},
               {".inf", NTK_NUMBER, INFINITY},
               {"-.Inf", NTK_NUMBER, -INFINITY},
               {".nan", NTK_NUMBER, NAN},
               {"nan", NTK_STRING, 0},
               {"inf", NTK_STRING, 0},
               {"1e", NTK_STRING, 0},
               {"1_000", NTK_STRING, 0},
               {"0x", NTK_STRING, 0},
               {"1.2.3", NTK_STRING, 0},
               {"yes", NTK_STRING, 0},
               {"true", NTK_BOOL, 0},
               {"False", NTK_BOOL, 0},
               {"null", NTK_NULL, 0},
               {"~", NTK_NULL, 0},
               {"'12'", NTK_STRING, 0},
               {"\"true\"", NTK_STRING, 0},
               {"!!str 12", NTK_STRING, 0},
               {"a.h5:/x", NTK_STRING, 0},
               {"-", NTK_LIST, 0}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    ntk_arena *arena = arena_new();
    const ntk_value *v = parse(arena, cases[i].text);
    if (ntk_value_kind_of(v) != cases[i].kind) fail_msg("%s: kind %d", cases[i].text, (int)ntk_value_kind_of(v));
    if (cases[i].kind == NTK_NUMBER) {
      double n = ntk_value_number(v);
      if (n != cases[i].number && !(isnan(n) && isnan(cases[i].number))) fail_msg("%s: %g", cases[i].text, n);
    }
    ntk_arena_free(&arena);
  }
}

static void values_know_their_place(void **state) {
  (void)state;
  ntk_arena *arena = arena_new();
  const ntk_value *v = parse(arena, "# c\nstudy: é\ndata:\n  real: {type: ring, points: 5}\nlist:\n- 1\n- [2,\n   x]\n");
  check_where(ntk_value_where(ntk_value_find(v, "study")), 2, 8);
  check_where(ntk_value_where(ntk_value_find(v, "data.real")), 4, 9);
  check_where(ntk_value_where(ntk_value_find(v, "data.real.points")), 4, 30);
  check_where(ntk_value_key_where(ntk_value_find(v, "data.real"), 1), 4, 22);
  const ntk_value *list = ntk_value_get(v, "list");
  check_where(ntk_value_where(ntk_value_item(list, 0)), 6, 3);
  check_where(ntk_value_where(ntk_value_item(ntk_value_item(list, 1), 1)), 8, 4);
  assert_string_equal(ntk_value_where(list).source, "t.yaml");
  assert_null(ntk_value_find(v, "data.fake.points"));
  ntk_arena_free(&arena);
}

static void anchors_and_merges_are_resolved(void **state) {
  (void)state;
  ntk_arena *arena = arena_new();
  const ntk_value *v = parse(arena,
                             "a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc: {<<: *a, y: 9}\nd:\n  <<: [*a, *b]\n  w: 5\n"
                             "e: *a\nf: {'<<': 1}\n");
  assert_true(ntk_get_number(v, "c.x") == 1 && ntk_get_number(v, "c.y") == 9);
  assert_true(ntk_get_number(v, "d.y") == 2 && ntk_get_number(v, "d.z") == 4 && ntk_get_number(v, "d.w") == 5);
  assert_int_equal(ntk_value_count(ntk_value_get(v, "d")), 4);
  check_where(ntk_value_where(ntk_value_get(v, "e")), 7, 4);
  check_where(ntk_value_where(ntk_value_find(v, "e.x")), 1, 11);
  assert_true(ntk_get_number(v, "f.<<") == 1);
  ntk_arena_free(&arena);
}

typedef struct {
  const char *text;
  size_t length; /* 0 = strlen */
  const char *expected;
} bad_text;

static void bad_texts_are_refused_at_their_place(void **state) {
  (void)state;
  static const bad_text cases[] = {
      {"", 0, "t.yaml:1:1: the file is empty"},
      {"# only\n\n", 0, "t.yaml:1:1: nothing in it"},
      {"a: 1\nb: 2\na: 3\n", 0, "t.yaml:3:1: 'a' is given twice (first at line 1)"},
      {"a: {b: 1, c: 2, b: 3}\n", 0, "t.yaml:1:17: 'b' is given twice"},
      {"a:\n\tb: 1\n", 0, "t.yaml:2:1: a tab in the indentation"},
      {"a:\n  b: 1\n \tc: 2\n", 0, "t.yaml:3:2: a tab in the indentation"},
      {"a: 1\n---\nb: 2\n", 0, "t.yaml:2:1: a second document"},
      {"a: *x\n", 0, "t.yaml:1:4: no anchor &x"},
      {"a: &x [1, *x]\n", 0, "t.yaml:1:11: *x stands inside"},
      {"a: [1, 2\nb: 3\n", 0, "t.yaml:2:"},
      {"a: b: c\n", 0, "t.yaml:1:5: not valid YAML: unexpected ':'"},
      {"a: 'x\n", 0, "t.yaml:2:1: not valid YAML: the text ends inside quotes"},
      {"a: @x\n", 0, "t.yaml:1:4: not valid YAML: this character cannot begin a value"},
      {"? [1]\n: 2\n", 0, "t.yaml:1:3: a key must be a word"},
      {"a: !x 1\n", 0, "t.yaml:1:4: a tag"},
      {"a: {<<: 3}\n", 0, "t.yaml:1:9: '<<' merges"},
      {"a: \"\\0\"\n", 0, "t.yaml:1:4: a text with a NUL"},
      {"a: 1\nb\0c", 8, "t.yaml:2:2: a NUL byte"},
      {"a: 1\nb: \x01\n", 0, "t.yaml:2:4: control character U+0001"},
      {"a: \xff\xfe\n", 0, "t.yaml:1:4: byte 0xff"},
      {"a: \xc0\xaf\n", 0, "t.yaml:1:4: byte 0xc0"},
      {"a: \xed\xa0\x80\n", 0, "t.yaml:1:4: byte 0xed"},
      {"\x89HDF\r\n\x1a\n", 8, "t.yaml:1:1: byte 0x89"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    ntk_arena *arena = arena_new();
    const ntk_value *v;
    ntk_error *e = ntk_value_parse(arena, "t.yaml", cases[i].text, cases[i].length ? cases[i].length : strlen(cases[i].text), &v);
    if (!e) fail_msg("accepted: %s", cases[i].text);
    if (strncmp(ntk_error_message(e), cases[i].expected, strlen(cases[i].expected)))
      fail_msg("%s: got \"%s\", expected \"%s\"", cases[i].text, ntk_error_message(e), cases[i].expected);
    assert_null(strchr(ntk_error_message(e), '\n'));
    assert_int_equal(ntk_error_code(e), NTK_E_CONFIG);
    assert_null(v);
    ntk_error_free(&e);
    ntk_arena_free(&arena);
  }
}

/* `levels` anchors, each a list of nine of the one before (kind 0) or a mapping with it under nine keys (kind 1). */
static void add_bomb(ntk_text *t, int levels, int kind) {
  ntk_text_add(t, kind ? "a0: &a0 {k: 1}\n" : "a0: &a0 [1]\n");
  for (int i = 1; i < levels; i++) {
    ntk_text_addf(t, "a%d: &a%d %s", i, i, kind ? "{" : "[");
    for (int j = 0; j < 9; j++) {
      if (j) ntk_text_add(t, ", ");
      if (kind) ntk_text_addf(t, "k%d: ", j);
      ntk_text_addf(t, "*a%d", i - 1);
    }
    ntk_text_add(t, kind ? "}\n" : "]\n");
  }
}

static void check_refused(const ntk_text *t, const char *fragment) {
  ntk_arena *arena = arena_new();
  const ntk_value *v;
  ntk_error *e = ntk_value_parse(arena, "bomb", t->bytes, t->length, &v);
  assert_non_null(e);
  if (!strstr(ntk_error_message(e), fragment)) fail_msg("%s", ntk_error_message(e));
  ntk_error_free(&e);
  ntk_arena_free(&arena);
}

static void bombs_are_bounded(void **state) {
  (void)state;
  ntk_text t = NTK_TEXT;
  for (int kind = 0; kind < 2; kind++) {
    ntk_text_clear(&t);
    add_bomb(&t, 40, kind);
    check_refused(&t, "more than 1000000 values");
  }
  ntk_text_clear(&t);
  for (int i = 0; i < 100000; i++) ntk_text_add(&t, "[");
  check_refused(&t, "bomb:1:65: nested deeper than 64 levels");
  ntk_text_clear(&t);
  ntk_text_add(&t, "a0: &a0 [1]\n");
  for (int i = 1; i < 500; i++) ntk_text_addf(&t, "a%d: &a%d [[*a%d]]\n", i, i, i - 1);
  check_refused(&t, "nested deeper than 64 levels");
  ntk_text_free(&t);
}

static void check_equal(const ntk_value *a, const ntk_value *b) {
  ntk_text x = NTK_TEXT, y = NTK_TEXT;
  ntk_json jx = NTK_JSON(&x), jy = NTK_JSON(&y);
  ntk_value_json(&jx, NULL, a);
  ntk_value_json(&jy, NULL, b);
  assert_string_equal(x.bytes, y.bytes);
  ntk_text_free(&x);
  ntk_text_free(&y);
}

static const char *const documents[] = {
    "a: 1\nb: [1, 2.5, x]\nc: {d: {}, e: [], f: null, g: ~}\n",
    "- - - 1\n    - {a: [[1, 2], [3]], b: {c: d}}\n  - x\n- []\n- [[]]\n",
    "s: ['', ' x ', '12', 'true', 'null', '~', 'a: b', 'a #b', '- x', '{', 'yes', '<<', '.5', '*a', '&b', '!t', '%', '@']\n",
    "s: [\"\\t\\n\\\"\\\\\", 'é€𝄞', \"\\u0085\\u2028\\ufeff\\x7f\"]\n",
    "\"12\": 1\n'true': 2\n'': 3\n'<<': 4\n'a b': 5\n\"x\\ny\": 6\n",
    "x: !!str 12\ny: |\n  two\n  lines\nz: >\n  folded\n  text\n",
    "12",
    "'12'",
    "[010, +5, 1., .5, 0x1F, 0o17, -.inf, .nan, 2.50, 1e-12, 12E3]",
    "[1e-300, 0.1, 1e22, -0.0, 123456789012345678]",
    "{\"key\": [1, 2, {\"a\": \"b\\u00e9\\/\"}], \"n\":null,\"t\":true}",
};

static void texts_read_back_equal(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
    ntk_arena *arena = arena_new();
    const ntk_value *v = parse(arena, documents[i]);
    ntk_text yaml = NTK_TEXT, json = NTK_TEXT;
    ntk_value_yaml(&yaml, v);
    check_equal(v, parse(arena, yaml.bytes));
    ntk_json j = NTK_JSON(&json);
    ntk_value_json(&j, NULL, v);
    assert_null(strchr(json.bytes, '\n'));
    check_equal(v, parse(arena, json.bytes));
    ntk_text_free(&yaml);
    ntk_text_free(&json);
    ntk_arena_free(&arena);
  }
}

static void numbers_are_written_for_every_reader(void **state) {
  (void)state;
  ntk_arena *arena = arena_new();
  ntk_text t = NTK_TEXT;
  ntk_value_yaml(&t, parse(arena, "[1e-12, 1e3, 010, +5, 0x10, 2.50, 5.0, -.Inf, 1.5e300]"));
  assert_string_equal(t.bytes, "- 1.0e-12\n- 1000\n- 10\n- 5\n- 16\n- 2.50\n- 5.0\n- -.inf\n- 1.5e+300\n");
  ntk_text_free(&t);
  ntk_arena_free(&arena);
}

static void canonical_json_ignores_order_and_spelling(void **state) {
  (void)state;
  ntk_arena *arena = arena_new();
  check_equal(parse(arena, "{a: 1, b: {c: 1.0, d: 0x10}}"), parse(arena, "b:\n  d: 16\n  c: 1\na: 1e0\n"));
  ntk_text t = NTK_TEXT;
  ntk_json j = NTK_JSON(&t);
  ntk_value_json(&j, NULL, parse(arena, "{b: 1.0, a: [x, true, null, .1]}"));
  assert_string_equal(t.bytes, "{\"a\": [\"x\", true, null, 0.1], \"b\": 1}");
  ntk_text_free(&t);
  ntk_arena_free(&arena);
}

static void replacing_leaves_the_original_alone(void **state) {
  (void)state;
  ntk_arena *arena = arena_new();
  const ntk_value *v = parse(arena, "a: {b: 1, c: {d: 2}}\ne: 3\n"), *w, *x = parse(arena, "[7]");
  assert_null(ntk_value_replace(arena, v, "a.c.d", x, &w));
  check_equal(w, parse(arena, "a: {b: 1, c: {d: [7]}}\ne: 3\n"));
  check_equal(v, parse(arena, "a: {b: 1, c: {d: 2}}\ne: 3\n"));
  assert_null(ntk_value_replace(arena, v, "f.g", x, &w));
  check_equal(w, parse(arena, "a: {b: 1, c: {d: 2}}\ne: 3\nf: {g: [7]}\n"));
  ntk_error *e = ntk_value_replace(arena, v, "a.b.c", x, &w);
  assert_int_equal(ntk_error_code(e), NTK_E_CONFIG);
  ntk_error_free(&e);
  ntk_arena_free(&arena);
}

static void checked_values_are_read(void **state) {
  (void)state;
  ntk_arena *arena = arena_new();
  const ntk_value *v = parse(arena, "{n: 9007199254740992, b: true, t: x, z: null, typed: {type: ring, modes: 8}, named: {leaky: {slope: 0.2}}}");
  assert_true(ntk_get_integer(v, "n") == INT64_C(9007199254740992));
  assert_true(ntk_get_bool(v, "b") && ntk_has(v, "b") && !ntk_has(v, "z") && !ntk_has(v, "q"));
  assert_string_equal(ntk_get_text(v, "t"), "x");
  assert_string_equal(ntk_choice_name(ntk_value_get(v, "typed")), "ring");
  assert_true(ntk_get_number(ntk_choice_parameters(ntk_value_get(v, "typed")), "modes") == 8);
  assert_string_equal(ntk_choice_name(ntk_value_get(v, "named")), "leaky");
  assert_true(ntk_get_number(ntk_choice_parameters(ntk_value_get(v, "named")), "slope") == 0.2);
  ntk_arena_free(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(scalars_are_typed_by_the_core_schema),
      cmocka_unit_test(values_know_their_place),
      cmocka_unit_test(anchors_and_merges_are_resolved),
      cmocka_unit_test(bad_texts_are_refused_at_their_place),
      cmocka_unit_test(bombs_are_bounded),
      cmocka_unit_test(texts_read_back_equal),
      cmocka_unit_test(numbers_are_written_for_every_reader),
      cmocka_unit_test(canonical_json_ignores_order_and_spelling),
      cmocka_unit_test(replacing_leaves_the_original_alone),
      cmocka_unit_test(checked_values_are_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
