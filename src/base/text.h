/** A growing string buffer. Appending never fails visibly: the first failure sticks and ntk_text_take() reports it. */
#ifndef NTK_BASE_TEXT_H
#define NTK_BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

typedef struct {
  char *bytes; /* NUL-terminated once anything was appended; NULL before */
  size_t length, capacity;
  bool failed;
} ntk_text;

/** Start value: `ntk_text t = NTK_TEXT;`. Release with ntk_text_free() or hand over with ntk_text_take(). */
#define NTK_TEXT \
  { NULL, 0, 0, false }

void ntk_text_add(ntk_text *t, const char *text);
void ntk_text_add_bytes(ntk_text *t, const char *bytes, size_t length);
void ntk_text_addf(ntk_text *t, const char *format, ...) NTK_PRINTF(2, 3);
/** `t` has failed, too, if `part` has: for a text of whose making `part` is a piece. */
void ntk_text_depend(ntk_text *t, const ntk_text *part);
void ntk_text_clear(ntk_text *t);
void ntk_text_free(ntk_text *t);

/** Moves the text out (*out is never NULL on success; caller frees) and leaves `t` empty. NTK_E_MEMORY if any append failed. */
NTK_CHECKED ntk_error *ntk_text_take(ntk_text *t, char **out);

/** Shortest decimal form that reads back as the same double ("1", "0.1", "1e-09"); "nan", "inf", "-inf". `out` holds 32 bytes. */
void ntk_format_double(double value, char out[32]);

/** Length of the well-formed UTF-8 character at `bytes` (1 to 4, its code in *code), 0 if there is none within `left` bytes. */
size_t ntk_utf8_decode(const char *bytes, size_t left, unsigned long *code);

/** Nearest word of `words` (edit distance with transpositions, case-insensitive) or NULL when none is near. */
const char *ntk_nearest_word(const char *word, const char *const *words, size_t count);

#endif
