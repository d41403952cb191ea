#include "config/value.h"

#include <math.h>
#include <string.h>

#include "config/tree.h"

ntk_value_kind ntk_value_kind_of(const ntk_value *v) { return v->kind; }

bool ntk_value_bool(const ntk_value *v) { return v->boolean; }

double ntk_value_number(const ntk_value *v) { return v->kind == NTK_NUMBER ? v->number : NAN; }

const char *ntk_value_text(const ntk_value *v) { return v->text ? v->text : ""; }

size_t ntk_value_count(const ntk_value *v) { return v ? v->count : 0; }

const ntk_value *ntk_value_item(const ntk_value *v, size_t i) { return v->items[i].value; }

const char *ntk_value_key(const ntk_value *v, size_t i) { return v->items[i].key; }

ntk_where ntk_value_where(const ntk_value *v) { return v->where; }

ntk_where ntk_value_key_where(const ntk_value *v, size_t i) { return v->items[i].key_where; }

static const ntk_value *child(const ntk_value *v, const char *key, size_t length) {
  if (!v || v->kind != NTK_MAP) return NULL;
  for (size_t i = 0; i < v->count; i++)
    if (!strncmp(v->items[i].key, key, length) && !v->items[i].key[length]) return v->items[i].value;
  return NULL;
}

const ntk_value *ntk_value_get(const ntk_value *v, const char *key) { return child(v, key, strlen(key)); }

const ntk_value *ntk_value_find(const ntk_value *v, const char *path) {
  while (v && *path) {
    size_t length = strcspn(path, ".");
    v = child(v, path, length);
    path += length;
    if (*path) path++;
  }
  return v;
}

double ntk_get_number(const ntk_value *v, const char *path) {
  const ntk_value *found = ntk_value_find(v, path);
  return found ? ntk_value_number(found) : NAN;
}

int64_t ntk_get_integer(const ntk_value *v, const char *path) {
  double number = ntk_get_number(v, path);
  return fabs(number) <= 9007199254740992.0 ? (int64_t)number : 0;
}

bool ntk_get_bool(const ntk_value *v, const char *path) {
  const ntk_value *found = ntk_value_find(v, path);
  return found && found->kind == NTK_BOOL && found->boolean;
}

const char *ntk_get_text(const ntk_value *v, const char *path) {
  const ntk_value *found = ntk_value_find(v, path);
  return found ? ntk_value_text(found) : "";
}

bool ntk_has(const ntk_value *v, const char *path) {
  const ntk_value *found = ntk_value_find(v, path);
  return found && found->kind != NTK_NULL;
}

const char *ntk_choice_name(const ntk_value *v) {
  if (v->kind == NTK_STRING) return v->text;
  const ntk_value *type = ntk_value_get(v, "type");
  if (type && type->kind == NTK_STRING) return type->text;
  return v->kind == NTK_MAP && v->count == 1 ? v->items[0].key : "";
}

const ntk_value *ntk_choice_parameters(const ntk_value *v) {
  const ntk_value *type = ntk_value_get(v, "type");
  if (type && type->kind == NTK_STRING) return v;
  return v->kind == NTK_MAP && v->count == 1 ? v->items[0].value : NULL;
}

bool ntk_value_equal(const ntk_value *a, const ntk_value *b) {
  if (a->kind != b->kind) return false;
  switch (a->kind) {
    case NTK_NULL: return true;
    case NTK_BOOL: return a->boolean == b->boolean;
    case NTK_NUMBER: return a->number == b->number || (isnan(a->number) && isnan(b->number));
    case NTK_STRING: return !strcmp(a->text, b->text);
    case NTK_LIST:
    case NTK_MAP: break;
  }
  if (a->count != b->count) return false;
  for (size_t i = 0; i < a->count; i++) {
    const ntk_value *other = a->kind == NTK_LIST ? b->items[i].value : ntk_value_get(b, a->items[i].key);
    if (!other || !ntk_value_equal(a->items[i].value, other)) return false;
  }
  return true;
}
