/* The tables as a JSON Schema (draft 2020-12): for editors and for checks by other programs. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/check.h"
#include "config/tree.h"

typedef struct {
  ntk_json j;
  const ntk_catalog *catalog;
} writer;

static void add_type(writer *w, const ntk_key *key);
static void add_key(writer *w, const char *name, const ntk_key *key);

static void add_properties(writer *w, const ntk_key *own, const ntk_key *common) {
  for (const ntk_key *k = own; k && k->name; k++) add_key(w, k->name, k);
  for (const ntk_key *k = common; k && k->name; k++)
    if (!ntk_key_find(own, k->name)) add_key(w, k->name, k);
}

static bool has_required(const ntk_key *keys) {
  for (; keys && keys->name; keys++)
    if (keys->flags & NTK_KEY_REQUIRED) return true;
  return false;
}

static void add_required(writer *w, const ntk_key *keys, const char *first) {
  if (!first && !has_required(keys)) return;
  ntk_json_array(&w->j, "required");
  if (first) ntk_json_string(&w->j, NULL, first);
  for (; keys && keys->name; keys++)
    if (keys->flags & NTK_KEY_REQUIRED) ntk_json_string(&w->j, NULL, keys->name);
  ntk_json_end_array(&w->j);
}

/* Keys of which only one may be given. */
static void add_rivals(writer *w, const ntk_key *keys) {
  bool any = false;
  for (const ntk_key *k = keys; k && k->name; k++) any = any || k->flags & NTK_KEY_EITHER;
  if (!any) return;
  ntk_json_array(&w->j, "allOf");
  for (const ntk_key *k = keys; k->name; k++) {
    if (!(k->flags & NTK_KEY_EITHER)) continue;
    ntk_json_object(&w->j, NULL);
    ntk_json_object(&w->j, "not");
    ntk_json_array(&w->j, "required");
    ntk_json_string(&w->j, NULL, (k - 1)->name);
    ntk_json_string(&w->j, NULL, k->name);
    ntk_json_end_array(&w->j);
    ntk_json_end_object(&w->j);
    ntk_json_end_object(&w->j);
  }
  ntk_json_end_array(&w->j);
}

/* Members of an object's schema; `type`: the name of a typed choice. */
static void add_object(writer *w, const ntk_key *own, const ntk_key *common, const char *type, bool required) {
  ntk_json_string(&w->j, "type", "object");
  ntk_json_object(&w->j, "properties");
  if (type) {
    ntk_json_object(&w->j, "type");
    ntk_json_string(&w->j, "const", type);
    ntk_json_end_object(&w->j);
  }
  add_properties(w, own, common);
  ntk_json_end_object(&w->j);
  if (required || type) add_required(w, own, type ? "type" : NULL);
  add_rivals(w, own);
  ntk_json_bool(&w->j, "additionalProperties", false);
}

static bool add_word(void *context, const char *word, size_t length) {
  writer *w = context;
  char *copy = strndup(word, length);
  if (copy) ntk_json_string(&w->j, NULL, copy);
  free(copy);
  return false;
}

static void add_words(writer *w, const char *words) {
  ntk_json_array(&w->j, "enum");
  ntk_words_each(words, add_word, w);
  ntk_json_end_array(&w->j);
}

static void add_number(writer *w, const ntk_key *key) {
  double min, max;
  ntk_key_range(key, &min, &max);
  ntk_json_string(&w->j, "type", key->type == NTK_T_INTEGER ? "integer" : "number");
  if (isfinite(min)) ntk_json_number(&w->j, key->flags & NTK_KEY_OPEN_MIN ? "exclusiveMinimum" : "minimum", min);
  if (isfinite(max)) ntk_json_number(&w->j, "maximum", max);
}

static void open_any(writer *w) {
  ntk_json_array(&w->j, "anyOf");
  ntk_json_object(&w->j, NULL);
}

static void next_any(writer *w) {
  ntk_json_end_object(&w->j);
  ntk_json_object(&w->j, NULL);
}

static void close_any(writer *w) {
  ntk_json_end_object(&w->j);
  ntk_json_end_array(&w->j);
}

static void add_names(writer *w, const ntk_choices *choices) {
  ntk_json_array(&w->j, "enum");
  for (size_t i = 0; i < choices->count; i++) ntk_json_string(&w->j, NULL, choices->at(i)->name);
  ntk_json_end_array(&w->j);
}

static void add_description(writer *w, const ntk_choice *choice) {
  if (choice->help && *choice->help) ntk_json_string(&w->j, "description", choice->help);
}

/* {NAME: {...}} */
static void add_parameters(writer *w, const ntk_key *key, const ntk_choice *c) {
  ntk_json_object(&w->j, c->name);
  open_any(w);
  ntk_json_string(&w->j, "type", "null");
  next_any(w);
  add_object(w, c->keys, key->keys, NULL, true);
  close_any(w);
  ntk_json_end_object(&w->j);
}

/* NAME, {type: NAME, ...} or {NAME: {...}}. */
static void add_choices(writer *w, const ntk_key *key, const ntk_choices *choices) {
  open_any(w);
  add_names(w, choices);
  for (size_t i = 0; i < choices->count; i++) {
    const ntk_choice *c = choices->at(i);
    next_any(w);
    add_description(w, c);
    if (key->type == NTK_T_TYPED) {
      add_object(w, ntk_choice_is_bare(c) ? NULL : c->keys, key->keys, c->name, true);
      continue;
    }
    ntk_json_string(&w->j, "type", "object");
    ntk_json_object(&w->j, "properties");
    if (ntk_choice_is_bare(c))
      add_key(w, c->name, c->keys);
    else
      add_parameters(w, key, c);
    ntk_json_end_object(&w->j);
    ntk_json_array(&w->j, "required");
    ntk_json_string(&w->j, NULL, c->name);
    ntk_json_end_array(&w->j);
    ntk_json_bool(&w->j, "additionalProperties", false);
  }
  close_any(w);
}

static void add_reference(writer *w, const ntk_key *key) {
  const ntk_choices *choices = ntk_catalog_kind(w->catalog, key->kind);
  if (!choices) return;
  if (key->keys) { /* with keys of its own: written out */
    add_choices(w, key, choices);
    return;
  }
  char target[128];
  snprintf(target, sizeof target, "#/$defs/%s_%s", key->kind, key->type == NTK_T_TYPED ? "typed" : "named");
  ntk_json_string(&w->j, "$ref", target);
}

static void add_type(writer *w, const ntk_key *key) {
  switch (key->type) {
    case NTK_T_BOOL: ntk_json_string(&w->j, "type", "boolean"); break;
    case NTK_T_STRING:
    case NTK_T_PATH: ntk_json_string(&w->j, "type", "string"); break;
    case NTK_T_WORD: add_words(w, key->words); break;
    case NTK_T_SECTION: add_object(w, key->keys, NULL, NULL, false); break;
    case NTK_T_TYPED:
    case NTK_T_NAMED: add_reference(w, key); break;
    case NTK_T_INTEGER:
    case NTK_T_NUMBER:
      if (key->words) {
        open_any(w);
        add_number(w, key);
        next_any(w);
        add_words(w, key->words);
        close_any(w);
      } else
        add_number(w, key);
      break;
    case NTK_T_NUMBERS:
      open_any(w);
      add_number(w, key);
      next_any(w);
      ntk_json_string(&w->j, "type", "array");
      ntk_json_object(&w->j, "items");
      add_number(w, key);
      ntk_json_end_object(&w->j);
      close_any(w);
      break;
  }
}

static void add_default(writer *w, const ntk_key *key) {
  ntk_arena *arena = NULL;
  const ntk_value *v = NULL;
  if (!key->fallback) return;
  ntk_error *err = ntk_arena_create(&arena);
  if (!err) err = ntk_value_parse(arena, "default", key->fallback, strlen(key->fallback), &v);
  if (err)
    w->j.text->failed = true;
  else
    ntk_value_json(&w->j, "default", v);
  ntk_error_free(&err);
  ntk_arena_free(&arena);
}

static void add_lists(writer *w, const ntk_key *key) {
  for (int level = 0; level < 2; level++) {
    ntk_json_string(&w->j, "type", "array");
    ntk_json_object(&w->j, "items");
  }
  add_type(w, key);
  for (int level = 0; level < 2; level++) ntk_json_end_object(&w->j);
}

static void add_key(writer *w, const char *name, const ntk_key *key) {
  bool nullable = key->flags & NTK_KEY_NULLABLE || (key->type == NTK_T_SECTION && !key->fallback), list = key->flags & NTK_KEY_LIST;
  ntk_json_object(&w->j, name);
  ntk_text description = NTK_TEXT;
  ntk_text_addf(&description, "%s%s%s", key->help, key->unit ? ", in " : "", key->unit ? key->unit : "");
  ntk_json_string(&w->j, "description", description.bytes ? description.bytes : "");
  ntk_text_depend(w->j.text, &description);
  ntk_text_free(&description);
  add_default(w, key);
  if (nullable || list) open_any(w);
  if (key->flags & NTK_KEY_LISTS)
    add_lists(w, key);
  else
    add_type(w, key);
  if (list) {
    next_any(w);
    ntk_json_string(&w->j, "type", "array");
    ntk_json_object(&w->j, "items");
    add_type(w, key);
    ntk_json_end_object(&w->j);
  }
  if (nullable) {
    next_any(w);
    ntk_json_string(&w->j, "type", "null");
  }
  if (nullable || list) close_any(w);
  ntk_json_end_object(&w->j);
}

/* Paths that may be swept, as alternatives of a regular expression. */
static void add_paths(const ntk_key *keys, const char *prefix, ntk_text *out) {
  for (; keys->name; keys++) {
    if (keys->flags & NTK_KEY_NO_ID) continue;
    ntk_text path = NTK_TEXT;
    ntk_text_addf(&path, "%s%s", prefix, keys->name);
    bool open = keys->type == NTK_T_TYPED || keys->type == NTK_T_NAMED;
    ntk_text_addf(out, "|%s%s", path.bytes ? path.bytes : "", open ? "(\\..+)?" : "");
    ntk_text_add(&path, "\\.");
    if (keys->type == NTK_T_SECTION && path.bytes) add_paths(keys->keys, path.bytes, out);
    ntk_text_depend(out, &path);
    ntk_text_free(&path);
  }
}

static void add_sweep(writer *w) {
  ntk_text pattern = NTK_TEXT;
  ntk_text_add(&pattern, "^(zip|exclude");
  add_paths(ntk_study_keys(), "", &pattern);
  ntk_text_add(&pattern, ")$");
  ntk_json_object(&w->j, "sweep");
  ntk_json_string(&w->j, "description", "paths to lists of values, or to mappings of names to values: runs for every combination");
  open_any(w);
  ntk_json_string(&w->j, "type", "null");
  next_any(w);
  ntk_json_string(&w->j, "type", "object");
  ntk_json_object(&w->j, "propertyNames");
  ntk_json_string(&w->j, "pattern", pattern.bytes ? pattern.bytes : "");
  ntk_json_end_object(&w->j);
  ntk_json_object(&w->j, "additionalProperties");
  open_any(w);
  ntk_json_string(&w->j, "type", "array");
  ntk_json_integer(&w->j, "minItems", 1);
  next_any(w);
  ntk_json_string(&w->j, "type", "object");
  ntk_json_integer(&w->j, "minProperties", 1);
  close_any(w);
  ntk_json_end_object(&w->j);
  close_any(w);
  ntk_json_end_object(&w->j);
  ntk_text_depend(w->j.text, &pattern);
  ntk_text_free(&pattern);
}

/* A section must be there where it holds a key without default. */
static void add_needs(writer *w, const ntk_key *keys) {
  ntk_json_array(&w->j, "required");
  for (const ntk_key *k = keys; k->name; k++)
    if (k->flags & NTK_KEY_REQUIRED || (k->type == NTK_T_SECTION && !k->fallback && has_required(k->keys))) ntk_json_string(&w->j, NULL, k->name);
  ntk_json_end_array(&w->j);
  ntk_json_object(&w->j, "properties");
  for (const ntk_key *k = keys; k->name; k++) {
    if (k->type != NTK_T_SECTION || k->fallback || !has_required(k->keys)) continue;
    ntk_json_object(&w->j, k->name);
    add_needs(w, k->keys);
    ntk_json_end_object(&w->j);
  }
  ntk_json_end_object(&w->j);
}

static void add_definitions(writer *w) {
  static const struct {
    ntk_key_type type;
    const char *word;
  } forms[] = {{NTK_T_TYPED, "typed"}, {NTK_T_NAMED, "named"}};
  ntk_json_object(&w->j, "$defs");
  for (size_t i = 0; i < w->catalog->count; i++)
    for (size_t f = 0; f < 2; f++) {
      char name[128];
      snprintf(name, sizeof name, "%s_%s", w->catalog->kinds[i].kind, forms[f].word);
      ntk_json_object(&w->j, name);
      ntk_key key = {.type = forms[f].type};
      add_choices(w, &key, &w->catalog->kinds[i]);
      ntk_json_end_object(&w->j);
    }
  ntk_json_end_object(&w->j);
}

void ntk_schema_json(const ntk_catalog *catalog, ntk_text *out) {
  writer w = {NTK_JSON(out), catalog};
  ntk_json_object(&w.j, NULL);
  ntk_json_string(&w.j, "$schema", "https://json-schema.org/draft/2020-12/schema");
  ntk_json_string(&w.j, "title", "ntkgan study");
  ntk_json_string(&w.j, "type", "object");
  ntk_json_object(&w.j, "properties");
  add_properties(&w, ntk_study_keys(), NULL);
  add_sweep(&w);
  ntk_json_end_object(&w.j);
  ntk_json_bool(&w.j, "additionalProperties", false);
  ntk_json_array(&w.j, "required");
  ntk_json_string(&w.j, NULL, "study");
  ntk_json_end_array(&w.j);
  ntk_json_object(&w.j, "if"); /* a sweep may supply what is missing */
  ntk_json_object(&w.j, "not");
  ntk_json_array(&w.j, "required");
  ntk_json_string(&w.j, NULL, "sweep");
  ntk_json_end_array(&w.j);
  ntk_json_end_object(&w.j);
  ntk_json_end_object(&w.j);
  ntk_json_object(&w.j, "then");
  add_needs(&w, ntk_study_keys());
  ntk_json_end_object(&w.j);
  add_definitions(&w);
  ntk_json_end_object(&w.j);
}
