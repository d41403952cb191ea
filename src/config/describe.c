/* Words for keys, values and choices in messages. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/check.h"
#include "config/tree.h"

enum { NAMES_SHOWN = 12, TEXT_SHOWN = 40 };

const ntk_key *ntk_key_find(const ntk_key *keys, const char *name) {
  for (; keys && keys->name; keys++)
    if (!strcmp(keys->name, name)) return keys;
  return NULL;
}

void ntk_key_range(const ntk_key *key, double *min, double *max) {
  bool any = key->min == 0 && key->max == 0;
  *min = any && !(key->flags & NTK_KEY_OPEN_MIN) ? -INFINITY : key->min;
  *max = any || key->max < key->min ? INFINITY : key->max;
}

static void add_range(const ntk_key *key, ntk_text *out) {
  double min, max;
  char low[32], high[32];
  ntk_key_range(key, &min, &max);
  ntk_format_double(min, low);
  ntk_format_double(max, high);
  const char *from = key->flags & NTK_KEY_OPEN_MIN ? ">" : ">=";
  bool has_min = min > -9e15, has_max = max < 9e15;
  if (has_min && has_max && key->flags & NTK_KEY_OPEN_MIN)
    ntk_text_addf(out, " > %s and <= %s", low, high);
  else if (has_min && has_max)
    ntk_text_addf(out, " from %s to %s", low, high);
  else if (has_min)
    ntk_text_addf(out, " %s %s", from, low);
  else if (has_max)
    ntk_text_addf(out, " <= %s", high);
}

bool ntk_words_each(const char *words, bool (*each)(void *context, const char *word, size_t length), void *context) {
  while (words && *words) {
    size_t length = strcspn(words, "|");
    if (each(context, words, length)) return true;
    words += length;
    if (*words) words++;
  }
  return false;
}

static bool is_same(void *context, const char *word, size_t length) {
  const char *wanted = context;
  return strlen(wanted) == length && !strncmp(wanted, word, length);
}

bool ntk_words_have(const char *words, const char *word) {
  char *wanted = strdup(word);
  bool found = wanted && ntk_words_each(words, is_same, wanted);
  free(wanted);
  return found;
}

static bool add_word(void *context, const char *word, size_t length) {
  ntk_text *out = context;
  if (out->length) ntk_text_add(out, word[length] ? ", " : " or ");
  ntk_text_add_bytes(out, word, length);
  return false;
}

static void add_words(const char *words, ntk_text *out) {
  ntk_text list = NTK_TEXT;
  ntk_words_each(words, add_word, &list);
  if (list.bytes) ntk_text_add(out, list.bytes);
  ntk_text_depend(out, &list);
  ntk_text_free(&list);
}

static void add_choices(const ntk_catalog *catalog, const char *kind, ntk_text *out) {
  const ntk_choices *choices = ntk_catalog_kind(catalog, kind);
  size_t count = choices ? choices->count : 0;
  for (size_t i = 0; i < count && i < NAMES_SHOWN; i++)
    ntk_text_addf(out, "%s%s", i == 0 ? "" : i + 1 == count ? " or " : ", ", choices->at(i)->name);
  if (count > NAMES_SHOWN) ntk_text_addf(out, ", ... (ntkgan list %s)", kind);
  if (!count) ntk_text_addf(out, "a name (but there are no %s in this program)", kind);
}

void ntk_key_describe(const ntk_catalog *catalog, const ntk_key *key, ntk_text *out) {
  if (key->flags & NTK_KEY_LISTS) ntk_text_add(out, "a list of lists of: ");
  if (key->flags & NTK_KEY_LIST) ntk_text_add(out, "one or a list of: ");
  switch (key->type) {
    case NTK_T_BOOL: ntk_text_add(out, "true or false"); break;
    case NTK_T_INTEGER: ntk_text_add(out, "an integer"); break;
    case NTK_T_NUMBER: ntk_text_add(out, "a number"); break;
    case NTK_T_STRING: ntk_text_add(out, "a text"); break;
    case NTK_T_PATH: ntk_text_add(out, "the name of a file"); break;
    case NTK_T_WORD: add_words(key->words, out); break;
    case NTK_T_NUMBERS: ntk_text_add(out, "a number or a list of numbers"); break;
    case NTK_T_SECTION: ntk_text_add(out, "a mapping (key: value)"); break;
    case NTK_T_TYPED: ntk_text_add(out, "{type: ..., ...} with type "); break;
    case NTK_T_NAMED: break;
  }
  if (key->type == NTK_T_TYPED || key->type == NTK_T_NAMED) add_choices(catalog, key->kind, out);
  if (key->type == NTK_T_INTEGER || key->type == NTK_T_NUMBER || key->type == NTK_T_NUMBERS) {
    add_range(key, out);
    if (key->words) {
      ntk_text_add(out, " or ");
      add_words(key->words, out);
    }
  }
  if (key->flags & NTK_KEY_NULLABLE) ntk_text_add(out, " or null");
}

void ntk_value_describe(const ntk_value *v, ntk_text *out) {
  ntk_json j = NTK_JSON(out);
  char start[TEXT_SHOWN + 1];
  size_t length = strlen(ntk_value_text(v)), shown = length;
  if (length > TEXT_SHOWN) {
    shown = TEXT_SHOWN;
    while (shown && ((unsigned char)v->text[shown] & 0xC0) == 0x80) shown--;
  }
  memcpy(start, ntk_value_text(v), shown);
  start[shown] = '\0';
  switch (v->kind) {
    case NTK_NULL: ntk_text_add(out, "nothing"); break;
    case NTK_BOOL: ntk_text_add(out, v->boolean ? "true" : "false"); break;
    case NTK_NUMBER: ntk_text_addf(out, "%s%s", start, shown < length ? "..." : ""); break;
    case NTK_STRING:
      ntk_json_string(&j, NULL, start);
      if (shown < length) ntk_text_add(out, "...");
      break;
    case NTK_LIST: ntk_text_add(out, "a list"); break;
    case NTK_MAP: ntk_text_add(out, "a mapping"); break;
  }
}

void ntk_suggest(const char *word, const char *const *names, size_t count, ntk_text *out) {
  const char *near = ntk_nearest_word(word, names, count);
  if (near) ntk_text_addf(out, " (did you mean '%s'?)", near);
}

ntk_error *ntk_key_names(const ntk_key *own, const ntk_key *common, const char *also, const char ***names, size_t *count) {
  size_t most = 1;
  for (const ntk_key *k = own; k && k->name; k++) most++;
  for (const ntk_key *k = common; k && k->name; k++) most++;
  *count = 0;
  NTK_TRY(NTK_NEW(most, names));
  for (const ntk_key *k = own; k && k->name; k++) (*names)[(*count)++] = k->name;
  for (const ntk_key *k = common; k && k->name; k++) (*names)[(*count)++] = k->name;
  if (also) (*names)[(*count)++] = also;
  return NULL;
}

ntk_error *ntk_choice_names(const ntk_choices *kind, const char ***names, size_t *count) {
  *count = kind ? kind->count : 0;
  NTK_TRY(NTK_NEW(*count, names));
  for (size_t i = 0; i < *count; i++) (*names)[i] = kind->at(i)->name;
  return NULL;
}

bool ntk_choice_is_bare(const ntk_choice *choice) { return choice->keys && choice->keys->name && !*choice->keys->name; }

const ntk_choices *ntk_catalog_kind(const ntk_catalog *catalog, const char *kind) {
  for (size_t i = 0; catalog && i < catalog->count; i++)
    if (!strcmp(catalog->kinds[i].kind, kind)) return &catalog->kinds[i];
  return NULL;
}

const ntk_choice *ntk_catalog_choice(const ntk_catalog *catalog, const char *kind, const char *name) {
  const ntk_choices *choices = ntk_catalog_kind(catalog, kind);
  for (size_t i = 0; choices && i < choices->count; i++)
    if (!strcmp(choices->at(i)->name, name)) return choices->at(i);
  return NULL;
}
