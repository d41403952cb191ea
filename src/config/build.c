/* Making values: scalars with their types, containers, replaced parts. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/tree.h"

enum { NODE_LIMIT = 1000000 };

static bool is_one_of(const char *text, const char *a, const char *b, const char *c) {
  return !strcmp(text, a) || !strcmp(text, b) || !strcmp(text, c);
}

static size_t digits(const char *text) {
  size_t n = 0;
  while (isdigit((unsigned char)text[n])) n++;
  return n;
}

/* [-+]? ( . digits | digits ( . digits? )? ) ( [eE] [-+]? digits )? */
static bool is_decimal(const char *text) {
  text += *text == '-' || *text == '+';
  size_t whole = digits(text), fraction = 0;
  text += whole;
  if (*text == '.') {
    fraction = digits(++text);
    text += fraction;
  }
  if (!whole && !fraction) return false;
  if (*text == 'e' || *text == 'E') {
    text++;
    text += *text == '-' || *text == '+';
    size_t exponent = digits(text);
    if (!exponent) return false;
    text += exponent;
  }
  return !*text;
}

/* 0o17 and 0x1f; no sign in YAML 1.2. */
static bool is_based(const char *text, double *number) {
  const char *allowed = !strncmp(text, "0o", 2) ? "01234567" : !strncmp(text, "0x", 2) ? "0123456789abcdefABCDEF" : NULL;
  if (!allowed || !text[2] || text[2 + strspn(text + 2, allowed)]) return false;
  double base = text[1] == 'o' ? 8 : 16;
  *number = 0;
  for (const char *c = text + 2; *c; c++) {
    int digit = isdigit((unsigned char)*c) ? *c - '0' : tolower((unsigned char)*c) - 'a' + 10;
    *number = *number * base + digit;
  }
  return true;
}

static bool is_special(const char *text, double *number) {
  *number = NAN;
  if (is_one_of(text, ".nan", ".NaN", ".NAN")) return true;
  double sign = *text == '-' ? -1 : 1;
  text += *text == '-' || *text == '+';
  *number = sign * INFINITY;
  return is_one_of(text, ".inf", ".Inf", ".INF");
}

ntk_value_kind ntk_scalar_kind(const char *text, double *number, bool *boolean) {
  *number = NAN;
  *boolean = false;
  if (!*text || !strcmp(text, "~") || is_one_of(text, "null", "Null", "NULL")) return NTK_NULL;
  *boolean = is_one_of(text, "true", "True", "TRUE");
  if (*boolean || is_one_of(text, "false", "False", "FALSE")) return NTK_BOOL;
  if (is_decimal(text)) {
    *number = strtod(text, NULL);
    return NTK_NUMBER;
  }
  return is_based(text, number) || is_special(text, number) ? NTK_NUMBER : NTK_STRING;
}

ntk_error *ntk_value_scalar(ntk_arena *arena, ntk_value_kind kind, const char *text, ntk_where where, ntk_value **out) {
  ntk_value *v;
  *out = NULL;
  NTK_TRY(ntk_arena_take(arena, sizeof *v, &v));
  v->kind = kind;
  v->where = where;
  v->nodes = 1;
  if (kind != NTK_STRING && ntk_scalar_kind(text, &v->number, &v->boolean) != kind)
    return ntk_fail(NTK_E_INTERNAL, "'%s' is not a value of the kind asked for", text);
  NTK_TRY(ntk_arena_text(arena, text, strlen(text), &v->text));
  *out = v;
  return NULL;
}

ntk_error *ntk_value_container(ntk_arena *arena, ntk_value_kind kind, ntk_where where, ntk_value **out) {
  NTK_TRY(ntk_arena_take(arena, sizeof **out, out));
  (*out)->kind = kind;
  (*out)->where = where;
  (*out)->nodes = 1;
  (*out)->depth = 1;
  return NULL;
}

ntk_error *ntk_value_append(ntk_arena *arena, ntk_value *container, const char *key, ntk_where key_where, const ntk_value *item) {
  if (container->count == container->capacity) {
    size_t capacity = container->capacity ? 2 * container->capacity : 4;
    ntk_item *items;
    NTK_TRY(ntk_arena_take(arena, capacity * sizeof *items, &items));
    if (container->count) memcpy(items, container->items, container->count * sizeof *items);
    container->items = items;
    container->capacity = capacity;
  }
  ntk_item *place = &container->items[container->count];
  *place = (ntk_item){NULL, key_where, item};
  if (key) NTK_TRY(ntk_arena_text(arena, key, strlen(key), &place->key));
  container->count++;
  if (container->depth <= item->depth) container->depth = item->depth + 1;
  container->nodes = container->nodes < NODE_LIMIT ? container->nodes + item->nodes : container->nodes;
  return NULL;
}

ntk_error *ntk_value_alias(ntk_arena *arena, const ntk_value *v, ntk_where where, const ntk_value **out) {
  ntk_value *copy;
  *out = NULL;
  NTK_TRY(ntk_arena_take(arena, sizeof *copy, &copy));
  *copy = *v;
  copy->capacity = copy->count; /* appending to the copy must not write into what is shared */
  copy->where = where;
  *out = copy;
  return NULL;
}

ntk_error *ntk_value_replace(ntk_arena *arena, const ntk_value *root, const char *path, const ntk_value *item, const ntk_value **out) {
  if (!*path) {
    *out = item;
    return NULL;
  }
  if (root && root->kind != NTK_MAP && root->kind != NTK_NULL)
    return ntk_fail(NTK_E_CONFIG, "'%s' cannot be set: what should hold it is not a mapping", path);
  ntk_value *copy;
  const ntk_value *below = NULL;
  const char *key;
  size_t length = strcspn(path, ".");
  NTK_TRY(ntk_arena_text(arena, path, length, &key));
  NTK_TRY(ntk_value_replace(arena, root ? ntk_value_get(root, key) : NULL, path[length] ? path + length + 1 : "", item, &below));
  NTK_TRY(ntk_value_container(arena, NTK_MAP, root ? root->where : item->where, &copy));
  bool found = false;
  for (size_t i = 0; root && i < root->count; i++) {
    bool here = !strcmp(root->items[i].key, key);
    NTK_TRY(ntk_value_append(arena, copy, root->items[i].key, root->items[i].key_where, here ? below : root->items[i].value));
    found = found || here;
  }
  if (!found) NTK_TRY(ntk_value_append(arena, copy, key, item->where, below));
  *out = copy;
  return NULL;
}
