// ranks: 1
/* Documents made from the tables: complete, and readable by this program's own reader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/config_catalog.h"

static void check_has(const ntk_text *text, const char *fragment) {
  if (!strstr(text->bytes, fragment)) fail_msg("no \"%s\" in\n%s", fragment, text->bytes);
}

static void help_names_every_key(void **state) {
  (void)state;
  ntk_text text = NTK_TEXT;
  ntk_schema_help(&catalog, &text);
  for (const ntk_key *k = ntk_study_keys(); k->name; k++) {
    check_has(&text, k->help);
    for (const ntk_key *s = k->keys; k->type == NTK_T_SECTION && s->name; s++) check_has(&text, s->help);
  }
  check_has(&text, "study *");
  check_has(&text, "  loss *");
  check_has(&text, "an integer from 1 to 1000000 or auto");
  check_has(&text, "in GiB");
  ntk_text_free(&text);
}

static void list_shows_formulas_and_parameters(void **state) {
  (void)state;
  ntk_text text = NTK_TEXT;
  ntk_schema_list(&catalog, "activations", &text);
  check_has(&text, "max(slope x, x)");
  check_has(&text, "slope                0.2        slope below zero [a number]");
  check_has(&text, "source: Cho and Saul 2009");
  check_has(&text, "accuracy: 8 digits");
  ntk_text_clear(&text);
  ntk_schema_list(&catalog, "data", &text);
  check_has(&text, "points               *          number of points [an integer >= 1]");
  ntk_text_free(&text);
}

static void schema_is_json_with_every_key(void **state) {
  (void)state;
  ntk_text text = NTK_TEXT;
  ntk_arena *arena;
  const ntk_value *v;
  ntk_schema_json(&catalog, &text);
  assert_null(ntk_arena_create(&arena));
  ntk_error *e = ntk_value_parse(arena, "schema", text.bytes, text.length, &v);
  if (e) fail_msg("%s", ntk_error_message(e));
  for (const ntk_key *k = ntk_study_keys(); k->name; k++) assert_non_null(ntk_value_get(ntk_value_get(v, "properties"), k->name));
  assert_non_null(ntk_value_find(v, "properties.sweep"));
  assert_false(ntk_get_bool(v, "additionalProperties"));
  ntk_arena_free(&arena);
  ntk_text_free(&text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(help_names_every_key),
      cmocka_unit_test(list_shows_formulas_and_parameters),
      cmocka_unit_test(schema_is_json_with_every_key),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
