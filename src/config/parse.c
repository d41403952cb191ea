/* One YAML document (so also a line of JSON) to a tree of values, by libyaml's events. */
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "config/tree.h"

enum { NODE_LIMIT = 1000000, DEPTH_LIMIT = 64, ANCHOR_LIMIT = 1000 };

static const char too_deep[] = "nested deeper than 64 levels";

typedef struct {
  const char *name;
  const ntk_value *value; /* NULL while what it names is still being read */
} anchor;

typedef struct {
  ntk_arena *arena;
  const char *source, *text;
  size_t length;
  yaml_parser_t yaml;
  size_t nodes;
  unsigned depth;
  size_t anchors;
  anchor anchor[ANCHOR_LIMIT];
} reader;

static ntk_where to_where(const reader *r, yaml_mark_t mark) { return (ntk_where){r->source, (int)mark.line + 1, (int)mark.column + 1}; }

/* A key may hold a line break; a message may not. */
static void one_line(char *text) {
  for (; *text; text++)
    if ((unsigned char)*text < 0x20) *text = '?';
}

static ntk_error *fail_at(ntk_where w, const char *what) { return ntk_fail(NTK_E_CONFIG, "%s:%d:%d: %s", w.source, w.line, w.column, what); }

/* Where byte `offset` of the text is. */
static ntk_where locate(const reader *r, size_t offset) {
  ntk_where w = {r->source, 1, 1};
  for (size_t i = 0; i < offset; i++) {
    if (r->text[i] == '\n') {
      w.line++;
      w.column = 1;
    } else if (((unsigned char)r->text[i] & 0xC0) != 0x80)
      w.column++;
  }
  return w;
}

/* YAML 1.1's printable characters. */
static bool is_allowed(unsigned long code) {
  if (code < 0xA0) return (code >= 0x20 && code < 0x7F) || code == '\t' || code == '\n' || code == '\r' || code == 0x85;
  return code != 0xFEFF && code != 0xFFFE && code != 0xFFFF;
}

static ntk_error *check_bytes(const reader *r) {
  for (size_t i = 0; i < r->length;) {
    unsigned long code;
    size_t n = ntk_utf8_decode(r->text + i, r->length - i, &code);
    if (!n || !is_allowed(code)) {
      unsigned byte = (unsigned char)r->text[i];
      char what[96];
      if (!byte)
        strcpy(what, "a NUL byte: this is not a text file");
      else if (n)
        snprintf(what, sizeof what, "control character U+%04lX: this is not a text file", code);
      else
        snprintf(what, sizeof what, "byte 0x%02x is not part of a UTF-8 text", byte);
      return fail_at(locate(r, i), what);
    }
    i += n;
  }
  return NULL;
}

/* Column of a tab in the indentation of line `line` (from 1), 0 if there is none. */
static int tab_in_indentation(const reader *r, int line) {
  const char *c = r->text, *end = r->text + r->length;
  for (int i = 1; i < line && c; i++) {
    c = memchr(c, '\n', (size_t)(end - c));
    if (c) c++;
  }
  for (int column = 1; c && c < end && (*c == ' ' || *c == '\t'); c++, column++)
    if (*c == '\t') return column;
  return 0;
}

static const struct {
  const char *theirs, *ours;
} plain_words[] = {
    {"mapping values are not allowed in this context", "unexpected ':' (two on one line, or the line is indented too far)"},
    {"did not find expected key", "the indentation does not match the lines above"},
    {"did not find expected '-' indicator", "the indentation does not match the list above (expected '- ')"},
    {"could not find expected ':'", "expected 'key: value'"},
    {"found character that cannot start any token", "this character cannot begin a value here (put the value in quotes)"},
    {"did not find expected ',' or ']'", "expected ',' or ']' in the list"},
    {"did not find expected ',' or '}'", "expected ',' or '}' in the mapping"},
    {"found unexpected end of stream", "the text ends inside quotes"},
    {"did not find expected node content", "expected a value"},
};

static ntk_error *syntax_error(const reader *r) {
  const yaml_parser_t *y = &r->yaml;
  if (y->error == YAML_MEMORY_ERROR) return ntk_fail(NTK_E_MEMORY, "out of memory while reading %s", r->source);
  const char *problem = y->problem ? y->problem : "the text cannot be read";
  if (y->error == YAML_READER_ERROR) return fail_at(locate(r, y->problem_offset < r->length ? y->problem_offset : r->length), problem);
  ntk_where w = to_where(r, y->problem_mark);
  int tab = tab_in_indentation(r, w.line);
  if (tab) {
    w.column = tab;
    return fail_at(w, "a tab in the indentation: YAML wants spaces");
  }
  for (size_t i = 0; i < sizeof plain_words / sizeof *plain_words; i++)
    if (!strcmp(problem, plain_words[i].theirs)) problem = plain_words[i].ours;
  char what[256];
  if (y->context && y->context_mark.line != y->problem_mark.line)
    snprintf(what, sizeof what, "not valid YAML: %s (%s that began at line %d)", problem, y->context, (int)y->context_mark.line + 1);
  else
    snprintf(what, sizeof what, "not valid YAML: %s", problem);
  return fail_at(w, what);
}

static ntk_error *next_event(reader *r, yaml_event_t *event) { return yaml_parser_parse(&r->yaml, event) ? NULL : syntax_error(r); }

static ntk_error *count_nodes(reader *r, size_t nodes, ntk_where where) {
  r->nodes += nodes;
  if (r->nodes <= NODE_LIMIT) return NULL;
  return fail_at(where, "more than 1000000 values once the aliases are expanded");
}

/* Registers an anchor; its value is set when it is complete. */
static ntk_error *open_anchor(reader *r, const yaml_char_t *name, ntk_where where, size_t *index) {
  *index = ANCHOR_LIMIT;
  if (!name) return NULL;
  if (r->anchors == ANCHOR_LIMIT) return fail_at(where, "more than 1000 anchors");
  *index = r->anchors;
  NTK_TRY(ntk_arena_text(r->arena, (const char *)name, strlen((const char *)name), &r->anchor[r->anchors].name));
  r->anchor[r->anchors++].value = NULL;
  return NULL;
}

static ntk_error *read_alias(reader *r, const yaml_event_t *event, const ntk_value **out) {
  const char *name = (const char *)event->data.alias.anchor;
  ntk_where where = to_where(r, event->start_mark);
  char what[160];
  for (size_t i = r->anchors; i-- > 0;) {
    if (strcmp(r->anchor[i].name, name)) continue;
    if (!r->anchor[i].value) {
      snprintf(what, sizeof what, "*%.100s stands inside the value that it names", name);
      return fail_at(where, what);
    }
    NTK_TRY(count_nodes(r, r->anchor[i].value->nodes, where));
    if (r->depth + r->anchor[i].value->depth > DEPTH_LIMIT) return fail_at(where, too_deep);
    return ntk_value_alias(r->arena, r->anchor[i].value, where, out);
  }
  snprintf(what, sizeof what, "no anchor &%.100s before this alias", name);
  return fail_at(where, what);
}

static bool is_tag(const yaml_char_t *tag, const char *name) {
  const char *prefix = "tag:yaml.org,2002:";
  return tag && !strncmp((const char *)tag, prefix, strlen(prefix)) && !strcmp((const char *)tag + strlen(prefix), name);
}

static ntk_error *read_scalar(reader *r, const yaml_event_t *event, const ntk_value **out) {
  const char *text = (const char *)event->data.scalar.value;
  const yaml_char_t *tag = event->data.scalar.tag;
  ntk_where where = to_where(r, event->start_mark);
  NTK_TRY(count_nodes(r, 1, where));
  if (strlen(text) != event->data.scalar.length) return fail_at(where, "a text with a NUL character");
  double number;
  bool boolean;
  ntk_value_kind kind = ntk_scalar_kind(text, &number, &boolean);
  bool typed = is_tag(tag, "int") || is_tag(tag, "float") || is_tag(tag, "bool") || is_tag(tag, "null");
  if (tag && !typed && !is_tag(tag, "str") && strcmp((const char *)tag, "!")) return fail_at(where, "a tag ('!...') has no meaning here");
  if (!typed && (tag || event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)) kind = NTK_STRING;
  ntk_value *scalar;
  size_t index;
  NTK_TRY(open_anchor(r, event->data.scalar.anchor, where, &index));
  NTK_TRY(ntk_value_scalar(r->arena, kind, text, where, &scalar));
  if (index < ANCHOR_LIMIT) r->anchor[index].value = scalar;
  *out = scalar;
  return NULL;
}

static ntk_error *read_node(reader *r, yaml_event_t *event, const ntk_value **out);

static ntk_error *read_items(reader *r, ntk_value *list) {
  for (;;) {
    yaml_event_t event;
    const ntk_value *item;
    NTK_TRY(next_event(r, &event));
    bool end = event.type == YAML_SEQUENCE_END_EVENT;
    ntk_error *err = end ? NULL : read_node(r, &event, &item);
    yaml_event_delete(&event);
    if (err || end) return err;
    NTK_TRY(ntk_value_append(r->arena, list, NULL, ntk_value_where(item), item));
  }
}

/* An entry of a mapping as written; merged ones rank after those given, in the order of merging. */
static int by_key_then_place(const void *a, const void *b) {
  const ntk_item *const *x = a, *const *y = b;
  int order = strcmp((*x)->key, (*y)->key);
  return order ? order : *x < *y ? -1 : *x > *y;
}

/* Keeps the first of equal keys of all[0..count), where given keys precede merged ones; two given ones are an error. */
static ntk_error *settle_keys(reader *r, const ntk_value *all, size_t given, ntk_value *map) {
  ntk_error *err = NULL;
  bool *drop = calloc(all->count + 1, sizeof *drop);
  ntk_item **sorted = malloc((all->count + 1) * sizeof *sorted);
  if (!drop || !sorted) {
    err = ntk_fail(NTK_E_MEMORY, "out of memory while reading %s", r->source);
    goto out;
  }
  for (size_t i = 0; i < all->count; i++) sorted[i] = &all->items[i];
  qsort(sorted, all->count, sizeof *sorted, by_key_then_place);
  const ntk_item *twice = NULL, *first = NULL;
  for (size_t i = 1; i < all->count; i++) {
    if (strcmp(sorted[i - 1]->key, sorted[i]->key)) continue;
    size_t place = (size_t)(sorted[i] - all->items);
    drop[place] = true;
    if (place < given && (!twice || sorted[i] < twice)) {
      twice = sorted[i];
      first = sorted[i - 1];
    }
  }
  if (twice) {
    char what[160];
    snprintf(what, sizeof what, "'%.100s' is given twice (first at line %d)", twice->key, first->key_where.line);
    one_line(what);
    err = fail_at(twice->key_where, what);
    goto out;
  }
  for (size_t i = 0; i < all->count; i++)
    if (!drop[i]) NTK_TRY_OUT(ntk_value_append(r->arena, map, all->items[i].key, all->items[i].key_where, all->items[i].value));
out:
  free(drop);
  free(sorted);
  return err;
}

static ntk_error *add_merged(reader *r, ntk_value *all, const ntk_value *merged) {
  if (merged->kind == NTK_MAP) {
    for (size_t i = 0; i < merged->count; i++)
      NTK_TRY(ntk_value_append(r->arena, all, merged->items[i].key, merged->items[i].key_where, merged->items[i].value));
    return NULL;
  }
  bool maps = merged->kind == NTK_LIST;
  for (size_t i = 0; maps && i < merged->count; i++) maps = merged->items[i].value->kind == NTK_MAP;
  if (!maps) return fail_at(merged->where, "'<<' merges a mapping or a list of mappings (usually aliases)");
  for (size_t i = 0; i < merged->count; i++) NTK_TRY(add_merged(r, all, merged->items[i].value));
  return NULL;
}

static ntk_error *read_key(reader *r, const yaml_event_t *event, const char **key, bool *merge) {
  ntk_where where = to_where(r, event->start_mark);
  if (event->type != YAML_SCALAR_EVENT) return fail_at(where, "a key must be a word");
  if (event->data.scalar.anchor) return fail_at(where, "a key cannot have an anchor");
  const char *text = (const char *)event->data.scalar.value;
  if (strlen(text) != event->data.scalar.length) return fail_at(where, "a key with a NUL character");
  *merge = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !strcmp(text, "<<");
  return ntk_arena_text(r->arena, text, event->data.scalar.length, key);
}

static ntk_error *read_entries(reader *r, ntk_value *map) {
  ntk_value *all, *merged;
  NTK_TRY(ntk_value_container(r->arena, NTK_MAP, map->where, &all));
  NTK_TRY(ntk_value_container(r->arena, NTK_LIST, map->where, &merged));
  for (;;) {
    yaml_event_t event;
    const char *key = NULL;
    bool merge = false;
    NTK_TRY(next_event(r, &event));
    ntk_where where = to_where(r, event.start_mark);
    bool end = event.type == YAML_MAPPING_END_EVENT;
    ntk_error *err = end ? NULL : read_key(r, &event, &key, &merge);
    yaml_event_delete(&event);
    NTK_TRY(err);
    if (end) break;
    const ntk_value *item;
    NTK_TRY(next_event(r, &event));
    err = read_node(r, &event, &item);
    yaml_event_delete(&event);
    NTK_TRY(err);
    NTK_TRY(ntk_value_append(r->arena, merge ? merged : all, merge ? NULL : key, where, item));
  }
  size_t given = all->count;
  for (size_t i = 0; i < merged->count; i++) NTK_TRY(add_merged(r, all, merged->items[i].value));
  return settle_keys(r, all, given, map);
}

static ntk_error *read_container(reader *r, yaml_event_t *event, const ntk_value **out) {
  bool is_map = event->type == YAML_MAPPING_START_EVENT;
  ntk_where where = to_where(r, event->start_mark);
  const yaml_char_t *tag = is_map ? event->data.mapping_start.tag : event->data.sequence_start.tag;
  if (tag && !is_tag(tag, is_map ? "map" : "seq")) return fail_at(where, "a tag ('!...') has no meaning here");
  NTK_TRY(count_nodes(r, 1, where));
  if (++r->depth > DEPTH_LIMIT) return fail_at(where, too_deep);
  ntk_value *container;
  size_t index;
  NTK_TRY(open_anchor(r, is_map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor, where, &index));
  NTK_TRY(ntk_value_container(r->arena, is_map ? NTK_MAP : NTK_LIST, where, &container));
  NTK_TRY(is_map ? read_entries(r, container) : read_items(r, container));
  if (index < ANCHOR_LIMIT) r->anchor[index].value = container;
  r->depth--;
  *out = container;
  return NULL;
}

static ntk_error *read_node(reader *r, yaml_event_t *event, const ntk_value **out) {
  *out = NULL;
  switch (event->type) {
    case YAML_ALIAS_EVENT: return read_alias(r, event, out);
    case YAML_SCALAR_EVENT: return read_scalar(r, event, out);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT: return read_container(r, event, out);
    default: return fail_at(to_where(r, event->start_mark), "expected a value");
  }
}

static ntk_error *read_document(reader *r, const ntk_value **out) {
  bool done = false;
  for (;;) {
    yaml_event_t event;
    ntk_error *err = NULL;
    NTK_TRY(next_event(r, &event));
    bool end = event.type == YAML_STREAM_END_EVENT;
    if (event.type == YAML_DOCUMENT_START_EVENT) {
      if (done) err = fail_at(to_where(r, event.start_mark), "a second document ('---'): only one is read");
    } else if (!end && event.type != YAML_STREAM_START_EVENT && event.type != YAML_DOCUMENT_END_EVENT) {
      err = read_node(r, &event, out);
      done = true;
    }
    yaml_event_delete(&event);
    NTK_TRY(err);
    if (end) return done ? NULL : fail_at((ntk_where){r->source, 1, 1}, "nothing in it but blanks or comments");
  }
}

ntk_error *ntk_value_parse(ntk_arena *arena, const char *source, const char *text, size_t length, const ntk_value **out) {
  *out = NULL;
  reader *r = calloc(1, sizeof *r);
  if (!r) return ntk_fail(NTK_E_MEMORY, "out of memory while reading %s", source);
  ntk_error *err = NULL;
  bool has_yaml = false;
  size_t mark = length >= 3 && !memcmp(text, "\xEF\xBB\xBF", 3) ? 3 : 0;
  r->arena = arena;
  r->text = text + mark;
  r->length = length - mark;
  NTK_TRY_OUT(ntk_arena_text(arena, source, strlen(source), &r->source));
  if (!r->length) {
    err = fail_at((ntk_where){r->source, 1, 1}, "the file is empty");
    goto out;
  }
  NTK_TRY_OUT(check_bytes(r));
  has_yaml = yaml_parser_initialize(&r->yaml);
  if (!has_yaml) {
    err = ntk_fail(NTK_E_MEMORY, "out of memory while reading %s", source);
    goto out;
  }
  yaml_parser_set_input_string(&r->yaml, (const unsigned char *)r->text, r->length);
  NTK_TRY_OUT(read_document(r, out));
out:
  if (err) *out = NULL;
  if (has_yaml) yaml_parser_delete(&r->yaml);
  free(r);
  return err;
}
