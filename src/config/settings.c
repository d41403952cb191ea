/* Values given on the command line: --set a.b=v. */
#include <stdio.h>
#include <string.h>

#include "config/sweep.h"
#include "config/tree.h"

ntk_error *ntk_settings_parse(ntk_arena *arena, const char *const *sets, size_t count, ntk_settings *out) {
  *out = (ntk_settings){0};
  NTK_TRY(ntk_arena_take(arena, (count + 1) * sizeof *out->items, &out->items));
  for (size_t i = 0; i < count; i++) {
    const char *equals = strchr(sets[i], '=');
    if (!equals || equals == sets[i]) return ntk_fail(NTK_E_USAGE, "--set %s: expected KEY=VALUE, as in --set train.iterations=100", sets[i]);
    ntk_setting *s = &out->items[out->count++];
    NTK_TRY(ntk_arena_text(arena, sets[i], (size_t)(equals - sets[i]), &s->path));
    if (!equals[1]) return ntk_fail(NTK_E_USAGE, "--set %s: no value after '=' (null is a value)", sets[i]);
    char source[128];
    snprintf(source, sizeof source, "--set %s", s->path);
    NTK_TRY(ntk_value_parse(arena, source, equals + 1, strlen(equals + 1), &s->value));
  }
  return NULL;
}

/* A path that leads through something that is no mapping is the user's mistake; anything else is passed up. */
static ntk_error *note(ntk_checker *c, ntk_where where, ntk_error *err) {
  if (ntk_error_code(err) != NTK_E_CONFIG) return err;
  ntk_error *more = ntk_checker_add(c, where, "%s", ntk_error_message(err));
  ntk_error_free(&err);
  return more;
}

static ntk_error *set_axis(ntk_checker *c, const ntk_setting *s, const ntk_value *root, const ntk_value **out) {
  ntk_value *sweep;
  const char *path = s->path + strlen("sweep.");
  const ntk_value *old = ntk_value_get(root, "sweep");
  bool found = false;
  NTK_TRY(ntk_value_container(c->arena, NTK_MAP, s->value->where, &sweep));
  for (size_t i = 0; old && i < old->count; i++) {
    if (!old->items[i].key) break;
    bool here = !strcmp(old->items[i].key, path);
    NTK_TRY(ntk_value_append(c->arena, sweep, old->items[i].key, here ? s->value->where : old->items[i].key_where,
                             here ? s->value : old->items[i].value));
    found = found || here;
  }
  if (!found) NTK_TRY(ntk_value_append(c->arena, sweep, path, s->value->where, s->value));
  return ntk_value_replace(c->arena, root, "sweep", sweep, out);
}

static bool is_below(const char *path, const char *above) {
  size_t length = strlen(above);
  return !strncmp(path, above, length) && path[length] == '.';
}

/* A part of what a sweep replaces: it is set after the sweep's value. */
static bool is_late(const ntk_setting *s, const ntk_sweep *sweep) {
  for (size_t a = 0; sweep && a < sweep->axis_count; a++)
    if (is_below(s->path, sweep->axes[a].path)) return true;
  return false;
}

ntk_error *ntk_settings_apply(ntk_checker *c, const ntk_settings *settings, const ntk_sweep *sweep, const ntk_value *root, const ntk_value **out) {
  *out = root;
  for (size_t i = 0; i < settings->count; i++) {
    const ntk_setting *s = &settings->items[i];
    const ntk_value *next = *out;
    if (is_late(s, sweep)) continue;
    bool is_axis = !strncmp(s->path, "sweep.", strlen("sweep."));
    NTK_TRY(note(c, s->value->where, is_axis ? set_axis(c, s, *out, &next) : ntk_value_replace(c->arena, *out, s->path, s->value, &next)));
    *out = next;
  }
  return NULL;
}

static ntk_error *put(ntk_checker *c, ntk_arena *arena, const char *path, ntk_where where, const ntk_value *value, const ntk_value **tree) {
  const ntk_value *next = *tree;
  NTK_TRY(note(c, where, ntk_value_replace(arena, *tree, path, value, &next)));
  *tree = next;
  return NULL;
}

static size_t parts(const char *path) {
  size_t n = 1;
  for (; *path; path++) n += *path == '.';
  return n;
}

ntk_error *ntk_sweep_apply(ntk_checker *c, ntk_arena *arena, const ntk_sweep *sweep, const ntk_settings *settings, size_t combination,
                           const ntk_value *base, const ntk_value **out) {
  *out = base;
  size_t deepest = 0;
  for (size_t a = 0; a < sweep->axis_count; a++) deepest = parts(sweep->axes[a].path) > deepest ? parts(sweep->axes[a].path) : deepest;
  for (size_t depth = 1; depth <= deepest; depth++) /* what is above first: it replaces the whole */
    for (size_t a = 0; a < sweep->axis_count; a++) {
      const ntk_axis *axis = &sweep->axes[a];
      if (parts(axis->path) == depth) NTK_TRY(put(c, arena, axis->path, axis->where, axis->values[ntk_sweep_value(sweep, combination, a)], out));
    }
  for (size_t i = 0; i < settings->count; i++) {
    const ntk_setting *s = &settings->items[i];
    if (is_late(s, sweep)) NTK_TRY(put(c, arena, s->path, s->value->where, s->value, out));
  }
  return NULL;
}
