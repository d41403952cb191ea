#include "io/points.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/file.h"
#include "io/points_format.h"

enum { HEAD = 1 << 20 };                       /* bytes that surely hold the header of an array file */
static const size_t LARGEST = (size_t)1 << 40; /* bytes of a file; keeps endless devices from filling the memory unnoticed */

static const struct {
  const char *ending;
  ntk_points_reader read;
  bool header; /* the size is in the first bytes */
} formats[] = {
    {".npy", ntk_points_npy, true},  {".csv", ntk_points_csv, false}, {".txt", ntk_points_csv, false},
    {".tsv", ntk_points_csv, false}, {"", ntk_points_idx, true}, /* IDX files have no ending; their first bytes decide */
};

static bool ends_with(const char *text, const char *ending) {
  size_t n = strlen(text), m = strlen(ending);
  return n >= m && strcmp(text + n - m, ending) == 0;
}

double ntk_points_number(ntk_points_type type, const char *bytes) {
  bool negative = type.kind == NTK_STORED_SIGNED && (unsigned char)bytes[type.big_endian ? 0 : type.size - 1] > 127;
  uint64_t bits = negative ? UINT64_MAX : 0; /* the sign fills what the number has not */
  for (size_t i = 0; i < type.size; i++) bits = bits << 8 | (unsigned char)bytes[type.big_endian ? i : type.size - 1 - i];
  if (type.kind == NTK_STORED_UNSIGNED) return (double)bits;
  if (type.kind == NTK_STORED_SIGNED) return (double)(int64_t)bits;
  if (type.size == 4) {
    uint32_t half = (uint32_t)bits;
    float single;
    memcpy(&single, &half, sizeof single);
    return (double)single;
  }
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

ntk_error *ntk_points_shape(const char *name, size_t rank, const size_t *shape, ntk_points *out) {
  if (!rank) return ntk_fail(NTK_E_INPUT, "%s: holds a single number, not points", name);
  size_t d = 1;
  for (size_t i = 1; i < rank; i++) {
    if (!shape[i]) return ntk_fail(NTK_E_INPUT, "%s: holds points without coordinates", name);
    if (d > SIZE_MAX / shape[i]) return ntk_fail(NTK_E_INPUT, "%s: claims a size beyond any memory", name);
    d *= shape[i];
  }
  if (!shape[0]) return ntk_fail(NTK_E_INPUT, "%s: holds no points", name);
  if (shape[0] > SIZE_MAX / 16 / d) return ntk_fail(NTK_E_INPUT, "%s: claims a size beyond any memory", name);
  out->n = shape[0];
  out->d = d;
  return NULL;
}

/* The first bytes of a file, and how many it has. */
static ntk_error *read_head(const char *path, char **bytes, ntk_points_source *source) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ntk_fail(NTK_E_INPUT, "cannot open %s: %s", path, strerror(errno));
  struct stat status;
  ntk_error *err = NULL;
  if (fstat(fd, &status) || !S_ISREG(status.st_mode)) err = ntk_fail(NTK_E_INPUT, "%s is not a regular file", path);
  if (!err) err = ntk_alloc(HEAD + 1, 1, bytes);
  while (!err && source->length < HEAD) {
    ssize_t count = read(fd, *bytes + source->length, HEAD - source->length);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) err = ntk_fail(NTK_E_INPUT, "cannot read %s: %s", path, strerror(errno));
    if (count <= 0) break;
    source->length += (size_t)count;
  }
  if (!err) source->whole = (size_t)status.st_size > source->length ? (size_t)status.st_size : source->length;
  close(fd);
  return err;
}

static ntk_error *check_finite(const char *path, size_t n, size_t d, const double *x) {
  const char *name = strcmp(path, "-") ? path : "standard input";
  for (size_t i = 0; i < n * d; i++)
    if (!isfinite(x[i])) return ntk_fail(NTK_E_INPUT, "%s: point %zu (from 0) is not finite in coordinate %zu", name, i / d, i % d);
  return NULL;
}

static ntk_error *read_points(const char *path, bool values, ntk_points *out) {
  *out = (ntk_points){0, 0, NULL};
  bool standard = strcmp(path, "-") == 0;
  if (strstr(path, ":/")) {
    NTK_TRY(ntk_points_h5(path, values, out));
  } else {
    size_t i = 0;
    while (!ends_with(path, standard ? "" : formats[i].ending)) i++;
    ntk_points_reader reader = standard ? ntk_points_csv : formats[i].read;
    ntk_points_source source = {standard ? "standard input" : path, NULL, 0, 0};
    char *bytes = NULL;
    ntk_error *err = NULL;
    if (!standard && !values && formats[i].header) {
      err = read_head(path, &bytes, &source);
    } else {
      err = ntk_file_read(path, LARGEST, &bytes, &source.length);
      source.whole = source.length;
    }
    source.bytes = bytes;
    if (!err) err = reader(&source, values, out);
    free(bytes);
    NTK_TRY(err);
  }
  ntk_error *err = values ? check_finite(path, out->n, out->d, out->x) : NULL;
  if (err) {
    free(out->x);
    out->x = NULL;
  }
  return err;
}

ntk_error *ntk_points_read(const char *path, size_t *n, size_t *d, double **x) {
  ntk_points points;
  *x = NULL;
  NTK_TRY(read_points(path, true, &points));
  *n = points.n;
  *d = points.d;
  *x = points.x;
  return NULL;
}

ntk_error *ntk_points_size(const char *path, size_t *n, size_t *d) {
  ntk_points points;
  NTK_TRY(read_points(path, false, &points));
  *n = points.n;
  *d = points.d;
  return NULL;
}

static ntk_error *read_npy_into(const char *path, size_t n, size_t d, double *x) {
  ntk_points_source source = {path, NULL, 0, 0};
  char *bytes = NULL;
  FILE *file = fopen(path, "rbe");
  ntk_error *err = file ? read_head(path, &bytes, &source) : ntk_fail(NTK_E_INPUT, "cannot open %s: %s", path, strerror(errno));
  source.bytes = bytes;
  if (!err) err = ntk_points_npy_into(&source, file, n, d, x);
  if (file) fclose(file);
  free(bytes);
  return err;
}

bool ntk_points_streams(const char *path) { return strstr(path, ":/") || ends_with(path, ".npy"); }

ntk_error *ntk_points_read_into(const char *path, size_t n, size_t d, double *x) {
  NTK_TRY(strstr(path, ":/") ? ntk_points_h5_into(path, n, d, x) : read_npy_into(path, n, d, x));
  return check_finite(path, n, d, x);
}
