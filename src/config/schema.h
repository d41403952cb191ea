/** The schema: tables from which parsing, validation, help, the man page and the JSON Schema are made.
 *
 *  The study's own keys are in config/keys.c. What can be chosen by name (activations, losses, metrics, data sources, networks,
 *  generators) is declared where it is implemented, as a table of ntk_choice; the rooms' tables are handed in as a catalog.
 */
#ifndef NTK_CONFIG_SCHEMA_H
#define NTK_CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/text.h"
#include "config/value.h"

typedef enum {
  NTK_T_BOOL,
  NTK_T_INTEGER, /* |value| <= 2^53 */
  NTK_T_NUMBER,  /* finite */
  NTK_T_STRING,
  NTK_T_PATH, /* a file: relative to the study's folder, must exist; its content enters the run id. "a.h5:/path": the part after ':' names a dataset */
  NTK_T_WORD,    /* one of `words` */
  NTK_T_NUMBERS, /* list of numbers, or one number (becomes a list of one) */
  NTK_T_SECTION, /* a map with `keys` */
  NTK_T_TYPED,   /* {type: NAME, parameter: value, ...} (or just NAME), NAME from the catalog kind `kind`; `keys` (may be NULL) are common to all */
  NTK_T_NAMED    /* NAME or {NAME: {parameter: value, ...}}; checked form is always {NAME: {...}}; `kind`, `keys` as above */
} ntk_key_type;

enum {
  NTK_KEY_REQUIRED = 1, /* no default */
  NTK_KEY_NULLABLE = 2, /* null allowed */
  NTK_KEY_LIST = 4,     /* one or a list of them; the checked form is a list */
  NTK_KEY_OPEN_MIN = 8, /* min itself excluded */
  NTK_KEY_EITHER = 32,  /* not together with the key before it in the table; given, that key gets no default */
  NTK_KEY_LISTS = 64,   /* a list of lists */
  NTK_KEY_NO_ID = 16    /* does not enter the run id (study, repeat, sweep, resources) */
};

typedef struct ntk_key {
  const char *name;
  ntk_key_type type;
  unsigned flags;
  double min, max;            /* NTK_T_INTEGER, NTK_T_NUMBER(S): inclusive range; both 0 = any (with OPEN_MIN: > 0); max < min = no upper bound */
  const char *words;          /* "a|b|c": the values of NTK_T_WORD, or words allowed beside numbers ("infinite") */
  const char *kind;           /* catalog kind of NTK_T_TYPED, NTK_T_NAMED: "networks", "losses", ... */
  const struct ntk_key *keys; /* ends with a row whose name is NULL */
  const char *fallback;       /* default as YAML text; NULL: absent unless given (or required) */
  const char *unit;           /* NULL = none */
  const char *help;           /* one line */
} ntk_key;

#define NTK_KEYS_END \
  { NULL, NTK_T_BOOL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL }

/** One thing that can be chosen by name. All text static. */
typedef struct {
  const char *name;
  const ntk_key *keys;  /* its parameters; NULL = none. One row with the name "" (NTK_T_NAMED only): {NAME: value} holds that value itself */
  const char *formula;  /* one line of plain text */
  const char *help;     /* one line */
  const char *source;   /* paper, equation */
  const char *accuracy; /* where it is not exact; NULL */
} ntk_choice;

typedef struct {
  const char *kind; /* "activations" */
  const char *help; /* one line for `ntkgan list` */
  size_t count;
  const ntk_choice *(*at)(size_t i);
} ntk_choices;

typedef struct {
  size_t count;
  const ntk_choices *kinds;
} ntk_catalog;

const ntk_choices *ntk_catalog_kind(const ntk_catalog *catalog, const char *kind);
const ntk_choice *ntk_catalog_choice(const ntk_catalog *catalog, const char *kind, const char *name);

/** Whether {NAME: value} of this choice holds a value instead of parameters. */
bool ntk_choice_is_bare(const ntk_choice *choice);

/** Keys of a study (without `sweep`, which config/study.h handles). */
const ntk_key *ntk_study_keys(void);

/** What a check needs. `folder` (NULL = the working directory) is what relative NTK_T_PATH values are resolved against: the checked
 *  tree holds the resolved path. */
typedef struct {
  ntk_arena *arena;
  const ntk_catalog *catalog;
  const char *folder;
} ntk_schema;

/** Checks `raw` against `keys` and gives the canonical tree: defaults filled in (where.source "default"), numbers typed, lists made lists,
 *  keys in table order. Errors NTK_E_CONFIG with one line a mistake, "file:line:col: key: what was expected (did you mean 'x'?)", at most 5 lines.
 *  `path` is the prefix for messages ("" at the top). */
NTK_CHECKED ntk_error *ntk_schema_check(const ntk_schema *schema, const ntk_key *keys, const char *path, const ntk_value *raw, const ntk_value **out);

/** The same for one value of one key, e.g. a network given inline on the command line. */
NTK_CHECKED ntk_error *ntk_schema_check_one(const ntk_schema *schema, const ntk_key *key, const ntk_value *raw, const ntk_value **out);

/** The checked tree without what equals its default and without NO_ID keys; numbers canonical (for run ids). */
NTK_CHECKED ntk_error *ntk_schema_strip(const ntk_schema *schema, const ntk_key *keys, const ntk_value *checked, const ntk_value **out);

/** Documents made from the tables. */
void ntk_schema_help(const ntk_catalog *catalog, ntk_text *out);                   /* `ntkgan help config` */
void ntk_schema_json(const ntk_catalog *catalog, ntk_text *out);                   /* `ntkgan schema`: JSON Schema 2020-12 */
void ntk_schema_list(const ntk_catalog *catalog, const char *kind, ntk_text *out); /* `ntkgan list KIND` */

#endif
