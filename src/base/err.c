#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ntk_error {
  ntk_code code;
  bool is_static;
  char *message;
};

static char out_of_memory_text[] = "out of memory";
static ntk_error out_of_memory = {NTK_E_MEMORY, true, out_of_memory_text};

/* Formats into fresh memory; NULL when there is none. */
static char *format_text(const char *format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, again);
  va_end(again);
  if (length < 0) return NULL;
  char *text = malloc((size_t)length + 1);
  if (text) (void)vsnprintf(text, (size_t)length + 1, format, arguments);
  return text;
}

static ntk_error *make(ntk_code code, char *text) {
  ntk_error *e = text ? malloc(sizeof *e) : NULL;
  if (!e) {
    free(text);
    return &out_of_memory;
  }
  *e = (ntk_error){code, false, text};
  return e;
}

ntk_error *ntk_fail(ntk_code code, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char *text = format_text(format, arguments);
  va_end(arguments);
  return make(code, text);
}

ntk_error *ntk_fail_errno(int errnum, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char *text = format_text(format, arguments);
  va_end(arguments);
  ntk_error *e = make(errnum == ENOMEM ? NTK_E_MEMORY : NTK_E_IO, text);
  if (e->is_static) return e;
  char reason[256];
  snprintf(reason, sizeof reason, ": %s", strerror(errnum));
  char *longer = realloc(e->message, strlen(e->message) + strlen(reason) + 1);
  if (longer) e->message = strcat(longer, reason);
  return e;
}

ntk_error *ntk_error_prefix(ntk_error *e, const char *format, ...) {
  if (!e || e->is_static) return e;
  va_list arguments;
  va_start(arguments, format);
  char *context = format_text(format, arguments);
  va_end(arguments);
  if (!context) return e;
  size_t head = strlen(context);
  char *text = realloc(context, head + strlen(e->message) + 3);
  if (!text) {
    free(context);
    return e;
  }
  memcpy(text + head, ": ", 2);
  strcpy(text + head + 2, e->message); /* fits: the size was computed above */
  free(e->message);
  e->message = text;
  return e;
}

ntk_error *ntk_error_join(ntk_error *first, ntk_error *second) {
  if (!first) return second;
  ntk_error_free(&second);
  return first;
}

ntk_code ntk_error_code(const ntk_error *e) { return e ? e->code : NTK_OK; }

const char *ntk_error_message(const ntk_error *e) { return e ? e->message : ""; }

void ntk_error_free(ntk_error **e) {
  if (!*e) return;
  if (!(*e)->is_static) {
    free((*e)->message);
    free(*e);
  }
  *e = NULL;
}

int ntk_code_status(ntk_code code) {
  switch (code) {
    case NTK_OK: return 0;
#define NTK_ERROR_STATUS(name, word, status) \
  case name: return status;
      NTK_ERROR_CODES(NTK_ERROR_STATUS)
#undef NTK_ERROR_STATUS
  }
  return 3;
}

const char *ntk_code_word(ntk_code code) {
  switch (code) {
    case NTK_OK: return "ok";
#define NTK_ERROR_WORD(name, word, status) \
  case name: return word;
      NTK_ERROR_CODES(NTK_ERROR_WORD)
#undef NTK_ERROR_WORD
  }
  return "unknown";
}
