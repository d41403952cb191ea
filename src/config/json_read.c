/* A strict reader of JSON: what this program writes itself (journals, locks) is read back a hundred times faster than through YAML. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config/tree.h"

enum { DEPTH_LIMIT = 64 };

typedef struct {
  ntk_arena *arena;
  ntk_where where; /* of everything: one line of a file */
  const char *start, *at, *end;
  unsigned depth;
  ntk_text scratch; /* a string being unescaped */
} reader;

static ntk_error *fail(const reader *r, const char *what) {
  return ntk_fail(NTK_E_CONFIG, "%s: byte %td: %s", r->where.source, r->at - r->start + 1, what);
}

static void skip_blanks(reader *r) {
  while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r')) r->at++;
}

static bool take(reader *r, char c) {
  skip_blanks(r);
  if (r->at >= r->end || *r->at != c) return false;
  r->at++;
  return true;
}

static bool take_word(reader *r, const char *word) {
  size_t length = strlen(word);
  if ((size_t)(r->end - r->at) < length || memcmp(r->at, word, length) != 0) return false;
  r->at += length;
  return true;
}

/* Four hexadecimal digits; -1 when they are not. */
static long hex4(reader *r) {
  long code = 0;
  if (r->end - r->at < 4) return -1;
  for (int i = 0; i < 4; i++, r->at++) {
    if (!isxdigit((unsigned char)*r->at)) return -1;
    int digit = isdigit((unsigned char)*r->at) ? *r->at - '0' : tolower((unsigned char)*r->at) - 'a' + 10;
    code = code * 16 + digit;
  }
  return code;
}

static void add_code(ntk_text *out, unsigned long code) {
  char bytes[4];
  size_t n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  for (size_t i = n; i-- > 1; code >>= 6) bytes[i] = (char)(0x80 | (code & 0x3f));
  bytes[0] = (char)(n == 1 ? code : ((0xf00 >> n) & 0xff) | code);
  ntk_text_add_bytes(out, bytes, n);
}

/* After "\u". */
static ntk_error *read_code(reader *r) {
  long code = hex4(r);
  if (code >= 0xd800 && code < 0xdc00 && take_word(r, "\\u")) {
    long low = hex4(r);
    code = low >= 0xdc00 && low < 0xe000 ? 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00) : -1;
  }
  if (code <= 0 || (code >= 0xd800 && code < 0xe000)) return fail(r, "no character");
  add_code(&r->scratch, (unsigned long)code);
  return NULL;
}

static ntk_error *read_escape(reader *r) {
  static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
  if (take_word(r, "u")) return read_code(r);
  const char *letter = r->at < r->end && *r->at ? strchr(letters, *r->at) : NULL;
  if (!letter) return fail(r, "an unknown escape");
  ntk_text_add_bytes(&r->scratch, &meant[letter - letters], 1);
  r->at++;
  return NULL;
}

/* The rest of a string after its first quote; *out belongs to the arena. */
static ntk_error *read_string(reader *r, const char **out) {
  ntk_text_clear(&r->scratch);
  for (;;) {
    const char *from = r->at;
    while (r->at < r->end && *r->at != '"' && *r->at != '\\' && (unsigned char)*r->at >= 0x20) {
      unsigned long code;
      size_t n = (unsigned char)*r->at < 0x80 ? 1 : ntk_utf8_decode(r->at, (size_t)(r->end - r->at), &code);
      if (!n) return fail(r, "not UTF-8");
      r->at += n;
    }
    if (r->at >= r->end) return fail(r, "a string without an end");
    bool plain = r->scratch.length == 0 && *r->at == '"'; /* the usual case: no copy but the arena's */
    if (plain) return ntk_arena_text(r->arena, from, (size_t)(r->at++ - from), out);
    ntk_text_add_bytes(&r->scratch, from, (size_t)(r->at - from));
    if (take_word(r, "\"")) break;
    if (!take_word(r, "\\")) return fail(r, "a control character in a string");
    NTK_TRY(read_escape(r));
  }
  if (r->scratch.failed) return ntk_fail(NTK_E_MEMORY, "out of memory while reading %s", r->where.source);
  return ntk_arena_text(r->arena, r->scratch.bytes, r->scratch.length, out);
}

static size_t count_digits(const char *at, const char *end) {
  size_t n = 0;
  while (at + n < end && isdigit((unsigned char)at[n])) n++;
  return n;
}

/* -?(0|[1-9]d*)(.d+)?([eE][-+]?d+)?; its length, 0 when there is none. */
static size_t number_length(const char *start, const char *end) {
  const char *at = start;
  if (at < end && *at == '-') at++;
  size_t whole = count_digits(at, end);
  if (!whole || (whole > 1 && *at == '0')) return 0;
  at += whole;
  if (at < end && *at == '.') {
    size_t fraction = count_digits(++at, end);
    if (!fraction) return 0;
    at += fraction;
  }
  if (at < end && (*at == 'e' || *at == 'E')) {
    at++;
    if (at < end && (*at == '-' || *at == '+')) at++;
    size_t exponent = count_digits(at, end);
    if (!exponent) return 0;
    at += exponent;
  }
  return (size_t)(at - start);
}

static ntk_error *read_scalar(reader *r, const ntk_value **out) {
  ntk_value *v;
  NTK_TRY(ntk_arena_take(r->arena, sizeof *v, &v));
  *out = v;
  v->where = r->where;
  v->nodes = 1;
  const char *from = r->at;
  if (take_word(r, "\"")) {
    v->kind = NTK_STRING;
    return read_string(r, &v->text);
  }
  if (take_word(r, "true") || take_word(r, "false")) {
    v->kind = NTK_BOOL;
    v->boolean = *from == 't';
  } else if (take_word(r, "null")) {
    v->kind = NTK_NULL;
  } else {
    v->kind = NTK_NUMBER;
    r->at += number_length(r->at, r->end);
    if (r->at == from) return fail(r, "expected a value");
  }
  NTK_TRY(ntk_arena_text(r->arena, from, (size_t)(r->at - from), &v->text));
  if (v->kind == NTK_NUMBER) v->number = strtod(v->text, NULL);
  return NULL;
}

static ntk_error *read_value(reader *r, const ntk_value **out);

static ntk_error *read_items(reader *r, ntk_value *container, char close) {
  if (take(r, close)) return NULL;
  do {
    const char *key = NULL;
    const ntk_value *item = NULL;
    if (container->kind == NTK_MAP) {
      if (!take(r, '"')) return fail(r, "expected a key");
      NTK_TRY(read_string(r, &key));
      if (!take(r, ':')) return fail(r, "expected ':'");
    }
    NTK_TRY(read_value(r, &item));
    NTK_TRY(ntk_value_append(r->arena, container, key, r->where, item));
  } while (take(r, ','));
  return take(r, close) ? NULL : fail(r, "expected ',' or the end of a list or mapping");
}

static ntk_error *read_value(reader *r, const ntk_value **out) {
  skip_blanks(r);
  bool map = r->at < r->end && *r->at == '{', list = r->at < r->end && *r->at == '[';
  if (!map && !list) return read_scalar(r, out);
  if (++r->depth > DEPTH_LIMIT) return fail(r, "too deeply nested");
  ntk_value *container;
  NTK_TRY(ntk_value_container(r->arena, map ? NTK_MAP : NTK_LIST, r->where, &container));
  r->at++;
  NTK_TRY(read_items(r, container, map ? '}' : ']'));
  r->depth--;
  *out = container;
  return NULL;
}

ntk_error *ntk_value_parse_json(ntk_arena *arena, const char *source, const char *text, size_t length, const ntk_value **out) {
  reader r = {.arena = arena, .where = {source, 1, 1}, .start = text, .at = text, .end = text + length, .scratch = NTK_TEXT};
  *out = NULL;
  ntk_error *err = ntk_arena_text(arena, source, strlen(source), &r.where.source);
  if (!err) err = read_value(&r, out);
  skip_blanks(&r);
  if (!err && r.at < r.end) err = fail(&r, "something after the end");
  if (err) *out = NULL;
  ntk_text_free(&r.scratch);
  return err;
}
