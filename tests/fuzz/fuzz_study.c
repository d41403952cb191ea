/* Any bytes as a study: parse, check, expand, name a run, write it and read it back. For libFuzzer:
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -Iinclude -Isrc -Itests tests/fuzz/fuzz_study.c src/config/[a-z]*.c
 *     src/base/{err,hash,json,mem,text,utf8}.c -lyaml -lxxhash -lm -o fuzz_study && ./fuzz_study -max_total_time=60 CORPUS */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/study.h"
#include "unit/config_catalog.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void require(bool holds) {
  if (!holds) abort();
}

/* What was written must read back as the same JSON. */
static void check_round_trip(ntk_arena *arena, const ntk_value *v) {
  ntk_text yaml = NTK_TEXT, first = NTK_TEXT, second = NTK_TEXT;
  ntk_json a = NTK_JSON(&first), b = NTK_JSON(&second);
  const ntk_value *again;
  ntk_value_json(&a, NULL, v);
  ntk_value_yaml(&yaml, v);
  ntk_error *e = ntk_value_parse(arena, "again", yaml.bytes, yaml.length, &again);
  require(!e);
  ntk_value_json(&b, NULL, again);
  require(!strcmp(first.bytes, second.bytes));
  ntk_text_free(&yaml);
  ntk_text_free(&first);
  ntk_text_free(&second);
}

static void check_values(const char *text, size_t length) {
  ntk_arena *arena;
  const ntk_value *v;
  ntk_error *e = ntk_arena_create(&arena);
  require(!e);
  e = ntk_value_parse(arena, "fuzz", text, length, &v);
  if (!e && length < 4096) check_round_trip(arena, v);
  if (e) require(!strchr(ntk_error_message(e), '\n'));
  ntk_error_free(&e);
  ntk_arena_free(&arena);
}

static void check_study(const char *text, size_t length) {
  const char *sets[] = {"seed=3"};
  const ntk_study_source source = {"fuzz.yaml", text, length, sets, 1};
  ntk_study *study;
  ntk_error *e = ntk_study_load(&catalog, &source, &study);
  if (!e) {
    ntk_run_spec run;
    char id[17];
    e = ntk_study_run(study, ntk_study_count(study) - 1, &run);
    if (!e) {
      e = ntk_study_run_id(study, &run, id);
      ntk_run_spec_free(&run);
    }
  } else
    require(*ntk_error_message(e));
  ntk_error_free(&e);
  ntk_study_free(&study);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  const char *text = (const char *)bytes;
  check_values(text, length);
  check_study(text, length);
  return 0;
}
