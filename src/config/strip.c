/* Checked trees without what equals its default: what a run's identity is made of. */
#include <string.h>

#include "config/check.h"
#include "config/tree.h"

typedef struct {
  ntk_checker checker; /* for defaults */
  const ntk_file_names *files;
} stripper;

static ntk_error *strip_entries(stripper *s, const ntk_key *own, const ntk_key *common, const ntk_value *checked, ntk_value *out);

static ntk_error *strip_file(stripper *s, const ntk_value *checked, const ntk_value **out) {
  ntk_text name = NTK_TEXT;
  ntk_value *v;
  ntk_error *err = NULL;
  NTK_TRY_OUT(s->files->name_file(s->files->context, checked->text, &name));
  NTK_TRY_OUT(ntk_value_scalar(s->checker.schema->arena, NTK_STRING, name.bytes ? name.bytes : "", checked->where, &v));
  *out = v;
out:
  ntk_text_free(&name);
  return err;
}

static ntk_error *strip_map(stripper *s, const ntk_key *own, const ntk_key *common, const ntk_value *checked, const ntk_value **out) {
  ntk_value *map;
  NTK_TRY(ntk_value_container(s->checker.schema->arena, NTK_MAP, checked->where, &map));
  *out = map;
  return strip_entries(s, own, common, checked, map);
}

static ntk_error *strip_value(stripper *s, const ntk_key *key, const ntk_value *checked, const ntk_value **out) {
  ntk_arena *arena = s->checker.schema->arena;
  *out = checked;
  if (checked->kind == NTK_LIST && key->flags & (NTK_KEY_LIST | NTK_KEY_LISTS)) {
    ntk_key inner = *key;
    ntk_value *list;
    inner.flags = (key->flags & ~(unsigned)(NTK_KEY_LISTS | NTK_KEY_LIST)) | (key->flags & NTK_KEY_LISTS ? NTK_KEY_LIST : 0);
    NTK_TRY(ntk_value_container(arena, NTK_LIST, checked->where, &list));
    for (size_t i = 0; i < checked->count; i++) {
      const ntk_value *item;
      NTK_TRY(strip_value(s, &inner, checked->items[i].value, &item));
      NTK_TRY(ntk_value_append(arena, list, NULL, item->where, item));
    }
    *out = list;
    return NULL;
  }
  if (key->type == NTK_T_PATH && checked->kind == NTK_STRING && s->files) return strip_file(s, checked, out);
  if (checked->kind != NTK_MAP) return NULL;
  if (key->type == NTK_T_SECTION) return strip_map(s, key->keys, NULL, checked, out);
  const ntk_choice *choice = ntk_catalog_choice(s->checker.schema->catalog, key->kind ? key->kind : "", ntk_choice_name(checked));
  if (!choice) return ntk_fail(NTK_E_INTERNAL, "%s: '%s' is not a checked choice", key->name, ntk_choice_name(checked));
  if (key->type == NTK_T_TYPED) return strip_map(s, choice->keys, key->keys, checked, out);
  const ntk_value *parameters;
  ntk_value *named;
  if (ntk_choice_is_bare(choice))
    NTK_TRY(strip_value(s, choice->keys, checked->items[0].value, &parameters));
  else
    NTK_TRY(strip_map(s, choice->keys, key->keys, checked->items[0].value, &parameters));
  NTK_TRY(ntk_value_container(arena, NTK_MAP, checked->where, &named));
  *out = named;
  return ntk_value_append(arena, named, choice->name, checked->where, parameters);
}

static ntk_error *strip_entry(stripper *s, const ntk_key *key, const ntk_item *item, ntk_value *out) {
  if (key->flags & NTK_KEY_NO_ID) return NULL;
  const ntk_value *fallback, *stripped;
  NTK_TRY(ntk_check_default(&s->checker, key, &fallback));
  if (fallback && ntk_value_equal(item->value, fallback)) return NULL;
  NTK_TRY(strip_value(s, key, item->value, &stripped));
  bool is_empty_section = key->type == NTK_T_SECTION && stripped->kind == NTK_MAP && !stripped->count && !(key->flags & NTK_KEY_NULLABLE);
  return is_empty_section ? NULL : ntk_value_append(s->checker.schema->arena, out, key->name, item->key_where, stripped);
}

static ntk_error *strip_entries(stripper *s, const ntk_key *own, const ntk_key *common, const ntk_value *checked, ntk_value *out) {
  for (size_t i = 0; i < checked->count; i++) {
    const ntk_item *item = &checked->items[i];
    const ntk_key *key = ntk_key_find(own, item->key);
    if (!key) key = ntk_key_find(common, item->key);
    if (key)
      NTK_TRY(strip_entry(s, key, item, out));
    else /* the name of a typed choice */
      NTK_TRY(ntk_value_append(s->checker.schema->arena, out, item->key, item->key_where, item->value));
  }
  return NULL;
}

ntk_error *ntk_schema_strip_files(const ntk_schema *schema, const ntk_key *keys, const ntk_value *checked, const ntk_file_names *files,
                                  const ntk_value **out) {
  stripper s = {.checker = {.schema = schema, .arena = schema->arena}, .files = files};
  *out = NULL;
  ntk_error *err = strip_map(&s, keys, NULL, checked, out);
  ntk_error *ignored = ntk_checker_finish(&s.checker); /* a section's default may lack what is required: it is then no default */
  ntk_error_free(&ignored);
  return err;
}

ntk_error *ntk_schema_strip(const ntk_schema *schema, const ntk_key *keys, const ntk_value *checked, const ntk_value **out) {
  return ntk_schema_strip_files(schema, keys, checked, NULL, out);
}
