/* NumPy's .npy: NEP 1 and the format description in numpy.lib.format. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/points_format.h"

enum { MAX_RANK = 32, PIECE = 1 << 20 };

typedef struct {
  ntk_points_type type;
  bool fortran, has_type, has_order, has_shape;
  size_t rank, shape[MAX_RANK];
  size_t data; /* offset of the first number */
} npy_header;

static ntk_error *ill_formed(const ntk_points_source *s, const char *what) {
  return ntk_fail(NTK_E_INPUT, "%s: ill-formed .npy header: %s", s->name, what);
}

/* The header's text is a Python dict: {'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }. `end` is its end. */
typedef struct {
  const char *at, *end;
} cursor;

static void skip_blanks(cursor *c) {
  while (c->at < c->end && strchr(" \t\n\r", *c->at) && *c->at) c->at++;
}

static bool accept(cursor *c, const char *token) {
  skip_blanks(c);
  size_t length = strlen(token);
  if ((size_t)(c->end - c->at) < length || memcmp(c->at, token, length) != 0) return false;
  c->at += length;
  return true;
}

/* A quoted text of at most 31 characters. */
static bool accept_text(cursor *c, char text[32]) {
  skip_blanks(c);
  if (c->at == c->end || (*c->at != '\'' && *c->at != '"')) return false;
  const char *start = c->at + 1, *stop = memchr(start, *c->at, (size_t)(c->end - start));
  if (!stop || stop - start > 31) return false;
  memcpy(text, start, (size_t)(stop - start));
  text[stop - start] = '\0';
  c->at = stop + 1;
  return true;
}

static bool accept_size(cursor *c, size_t *value) {
  skip_blanks(c);
  const char *start = c->at;
  for (*value = 0; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++) {
    size_t digit = (size_t)(*c->at - '0');
    if (*value > (SIZE_MAX - digit) / 10) return false;
    *value = *value * 10 + digit;
  }
  if (c->at == start) return false;
  if (c->at < c->end && *c->at == 'L') c->at++; /* written by Python 2 */
  return true;
}

static bool accept_shape(cursor *c, npy_header *h) {
  if (!accept(c, "(")) return false;
  while (!accept(c, ")")) {
    if (h->rank == MAX_RANK || !accept_size(c, &h->shape[h->rank++])) return false;
    if (!accept(c, ",")) return accept(c, ")");
  }
  return true;
}

/* "<f8": byte order, kind, bytes. */
static ntk_error *parse_type(const ntk_points_source *s, const char *text, ntk_points_type *type) {
  static const struct {
    char code;
    ntk_stored kind;
    const char *sizes;
  } kinds[] = {{'f', NTK_STORED_FLOAT, "48"}, {'i', NTK_STORED_SIGNED, "1248"}, {'u', NTK_STORED_UNSIGNED, "1248"}, {'b', NTK_STORED_UNSIGNED, "1"}};
  size_t length = strlen(text);
  if (length == 3 && strchr("<>|=", text[0]))
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
      if (text[1] == kinds[i].code && strchr(kinds[i].sizes, text[2])) {
        *type = (ntk_points_type){kinds[i].kind, (size_t)(text[2] - '0'), text[0] == '>'};
        return NULL;
      }
  return ntk_fail(NTK_E_INPUT, "%s: numbers of type '%s' are not read; f4, f8, i1 to i8, u1 to u8 and b1 are", s->name, text);
}

static ntk_error *parse_dict(const ntk_points_source *s, cursor *c, npy_header *h) {
  char text[32];
  if (!accept(c, "{")) return ill_formed(s, "'{' expected");
  while (!accept(c, "}")) {
    if (!accept_text(c, text) || !accept(c, ":")) return ill_formed(s, "a key expected");
    if (strcmp(text, "descr") == 0 && !h->has_type) {
      if (!accept_text(c, text)) return ntk_fail(NTK_E_INPUT, "%s: structured arrays are not read", s->name);
      NTK_TRY(parse_type(s, text, &h->type));
      h->has_type = true;
    } else if (strcmp(text, "fortran_order") == 0 && !h->has_order) {
      h->fortran = accept(c, "True");
      if (!h->fortran && !accept(c, "False")) return ill_formed(s, "fortran_order is neither True nor False");
      h->has_order = true;
    } else if (strcmp(text, "shape") == 0 && !h->has_shape) {
      if (!accept_shape(c, h)) return ill_formed(s, "shape is not a tuple of sizes");
      h->has_shape = true;
    } else {
      return ill_formed(s, "unknown or repeated key");
    }
    if (!accept(c, ",") && !(accept(c, "}") && c->at--)) return ill_formed(s, "',' or '}' expected");
  }
  if (!h->has_type || !h->has_order || !h->has_shape) return ill_formed(s, "descr, fortran_order or shape is missing");
  return NULL;
}

static ntk_error *parse_header(const ntk_points_source *s, npy_header *h) {
  static const char magic[] = "\x93NUMPY";
  const unsigned char *b = (const unsigned char *)s->bytes;
  if (s->length < 10 || memcmp(s->bytes, magic, 6) != 0)
    return ntk_fail(NTK_E_INPUT, "%s: is not a .npy file (it does not begin with \\x93NUMPY)", s->name);
  if (b[6] < 1 || b[6] > 3) return ntk_fail(NTK_E_INPUT, "%s: .npy version %d is not known", s->name, b[6]);
  size_t start = b[6] == 1 ? 10 : 12, length = (size_t)b[8] | (size_t)b[9] << 8;
  if (start == 12 && s->length >= 12) length |= (size_t)b[10] << 16 | (size_t)b[11] << 24;
  if (s->length < start || length > s->length - start) return ntk_fail(NTK_E_INPUT, "%s: ends within its header", s->name);
  cursor c = {s->bytes + start, s->bytes + start + length};
  h->data = start + length;
  return parse_dict(s, &c, h);
}

/* Offsets (in numbers) of a point's coordinates from its first one, for the axes after the first. */
static void coordinate_offsets(const npy_header *h, size_t n, size_t d, size_t *offset) {
  for (size_t a = 0; a < d; a++) {
    size_t rest = a, stride_c = d, stride_f = n;
    offset[a] = h->fortran ? 0 : a;
    for (size_t i = 1; h->fortran && i < h->rank; i++) {
      stride_c /= h->shape[i];
      offset[a] += rest / stride_c * stride_f;
      rest %= stride_c;
      stride_f *= h->shape[i];
    }
  }
}

/* Size of the points, and that the file holds as many numbers as its header promises. */
static ntk_error *check_size(const ntk_points_source *source, const npy_header *h, ntk_points *out) {
  NTK_TRY(ntk_points_shape(source->name, h->rank, h->shape, out));
  size_t count = out->n * out->d, stored = source->whole - h->data;
  if (stored % h->type.size || stored / h->type.size != count)
    return ntk_fail(NTK_E_INPUT, "%s: its header promises %zu x %zu numbers of %zu bytes, it holds %zu bytes", source->name, out->n, out->d,
                    h->type.size, stored);
  return NULL;
}

ntk_error *ntk_points_npy(const ntk_points_source *source, bool values, ntk_points *out) {
  npy_header h = {.type = {NTK_STORED_UNSIGNED, 1, false}};
  NTK_TRY(parse_header(source, &h));
  NTK_TRY(check_size(source, &h, out));
  if (!values) return NULL;
  size_t *offset = NULL;
  NTK_TRY(NTK_NEW(out->d, &offset));
  coordinate_offsets(&h, out->n, out->d, offset);
  ntk_error *err = NTK_NEW(out->n * out->d, &out->x);
  const char *data = source->bytes + h.data;
  for (size_t i = 0; !err && i < out->n; i++)
    for (size_t a = 0; a < out->d; a++) {
      size_t at = (h.fortran ? i : i * out->d) + offset[a];
      out->x[i * out->d + a] = ntk_points_number(h.type, data + at * h.type.size);
    }
  free(offset);
  return err;
}

/* Numbers [first, first + count) of the file into x[0], x[step], ... by way of `bytes`, which holds PIECE. */
static ntk_error *read_run(FILE *file, const ntk_points_source *source, const npy_header *h, size_t first, size_t count, char *bytes, double *x,
                           size_t step) {
  size_t most = PIECE / h->type.size;
  if (fseeko(file, (off_t)(h->data + first * h->type.size), SEEK_SET) != 0) return ntk_fail(NTK_E_INPUT, "%s: cannot seek", source->name);
  for (size_t done = 0; done < count;) {
    size_t here = count - done < most ? count - done : most;
    if (fread(bytes, h->type.size, here, file) != here) return ntk_fail(NTK_E_INPUT, "cannot read %s: it ends early", source->name);
    for (size_t k = 0; k < here; k++) x[(done + k) * step] = ntk_points_number(h->type, bytes + k * h->type.size);
    done += here;
  }
  return NULL;
}

ntk_error *ntk_points_npy_into(const ntk_points_source *source, FILE *file, size_t n, size_t d, double *x) {
  npy_header h = {.type = {NTK_STORED_UNSIGNED, 1, false}};
  ntk_points size;
  char *bytes = NULL;
  size_t *offset = NULL;
  NTK_TRY(parse_header(source, &h));
  NTK_TRY(check_size(source, &h, &size));
  if (size.n != n || size.d != d) return ntk_fail(NTK_E_INPUT, "%s: has %zu x %zu numbers, expected %zu x %zu", source->name, size.n, size.d, n, d);
  ntk_error *err = ntk_alloc(PIECE, 1, &bytes);
  if (!err) err = NTK_NEW(d, &offset);
  if (!err && !h.fortran) err = read_run(file, source, &h, 0, n * d, bytes, x, 1);
  if (!err && h.fortran) {
    coordinate_offsets(&h, n, d, offset);
    for (size_t a = 0; !err && a < d; a++) err = read_run(file, source, &h, offset[a], n, bytes, x + a, d);
  }
  free(bytes);
  free(offset);
  return err;
}
