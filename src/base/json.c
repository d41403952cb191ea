#include "base/json.h"

#include <math.h>
#include <string.h>

/* Characters that some readers refuse or take for line breaks. */
static bool is_special(unsigned long code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029 || code == 0xfeff || code == 0xfffe || code == 0xffff;
}

static void quote(ntk_text *t, const char *value) {
  size_t left = strlen(value);
  ntk_text_add(t, "\"");
  while (left) {
    unsigned long code;
    size_t n = ntk_utf8_decode(value, left, &code);
    if (!n)
      ntk_text_add(t, "\\ufffd"); /* a file name may hold any byte */
    else if (code == '"' || code == '\\')
      ntk_text_addf(t, "\\%c", *value);
    else if (code == '\n')
      ntk_text_add(t, "\\n");
    else if (code == '\t')
      ntk_text_add(t, "\\t");
    else if (is_special(code))
      ntk_text_addf(t, "\\u%04lx", code);
    else
      ntk_text_add_bytes(t, value, n);
    n += !n;
    value += n;
    left -= n;
  }
  ntk_text_add(t, "\"");
}

static void begin_item(ntk_json *j, const char *key) {
  if (j->depth) {
    if (j->has_items[j->depth]) ntk_text_add(j->text, ", ");
    j->has_items[j->depth] = true;
  }
  if (key) {
    quote(j->text, key);
    ntk_text_add(j->text, ": ");
  }
}

static void open_level(ntk_json *j, const char *key, const char *bracket) {
  begin_item(j, key);
  ntk_text_add(j->text, bracket);
  if (j->depth + 1 < sizeof j->has_items)
    j->has_items[++j->depth] = false;
  else
    j->text->failed = true;
}

static void close_level(ntk_json *j, const char *bracket) {
  ntk_text_add(j->text, bracket);
  if (j->depth) j->depth--;
}

void ntk_json_object(ntk_json *j, const char *key) { open_level(j, key, "{"); }
void ntk_json_array(ntk_json *j, const char *key) { open_level(j, key, "["); }
void ntk_json_end_object(ntk_json *j) { close_level(j, "}"); }
void ntk_json_end_array(ntk_json *j) { close_level(j, "]"); }

void ntk_json_string(ntk_json *j, const char *key, const char *value) {
  begin_item(j, key);
  quote(j->text, value);
}

void ntk_json_number(ntk_json *j, const char *key, double value) {
  begin_item(j, key);
  char number[32] = "null";
  if (isfinite(value)) ntk_format_double(value, number);
  ntk_text_add(j->text, number);
}

void ntk_json_integer(ntk_json *j, const char *key, long long value) {
  begin_item(j, key);
  ntk_text_addf(j->text, "%lld", value);
}

void ntk_json_bool(ntk_json *j, const char *key, bool value) {
  begin_item(j, key);
  ntk_text_add(j->text, value ? "true" : "false");
}

void ntk_json_null(ntk_json *j, const char *key) {
  begin_item(j, key);
  ntk_text_add(j->text, "null");
}

void ntk_json_numbers(ntk_json *j, const char *key, const double *values, size_t count) {
  ntk_json_array(j, key);
  for (size_t i = 0; i < count; i++) ntk_json_number(j, NULL, values[i]);
  ntk_json_end_array(j);
}

void ntk_json_raw(ntk_json *j, const char *key, const char *raw) {
  begin_item(j, key);
  ntk_text_add(j->text, raw);
}
