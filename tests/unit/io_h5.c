// ranks: 1
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/rng.h"
#include "check.h"
#include "io/file.h"
#include "io/h5.h"

static char folder[] = "/tmp/ntkgan-io-XXXXXX";

static const char *in_folder(const char *name) {
  static char paths[8][256];
  static int turn;
  char *path = paths[turn++ % 8];
  snprintf(path, 256, "%s/%s", folder, name);
  return path;
}

enum { K = 3, N = 200, D = 40, LARGE_COUNT = K * N * D };

static void fill(ntk_h5 *f) {
  static double fake[LARGE_COUNT], loss[K] = {0.5, 0.25, 0.125};
  for (size_t i = 0; i < LARGE_COUNT; i++) fake[i] = (double)(i % 977) / 8;
  static const long long iteration[K] = {0, 10, 20};
  static const char *const label[2] = {"ipm/ReLU \xce\xb1", ""};
  OK(ntk_h5_write_integers(f, &(ntk_h5_info){.path = "/trajectory/iteration", .rank = 1, .shape = {K}, .long_name = "generator steps done"},
                           iteration));
  ntk_h5_info info = {.path = "/trajectory/fake",
                      .rank = 3,
                      .shape = {K, N, D},
                      .scale = {"/trajectory/iteration", "point", "coordinate"},
                      .long_name = "generated points"};
  OK(ntk_h5_write_doubles(f, &info, fake));
  /* A scale of another group, a bare name, and an axis nobody named. */
  OK(ntk_h5_write_doubles(f, &(ntk_h5_info){.path = "/metrics/mmd2", .rank = 1, .shape = {K}, .scale = {"/trajectory/iteration"}, .units = "m"},
                          loss));
  OK(ntk_h5_write_doubles(f, &(ntk_h5_info){.path = "/matrix/gram", .rank = 2, .shape = {1, K}, .scale = {NULL, "column"}}, loss));
  OK(ntk_h5_write_texts(f, &(ntk_h5_info){.path = "/runs/label", .rank = 1, .shape = {2}, .scale = {"run"}}, label));
  OK(ntk_h5_write_doubles(f, &(ntk_h5_info){.path = "/value", .rank = 0}, loss));
  OK(ntk_h5_attribute_text(f, "/", "settings", "seed: 1\n"));
  OK(ntk_h5_attribute_double(f, "/trajectory/fake", "largest", 122.0));
  OK(ntk_h5_link(f, "/links/0123", "runs/0123.h5"));
}

static void write_file(const char *path) {
  ntk_h5 *f = NULL;
  OK(ntk_h5_create(path, &f));
  fill(f);
  OK(ntk_h5_commit(&f));
  assert_null(f);
}

static void round_trip(void **state) {
  (void)state;
  write_file("build/tests/io_h5.h5"); /* tests/command/test_files.py reads it */
  ntk_h5 *f = NULL;
  OK(ntk_h5_open("build/tests/io_h5.h5", &f));
  size_t shape[4] = {0};
  double *fake = NULL;
  OK(ntk_h5_read_doubles(f, "/trajectory/fake", 3, shape, &fake));
  assert_int_equal(shape[0], K);
  assert_int_equal(shape[1], N);
  assert_int_equal(shape[2], D);
  for (size_t i = 0; i < LARGE_COUNT; i++) assert_true(fake[i] == (double)(i % 977) / 8);
  long long *iteration = NULL, version = 0;
  OK(ntk_h5_read_integers(f, "/metrics/iteration", 1, shape, &iteration));
  assert_int_equal(iteration[2], 20);
  free(iteration);
  OK(ntk_h5_read_attribute_integer(f, "/", "format_version", &version));
  assert_int_equal(version, 1);
  char *text = NULL;
  OK(ntk_h5_read_attribute_text(f, "/", "settings", &text));
  assert_string_equal(text, "seed: 1\n");
  free(text);
  OK(ntk_h5_read_attribute_text(f, "/metrics/iteration", "long_name", &text));
  assert_string_equal(text, "generator steps done");
  free(text);
  double *none = NULL;
  FAILS(ntk_h5_read_doubles(f, "/trajectory/fake", 2, shape, &none), NTK_E_INPUT, "3 axes, expected 2");
  FAILS(ntk_h5_read_doubles(f, "/trajectory", 1, shape, &none), NTK_E_INPUT, "not a dataset");
  FAILS(ntk_h5_read_doubles(f, "/no/such", 1, shape, &none), NTK_E_INPUT, "no such dataset");
  FAILS(ntk_h5_read_doubles(f, "/runs/label", 1, shape, &none), NTK_E_INPUT, "numbers");
  FAILS(ntk_h5_read_integers(f, "/metrics/mmd2", 1, shape, &iteration), NTK_E_INPUT, "integers");
  FAILS(ntk_h5_read_attribute_text(f, "/", "nothing", &text), NTK_E_INPUT, "no attribute");
  assert_null(none);
  assert_true(ntk_h5_has(f, "/"));
  assert_true(ntk_h5_has(f, "/trajectory/fake"));
  assert_false(ntk_h5_has(f, "/trajectory/fake/deeper"));
  assert_false(ntk_h5_has(f, "/links/0123")); /* the target is missing */
  free(fake);
  ntk_h5_close(&f);
  ntk_h5_close(&f);
}

static void equal_content_gives_equal_bytes(void **state) {
  (void)state;
  write_file(in_folder("a.h5"));
  struct timespec pause = {1, 100000000}; /* HDF5's time stamps have seconds */
  nanosleep(&pause, NULL);
  write_file(in_folder("b.h5"));
  char *a = NULL, *b = NULL;
  size_t na, nb;
  OK(ntk_file_read(in_folder("a.h5"), 1 << 28, &a, &na));
  OK(ntk_file_read(in_folder("b.h5"), 1 << 28, &b, &nb));
  assert_int_equal(na, nb);
  assert_memory_equal(a, b, na);
  free(a);
  free(b);
}

static void nothing_appears_before_commit(void **state) {
  (void)state;
  ntk_h5 *f = NULL;
  const char *path = in_folder("early.h5");
  OK(ntk_h5_create(path, &f));
  fill(f);
  assert_false(ntk_file_exists(path));
  ntk_h5_close(&f);
  assert_false(ntk_file_exists(path));
  assert_false(ntk_file_exists(in_folder("early.h5.part")));
}

static void scale_of_wrong_length_is_refused(void **state) {
  (void)state;
  static const double values[3] = {1, 2, 3};
  ntk_h5 *f = NULL;
  OK(ntk_h5_create(in_folder("scale.h5"), &f));
  OK(ntk_h5_write_doubles(f, &(ntk_h5_info){.path = "/a", .rank = 1, .shape = {3}, .scale = {"point"}}, values));
  FAILS(ntk_h5_write_doubles(f, &(ntk_h5_info){.path = "/b", .rank = 1, .shape = {2}, .scale = {"point"}}, values), NTK_E_INTERNAL, "length 2");
  FAILS(ntk_h5_write_doubles(f, &(ntk_h5_info){.path = "/c", .rank = 1, .shape = {3}, .scale = {"/no/scale"}}, values), NTK_E_INTERNAL,
        "no dimension");
  ntk_h5_close(&f);
}

static void empty_arrays(void **state) {
  (void)state;
  ntk_h5 *f = NULL;
  size_t shape[2] = {9, 9};
  double *values = NULL;
  OK(ntk_h5_create(in_folder("empty.h5"), &f));
  OK(ntk_h5_write_doubles(f, &(ntk_h5_info){.path = "/a", .rank = 2, .shape = {0, 3}, .scale = {"record", "point"}}, NULL));
  OK(ntk_h5_commit(&f));
  OK(ntk_h5_open(in_folder("empty.h5"), &f));
  OK(ntk_h5_read_doubles(f, "/a", 2, shape, &values));
  assert_int_equal(shape[0], 0);
  assert_int_equal(shape[1], 3);
  free(values);
  ntk_h5_close(&f);
}

static void refuses_what_it_cannot_read(void **state) {
  (void)state;
  ntk_h5 *f = NULL;
  FAILS(ntk_h5_open(in_folder("missing.h5"), &f), NTK_E_INPUT, "No such file");
  OK(ntk_file_write(in_folder("junk.h5"), "not HDF5", 8));
  FAILS(ntk_h5_open(in_folder("junk.h5"), &f), NTK_E_INPUT, "junk.h5");
  char *bytes = NULL;
  size_t length = 0;
  OK(ntk_file_read("build/tests/io_h5.h5", 1 << 28, &bytes, &length));
  OK(ntk_file_write(in_folder("short.h5"), bytes, length / 2));
  FAILS(ntk_h5_open(in_folder("short.h5"), &f), NTK_E_INPUT, "truncated");
  free(bytes);
  OK(ntk_h5_create(in_folder("newer.h5"), &f));
  OK(ntk_h5_attribute_integer(f, "/", "format_version", 2));
  OK(ntk_h5_commit(&f));
  FAILS(ntk_h5_open(in_folder("newer.h5"), &f), NTK_E_INPUT, "version 2");
  assert_null(f);
  FAILS(ntk_h5_create("/nonexistent/folder/a.h5", &f), NTK_E_IO, "No such file");
  assert_null(f);
}

static void flipped_bit_is_found(void **state) {
  (void)state;
  char *bytes = NULL;
  size_t length = 0, shape[3];
  OK(ntk_file_read("build/tests/io_h5.h5", 1 << 28, &bytes, &length));
  bool found = false;
  for (size_t at = length - 2000; at > 1000 && !found; at -= 197) { /* somewhere in the compressed chunks */
    bytes[at] ^= 1;
    OK(ntk_file_write(in_folder("flipped.h5"), bytes, length));
    bytes[at] ^= 1;
    ntk_h5 *f = NULL;
    double *values = NULL;
    ntk_error *e = ntk_h5_open(in_folder("flipped.h5"), &f);
    if (!e) e = ntk_h5_read_doubles(f, "/trajectory/fake", 3, shape, &values);
    found = e && strstr(ntk_error_message(e), "Fletcher32");
    ntk_error_free(&e);
    free(values);
    ntk_h5_close(&f);
  }
  free(bytes);
  assert_true(found);
}

/* In a child: writes under a limit on the file size and answers whether all is as it should be after the failure. */
static int try_limited(rlim_t limit) {
  signal(SIGXFSZ, SIG_IGN);
  signal(SIGSEGV, SIG_DFL);
  if (setrlimit(RLIMIT_FSIZE, &(struct rlimit){limit, RLIM_INFINITY})) return 10;
  ntk_h5 *f = NULL;
  static double values[1 << 16];
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) values[i] = ntk_uniform((ntk_rng){1, 0, 1}, i); /* does not compress */
  ntk_error *e = ntk_h5_create(in_folder("full.h5"), &f);
  for (int i = 0; i < 4 && !e; i++) {
    char path[] = "/d0";
    path[2] = (char)('0' + i);
    e = ntk_h5_write_doubles(f, &(ntk_h5_info){.path = path, .rank = 1, .shape = {1 << 16}, .scale = {"point"}}, values);
  }
  if (!e)
    e = ntk_h5_commit(&f);
  else
    ntk_h5_close(&f);
  bool good = ntk_error_code(e) == NTK_E_IO && strstr(ntk_error_message(e), "full.h5") && strstr(ntk_error_message(e), "File too large");
  if (!good) fprintf(stderr, "limit %lld: %s\n", (long long)limit, ntk_error_message(e));
  ntk_error_free(&e);
  if (!good) return 11;
  /* The library is usable afterwards. */
  setrlimit(RLIMIT_FSIZE, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY});
  size_t shape[1];
  double *old = NULL;
  e = ntk_h5_open(in_folder("full.h5"), &f);
  if (!e) e = ntk_h5_read_doubles(f, "/old", 1, shape, &old);
  good = !e && shape[0] == 2 && old[1] == 8;
  ntk_error_free(&e);
  free(old);
  ntk_h5_close(&f);
  return good ? 0 : 12;
}

static void full_disk_leaves_the_old_file(void **state) {
  (void)state;
  ntk_h5 *f = NULL;
  static const double old[2] = {7, 8};
  OK(ntk_h5_create(in_folder("full.h5"), &f));
  OK(ntk_h5_write_doubles(f, &(ntk_h5_info){.path = "/old", .rank = 1, .shape = {2}}, old));
  OK(ntk_h5_commit(&f));
  static const rlim_t limits[] = {0, 100, 3000, 20000, 200000, 600000, 1000000};
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
    fflush(NULL);
    pid_t child = fork();
    if (!child) exit(try_limited(limits[i])); /* exit, so that HDF5's own clean-up runs too */
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (status) fail_msg("limit %lld: status %x", (long long)limits[i], (unsigned)status);
    assert_false(ntk_file_exists(in_folder("full.h5.part")));
  }
}

static int count_prints;
static herr_t printer(hid_t stack, void *data) {
  (void)stack;
  (void)data;
  count_prints++;
  return 0;
}

static void callers_error_printing_is_kept(void **state) {
  (void)state;
  ntk_h5 *f = NULL;
  H5E_auto2_t before;
  void *data;
  H5Eget_auto2(H5E_DEFAULT, &before, &data);
  H5Eset_auto2(H5E_DEFAULT, printer, NULL);
  FAILS(ntk_h5_open(in_folder("missing.h5"), &f), NTK_E_INPUT, "No such file");
  assert_int_equal(count_prints, 0);
  assert_true(H5Fopen("/nonexistent", H5F_ACC_RDONLY, H5P_DEFAULT) < 0);
  assert_int_equal(count_prints, 1);
  H5Eset_auto2(H5E_DEFAULT, before, data);
}

/* A few bytes that claim 2^40 numbers. */
static void claimed_size_is_not_believed(void **state) {
  (void)state;
  hid_t file = H5Fcreate(in_folder("huge.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  hsize_t shape[2] = {1 << 20, 1 << 20}, chunk[2] = {16, 16};
  hid_t space = H5Screate_simple(2, shape, NULL), creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(creation, 2, chunk);
  H5Dclose(H5Dcreate2(file, "x", H5T_IEEE_F64LE, space, H5P_DEFAULT, creation, H5P_DEFAULT));
  H5Pclose(creation);
  H5Sclose(space);
  H5Fclose(file);
  ntk_h5 *f = NULL;
  OK(ntk_h5_open(in_folder("huge.h5"), &f));
  size_t got[2];
  double *values = NULL;
  FAILS(ntk_h5_read_doubles(f, "/x", 2, got, &values), NTK_E_INPUT, "contradicts");
  ntk_h5_close(&f);
}

static int make_folder(void **state) {
  (void)state;
  return mkdtemp(folder) ? 0 : -1;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(round_trip),
      cmocka_unit_test(equal_content_gives_equal_bytes),
      cmocka_unit_test(nothing_appears_before_commit),
      cmocka_unit_test(scale_of_wrong_length_is_refused),
      cmocka_unit_test(empty_arrays),
      cmocka_unit_test(refuses_what_it_cannot_read),
      cmocka_unit_test(flipped_bit_is_found),
      cmocka_unit_test(full_disk_leaves_the_old_file),
      cmocka_unit_test(callers_error_printing_is_kept),
      cmocka_unit_test(claimed_size_is_not_believed),
  };
  int failed = cmocka_run_group_tests(tests, make_folder, NULL);
  char command[300];
  snprintf(command, sizeof command, "rm -rf %s", folder);
  return system(command) ? 1 : failed;
}
