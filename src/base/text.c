#include "base/text.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static bool reserve(ntk_text *t, size_t extra) {
  if (t->failed) return false;
  if (t->length + extra + 1 <= t->capacity) return true;
  size_t capacity = t->capacity ? t->capacity : 64;
  while (capacity < t->length + extra + 1) capacity *= 2;
  char *bytes = realloc(t->bytes, capacity);
  if (!bytes) {
    t->failed = true;
    return false;
  }
  t->bytes = bytes;
  t->capacity = capacity;
  return true;
}

void ntk_text_add_bytes(ntk_text *t, const char *bytes, size_t length) {
  if (!reserve(t, length)) return;
  if (length) memcpy(t->bytes + t->length, bytes, length);
  t->length += length;
  t->bytes[t->length] = '\0';
}

void ntk_text_add(ntk_text *t, const char *text) { ntk_text_add_bytes(t, text, strlen(text)); }

void ntk_text_addf(ntk_text *t, const char *format, ...) {
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  if (length >= 0 && reserve(t, (size_t)length)) {
    vsnprintf(t->bytes + t->length, (size_t)length + 1, format, again);
    t->length += (size_t)length;
  }
  va_end(again);
}

void ntk_text_depend(ntk_text *t, const ntk_text *part) { t->failed = t->failed || part->failed; }

void ntk_text_clear(ntk_text *t) {
  t->length = 0;
  if (t->bytes) t->bytes[0] = '\0';
}

void ntk_text_free(ntk_text *t) {
  free(t->bytes);
  *t = (ntk_text)NTK_TEXT;
}

ntk_error *ntk_text_take(ntk_text *t, char **out) {
  *out = NULL;
  ntk_text_add(t, "");
  if (t->failed) {
    ntk_text_free(t);
    return ntk_fail(NTK_E_MEMORY, "out of memory while building a text");
  }
  *out = t->bytes;
  *t = (ntk_text)NTK_TEXT;
  return NULL;
}

void ntk_format_double(double value, char out[32]) {
  if (isnan(value)) {
    strcpy(out, "nan");
    return;
  }
  if (isinf(value)) {
    strcpy(out, value > 0 ? "inf" : "-inf");
    return;
  }
  if (value == 0) value = 0; /* -0 = 0: one canonical form */
  for (int digits = 15; digits <= 17; digits++) {
    snprintf(out, 32, "%.*g", digits, value);
    if (strtod(out, NULL) == value) return;
  }
}

/* Optimal string alignment distance, case-insensitive, of words up to 63 characters. */
static size_t distance(const char *a, const char *b) {
  enum { MAX = 64 };
  size_t n = strlen(a), m = strlen(b);
  if (n >= MAX || m >= MAX) return MAX;
  size_t d[MAX][MAX];
  for (size_t i = 0; i <= n; i++) d[i][0] = i;
  for (size_t j = 0; j <= m; j++) d[0][j] = j;
  for (size_t i = 1; i <= n; i++)
    for (size_t j = 1; j <= m; j++) {
      int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);
      size_t best = d[i - 1][j - 1] + (x != y);
      if (d[i - 1][j] + 1 < best) best = d[i - 1][j] + 1;
      if (d[i][j - 1] + 1 < best) best = d[i][j - 1] + 1;
      if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) && y == tolower((unsigned char)a[i - 2]) && d[i - 2][j - 2] + 1 < best)
        best = d[i - 2][j - 2] + 1;
      d[i][j] = best;
    }
  return d[n][m];
}

const char *ntk_nearest_word(const char *word, const char *const *words, size_t count) {
  const char *nearest = NULL;
  size_t best = strlen(word) / 3 + 2; /* one slip in a short word, a third of a long one */
  for (size_t i = 0; i < count; i++) {
    size_t here = distance(word, words[i]);
    if (here < best) {
      best = here;
      nearest = words[i];
    }
  }
  return nearest;
}
