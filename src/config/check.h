/** Collecting the mistakes of a text while it is checked, for the files of this room only. */
#ifndef NTK_CONFIG_CHECK_H
#define NTK_CONFIG_CHECK_H

#include "config/schema.h"

enum { NTK_MISTAKES_KEPT = 64, NTK_MISTAKES_SHOWN = 5 };

typedef struct {
  ntk_where where;
  bool missing; /* told after what is there and wrong, which may be its cause */
  const char *text;
} ntk_mistake;

/** A check under way. Start with `ntk_checker c = {.schema = schema, .arena = schema->arena};`, end with ntk_checker_finish(). */
typedef struct {
  const ntk_schema *schema;
  ntk_text path;    /* of the key being checked */
  ntk_where here;   /* of the nearest mapping that was written: where a missing key is reported */
  const char *also; /* a key that is known at the top beside those of the table; NULL */
  ntk_arena *arena; /* of the mistakes' texts */
  bool missing;     /* what is added next is something missing */
  bool partial;     /* what is missing is no mistake: a sweep supplies it */
  size_t count;
  ntk_mistake mistakes[NTK_MISTAKES_KEPT];
} ntk_checker;

/** Notes "path: text" at `where`; the same mistake at the same place counts once. Only fails without memory. */
NTK_CHECKED ntk_error *ntk_checker_add(ntk_checker *c, ntk_where where, const char *format, ...) NTK_PRINTF(3, 4);
/** Adds ".key" to the path and gives the length to go back to with ntk_checker_leave(). */
size_t ntk_checker_enter(ntk_checker *c, const char *key);
void ntk_checker_leave(ntk_checker *c, size_t length);
/** Error with the mistakes in order of place, NULL if there are none. Releases what the checker holds. */
NTK_CHECKED ntk_error *ntk_checker_finish(ntk_checker *c);

/** Checks a mapping (raw NULL: absent) against up to two tables (NULL = none) into *out; with `type`, that is its first entry. */
NTK_CHECKED ntk_error *ntk_check_entries(ntk_checker *c, const ntk_key *own, const ntk_key *common, const char *type, const ntk_value *raw,
                                         const ntk_value **out);
NTK_CHECKED ntk_error *ntk_check_key(ntk_checker *c, const ntk_key *key, const ntk_value *raw, const ntk_value **out);
NTK_CHECKED ntk_error *ntk_check_number(ntk_checker *c, const ntk_key *key, const ntk_value *raw, const ntk_value **out);
NTK_CHECKED ntk_error *ntk_check_path(ntk_checker *c, const ntk_key *key, const ntk_value *raw, const ntk_value **out);
/** Default of a key in checked form; *out NULL where it has none. */
NTK_CHECKED ntk_error *ntk_check_default(ntk_checker *c, const ntk_key *key, const ntk_value **out);

/** Row of `name` in a table (which may be NULL). */
const ntk_key *ntk_key_find(const ntk_key *keys, const char *name);
/** Range of a key's numbers: infinite where unbounded. */
void ntk_key_range(const ntk_key *key, double *min, double *max);
/** "an integer >= 1 or infinite". */
void ntk_key_describe(const ntk_catalog *catalog, const ntk_key *key, ntk_text *out);
/** `"abc"`, `12`, `a list`: what stands there instead. */
void ntk_value_describe(const ntk_value *v, ntk_text *out);
/** Calls `each` with the words of "a|b|c"; stops and returns true when it does. */
bool ntk_words_each(const char *words, bool (*each)(void *context, const char *word, size_t length), void *context);
bool ntk_words_have(const char *words, const char *word);
/** Adds " (did you mean 'x'?)" where one of the names is near. */
void ntk_suggest(const char *word, const char *const *names, size_t count, ntk_text *out);
/** Names of a table's keys or a kind's choices (allocated; free()). */
NTK_CHECKED ntk_error *ntk_key_names(const ntk_key *own, const ntk_key *common, const char *also, const char ***names, size_t *count);
NTK_CHECKED ntk_error *ntk_choice_names(const ntk_choices *kind, const char ***names, size_t *count);

/** As ntk_schema_strip, with files' names replaced by what `name_file` gives (NULL: kept). */
typedef struct {
  ntk_error *(*name_file)(void *context, const char *path, ntk_text *out);
  void *context;
} ntk_file_names;
NTK_CHECKED ntk_error *ntk_schema_strip_files(const ntk_schema *schema, const ntk_key *keys, const ntk_value *checked, const ntk_file_names *files,
                                              const ntk_value **out);
/** File part of a path that may name a dataset ("a.h5:/x"): its length; the whole where no such dataset is named. */
size_t ntk_path_file_length(const char *path);

#endif
