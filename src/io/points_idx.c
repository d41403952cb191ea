/* The IDX format of the MNIST database: 0, 0, type, rank; sizes as big-endian 32-bit numbers; the numbers, big-endian. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/mem.h"
#include "io/points_format.h"

enum { MAX_RANK = 255, MAX_HEADER = 4 + 4 * MAX_RANK, DEFLATE_RATIO = 1032 };

typedef struct {
  ntk_points_type type;
  size_t rank, shape[MAX_RANK], data;
} idx_header;

static const struct {
  unsigned char code;
  ntk_points_type type;
} types[] = {
    {0x08, {NTK_STORED_UNSIGNED, 1, true}}, {0x09, {NTK_STORED_SIGNED, 1, true}}, {0x0b, {NTK_STORED_SIGNED, 2, true}},
    {0x0c, {NTK_STORED_SIGNED, 4, true}},   {0x0d, {NTK_STORED_FLOAT, 4, true}},  {0x0e, {NTK_STORED_FLOAT, 8, true}},
};

static ntk_error *parse_header(const char *name, const char *bytes, size_t length, idx_header *h) {
  const unsigned char *b = (const unsigned char *)bytes;
  if (length >= 4 && memcmp(bytes, "\x89HDF", 4) == 0)
    return ntk_fail(NTK_E_INPUT, "%s: is an HDF5 file: name the dataset, as in FILE.h5:/path", name);
  if (length < 4 || b[0] || b[1])
    return ntk_fail(NTK_E_INPUT, "%s: unknown format: expected .npy, .csv, .txt, .tsv, FILE.h5:/path or an IDX file (first bytes 0 0)", name);
  size_t i = 0;
  while (i < sizeof types / sizeof *types && types[i].code != b[2]) i++;
  if (i == sizeof types / sizeof *types) return ntk_fail(NTK_E_INPUT, "%s: IDX type %d is not known", name, b[2]);
  h->type = types[i].type;
  h->rank = b[3];
  h->data = 4 + 4 * h->rank;
  if (length < h->data) return ntk_fail(NTK_E_INPUT, "%s: ends within its header", name);
  for (i = 0; i < h->rank; i++) {
    const unsigned char *at = b + 4 + 4 * i;
    h->shape[i] = (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | (size_t)at[3];
  }
  return NULL;
}

/* Decompresses up to `room` bytes into `to`; *length of them came. Several gzip members in a row are one text. */
static ntk_error *decompress(const ntk_points_source *s, char *to, size_t room, size_t *length) {
  enum { PIECE = 1 << 30, GZIP = 15 + 16 };
  z_stream z = {0};
  int status = inflateInit2(&z, GZIP);
  size_t taken = 0, given = 0;
  while (status == Z_OK && given < room) {
    size_t in = s->length - taken < PIECE ? s->length - taken : PIECE, space = room - given < PIECE ? room - given : PIECE;
    z.next_in = (z_const Bytef *)(s->bytes + taken);
    z.avail_in = (uInt)in;
    z.next_out = (Bytef *)to + given;
    z.avail_out = (uInt)space;
    status = inflate(&z, Z_NO_FLUSH);
    taken += in - z.avail_in;
    given += space - z.avail_out;
    if (status != Z_STREAM_END) continue;
    if (taken == s->length) break;
    status = inflateReset(&z);
  }
  inflateEnd(&z);
  *length = given;
  if (given == room || status == Z_STREAM_END) return NULL;
  if (status == Z_MEM_ERROR) return ntk_fail(NTK_E_MEMORY, "out of memory while decompressing %s", s->name);
  /* Only the first bytes of the file may be at hand: what came of them may do. */
  if (status == Z_BUF_ERROR && s->length < s->whole) return NULL;
  return ntk_fail(NTK_E_INPUT, "%s: %s", s->name, status == Z_BUF_ERROR ? "compressed data end early" : "compressed data are damaged");
}

static ntk_error *check_size(const ntk_points_source *s, const ntk_points *p, size_t promised, size_t found, const char *more) {
  if (promised == found) return NULL;
  return ntk_fail(NTK_E_INPUT, "%s: its header promises %zu x %zu numbers, %zu bytes, it holds %s%zu", s->name, p->n, p->d, promised, more, found);
}

static ntk_error *convert(const idx_header *h, const char *data, ntk_points *out) {
  size_t count = out->n * out->d;
  NTK_TRY(NTK_NEW(count, &out->x));
  for (size_t i = 0; i < count; i++) out->x[i] = ntk_points_number(h->type, data + i * h->type.size);
  return NULL;
}

static ntk_error *read_compressed(const ntk_points_source *s, bool values, ntk_points *out) {
  char head[MAX_HEADER];
  idx_header h = {.type = {NTK_STORED_UNSIGNED, 1, true}};
  size_t length = 0;
  NTK_TRY(decompress(s, head, sizeof head, &length));
  NTK_TRY(parse_header(s->name, head, length, &h));
  NTK_TRY(ntk_points_shape(s->name, h.rank, h.shape, out));
  size_t promised = out->n * out->d * h.type.size;
  if (promised / DEFLATE_RATIO > s->whole) return check_size(s, out, promised, s->whole, "less in compressed bytes: ");
  if (!values) return NULL;
  char *bytes = NULL;
  size_t room = h.data + promised + 1; /* one byte more, so that data that go on show (and the checksum at the end is compared) */
  NTK_TRY(ntk_alloc(room, 1, &bytes));
  ntk_error *err = decompress(s, bytes, room, &length);
  if (!err) err = check_size(s, out, promised, length - h.data, length == room ? "at least " : "");
  if (!err) err = convert(&h, bytes + h.data, out);
  free(bytes);
  return err;
}

ntk_error *ntk_points_idx(const ntk_points_source *source, bool values, ntk_points *out) {
  if (source->length >= 2 && memcmp(source->bytes, "\x1f\x8b", 2) == 0) return read_compressed(source, values, out);
  idx_header h = {.type = {NTK_STORED_UNSIGNED, 1, true}};
  NTK_TRY(parse_header(source->name, source->bytes, source->length, &h));
  NTK_TRY(ntk_points_shape(source->name, h.rank, h.shape, out));
  NTK_TRY(check_size(source, out, out->n * out->d * h.type.size, source->whole - h.data, ""));
  return values ? convert(&h, source->bytes + h.data, out) : NULL;
}
