// ranks: 1
#include <hdf5.h>
#include <math.h>
#include <zlib.h>

#include "check.h"
#include "io/file.h"
#include "io/h5.h"
#include "io/points.h"

static char folder[] = "/tmp/ntkgan-points-XXXXXX";

static const char *in_folder(const char *name) {
  static char paths[8][256];
  static int turn;
  char *path = paths[turn++ % 8];
  snprintf(path, 256, "%s/%s", folder, name);
  return path;
}

/* Reads points and expects exactly these, from every function that applies. */
static void expect(const char *path, size_t n, size_t d, const double *values) {
  size_t got_n = 0, got_d = 0;
  double *x = NULL;
  OK(ntk_points_size(path, &got_n, &got_d));
  if (got_n != n || got_d != d) fail_msg("%s: size %zu x %zu", path, got_n, got_d);
  OK(ntk_points_read(path, &got_n, &got_d, &x));
  if (got_n != n || got_d != d) fail_msg("%s: %zu x %zu", path, got_n, got_d);
  for (size_t i = 0; i < n * d; i++)
    if (x[i] != values[i]) fail_msg("%s: value %zu is %g, expected %g", path, i, x[i], values[i]);
  if (ntk_points_streams(path)) {
    memset(x, 0, n * d * sizeof *x);
    OK(ntk_points_read_into(path, n, d, x));
    assert_memory_equal(x, values, n * d * sizeof *x);
    FAILS(ntk_points_read_into(path, n + 1, d, x), NTK_E_INPUT, "expected");
  }
  free(x);
}

static void refuse(const char *path, const char *part) {
  size_t n, d;
  double *x = NULL;
  ntk_error *e = ntk_points_read(path, &n, &d, &x);
  if (!e) fail_msg("%s was read, expected: %s", path, part);
  if (ntk_error_code(e) != NTK_E_INPUT || !strstr(ntk_error_message(e), part)) fail_msg("expected '%s', message: %s", part, ntk_error_message(e));
  assert_null(x);
  ntk_error_free(&e);
}

/* Writes bytes under a name and gives the path. */
static const char *file(const char *name, const void *bytes, size_t length) {
  const char *path = in_folder(name);
  OK(ntk_file_write(path, bytes, length));
  return path;
}

static const char *text(const char *name, const char *content) { return file(name, content, strlen(content)); }

/* A .npy file: version, header text, data. */
static const char *npy(int version, const char *dict, const void *data, size_t length) {
  static char bytes[4096];
  size_t header = strlen(dict), at = 0;
  memcpy(bytes, "\x93NUMPY", 6);
  bytes[6] = (char)version;
  bytes[7] = 0;
  at = 8;
  for (int i = 0; i < (version == 1 ? 2 : 4); i++) bytes[at++] = (char)(header >> (8 * i) & 255);
  memcpy(bytes + at, dict, header);
  memcpy(bytes + at + header, data, length);
  return file("a.npy", bytes, at + header + length);
}

static void reads_npy(void **state) {
  (void)state;
  static const double six[6] = {1, 2, 3, 4, 5, 6}, by_column[6] = {1, 3, 5, 2, 4, 6};
  expect(npy(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }   \n", six, sizeof six), 3, 2, six);
  expect(npy(2, "{'shape': (3,2),\"descr\":\"<f8\",'fortran_order':True}", by_column, sizeof by_column), 3, 2, six);
  expect(npy(3, "{'descr': '<f8', 'fortran_order': False, 'shape': (6,), }", six, sizeof six), 6, 1, six);
  expect(npy(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (6L, 1L)}", six, sizeof six), 6, 1, six);
  expect(npy(1, "{'descr': '>i2', 'fortran_order': False, 'shape': (1, 3), }", "\xff\xfe\x00\x07\x80\x00", 6), 1, 3, (double[]){-2, 7, -32768});
  expect(npy(1, "{'descr': '<u4', 'fortran_order': False, 'shape': (1, 1), }", "\xff\xff\xff\xff", 4), 1, 1, (double[]){4294967295.0});
  expect(npy(1, "{'descr': '<i8', 'fortran_order': False, 'shape': (1, 1), }", "\0\0\0\0\0\0\0\x80", 8), 1, 1, (double[]){-0x1p63});
  expect(npy(1, "{'descr': '|i1', 'fortran_order': False, 'shape': (2,), }", "\xff\x80", 2), 2, 1, (double[]){-1, -128});
  expect(npy(1, "{'descr': '|b1', 'fortran_order': False, 'shape': (2,), }", "\1\0", 2), 2, 1, (double[]){1, 0});
  expect(npy(1, "{'descr': '>f4', 'fortran_order': False, 'shape': (1, 2), }", "\x3f\x80\0\0\xc0\x20\0\0", 8), 1, 2, (double[]){1, -2.5});
}

/* shape (2, 2, 3): in Fortran order the first axis is fastest, then the second. */
static void flattens_more_axes(void **state) {
  (void)state;
  double c[12], f[12];
  for (int i = 0; i < 2; i++)
    for (int j = 0; j < 2; j++)
      for (int k = 0; k < 3; k++) c[(i * 2 + j) * 3 + k] = f[i + 2 * (j + 2 * k)] = 100 * i + 10 * j + k;
  expect(npy(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2, 3), }", c, sizeof c), 2, 6, c);
  expect(npy(1, "{'descr': '<f8', 'fortran_order': True, 'shape': (2, 2, 3), }", f, sizeof f), 2, 6, c);
}

static void refuses_hostile_npy(void **state) {
  (void)state;
  static const double two[2] = {1, 2}, bad[2] = {1, NAN};
  static const struct {
    const char *dict, *part;
  } cases[] = {
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }", "promises 3 x 2"},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1), }", "promises 1 x 1"},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296), }", "beyond any memory"},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (1, 4294967296, 4294967296), }", "beyond any memory"},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999, 1), }", "tuple of sizes"},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 1), }", "promises"},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (0, 2), }", "no points"},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (2, 0), }", "without coordinates"},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (), }", "single number"},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 2), }", "tuple of sizes"},
      {"{'descr': '<c16', 'fortran_order': False, 'shape': (1,), }", "'<c16'"},
      {"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "'|O'"},
      {"{'descr': [('x', '<f8')], 'fortran_order': False, 'shape': (2,), }", "structured"},
      {"{'descr': '<f8', 'fortran_order': 1, 'shape': (2,), }", "neither True nor False"},
      {"{'descr': '<f8', 'shape': (2,), }", "missing"},
      {"{'descr': '<f8', 'descr': '<f8', 'shape': (2,), }", "repeated"},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (2,)", "expected"},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,2)}", "tuple"},
      {"", "'{' expected"},
      {"{", "a key expected"},
      {"{'descr", "a key expected"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) refuse(npy(1, cases[i].dict, two, sizeof two), cases[i].part);
  refuse(npy(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }", bad, sizeof bad), "point 0 (from 0) is not finite in coordinate 1");
  refuse(npy(4, "{}", two, 16), "version 4");
  refuse(file("b.npy", "\x93NUMPY\1\0\xff\xff{", 11), "ends within its header");
  refuse(file("b.npy", "\x93NUMPY\3\0\xff\xff", 10), "ends within its header");
  refuse(file("b.npy", "\x93NUMPY", 6), "not a .npy");
  refuse(text("b.npy", ""), "not a .npy");
  size_t n, d;
  ntk_error *e = ntk_points_size(npy(1, cases[0].dict, two, sizeof two), &n, &d); /* the header alone is not trusted either */
  assert_int_equal(ntk_error_code(e), NTK_E_INPUT);
  ntk_error_free(&e);
}

static void reads_csv(void **state) {
  (void)state;
  static const double six[6] = {1, -2, 0.5, 4e3, 5, 6};
  expect(text("a.csv", "1,-2\n0.5,4e3\n5,6\n"), 3, 2, six);
  expect(text("a.csv", "x,y\r\n1 , -2\r\n0.5,4e3\r\n5,6"), 3, 2, six);
  expect(text("a.csv", "\xef\xbb\xbf\"x\";\"y\"\n1;-2\n\n# a comment\n0.5;4e3 # another\n5;6\n"), 3, 2, six);
  expect(text("a.tsv", "1\t-2\n0.5\t4e3\n5\t6\n"), 3, 2, six);
  expect(text("a.txt", "# 3 x 2\n  1   -2  \n +.5 4e3\n\t5 6\n   \n"), 3, 2, six);
  expect(text("a.txt", "1\n-2\n0.5\n4e3\n5\n6"), 6, 1, six);
  expect(text("a.csv", "first\n1,-2,0.5\n4e3,5,6\n"), 2, 3, six);
}

static void names_the_place_in_csv(void **state) {
  (void)state;
  refuse(text("a.csv", "1,2\n3,x4\n"), "a.csv:2:3: expected a number, found 'x4'");
  refuse(text("a.csv", "1,2\n3,4z\n"), "a.csv:2:3: expected a number, found '4z'");
  refuse(text("a.csv", "1,2\n3\n"), "a.csv:2:2: fewer numbers");
  refuse(text("a.csv", "1,2\n# c\n\n3,4,5\n"), "a.csv:4:5: more numbers");
  refuse(text("a.csv", "1,2\n3,\n"), "a.csv:2:3: expected a number");
  refuse(text("a.csv", "1,,2\n"), "a.csv:1:3: expected a number");
  refuse(text("a.csv", ",1\n"), "a.csv:1:1: expected a number");
  refuse(text("a.csv", "1x,2\n3,4\n"), "a.csv:1:1: expected a number, found '1x'");
  refuse(text("a.csv", "1,2\n3 4,5\n"), "a.csv:2:3: expected a separator");
  refuse(text("a.csv", "1,2\n3,nan\n"), "a.csv:2:3: expected a finite number, found 'nan'");
  refuse(text("a.csv", "inf,2\n"), "a.csv:1:1: expected a finite number, found 'inf'");
  refuse(text("a.csv", "1,1e999\n"), "a.csv:1:3: expected a finite number");
  refuse(text("a.csv", "x,y\n"), "no points");
  refuse(text("a.csv", ""), "no points");
  refuse(file("a.csv", "1,2\n3,\0004\n", 9), "a.csv:2:3: expected a number");
  refuse(file("a.csv", "\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16), "a.csv:2:1: expected a number");
  refuse(in_folder("none.csv"), "No such file");
  refuse(folder, "folder");
}

static void reads_hdf5(void **state) {
  (void)state;
  static const double six[6] = {1, 2, 3, 4, 5, 6};
  static const long long three[3] = {7, -8, 9};
  ntk_h5 *f = NULL;
  OK(ntk_h5_create(in_folder("a.h5"), &f));
  OK(ntk_h5_write_doubles(f, &(ntk_h5_info){.path = "/g/x", .rank = 2, .shape = {3, 2}}, six));
  OK(ntk_h5_write_integers(f, &(ntk_h5_info){.path = "/g/i", .rank = 1, .shape = {3}}, three));
  OK(ntk_h5_write_doubles(f, &(ntk_h5_info){.path = "/g/images", .rank = 3, .shape = {1, 2, 3}}, six));
  OK(ntk_h5_write_doubles(f, &(ntk_h5_info){.path = "/one", .rank = 0}, six));
  OK(ntk_h5_commit(&f));
  expect(in_folder("a.h5:/g/x"), 3, 2, six);
  expect(in_folder("a.h5:/g/i"), 3, 1, (double[]){7, -8, 9});
  expect(in_folder("a.h5:/g/images"), 1, 6, six);
  refuse(in_folder("a.h5:/one"), "single number");
  refuse(in_folder("a.h5:/g"), "not a dataset");
  refuse(in_folder("a.h5:/no"), "no such dataset");
  refuse(in_folder("a.h5"), "name the dataset");
  refuse(in_folder("b.h5:/x"), "No such file");
}

static void gzip(const char *path, const void *bytes, size_t length) {
  gzFile z = gzopen(path, "wb");
  assert_int_equal(gzwrite(z, bytes, (unsigned)length), length);
  gzclose(z);
}

static void reads_idx(void **state) {
  (void)state;
  static const char images[] = "\0\0\x08\3\0\0\0\2\0\0\0\1\0\0\0\3\0\1\2\xfd\xfe\xff", shorts[] = "\0\0\x0b\1\0\0\0\2\xff\xff\1\0";
  static const char floats[] = "\0\0\x0d\2\0\0\0\1\0\0\0\2\x3f\x80\0\0\xc0\x20\0\0", doubles[] = "\0\0\x0e\1\0\0\0\1\x3f\xf8\0\0\0\0\0\0";
  static const double pixels[6] = {0, 1, 2, 253, 254, 255};
  expect(file("train-images-idx3-ubyte", images, 22), 2, 3, pixels);
  expect(file("a", shorts, 12), 2, 1, (double[]){-1, 256});
  expect(file("a", floats, 20), 1, 2, (double[]){1, -2.5});
  expect(file("a", doubles, 16), 1, 1, (double[]){1.5});
  gzip(in_folder("images.gz"), images, 22);
  expect(in_folder("images.gz"), 2, 3, pixels);
}

static void refuses_hostile_idx(void **state) {
  (void)state;
  refuse(file("a", "\0\0\x08\2\0\0\0\2\0\0\0\3\1\2\3", 15), "promises 2 x 3 numbers, 6 bytes, it holds 3");
  refuse(file("a", "\0\0\x08\1\0\0\0\2\1\2\3", 11), "promises 2 x 1 numbers, 2 bytes, it holds 3");
  refuse(file("a", "\0\0\x08\3\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 16), "beyond any memory");
  refuse(file("a", "\0\0\x08\1\xff\xff\xff\xff", 8), "promises 4294967295");
  refuse(file("a", "\0\0\x08\2\0\0\0\0\0\0\0\1", 12), "no points");
  refuse(file("a", "\0\0\x08\0", 4), "single number");
  refuse(file("a", "\0\0\x0a\1\0\0\0\1\1", 9), "type 10");
  refuse(file("a", "\0\0\x08\3\0\0", 6), "ends within its header");
  refuse(file("a", "\0\0", 2), "unknown format");
  refuse(text("a.unknown", "1,2\n"), "unknown format");
  refuse(file("a", "\0\0\x0d\1\0\0\0\1\x7f\xc0\0\0", 12), "point 0 (from 0) is not finite");
}

static void refuses_hostile_gzip(void **state) {
  (void)state;
  /* 4e9 bytes promised behind a few compressed ones. */
  gzip(in_folder("a.gz"), "\0\0\x08\1\xff\xff\xff\xff\1\2\3", 11);
  refuse(in_folder("a.gz"), "promises 4294967295");
  gzip(in_folder("a.gz"), "\0\0\x08\1\0\0\0\2\1\2\3\4", 12);
  refuse(in_folder("a.gz"), "at least 3");
  gzip(in_folder("a.gz"), "\0\0\x08\1\0\0\0\4\1\2", 10);
  refuse(in_folder("a.gz"), "4 bytes, it holds 2");
  static char numbers[8008] = "\0\0\x08\1\0\0\x1f\x40";
  for (size_t i = 8; i < sizeof numbers; i++) numbers[i] = (char)(i * i * i / 7);
  gzip(in_folder("good.gz"), numbers, sizeof numbers);
  char *bytes = NULL;
  size_t length = 0;
  OK(ntk_file_read(in_folder("good.gz"), 1 << 20, &bytes, &length));
  refuse(file("cut.gz", bytes, length / 2), "end early");
  refuse(file("cut.gz", bytes, length - 4), "end early");
  refuse(file("cut.gz", bytes, 3), "end early");
  bytes[length - 7] ^= 1; /* in the checksum */
  refuse(file("flipped.gz", bytes, length), "damaged");
  free(bytes);
}

static int make_folder(void **state) {
  (void)state;
  return mkdtemp(folder) ? 0 : -1;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_npy), cmocka_unit_test(flattens_more_axes),     cmocka_unit_test(refuses_hostile_npy),
      cmocka_unit_test(reads_csv), cmocka_unit_test(names_the_place_in_csv), cmocka_unit_test(reads_hdf5),
      cmocka_unit_test(reads_idx), cmocka_unit_test(refuses_hostile_idx),    cmocka_unit_test(refuses_hostile_gzip),
  };
  int failed = cmocka_run_group_tests(tests, make_folder, NULL);
  char command[300];
  snprintf(command, sizeof command, "rm -rf %s", folder);
  return system(command) ? 1 : failed;
}
