#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/points_format.h"

typedef struct {
  const ntk_points_source *source;
  const char *at, *end; /* next character, end of the text */
  const char *row;      /* start of the line */
  size_t line;          /* from 1 */
  char separator;       /* ',', ';', or ' ' for any blanks */
  size_t columns;       /* of the first row; 0 before */
  size_t capacity;
  ntk_points *out;
} reader;

/* Error "file:line:col: what 'the text there'". */
static ntk_error *wrong(const reader *r, const char *what, bool quote) {
  char shown[24] = "";
  size_t length = 0;
  while (quote && length < sizeof shown - 1 && r->at + length < r->end && isgraph((unsigned char)r->at[length]) && r->at[length] != r->separator) {
    shown[length] = r->at[length];
    length++;
  }
  shown[length] = '\0';
  const char *name = r->source->name;
  size_t column = (size_t)(r->at - r->row) + 1;
  if (length) return ntk_fail(NTK_E_INPUT, "%s:%zu:%zu: %s, found '%s'", name, r->line, column, what, shown);
  return ntk_fail(NTK_E_INPUT, "%s:%zu:%zu: %s", name, r->line, column, what);
}

static void skip_blanks(reader *r) {
  while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\r')) r->at++;
}

static bool at_line_end(const reader *r) { return r->at == r->end || *r->at == '\n' || *r->at == '#'; }

static void next_line(reader *r) {
  const char *stop = memchr(r->at, '\n', (size_t)(r->end - r->at));
  r->at = stop ? stop + 1 : r->end;
  r->row = r->at;
  r->line++;
}

/* To the first line that is neither blank nor a comment; false at the end of the text. */
static bool find_row(reader *r) {
  for (; r->at < r->end; next_line(r)) {
    skip_blanks(r);
    if (!at_line_end(r)) return true;
  }
  return false;
}

static char detect_separator(const reader *r) {
  size_t length = strcspn(r->at, "\n#"); /* the text ends with a NUL */
  if (memchr(r->at, ';', length)) return ';';
  return memchr(r->at, ',', length) ? ',' : ' ';
}

/* The number at the cursor, up to a separator, blank or line end; the cursor moves behind it. */
static bool accept_number(reader *r, double *value) {
  char *stop = NULL;
  if (isspace((unsigned char)*r->at)) return false; /* strtod would go on to the next line */
  *value = strtod(r->at, &stop);
  if (stop == r->at || stop > r->end) return false;
  if (stop < r->end && *stop != r->separator && !strchr(" \t\r\n#", *stop)) return false;
  if (stop < r->end && *stop == '\0') return false;
  r->at = stop;
  return true;
}

static ntk_error *append(reader *r, size_t count, double value) {
  if (count == r->capacity) {
    size_t capacity = r->capacity ? r->capacity * 2 : 256;
    double *longer = realloc(r->out->x, capacity * sizeof *longer);
    if (!longer) return ntk_fail(NTK_E_MEMORY, "out of memory while reading %s", r->source->name);
    r->out->x = longer;
    r->capacity = capacity;
  }
  r->out->x[count] = value;
  return NULL;
}

static ntk_error *read_row(reader *r) {
  size_t columns = 0, count = r->out->n * r->columns;
  for (;;) {
    double value = 0;
    skip_blanks(r);
    if (at_line_end(r) && columns && r->separator == ' ') break;
    const char *start = r->at;
    if (r->columns && columns == r->columns) return wrong(r, "more numbers than in the first row", true);
    if (at_line_end(r) || !accept_number(r, &value)) return wrong(r, "expected a number", true);
    if (!isfinite(value)) {
      r->at = start;
      return wrong(r, "expected a finite number", true);
    }
    NTK_TRY(append(r, count + columns++, value));
    skip_blanks(r);
    if (at_line_end(r)) break;
    if (r->separator == ' ') continue;
    if (*r->at != r->separator) return wrong(r, "expected a separator", true);
    r->at++;
  }
  if (r->columns && columns < r->columns) return wrong(r, "fewer numbers than in the first row", false);
  r->columns = columns;
  r->out->n++;
  return NULL;
}

/* A first line that begins with a word (a name, not a damaged number) names the columns. */
static void skip_header(reader *r) {
  reader probe = *r;
  double value;
  unsigned char first = (unsigned char)*r->at;
  bool word = isalpha(first) || first == '_' || first == '"' || first == '\'' || first >= 0x80;
  if (word && !accept_number(&probe, &value)) next_line(r);
}

ntk_error *ntk_points_csv(const ntk_points_source *source, bool values, ntk_points *out) {
  reader r = {.source = source, .at = source->bytes, .end = source->bytes + source->length, .row = source->bytes, .line = 1, .out = out};
  if (source->length >= 3 && memcmp(source->bytes, "\xef\xbb\xbf", 3) == 0) r.at = r.row = source->bytes + 3;
  ntk_error *err = NULL;
  if (find_row(&r)) {
    r.separator = detect_separator(&r);
    skip_header(&r);
  }
  while (!err && find_row(&r)) {
    if (!r.columns) r.separator = detect_separator(&r);
    err = read_row(&r);
    if (!err) next_line(&r);
  }
  if (!err && !out->n) err = ntk_fail(NTK_E_INPUT, "%s: holds no points", source->name);
  out->d = r.columns;
  if (err || !values) {
    free(out->x);
    out->x = NULL;
  }
  return err;
}
