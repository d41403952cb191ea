/** Values: the tree that a YAML text (so also a JSON line) becomes. Immutable once built, with the place each part was written at. */
#ifndef NTK_CONFIG_VALUE_H
#define NTK_CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"

typedef enum { NTK_NULL, NTK_BOOL, NTK_NUMBER, NTK_STRING, NTK_LIST, NTK_MAP } ntk_value_kind;

typedef struct ntk_value ntk_value;

/** Where something was written. line, column from 1; line = 0: nowhere (a default). `source` names the text ("job.yaml", "--set", "default"). */
typedef struct {
  const char *source;
  int line, column;
} ntk_where;

/** Owner of values: every value lives as long as its arena. */
typedef struct ntk_arena ntk_arena;
NTK_CHECKED ntk_error *ntk_arena_create(ntk_arena **out);
void ntk_arena_free(ntk_arena **arena);

/** Parses one YAML document (anchors, aliases and merge keys are resolved; expansion is bounded to 10^6 nodes, depth to 64).
 *  Scalars are typed by the YAML 1.2 core rules (true/false, null/~, numbers incl. 1e3, .inf, .nan), quoted ones are strings.
 *  `source` names the text in messages. Errors NTK_E_CONFIG "source:line:col: ..." (syntax, tab, duplicate key, alias bomb, not UTF-8,
 *  several documents, empty document). The value belongs to `arena`. */
NTK_CHECKED ntk_error *ntk_value_parse(ntk_arena *arena, const char *source, const char *text, size_t length, const ntk_value **out);

/** Parses strict JSON (RFC 8259; no character U+0000, depth to 64): a subset of the above, and much faster. For what this program writes itself;
 *  keys given twice are not looked for. Errors NTK_E_CONFIG "source: byte N: ...". */
NTK_CHECKED ntk_error *ntk_value_parse_json(ntk_arena *arena, const char *source, const char *text, size_t length, const ntk_value **out);

ntk_value_kind ntk_value_kind_of(const ntk_value *v);
bool ntk_value_bool(const ntk_value *v);        /* kind must be NTK_BOOL */
double ntk_value_number(const ntk_value *v);    /* NTK_NUMBER; NAN for NTK_NULL */
const char *ntk_value_text(const ntk_value *v); /* the scalar as written ("1e3"), "" for lists and maps */
size_t ntk_value_count(const ntk_value *v);     /* items of a list or map, 0 else */
const ntk_value *ntk_value_item(const ntk_value *v, size_t i);
const char *ntk_value_key(const ntk_value *v, size_t i); /* of a map's item */
ntk_where ntk_value_where(const ntk_value *v);
ntk_where ntk_value_key_where(const ntk_value *v, size_t i);
/** Child of a map, or NULL when absent (or v is NULL or no map). */
const ntk_value *ntk_value_get(const ntk_value *v, const char *key);
/** Descends a dotted path ("data.real.points"); NULL when absent. */
const ntk_value *ntk_value_find(const ntk_value *v, const char *path);

/** Reading of *checked* values (config/schema.h put the defaults in, so the key is there and of its type). */
double ntk_get_number(const ntk_value *v, const char *path);
int64_t ntk_get_integer(const ntk_value *v, const char *path);
bool ntk_get_bool(const ntk_value *v, const char *path);
const char *ntk_get_text(const ntk_value *v, const char *path);
/** True where the path is present and not null. */
bool ntk_has(const ntk_value *v, const char *path);

/** Puts "source:line:column: " before an NTK_E_CONFIG that begins with the path of a setting ("a.b: ", also "a: b: ") and has no such place: that of the
 *  setting, or of what holds it where it was left to its default. A place further back is brought to the front. Others, and NULL, stay as they are. */
NTK_CHECKED ntk_error *ntk_value_place(const ntk_value *settings, ntk_error *err);

/** Name and parameters of a checked choice, in either form: {type: ring, modes: 8} or {leaky_relu: {slope: 0.2}}. */
const char *ntk_choice_name(const ntk_value *v);
const ntk_value *ntk_choice_parameters(const ntk_value *v);

/** Building (used by the schema and the sweep). Text is copied into the arena. */
NTK_CHECKED ntk_error *ntk_value_scalar(ntk_arena *arena, ntk_value_kind kind, const char *text, ntk_where where, ntk_value **out);
NTK_CHECKED ntk_error *ntk_value_container(ntk_arena *arena, ntk_value_kind kind, ntk_where where, ntk_value **out);
NTK_CHECKED ntk_error *ntk_value_append(ntk_arena *arena, ntk_value *container, const char *key, ntk_where key_where, const ntk_value *item);
/** New tree equal to `root` but for `item` at `path` (containers along the path are copied, the rest is shared; missing maps are made). */
NTK_CHECKED ntk_error *ntk_value_replace(ntk_arena *arena, const ntk_value *root, const char *path, const ntk_value *item, const ntk_value **out);

/** Canonical JSON: keys sorted, numbers in shortest form (1 = 1.0). With `key` NULL at the top. */
void ntk_value_json(ntk_json *j, const char *key, const ntk_value *v);
/** Block-style YAML for people (`check --resolved`, the `settings` attribute), keys in the tree's order, two spaces a level; reads back equal. */
void ntk_value_yaml(ntk_text *t, const ntk_value *v);

#endif
