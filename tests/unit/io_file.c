// ranks: 1
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "io/file.h"

static char folder[] = "/tmp/ntkgan-file-XXXXXX";

static const char *in_folder(const char *name) {
  static char paths[8][256];
  static int turn;
  char *path = paths[turn++ % 8];
  snprintf(path, 256, "%s/%s", folder, name);
  return path;
}

static void assert_content(const char *path, const char *expected) {
  char *bytes = NULL;
  size_t length = 0;
  OK(ntk_file_read(path, 1000, &bytes, &length));
  assert_int_equal(length, strlen(expected));
  assert_string_equal(bytes, expected);
  free(bytes);
}

static void replaces_as_a_whole(void **state) {
  (void)state;
  const char *path = in_folder("a");
  OK(ntk_file_write(path, "first", 5));
  assert_content(path, "first");
  OK(ntk_file_write(path, "", 0));
  assert_content(path, "");
  OK(ntk_file_write(path, "third", 5));
  assert_content(path, "third");
  assert_false(ntk_file_exists(in_folder("a.part")));
  if (chdir(folder)) fail();
  OK(ntk_file_write("relative", "x", 1)); /* the folder is "." */
  assert_content(in_folder("relative"), "x");
}

static void failing_rename_leaves_no_part(void **state) {
  (void)state;
  const char *target = in_folder("is-a-folder");
  assert_int_equal(mkdir(target, 0777), 0);
  FAILS(ntk_file_write(target, "x", 1), NTK_E_IO, "is-a-folder");
  assert_false(ntk_file_exists(in_folder("is-a-folder.part")));
  FAILS(ntk_file_write(in_folder("no/such/folder"), "x", 1), NTK_E_IO, "No such file");
}

static void full_disk_leaves_the_old_file(void **state) {
  (void)state;
  static char large[100000];
  const char *path = in_folder("full");
  struct rlimit before;
  OK(ntk_file_write(path, "old", 3));
  signal(SIGXFSZ, SIG_IGN);
  getrlimit(RLIMIT_FSIZE, &before);
  setrlimit(RLIMIT_FSIZE, &(struct rlimit){50000, before.rlim_max});
  ntk_error *e = ntk_file_write(path, large, sizeof large); /* a short write comes first, then EFBIG */
  setrlimit(RLIMIT_FSIZE, &before);
  FAILS(e, NTK_E_IO, "full.part: File too large");
  assert_content(path, "old");
  assert_false(ntk_file_exists(in_folder("full.part")));
}

static void reads_within_limits(void **state) {
  (void)state;
  char *bytes = NULL;
  size_t length = 0;
  OK(ntk_file_write(in_folder("ten"), "0123456789", 10));
  OK(ntk_file_read(in_folder("ten"), 10, &bytes, &length));
  assert_int_equal(length, 10);
  free(bytes);
  FAILS(ntk_file_read(in_folder("ten"), 9, &bytes, &length), NTK_E_INPUT, "10 bytes");
  FAILS(ntk_file_read(folder, 100, &bytes, &length), NTK_E_INPUT, "folder");
  FAILS(ntk_file_read(in_folder("none"), 100, &bytes, &length), NTK_E_INPUT, "No such file");
  FAILS(ntk_file_read("/dev/zero", 100000, &bytes, &length), NTK_E_INPUT, "larger than");
  assert_null(bytes);
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  assert_int_equal(write(ends[1], "piped", 5), 5);
  close(ends[1]);
  int kept = dup(STDIN_FILENO);
  dup2(ends[0], STDIN_FILENO);
  OK(ntk_file_read("-", 100, &bytes, &length));
  dup2(kept, STDIN_FILENO);
  assert_string_equal(bytes, "piped");
  free(bytes);
}

static void makes_folders(void **state) {
  (void)state;
  OK(ntk_folder_make(in_folder("p//q/r/")));
  assert_true(ntk_file_exists(in_folder("p/q/r")));
  OK(ntk_folder_make(in_folder("p/q")));
  OK(ntk_folder_make("/"));
  OK(ntk_file_write(in_folder("file"), "", 0));
  FAILS(ntk_folder_make(in_folder("file")), NTK_E_IO, "Not a directory");
  FAILS(ntk_folder_make(in_folder("file/below")), NTK_E_IO, "Not a directory");
  FAILS(ntk_folder_make(""), NTK_E_IO, "empty");
}

static int make_folder(void **state) {
  (void)state;
  return mkdtemp(folder) ? 0 : -1;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(replaces_as_a_whole),
      cmocka_unit_test(failing_rename_leaves_no_part),
      cmocka_unit_test(full_disk_leaves_the_old_file),
      cmocka_unit_test(reads_within_limits),
      cmocka_unit_test(makes_folders),
  };
  int failed = cmocka_run_group_tests(tests, make_folder, NULL);
  char command[300];
  snprintf(command, sizeof command, "rm -rf %s", folder);
  return system(command) ? 1 : failed;
}
