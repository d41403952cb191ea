// ranks: 1
/* A sealed file comes back whole or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/file.h"
#include "io/seal.h"

static char folder[64], path[96], old[96];
static const char content[] = "abcdefghijklmnopqrstuvwxyz";

static int setup(void **state) {
  (void)state;
  strcpy(folder, "/tmp/ntkgan-seal-XXXXXX");
  if (!mkdtemp(folder)) return -1;
  snprintf(path, sizeof path, "%s/sealed", folder);
  snprintf(old, sizeof old, "%s/old", folder);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  unlink(path);
  unlink(old);
  return rmdir(folder);
}

static void write_sealed(const char *text, const char *note) {
  char trailer[NTK_SEAL_BYTES];
  ntk_seal_make(text, strlen(text), note, trailer);
  assert_null(ntk_file_write_pieces(path, old, (const ntk_piece[2]){{text, strlen(text)}, {trailer, sizeof trailer}}));
}

static bool reads(const char *name, const char *expected) {
  char *bytes = NULL;
  size_t length = 0;
  ntk_error *err = ntk_seal_read(name, 1000, &bytes, &length);
  bool same = !err && length == strlen(expected) && memcmp(bytes, expected, length) == 0;
  assert_true(!err || ntk_error_code(err) == NTK_E_INPUT);
  assert_true(!err || !bytes);
  ntk_error_free(&err);
  free(bytes);
  return same;
}

static void it_comes_back_with_its_note(void **state) {
  (void)state;
  char note[NTK_SEAL_NOTE_BYTES], longest[200];
  write_sealed(content, "iteration 12");
  assert_true(reads(path, content));
  assert_null(ntk_seal_note(path, note));
  assert_string_equal(note, "iteration 12");
  memset(longest, 'n', sizeof longest);
  longest[sizeof longest - 1] = '\0';
  write_sealed("", longest);
  assert_true(reads(path, ""));
  assert_null(ntk_seal_note(path, note));
  assert_int_equal(strlen(note), NTK_SEAL_NOTE_BYTES - 1);
}

static void the_one_before_is_kept(void **state) {
  (void)state;
  write_sealed("first", "1");
  write_sealed("second", "2");
  assert_true(reads(path, "second") && reads(old, "first"));
  write_sealed("third", "3");
  assert_true(reads(path, "third") && reads(old, "second"));
}

static void every_changed_byte_and_every_cut_is_seen(void **state) {
  (void)state;
  char *bytes = NULL;
  size_t length = 0;
  write_sealed(content, "iteration 12");
  assert_null(ntk_file_read(path, 1000, &bytes, &length));
  assert_int_equal(length, strlen(content) + NTK_SEAL_BYTES);
  for (size_t i = 0; i + 1 < length; i++) { /* the last byte is the newline */
    bytes[i] ^= 4;
    assert_null(ntk_file_write(path, bytes, length));
    assert_false(reads(path, content));
    bytes[i] ^= 4;
  }
  for (size_t i = 0; i < length; i++) {
    assert_null(ntk_file_write(path, bytes, i));
    assert_false(reads(path, content));
  }
  free(bytes);
}

static void what_is_not_there_is_told(void **state) {
  (void)state;
  char note[NTK_SEAL_NOTE_BYTES];
  assert_false(reads("/nonexistent", ""));
  ntk_error *err = ntk_seal_note("/nonexistent", note);
  assert_int_equal(ntk_error_code(err), NTK_E_INPUT);
  ntk_error_free(&err);
  assert_null(ntk_file_write(path, "short", 5));
  err = ntk_seal_note(path, note);
  assert_int_equal(ntk_error_code(err), NTK_E_INPUT);
  ntk_error_free(&err);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(it_comes_back_with_its_note, setup, teardown),
      cmocka_unit_test_setup_teardown(the_one_before_is_kept, setup, teardown),
      cmocka_unit_test_setup_teardown(every_changed_byte_and_every_cut_is_seen, setup, teardown),
      cmocka_unit_test_setup_teardown(what_is_not_there_is_told, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
