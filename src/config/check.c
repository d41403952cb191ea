/* Walking a text's tree along the tables: unknown and missing keys, names of choices, defaults. */
#include "config/check.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/tree.h"

static ntk_error *expected(ntk_checker *c, const ntk_key *key, const ntk_value *raw) {
  ntk_text text = NTK_TEXT;
  ntk_text_add(&text, "expected ");
  ntk_key_describe(c->schema->catalog, key, &text);
  ntk_text_add(&text, ", found ");
  ntk_value_describe(raw, &text);
  if (key->type == NTK_T_STRING && raw->kind == NTK_NUMBER) ntk_text_add(&text, " (put it in quotes)");
  ntk_error *err = ntk_checker_add(c, raw->where, "%s", text.bytes ? text.bytes : "");
  ntk_text_free(&text);
  return err;
}

static bool is_container(const ntk_value *v) { return v->kind == NTK_LIST || v->kind == NTK_MAP; }

static ntk_error *keep(ntk_checker *c, ntk_value_kind kind, const ntk_value *raw, const ntk_value **out) {
  ntk_value *copy;
  NTK_TRY(ntk_value_scalar(c->schema->arena, kind, ntk_value_text(raw), raw->where, &copy));
  *out = copy;
  return NULL;
}

static ntk_error *check_word(ntk_checker *c, const ntk_key *key, const ntk_value *raw, const ntk_value **out) {
  if (!is_container(raw) && ntk_words_have(key->words, ntk_value_text(raw))) return keep(c, NTK_STRING, raw, out);
  return expected(c, key, raw);
}

/* "name 'rleu' is not known (did you mean 'relu'?)" */
static ntk_error *unknown_choice(ntk_checker *c, const ntk_key *key, const char *name, ntk_where where) {
  ntk_text text = NTK_TEXT;
  const char **names = NULL;
  size_t count;
  const ntk_choices *kind = ntk_catalog_kind(c->schema->catalog, key->kind);
  ntk_error *err = ntk_choice_names(kind, &names, &count);
  if (!err) {
    ntk_key one = {.type = NTK_T_NAMED, .kind = key->kind};
    ntk_text_add(&text, "expected ");
    ntk_key_describe(c->schema->catalog, &one, &text);
    ntk_text_addf(&text, ", found '%.60s'", name);
    ntk_suggest(name, names, count, &text);
    err = ntk_checker_add(c, where, "%s", text.bytes ? text.bytes : "");
  }
  free(names);
  ntk_text_free(&text);
  return err;
}

static ntk_error *check_typed(ntk_checker *c, const ntk_key *key, const ntk_value *raw, const ntk_value **out) {
  const ntk_value *type = raw->kind == NTK_STRING ? raw : ntk_value_get(raw, "type");
  if (!type && raw->kind != NTK_MAP) return expected(c, key, raw);
  if (!type && c->partial) return NULL;
  size_t length = ntk_checker_enter(c, "type");
  ntk_error *err = NULL;
  const ntk_choice *choice = NULL;
  if (!type || type->kind != NTK_STRING) {
    ntk_text text = NTK_TEXT;
    ntk_key one = {.type = NTK_T_NAMED, .kind = key->kind};
    ntk_key_describe(c->schema->catalog, &one, &text);
    err = ntk_checker_add(c, type ? type->where : raw->where, "%s: %s", type ? "expected a name" : "required", text.bytes ? text.bytes : "");
    ntk_text_free(&text);
  } else {
    choice = ntk_catalog_choice(c->schema->catalog, key->kind, type->text);
    if (!choice) err = unknown_choice(c, key, type->text, type->where);
  }
  ntk_checker_leave(c, length);
  if (err || !choice) return err;
  return ntk_check_entries(c, choice->keys, key->keys, choice->name, raw, out);
}

static ntk_error *missing_key(ntk_checker *c, const ntk_key *key, ntk_where where);

static ntk_error *check_named(ntk_checker *c, const ntk_key *key, const ntk_value *raw, const ntk_value **out) {
  bool has_parameters = raw->kind == NTK_MAP && raw->count == 1;
  if (raw->kind != NTK_STRING && !has_parameters) return expected(c, key, raw);
  const char *name = has_parameters ? raw->items[0].key : raw->text;
  ntk_where where = has_parameters ? raw->items[0].key_where : raw->where;
  const ntk_value *parameters = has_parameters && raw->items[0].value->kind != NTK_NULL ? raw->items[0].value : NULL;
  const ntk_choice *choice = ntk_catalog_choice(c->schema->catalog, key->kind, name);
  if (!choice) return unknown_choice(c, key, name, where);
  const ntk_value *checked = NULL;
  ntk_where outside = c->here;
  size_t length = ntk_checker_enter(c, name);
  c->here = where.line ? where : outside;
  ntk_error *err = NULL;
  if (ntk_choice_is_bare(choice))
    err = parameters ? ntk_check_key(c, choice->keys, parameters, &checked) : missing_key(c, choice->keys, where);
  else if (parameters && parameters->kind != NTK_MAP)
    err = ntk_checker_add(c, parameters->where, "expected parameters of %s (key: value)", name);
  else
    err = ntk_check_entries(c, choice->keys, key->keys, NULL, parameters, &checked);
  c->here = outside;
  ntk_checker_leave(c, length);
  if (err || !checked) return err;
  ntk_value *named;
  NTK_TRY(ntk_value_container(c->schema->arena, NTK_MAP, raw->where, &named));
  NTK_TRY(ntk_value_append(c->schema->arena, named, choice->name, where, checked));
  *out = named;
  return NULL;
}

static ntk_error *check_numbers(ntk_checker *c, const ntk_key *key, const ntk_value *raw, const ntk_value **out) {
  if (raw->kind != NTK_LIST) {
    const ntk_value *one = NULL;
    ntk_value *list;
    NTK_TRY(ntk_check_number(c, key, raw, &one));
    if (!one) return NULL;
    NTK_TRY(ntk_value_container(c->schema->arena, NTK_LIST, raw->where, &list));
    *out = list;
    return ntk_value_append(c->schema->arena, list, NULL, one->where, one);
  }
  ntk_value *list;
  NTK_TRY(ntk_value_container(c->schema->arena, NTK_LIST, raw->where, &list));
  for (size_t i = 0; i < raw->count; i++) {
    const ntk_value *item = NULL;
    NTK_TRY(ntk_check_number(c, key, raw->items[i].value, &item));
    if (item) NTK_TRY(ntk_value_append(c->schema->arena, list, NULL, item->where, item));
  }
  *out = list;
  return NULL;
}

static ntk_error *check_one(ntk_checker *c, const ntk_key *key, const ntk_value *raw, const ntk_value **out) {
  switch (key->type) {
    case NTK_T_BOOL: return raw->kind == NTK_BOOL ? keep(c, NTK_BOOL, raw, out) : expected(c, key, raw);
    case NTK_T_INTEGER:
    case NTK_T_NUMBER: return ntk_check_number(c, key, raw, out);
    case NTK_T_STRING: return raw->kind == NTK_STRING ? keep(c, NTK_STRING, raw, out) : expected(c, key, raw);
    case NTK_T_PATH: return raw->kind == NTK_STRING ? ntk_check_path(c, key, raw, out) : expected(c, key, raw);
    case NTK_T_WORD: return check_word(c, key, raw, out);
    case NTK_T_NUMBERS: return check_numbers(c, key, raw, out);
    case NTK_T_SECTION:
      if (raw->kind != NTK_MAP && raw->kind != NTK_NULL) return expected(c, key, raw);
      return ntk_check_entries(c, key->keys, NULL, NULL, raw, out);
    case NTK_T_TYPED: return check_typed(c, key, raw, out);
    case NTK_T_NAMED: return check_named(c, key, raw, out);
  }
  return ntk_fail(NTK_E_INTERNAL, "key '%s' has no known type", key->name);
}

static ntk_error *check_lists(ntk_checker *c, const ntk_key *key, const ntk_value *raw, const ntk_value **out) {
  ntk_key inner = *key;
  ntk_value *lists;
  inner.flags = (key->flags & ~(unsigned)NTK_KEY_LISTS) | NTK_KEY_LIST;
  if (raw->kind != NTK_LIST) return expected(c, key, raw);
  NTK_TRY(ntk_value_container(c->schema->arena, NTK_LIST, raw->where, &lists));
  for (size_t i = 0; i < raw->count; i++) {
    const ntk_value *item = raw->items[i].value, *checked = NULL;
    if (item->kind != NTK_LIST)
      NTK_TRY(expected(c, key, item));
    else
      NTK_TRY(ntk_check_key(c, &inner, item, &checked));
    if (checked) NTK_TRY(ntk_value_append(c->schema->arena, lists, NULL, item->where, checked));
  }
  *out = lists;
  return NULL;
}

ntk_error *ntk_check_key(ntk_checker *c, const ntk_key *key, const ntk_value *raw, const ntk_value **out) {
  *out = NULL;
  if (raw->kind == NTK_NULL && key->flags & NTK_KEY_NULLABLE) return keep(c, NTK_NULL, raw, out);
  if (key->flags & NTK_KEY_LISTS) return check_lists(c, key, raw, out);
  if (!(key->flags & NTK_KEY_LIST)) return check_one(c, key, raw, out);
  ntk_value *list;
  NTK_TRY(ntk_value_container(c->schema->arena, NTK_LIST, raw->where, &list));
  size_t count = raw->kind == NTK_LIST ? raw->count : 1;
  for (size_t i = 0; i < count; i++) {
    const ntk_value *item = NULL;
    NTK_TRY(check_one(c, key, raw->kind == NTK_LIST ? raw->items[i].value : raw, &item));
    if (item) NTK_TRY(ntk_value_append(c->schema->arena, list, NULL, item->where, item));
  }
  *out = list;
  return NULL;
}

/* A parsed default was written nowhere. */
static void unplace(const ntk_value *v) {
  ntk_value *mutable = (ntk_value *)(uintptr_t)v; /* fresh from the parser, nobody else's */
  mutable->where = (ntk_where){"default", 0, 0};
  for (size_t i = 0; i < v->count; i++) {
    mutable->items[i].key_where = mutable->where;
    unplace(v->items[i].value);
  }
}

static bool is_plain(const char *text, size_t length) {
  return length > 0 && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.+-") >= length;
}

/* The usual defaults without a YAML reader, since every run of a sweep needs them: "[]", and one scalar, also as "[1.0]" or "{type: name}" (a
 * list of one and a choice without parameters may be written so). *out stays NULL for others. */
static ntk_error *read_plain_default(ntk_checker *c, const ntk_key *key, const ntk_value **out) {
  static const char type[] = "{type: ";
  const ntk_where nowhere = {"default", 0, 0};
  const char *text = key->fallback, *scalar;
  size_t length = strlen(text);
  ntk_value *made = NULL;
  if (!strcmp(text, "[]")) {
    NTK_TRY(ntk_value_container(c->schema->arena, NTK_LIST, nowhere, &made));
    *out = made;
    return NULL;
  }
  if (key->type == NTK_T_TYPED && !strncmp(text, type, sizeof type - 1)) {
    text += sizeof type - 1;
    length -= sizeof type; /* the closing brace too */
  } else if (*text == '[' && (key->type == NTK_T_NUMBERS || key->flags & NTK_KEY_LIST)) {
    text++;
    length -= 2;
  }
  if (!is_plain(text, length)) return NULL;
  double number;
  bool boolean;
  NTK_TRY(ntk_arena_text(c->schema->arena, text, length, &scalar));
  NTK_TRY(ntk_value_scalar(c->schema->arena, ntk_scalar_kind(scalar, &number, &boolean), scalar, nowhere, &made));
  *out = made;
  return NULL;
}

ntk_error *ntk_check_default(ntk_checker *c, const ntk_key *key, const ntk_value **out) {
  *out = NULL;
  if (!key->fallback)
    return key->type == NTK_T_SECTION && !(key->flags & NTK_KEY_NULLABLE) ? ntk_check_entries(c, key->keys, NULL, NULL, NULL, out) : NULL;
  const ntk_value *raw = NULL;
  NTK_TRY(read_plain_default(c, key, &raw));
  if (!raw) {
    NTK_TRY(ntk_value_parse(c->schema->arena, "default", key->fallback, strlen(key->fallback), &raw));
    unplace(raw);
  }
  return ntk_check_key(c, key, raw, out);
}

static ntk_error *unknown_key(ntk_checker *c, const ntk_key *own, const ntk_key *common, const ntk_item *item) {
  ntk_text text = NTK_TEXT;
  const char **names = NULL;
  size_t count;
  ntk_error *err = ntk_key_names(own, common, c->path.length ? NULL : c->also, &names, &count);
  if (!err) {
    ntk_text_add(&text, "unknown key");
    ntk_suggest(item->key, names, count, &text);
    if (!count) ntk_text_add(&text, " (no parameters here)");
    char key[81];
    snprintf(key, sizeof key, "%s", item->key);
    size_t length = ntk_checker_enter(c, key);
    err = ntk_checker_add(c, item->key_where, "%s", text.bytes ? text.bytes : "");
    ntk_checker_leave(c, length);
  }
  free(names);
  ntk_text_free(&text);
  return err;
}

/* A section that may not be absent as a whole. */
static bool has_required(const ntk_key *keys) {
  for (; keys && keys->name; keys++)
    if (keys->flags & NTK_KEY_REQUIRED) return true;
  return false;
}

static ntk_error *missing_key(ntk_checker *c, const ntk_key *key, ntk_where where) {
  if (c->partial) return NULL;
  ntk_text text = NTK_TEXT;
  ntk_key_describe(c->schema->catalog, key, &text);
  const char *sign = " with ";
  for (const ntk_key *k = key->type == NTK_T_SECTION ? key->keys : NULL; k && k->name; k++) {
    if (!(k->flags & NTK_KEY_REQUIRED)) continue;
    ntk_text_addf(&text, "%s%s", sign, k->name);
    sign = ", ";
  }
  c->missing = true;
  ntk_error *err = ntk_checker_add(c, where, "required: %s", text.bytes ? text.bytes : "");
  c->missing = false;
  ntk_text_free(&text);
  return err;
}

static ntk_where key_where(const ntk_value *map, const char *key) {
  for (size_t i = 0; i < map->count; i++)
    if (!strcmp(map->items[i].key, key)) return map->items[i].key_where;
  return map->where;
}

/* One key of the table: given, defaulted, or missing. `raw` may be NULL. */
static ntk_error *check_entry(ntk_checker *c, const ntk_key *key, const ntk_value *raw, ntk_value *map) {
  const ntk_value *given = raw ? ntk_value_get(raw, key->name) : NULL, *checked = NULL;
  const ntk_key *next = key + 1;
  bool has_rival = next->name && next->flags & NTK_KEY_EITHER && raw && ntk_value_get(raw, next->name);
  bool is_needed = key->flags & NTK_KEY_REQUIRED || (key->type == NTK_T_SECTION && !key->fallback && has_required(key->keys));
  ntk_where where = {"default", 0, 0};
  size_t length = ntk_checker_enter(c, key->name);
  ntk_error *err = NULL;
  if (given) {
    where = key_where(raw, key->name);
    err = ntk_check_key(c, key, given, &checked);
    if (!err && has_rival) err = ntk_checker_add(c, where, "either this or '%s', not both", next->name);
  } else if (is_needed)
    err = missing_key(c, key, raw ? raw->where : where);
  else if (!has_rival)
    err = ntk_check_default(c, key, &checked);
  ntk_checker_leave(c, length);
  if (err || !checked) return err;
  return ntk_value_append(c->schema->arena, map, key->name, where, checked);
}

ntk_error *ntk_check_entries(ntk_checker *c, const ntk_key *own, const ntk_key *common, const char *type, const ntk_value *raw,
                             const ntk_value **out) {
  ntk_value *map;
  ntk_where outside = c->here, where = raw ? raw->where : (ntk_where){"default", 0, 0};
  if (where.line) c->here = where;
  NTK_TRY(ntk_value_container(c->schema->arena, NTK_MAP, where, &map));
  if (type) {
    ntk_value *name;
    NTK_TRY(ntk_value_scalar(c->schema->arena, NTK_STRING, type, where, &name));
    NTK_TRY(ntk_value_append(c->schema->arena, map, "type", where, name));
  }
  const ntk_value *given = raw && raw->kind == NTK_MAP ? raw : NULL;
  for (size_t i = 0; given && i < given->count; i++) {
    const char *name = given->items[i].key;
    if ((type && !strcmp(name, "type")) || ntk_key_find(own, name) || ntk_key_find(common, name)) continue;
    NTK_TRY(unknown_key(c, own, common, &given->items[i]));
  }
  for (const ntk_key *k = own; k && k->name; k++) NTK_TRY(check_entry(c, k, given, map));
  for (const ntk_key *k = common; k && k->name; k++)
    if (!ntk_key_find(own, k->name)) NTK_TRY(check_entry(c, k, given, map));
  c->here = outside;
  *out = map;
  return NULL;
}

ntk_error *ntk_schema_check(const ntk_schema *schema, const ntk_key *keys, const char *path, const ntk_value *raw, const ntk_value **out) {
  ntk_checker c = {.schema = schema, .arena = schema->arena, .here = raw->where};
  *out = NULL;
  ntk_checker_enter(&c, path);
  ntk_key top = {.name = path, .type = NTK_T_SECTION, .keys = keys};
  ntk_error *err = ntk_check_key(&c, &top, raw, out);
  err = ntk_error_join(err, ntk_checker_finish(&c));
  if (err) *out = NULL;
  return err;
}

ntk_error *ntk_schema_check_one(const ntk_schema *schema, const ntk_key *key, const ntk_value *raw, const ntk_value **out) {
  ntk_checker c = {.schema = schema, .arena = schema->arena, .here = raw->where};
  *out = NULL;
  ntk_checker_enter(&c, key->name ? key->name : "");
  ntk_error *err = ntk_check_key(&c, key, raw, out);
  err = ntk_error_join(err, ntk_checker_finish(&c));
  if (err) *out = NULL;
  return err;
}
