/* Collecting mistakes and wording them. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/check.h"
#include "config/tree.h"

ntk_error *ntk_checker_add(ntk_checker *c, ntk_where where, const char *format, ...) {
  ntk_text text = NTK_TEXT;
  char body[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(body, sizeof body, format, arguments);
  va_end(arguments);
  if (!where.line) where = c->here;
  if (c->path.length) ntk_text_addf(&text, "%s: ", c->path.bytes);
  ntk_text_add(&text, body);
  for (size_t i = 0; i < text.length; i++)
    if ((unsigned char)text.bytes[i] < 0x20) text.bytes[i] = '?'; /* a key may hold a line break */
  ntk_error *err = NULL;
  for (size_t i = 0; i < c->count && i < NTK_MISTAKES_KEPT; i++) {
    const ntk_mistake *m = &c->mistakes[i];
    if (m->where.line == where.line && m->where.column == where.column && text.bytes && !strcmp(m->text, text.bytes)) goto out;
  }
  if (c->count < NTK_MISTAKES_KEPT) {
    if (text.failed) {
      err = ntk_fail(NTK_E_MEMORY, "out of memory while checking a study");
      goto out;
    }
    c->mistakes[c->count].where = where;
    c->mistakes[c->count].missing = c->missing;
    NTK_TRY_OUT(ntk_arena_text(c->arena, text.bytes, text.length, &c->mistakes[c->count].text));
  }
  c->count++;
out:
  ntk_text_free(&text);
  return err;
}

size_t ntk_checker_enter(ntk_checker *c, const char *key) {
  size_t length = c->path.length;
  if (length) ntk_text_add(&c->path, ".");
  ntk_text_add(&c->path, key);
  return length;
}

void ntk_checker_leave(ntk_checker *c, size_t length) {
  if (c->path.length <= length) return;
  c->path.length = length;
  c->path.bytes[length] = '\0';
}

static int by_place(const void *a, const void *b) {
  const ntk_mistake *x = a, *y = b;
  if (x->missing != y->missing) return x->missing - y->missing;
  int source = strcmp(x->where.source ? x->where.source : "", y->where.source ? y->where.source : "");
  if (source) return source;
  if (x->where.line != y->where.line) return x->where.line - y->where.line;
  return x->where.column - y->where.column;
}

ntk_error *ntk_checker_finish(ntk_checker *c) {
  ntk_error *err = NULL;
  ntk_text text = NTK_TEXT;
  char *message = NULL;
  if (!c->count) goto out;
  size_t kept = c->count < NTK_MISTAKES_KEPT ? c->count : NTK_MISTAKES_KEPT;
  qsort(c->mistakes, kept, sizeof *c->mistakes, by_place);
  size_t shown = c->count > NTK_MISTAKES_SHOWN ? NTK_MISTAKES_SHOWN - 1 : c->count;
  for (size_t i = 0; i < shown; i++) {
    const ntk_mistake *m = &c->mistakes[i];
    if (i) ntk_text_add(&text, "\n");
    if (m->where.line) ntk_text_addf(&text, "%s:%d:%d: ", m->where.source, m->where.line, m->where.column);
    ntk_text_add(&text, m->text);
  }
  if (shown < c->count) ntk_text_addf(&text, "\nand %zu more mistakes", c->count - shown);
  NTK_TRY_OUT(ntk_text_take(&text, &message));
  err = ntk_fail(NTK_E_CONFIG, "%s", message);
out:
  free(message);
  ntk_text_free(&text);
  ntk_text_free(&c->path);
  c->count = 0;
  return err;
}
