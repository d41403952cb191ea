/* libFuzzer: journals. The first byte decides: even, the rest is the file as it is; odd, every line of the rest gets the checksum that makes it
 * a valid one, so that the parser and the ledger behind it see it. */
#include <stdbool.h>
#include <string.h>

#include "fuzz_file.h"
#include "study/journal.h"
#include "study/ledger.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
  ntk_ledger *ledger;
  size_t lines;
} reader;

static ntk_error *take(void *context, const char *json, size_t length) {
  reader *r = context;
  r->lines++;
  if (strlen(json) > length) abort();
  return ntk_ledger_apply(r->ledger, json, length);
}

static void seal_lines(const char *bytes, size_t length, ntk_text *out) {
  while (length > 0) {
    size_t line = strnlen(bytes, length);
    const char *newline = memchr(bytes, '\n', line);
    if (newline) line = (size_t)(newline - bytes);
    char *json = strndup(bytes, line);
    if (!json) abort();
    ntk_journal_line(out, json);
    free(json);
    line += line < length;
    bytes += line;
    length -= line;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  ntk_text text = NTK_TEXT;
  reader r = {NULL, 0};
  ntk_journal_position position = {0, 0, 0, 0, false};
  if (size < 1) return 0;
  if (data[0] % 2)
    seal_lines((const char *)data + 1, size - 1, &text);
  else
    ntk_text_add_bytes(&text, (const char *)data + 1, size - 1);
  const char *path = fuzz_file(text.bytes, text.length, "", 0);
  ntk_error *e = ntk_ledger_create(&r.ledger);
  if (e) abort();
  e = ntk_journal_read(path, &position, take, &r);
  if (!e && (position.offset > (long long)text.length || position.lines < r.lines)) abort();
  if (!e) e = ntk_journal_read(path, &position, take, &r); /* goes on where it stopped: nothing is left */
  ntk_error_free(&e);
  ntk_ledger_free(&r.ledger);
  ntk_text_free(&text);
  return 0;
}
