/* Reading `sweep`: paths with values, zip, exclude. */
#include "config/sweep.h"

#include <stdlib.h>
#include <string.h>

#include "config/tree.h"

enum { AXIS_LIMIT = 10000 };

static const ntk_axis *axis_of(const ntk_sweep *sweep, const char *path) {
  for (size_t a = 0; a < sweep->axis_count; a++)
    if (!strcmp(sweep->axes[a].path, path)) return &sweep->axes[a];
  return NULL;
}

static const ntk_setting *setting_of(const ntk_settings *settings, const char *path) {
  for (size_t i = settings->count; i-- > 0;)
    if (!strcmp(settings->items[i].path, path)) return &settings->items[i];
  return NULL;
}

/* Notes a path that leads nowhere or may not be swept. Parameters of choices are checked with the values. */
static ntk_error *check_swept_path(ntk_checker *c, const ntk_key *keys, const char *path, ntk_where where) {
  const char *rest = path;
  while (*rest) {
    size_t length = strcspn(rest, ".");
    char name[64];
    if (length >= sizeof name) length = sizeof name - 1;
    memcpy(name, rest, length);
    name[length] = '\0';
    const ntk_key *key = ntk_key_find(keys, name);
    if (!key) {
      ntk_text text = NTK_TEXT;
      const char **names = NULL;
      size_t count;
      ntk_error *err = ntk_key_names(keys, NULL, NULL, &names, &count);
      if (!err) ntk_suggest(name, names, count, &text);
      if (!err) err = ntk_checker_add(c, where, "'%.100s' is no path of a study: unknown key '%s'%s", path, name, text.bytes ? text.bytes : "");
      free(names);
      ntk_text_free(&text);
      return err;
    }
    rest += strcspn(rest, ".");
    if (key->flags & NTK_KEY_NO_ID) return ntk_checker_add(c, where, "'%.100s' cannot be swept: it changes no result", path);
    if (key->type == NTK_T_TYPED || key->type == NTK_T_NAMED) return NULL;
    if (*rest && key->type != NTK_T_SECTION) return ntk_checker_add(c, where, "'%.100s' is no path of a study: %s has no parts", path, name);
    keys = key->keys;
    if (*rest) rest++;
  }
  return NULL;
}

/* "relu", or "relu-2" for the second value when an earlier one has that label. */
static ntk_error *add_label(ntk_checker *c, ntk_axis *axis, size_t i, const char *name) {
  ntk_text text = NTK_TEXT, unique = NTK_TEXT;
  if (name)
    ntk_label_clean(name, &text);
  else
    ntk_label(axis->values[i], &text);
  ntk_error *err = NULL;
  for (size_t turn = 0;; turn += turn ? 1 : i + 1) {
    ntk_text_clear(&unique);
    ntk_text_add(&unique, text.bytes ? text.bytes : "_");
    if (turn) ntk_text_addf(&unique, "-%zu", turn);
    if (unique.failed || text.failed) {
      err = ntk_fail(NTK_E_MEMORY, "out of memory while reading a sweep");
      break;
    }
    bool taken = false;
    for (size_t k = 0; k < i && !taken; k++) taken = !strcmp(axis->labels[k], unique.bytes);
    if (taken) continue;
    err = ntk_arena_text(c->arena, unique.bytes, unique.length, &axis->labels[i]);
    break;
  }
  ntk_text_free(&text);
  ntk_text_free(&unique);
  return err;
}

/* Adds an axis to the sweep; *added = NULL where it has a mistake or is overridden. */
static ntk_error *add_axis(ntk_checker *c, const ntk_key *keys, const ntk_settings *settings, const ntk_item *item, ntk_sweep *sweep,
                           ntk_axis **added) {
  const ntk_value *list = item->value;
  *added = NULL;
  if (setting_of(settings, item->key)) return NULL;
  size_t mistakes = c->count;
  NTK_TRY(check_swept_path(c, keys, item->key, item->key_where));
  if (axis_of(sweep, item->key)) NTK_TRY(ntk_checker_add(c, item->key_where, "'%.100s' is swept twice", item->key));
  if ((list->kind != NTK_LIST && list->kind != NTK_MAP) || !list->count)
    NTK_TRY(ntk_checker_add(c, list->where, "'%.100s': expected a list of values, or a mapping of names to values", item->key));
  if (list->count > AXIS_LIMIT) NTK_TRY(ntk_checker_add(c, list->where, "'%.100s': more than %d values", item->key, (int)AXIS_LIMIT));
  if (c->count > mistakes) return NULL;
  ntk_axis *axis = &sweep->axes[sweep->axis_count];
  *axis = (ntk_axis){.path = item->key, .where = item->key_where, .count = list->count};
  NTK_TRY(ntk_arena_take(c->arena, list->count * sizeof *axis->values, &axis->values));
  NTK_TRY(ntk_arena_take(c->arena, list->count * sizeof *axis->labels, &axis->labels));
  for (size_t i = 0; i < list->count; i++) {
    axis->values[i] = list->items[i].value;
    NTK_TRY(add_label(c, axis, i, list->items[i].key));
  }
  sweep->axis_count++;
  *added = axis;
  return NULL;
}

/* Values i and k are the same on every axis of the group. */
static bool is_same_value(const ntk_sweep *sweep, size_t group, size_t i, size_t k) {
  for (size_t a = 0; a < sweep->axis_count; a++)
    if (sweep->axes[a].group == group && !ntk_value_equal(sweep->axes[a].values[i], sweep->axes[a].values[k])) return false;
  return true;
}

static ntk_error *close_group(ntk_checker *c, ntk_sweep *sweep, size_t first_axis) {
  if (sweep->axis_count == first_axis) return NULL;
  size_t group = sweep->group_count++, count = sweep->axes[first_axis].count;
  sweep->group_sizes[group] = count;
  for (size_t a = first_axis; a < sweep->axis_count; a++) {
    ntk_axis *axis = &sweep->axes[a];
    axis->group = group;
    if (axis->count != count)
      return ntk_checker_add(c, axis->where, "zip needs lists of equal length: '%.60s' has %zu values, '%.60s' has %zu", axis->path, axis->count,
                             sweep->axes[first_axis].path, count);
  }
  for (size_t i = 1; i < count; i++)
    for (size_t k = 0; k < i; k++)
      if (is_same_value(sweep, group, i, k)) {
        const ntk_axis *axis = &sweep->axes[first_axis];
        return ntk_checker_add(c, axis->values[i]->where, "'%.100s': this value is there already (line %d)", axis->path, axis->values[k]->where.line);
      }
  return NULL;
}

static ntk_error *add_zip(ntk_checker *c, const ntk_key *keys, const ntk_settings *settings, const ntk_value *zip, ntk_sweep *sweep) {
  size_t count = zip->kind == NTK_LIST ? zip->count : 1;
  for (size_t i = 0; i < count; i++) {
    const ntk_value *one = zip->kind == NTK_LIST ? zip->items[i].value : zip;
    if (one->kind != NTK_MAP) return ntk_checker_add(c, one->where, "zip: expected mappings of paths to lists, as in [{a.b: [1, 2], c.d: [3, 4]}]");
    size_t first = sweep->axis_count, mistakes = c->count;
    for (size_t k = 0; k < one->count; k++) {
      ntk_axis *axis;
      NTK_TRY(add_axis(c, keys, settings, &one->items[k], sweep, &axis));
    }
    if (c->count == mistakes) NTK_TRY(close_group(c, sweep, first));
  }
  return NULL;
}

/* *keep = false where the exclusion can never apply. */
static ntk_error *add_condition(ntk_checker *c, const ntk_settings *settings, const ntk_item *item, const ntk_sweep *sweep, ntk_exclusion *out,
                                bool *keep) {
  const ntk_axis *axis = axis_of(sweep, item->key);
  const ntk_setting *setting = setting_of(settings, item->key);
  if (!axis && setting) { /* no axis any more: the condition holds for all runs or for none */
    if (!ntk_value_equal(setting->value, item->value)) *keep = false;
    return NULL;
  }
  if (!axis) return ntk_checker_add(c, item->key_where, "exclude: '%.100s' is not swept", item->key);
  ntk_condition *condition = &out->conditions[out->count++];
  condition->axis = (size_t)(axis - sweep->axes);
  NTK_TRY(ntk_arena_take(c->arena, axis->count * sizeof *condition->match, &condition->match));
  bool any = false;
  for (size_t i = 0; i < axis->count; i++) {
    bool named = item->value->kind == NTK_STRING && !strcmp(item->value->text, axis->labels[i]);
    condition->match[i] = named || ntk_value_equal(item->value, axis->values[i]);
    any = any || condition->match[i];
  }
  if (any) return NULL;
  ntk_text text = NTK_TEXT;
  if (item->value->kind == NTK_STRING) ntk_suggest(item->value->text, axis->labels, axis->count, &text);
  ntk_error *err = ntk_checker_add(c, item->value->where, "exclude: not a value of '%.100s'%s", item->key, text.bytes ? text.bytes : "");
  ntk_text_free(&text);
  return err;
}

static ntk_error *read_exclude(ntk_checker *c, const ntk_settings *settings, const ntk_value *exclude, ntk_sweep *sweep) {
  size_t count = exclude->kind == NTK_LIST ? exclude->count : 1;
  sweep->exclude_where = exclude->where;
  NTK_TRY(ntk_arena_take(c->arena, count * sizeof *sweep->exclusions, &sweep->exclusions));
  for (size_t i = 0; i < count; i++) {
    const ntk_value *one = exclude->kind == NTK_LIST ? exclude->items[i].value : exclude;
    if (one->kind != NTK_MAP || !one->count)
      return ntk_checker_add(c, one->where, "exclude: expected mappings of paths to values, as in [{a.b: 1, c.d: 2}]");
    ntk_exclusion *e = &sweep->exclusions[sweep->exclusion_count];
    bool keep = true;
    *e = (ntk_exclusion){0};
    NTK_TRY(ntk_arena_take(c->arena, one->count * sizeof *e->conditions, &e->conditions));
    for (size_t k = 0; k < one->count; k++) NTK_TRY(add_condition(c, settings, &one->items[k], sweep, e, &keep));
    if (keep) sweep->exclusion_count++;
  }
  return NULL;
}

static ntk_error *count_combinations(ntk_checker *c, const ntk_value *sweep, ntk_sweep *out) {
  for (size_t g = 0; g < out->group_count; g++) {
    out->combinations *= out->group_sizes[g];
    if (out->combinations > NTK_MOST_RUNS) return ntk_checker_add(c, sweep->where, "the sweep makes more than %d runs", (int)NTK_MOST_RUNS);
  }
  return NULL;
}

/* Paths in `sweep`, those of zip included: room for that many axes. */
static size_t count_paths(const ntk_value *v) {
  size_t n = v->count;
  const ntk_value *zip = ntk_value_get(v, "zip");
  for (size_t i = 0; zip && i < zip->count; i++) n += 1 + zip->items[i].value->count;
  return n;
}

ntk_error *ntk_sweep_read(ntk_checker *c, const ntk_key *keys, const ntk_value *sweep, const ntk_settings *settings, ntk_sweep *out) {
  *out = (ntk_sweep){.combinations = 1};
  if (!sweep || sweep->kind == NTK_NULL) return NULL;
  size_t outside = ntk_checker_enter(c, "sweep");
  ntk_error *err = NULL;
  if (sweep->kind != NTK_MAP) {
    err = ntk_checker_add(c, sweep->where, "expected a mapping of paths to lists of values, as in discriminator.loss: [ipm, lsgan]");
    goto out;
  }
  size_t most = count_paths(sweep);
  NTK_TRY_OUT(ntk_arena_take(c->arena, most * sizeof *out->axes, &out->axes));
  NTK_TRY_OUT(ntk_arena_take(c->arena, most * sizeof *out->group_sizes, &out->group_sizes));
  size_t mistakes = c->count;
  for (size_t i = 0; i < sweep->count; i++) {
    const ntk_item *item = &sweep->items[i];
    if (!strcmp(item->key, "exclude")) continue;
    if (!strcmp(item->key, "zip")) {
      NTK_TRY_OUT(add_zip(c, keys, settings, item->value, out));
      continue;
    }
    ntk_axis *axis;
    size_t first = out->axis_count;
    NTK_TRY_OUT(add_axis(c, keys, settings, item, out, &axis));
    if (axis) NTK_TRY_OUT(close_group(c, out, first));
  }
  const ntk_value *exclude = ntk_value_get(sweep, "exclude");
  if (exclude && c->count == mistakes) NTK_TRY_OUT(read_exclude(c, settings, exclude, out));
  if (c->count == mistakes) NTK_TRY_OUT(count_combinations(c, sweep, out));
out:
  ntk_checker_leave(c, outside);
  return err;
}

size_t ntk_sweep_value(const ntk_sweep *sweep, size_t combination, size_t axis) {
  for (size_t g = sweep->group_count; g-- > 0;) {
    size_t digit = combination % sweep->group_sizes[g];
    if (g == sweep->axes[axis].group) return digit;
    combination /= sweep->group_sizes[g];
  }
  return 0;
}

bool ntk_sweep_excluded(const ntk_sweep *sweep, size_t combination) {
  for (size_t e = 0; e < sweep->exclusion_count; e++) {
    const ntk_exclusion *x = &sweep->exclusions[e];
    bool all = true;
    for (size_t k = 0; k < x->count && all; k++) all = x->conditions[k].match[ntk_sweep_value(sweep, combination, x->conditions[k].axis)];
    if (all) return true;
  }
  return false;
}
