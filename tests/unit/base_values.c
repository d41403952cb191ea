// ranks: 1
// Errors, texts, JSON, hashes: what every room relies on.
#include <errno.h>
#include <math.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "check.h"

static void errors_carry_code_and_context(void **state) {
  (void)state;
  ntk_error *e = ntk_error_prefix(ntk_fail(NTK_E_NUMERIC, "no %s after %d steps", "convergence", 7), "run %s", "a");
  assert_string_equal(ntk_error_message(e), "run a: no convergence after 7 steps");
  assert_int_equal(ntk_code_status(ntk_error_code(e)), 1);
  e = ntk_error_join(e, ntk_fail(NTK_E_IO, "second"));
  assert_int_equal(ntk_error_code(e), NTK_E_NUMERIC);
  ntk_error_free(&e);
  assert_null(e);
  assert_null(ntk_error_prefix(NULL, "nothing"));
  FAILS(ntk_fail_errno(ENOSPC, "writing %s", "x.h5"), NTK_E_IO, "writing x.h5: No space left on device");
  FAILS(ntk_fail_errno(ENOMEM, "reading"), NTK_E_MEMORY, "reading");
}

static void allocation_refuses_overflow(void **state) {
  (void)state;
  double *p = NULL;
  FAILS(NTK_NEW(SIZE_MAX / 4, &p), NTK_E_MEMORY, "do not fit");
  assert_null(p);
  OK(NTK_NEW(0, &p));
  assert_non_null(p);
  free(p);
}

static void doubles_read_back_exactly(void **state) {
  (void)state;
  const struct {
    double value;
    const char *text;
  } table[] = {{1, "1"}, {0.1, "0.1"}, {-0.0, "0"}, {1e300, "1e+300"}, {1.0 / 3, "0.3333333333333333"}, {INFINITY, "inf"}, {NAN, "nan"}};
  char text[32];
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    ntk_format_double(table[i].value, text);
    assert_string_equal(text, table[i].text);
  }
  for (uint64_t bits = 1; bits < (uint64_t)1 << 62; bits = bits * 3 + 12345) {
    double value, back;
    memcpy(&value, &bits, sizeof value);
    ntk_format_double(value, text);
    back = strtod(text, NULL);
    assert_true(back == value);
  }
}

static void nearest_word(void **state) {
  (void)state;
  const char *words[] = {"discriminator", "generator", "iterations", "relu", "step"};
  assert_string_equal(ntk_nearest_word("discriminater", words, 5), "discriminator");
  assert_string_equal(ntk_nearest_word("rleu", words, 5), "relu");
  assert_string_equal(ntk_nearest_word("Step", words, 5), "step");
  assert_null(ntk_nearest_word("banana", words, 5));
}

static void json_is_escaped_and_nested(void **state) {
  (void)state;
  ntk_text t = NTK_TEXT;
  ntk_json j = NTK_JSON(&t);
  const double values[] = {1, 0.5, NAN};
  ntk_json_object(&j, NULL);
  ntk_json_string(&j, "a\"b", "line\n\ttab\\ \x01");
  ntk_json_numbers(&j, "v", values, 3);
  ntk_json_array(&j, "empty");
  ntk_json_end_array(&j);
  ntk_json_bool(&j, "yes", true);
  ntk_json_null(&j, "none");
  ntk_json_integer(&j, "n", -9007199254740993LL);
  ntk_json_end_object(&j);
  assert_string_equal(t.bytes,
                      "{\"a\\\"b\": \"line\\n\\ttab\\\\ \\u0001\", \"v\": [1, 0.5, null], \"empty\": [], \"yes\": true, \"none\": null, "
                      "\"n\": -9007199254740993}");
  ntk_text_free(&t);
}

static void hash_is_xxh3_128(void **state) {
  (void)state;
  /* XXH3_128bits of the empty input, seed 0: published test vector of xxHash. */
  assert_string_equal(ntk_hash_bytes("", 0).hex, "99aa06d3014798d86001c324468d497f");
  char path[] = "/tmp/ntkgan_hash_XXXXXX";
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, "measure", 7), 7);
  close(fd);
  ntk_hash file;
  OK(ntk_hash_file(path, &file));
  assert_string_equal(file.hex, ntk_hash_bytes("measure", 7).hex);
  unlink(path);
  FAILS(ntk_hash_file(path, &file), NTK_E_INPUT, "No such file");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(errors_carry_code_and_context), cmocka_unit_test(allocation_refuses_overflow),
      cmocka_unit_test(doubles_read_back_exactly),     cmocka_unit_test(nearest_word),
      cmocka_unit_test(json_is_escaped_and_nested),    cmocka_unit_test(hash_is_xxh3_128),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
