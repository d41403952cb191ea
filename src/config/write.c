/* Values as canonical JSON and as YAML for people. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/tree.h"

static int by_key(const void *a, const void *b) { return strcmp((*(const ntk_item *const *)a)->key, (*(const ntk_item *const *)b)->key); }

static void map_json(ntk_json *j, const ntk_value *v) {
  const ntk_item **sorted = malloc((v->count + 1) * sizeof *sorted);
  if (!sorted) {
    j->text->failed = true;
    return;
  }
  for (size_t i = 0; i < v->count; i++) sorted[i] = &v->items[i];
  qsort(sorted, v->count, sizeof *sorted, by_key);
  for (size_t i = 0; i < v->count; i++) ntk_value_json(j, sorted[i]->key, sorted[i]->value);
  free(sorted);
}

void ntk_value_json(ntk_json *j, const char *key, const ntk_value *v) {
  switch (v->kind) {
    case NTK_NULL: ntk_json_null(j, key); break;
    case NTK_BOOL: ntk_json_bool(j, key, v->boolean); break;
    case NTK_NUMBER: ntk_json_number(j, key, v->number); break;
    case NTK_STRING: ntk_json_string(j, key, v->text); break;
    case NTK_LIST:
      ntk_json_array(j, key);
      for (size_t i = 0; i < v->count; i++) ntk_value_json(j, NULL, v->items[i].value);
      ntk_json_end_array(j);
      break;
    case NTK_MAP:
      ntk_json_object(j, key);
      map_json(j, v);
      ntk_json_end_object(j);
      break;
  }
}

/* True where the text, unquoted, reads back as the same string in any context. */
static bool is_plain(const char *text) {
  double number;
  bool boolean;
  if (ntk_scalar_kind(text, &number, &boolean) != NTK_STRING || !strcmp(text, "<<")) return false;
  size_t safe = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+-");
  return !text[safe] && *text != '-' && *text != '.' && *text != '+';
}

static void add_text(ntk_text *t, const char *text) {
  if (is_plain(text)) {
    ntk_text_add(t, text);
    return;
  }
  ntk_json j = NTK_JSON(t);
  ntk_json_string(&j, NULL, text);
}

static void indent(ntk_text *t, unsigned level) {
  for (unsigned i = 0; i < level; i++) ntk_text_add(t, "  ");
}

static bool is_simple(const ntk_value *v) { return !v->count; }

/* -?(0|[1-9][0-9]*)(.[0-9]+)? */
static bool is_simple_decimal(const char *text) {
  text += *text == '-';
  size_t whole = strspn(text, "0123456789");
  if (!whole || (*text == '0' && whole > 1)) return false;
  text += whole;
  if (!*text) return true;
  size_t fraction = *text == '.' ? strspn(text + 1, "0123456789") : 0;
  return fraction && !text[1 + fraction];
}

/* As written where every reader takes it for the same number; YAML 1.1 (PyYAML) wants 1e-12 as 1.0e-12 and reads 010 as 8. */
static void add_number(ntk_text *t, const ntk_value *v) {
  char shortest[32];
  ntk_format_double(v->number, shortest);
  const char *exponent = strchr(shortest, 'e');
  if (isnan(v->number))
    ntk_text_add(t, ".nan");
  else if (isinf(v->number))
    ntk_text_add(t, v->number > 0 ? ".inf" : "-.inf");
  else if (is_simple_decimal(v->text))
    ntk_text_add(t, v->text);
  else if (exponent && !memchr(shortest, '.', (size_t)(exponent - shortest)))
    ntk_text_addf(t, "%.*s.0%s", (int)(exponent - shortest), shortest, exponent);
  else
    ntk_text_add(t, shortest);
}

static void add_scalar(ntk_text *t, const ntk_value *v) {
  switch (v->kind) {
    case NTK_NULL: ntk_text_add(t, "null"); break;
    case NTK_BOOL: ntk_text_add(t, v->boolean ? "true" : "false"); break;
    case NTK_NUMBER: add_number(t, v); break;
    case NTK_STRING: add_text(t, v->text); break;
    case NTK_LIST: ntk_text_add(t, "[]"); break;
    case NTK_MAP: ntk_text_add(t, "{}"); break;
  }
}

static bool is_short_list(const ntk_value *v) {
  if (v->kind != NTK_LIST || v->count > 16) return false;
  for (size_t i = 0; i < v->count; i++)
    if (!is_simple(v->items[i].value) || strlen(ntk_value_text(v->items[i].value)) > 24) return false;
  return true;
}

static void add_short_list(ntk_text *t, const ntk_value *v) {
  ntk_text_add(t, "[");
  for (size_t i = 0; i < v->count; i++) {
    if (i) ntk_text_add(t, ", ");
    add_scalar(t, v->items[i].value);
  }
  ntk_text_add(t, "]");
}

/* `started`: the line already holds the "- " of the list that this is an item of. */
static void add_block(ntk_text *t, const ntk_value *v, unsigned level, bool started) {
  for (size_t i = 0; i < v->count; i++) {
    const ntk_value *item = v->items[i].value;
    if (i || !started) indent(t, level);
    if (v->kind == NTK_LIST)
      ntk_text_add(t, "- ");
    else {
      add_text(t, v->items[i].key);
      ntk_text_add(t, is_simple(item) || is_short_list(item) ? ": " : ":\n");
    }
    if (is_simple(item) || is_short_list(item)) {
      if (is_simple(item))
        add_scalar(t, item);
      else
        add_short_list(t, item);
      ntk_text_add(t, "\n");
    } else
      add_block(t, item, level + 1, v->kind == NTK_LIST);
  }
}

void ntk_value_yaml(ntk_text *t, const ntk_value *v) {
  if (!is_simple(v)) {
    add_block(t, v, 0, false);
    return;
  }
  add_scalar(t, v);
  ntk_text_add(t, "\n");
}
