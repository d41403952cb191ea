/* Where the setting is that a message is about. */
#include <ctype.h>
#include <string.h>

#include "base/text.h"
#include "config/value.h"

/* "file:3:14: " somewhere in the message, or NULL. *length: its own. */
static const char *find_place(const char *message, size_t *length) {
  for (const char *at = message; (at = strstr(at, ": ")); at++) {
    const char *start, *colon = at;
    for (int numbers = 0; numbers < 2; numbers++) {
      const char *end = colon;
      while (colon > message && isdigit((unsigned char)colon[-1])) colon--;
      if (colon == end || colon == message || *--colon != ':') {
        colon = NULL;
        break;
      }
    }
    if (!colon) continue;
    for (start = colon; start > message && !(start - message >= 2 && start[-1] == ' ' && start[-2] == ':');) start--;
    *length = (size_t)(at + 2 - start);
    return start;
  }
  return NULL;
}

/* What `path`, "a" or "a.b", leads to below *v; *where: the place of the deepest part of it that is there and was written. False: not all of it is there. */
static bool descend(const ntk_value **v, const char *path, size_t length, ntk_where *where) {
  char name[64];
  for (size_t end = 0; end < length; end++) {
    size_t word = strcspn(path + end, ".: ");
    if (word >= sizeof name) return false;
    memcpy(name, path + end, word);
    name[word] = '\0';
    const ntk_value *found = ntk_value_get(*v, name);
    if (!found) return false;
    *v = found;
    if (ntk_value_where(found).line) *where = ntk_value_where(found);
    end += word;
  }
  return length > 0;
}

/* "a.b: c: text" with its path in one, a.b.c: text. */
static void join_path(const ntk_value *settings, const char *message, ntk_text *out, ntk_where *where) {
  for (const char *dot = "";;) {
    size_t word = strcspn(message, ": ");
    bool found = descend(&settings, message, word, where);
    if (!found || strncmp(message + word, ": ", 2) != 0) {
      ntk_text_addf(out, "%s%s", *dot ? ": " : "", message);
      return;
    }
    ntk_text_add(out, dot);
    ntk_text_add_bytes(out, message, word);
    message += word + 2;
    dot = ".";
  }
}

ntk_error *ntk_value_place(const ntk_value *settings, ntk_error *err) {
  if (ntk_error_code(err) != NTK_E_CONFIG) return err;
  const char *message = ntk_error_message(err);
  ntk_text text = NTK_TEXT, path = NTK_TEXT;
  ntk_where where = {NULL, 0, 0};
  size_t length = 0;
  const char *place = find_place(message, &length);
  if (place) ntk_text_add_bytes(&text, message, (size_t)(place - message));
  ntk_text_add(&text, place ? place + length : message);
  if (!text.failed) join_path(settings, text.bytes, &path, &where);
  ntk_error *placed = err;
  if (!path.failed && !text.failed && (place || where.line))
    placed = place ? ntk_fail(NTK_E_CONFIG, "%.*s%s", (int)length, place, path.bytes)
                   : ntk_fail(NTK_E_CONFIG, "%s:%d:%d: %s", where.source, where.line, where.column, path.bytes);
  if (placed != err) ntk_error_free(&err);
  ntk_text_free(&text);
  ntk_text_free(&path);
  return placed;
}
