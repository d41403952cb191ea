#include "config/study.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/digest.h"
#include "config/sweep.h"
#include "config/tree.h"

enum { CHECK_ALL = 1000 }; /* above that many combinations each swept value is checked once only */

struct ntk_study {
  ntk_arena *arena;
  const ntk_catalog *catalog;
  const char *folder, *name;
  const ntk_value *base; /* as written, settings of the command line in, `sweep` out */
  ntk_sweep sweep;
  ntk_settings settings;
  size_t combinations; /* exclusions taken out */
  uint32_t *kept;      /* which of the sweep's; NULL = all */
  int repeat;
  ntk_digests digests;
};

static ntk_error *without(ntk_arena *arena, const ntk_value *map, const char *key, const ntk_value **out) {
  ntk_value *copy;
  NTK_TRY(ntk_value_container(arena, NTK_MAP, map->where, &copy));
  for (size_t i = 0; i < map->count; i++)
    if (strcmp(map->items[i].key, key)) NTK_TRY(ntk_value_append(arena, copy, map->items[i].key, map->items[i].key_where, map->items[i].value));
  *out = copy;
  return NULL;
}

static ntk_error *keep_folder(ntk_study *study, const char *path) {
  const char *slash = path ? strrchr(path, '/') : NULL;
  size_t length = !slash ? 0 : slash == path ? 1 : (size_t)(slash - path);
  return ntk_arena_text(study->arena, path ? path : "", length, &study->folder);
}

static ntk_error *keep_combinations(ntk_study *study, ntk_checker *c) {
  const ntk_sweep *sweep = &study->sweep;
  study->combinations = sweep->combinations;
  if (!sweep->exclusion_count) return NULL;
  NTK_TRY(NTK_NEW(sweep->combinations, &study->kept));
  study->combinations = 0;
  for (size_t i = 0; i < sweep->combinations; i++)
    if (!ntk_sweep_excluded(sweep, i)) study->kept[study->combinations++] = (uint32_t)i;
  if (study->combinations) return NULL;
  return ntk_checker_add(c, sweep->exclude_where, "sweep.exclude: no combination is left");
}

static size_t combination(const ntk_study *study, size_t i) { return study->kept ? study->kept[i] : i; }

/* Checks combination i in memory of its own; mistakes stay in `c`. */
static ntk_error *check_combination(ntk_study *study, ntk_checker *c, size_t i) {
  ntk_arena *scratch = NULL;
  ntk_error *err = ntk_arena_create(&scratch);
  if (err) return err;
  const ntk_schema schema = {scratch, study->catalog, study->folder}, *outer = c->schema;
  const ntk_value *raw, *checked = NULL;
  size_t mistakes = c->count;
  c->schema = &schema;
  NTK_TRY_OUT(ntk_sweep_apply(c, scratch, &study->sweep, &study->settings, combination(study, i), study->base, &raw));
  NTK_TRY_OUT(ntk_check_entries(c, ntk_study_keys(), NULL, NULL, raw, &checked));
  if (c->count == mistakes) study->repeat = (int)ntk_get_integer(checked, "repeat");
out:
  c->schema = outer;
  ntk_arena_free(&scratch);
  return err;
}

/* What is written beside the sweep must be right too, though all runs may replace it. */
static ntk_error *check_base(ntk_study *study, ntk_checker *c) {
  const ntk_value *checked;
  c->partial = true;
  ntk_error *err = ntk_check_entries(c, ntk_study_keys(), NULL, NULL, study->base, &checked);
  c->partial = false;
  return err;
}

/* Whether combination i holds a value that no earlier one held; marks its values as seen. */
static bool is_news(const ntk_study *study, size_t i, bool *const *seen) {
  bool news = !i;
  for (size_t a = 0; a < study->sweep.axis_count; a++) {
    size_t v = ntk_sweep_value(&study->sweep, combination(study, i), a);
    news = news || !seen[a][v];
    seen[a][v] = true;
  }
  return news;
}

static ntk_error *check_combinations(ntk_study *study, ntk_checker *c) {
  bool **seen;
  NTK_TRY(ntk_arena_take(study->arena, (study->sweep.axis_count + 1) * sizeof *seen, &seen));
  for (size_t a = 0; a < study->sweep.axis_count; a++) NTK_TRY(ntk_arena_take(study->arena, study->sweep.axes[a].count * sizeof **seen, &seen[a]));
  for (size_t i = 0; i < study->combinations && c->count < NTK_MISTAKES_KEPT; i++) {
    bool news = is_news(study, i, seen);
    if (news || study->combinations <= CHECK_ALL) NTK_TRY(check_combination(study, c, i));
  }
  return NULL;
}

/* The name makes a folder. */
static ntk_error *check_name(ntk_study *study, ntk_checker *c) {
  const ntk_value *name = ntk_value_get(study->base, "study");
  if (!name || name->kind != NTK_STRING) return NULL;
  study->name = name->text;
  bool fit = *name->text && *name->text != '.' && *name->text != '-' && strlen(name->text) <= 100;
  for (const char *t = name->text; *t; t++) fit = fit && (unsigned char)*t > ' ' && !strchr("/\\*?\"'", *t);
  return fit ? NULL
             : ntk_checker_add(c, name->where, "study: expected a name that can be a folder's: no blanks, quotes or '/', no '.' or '-' in front");
}

static ntk_error *load(ntk_study *study, const ntk_study_source *source, ntk_checker *c) {
  const ntk_value *raw;
  NTK_TRY(ntk_value_parse(study->arena, source->path ? source->path : "study", source->text, source->length, &raw));
  c->here = raw->where;
  if (raw->kind != NTK_MAP) {
    ntk_text text = NTK_TEXT;
    ntk_value_describe(raw, &text);
    ntk_error *err = ntk_checker_add(c, raw->where, "expected a study (lines 'key: value'), found %s", text.bytes ? text.bytes : "something else");
    ntk_text_free(&text);
    return err;
  }
  NTK_TRY(ntk_settings_parse(study->arena, source->sets, source->set_count, &study->settings));
  const ntk_value *whole;
  NTK_TRY(ntk_settings_apply(c, &study->settings, NULL, raw, &whole));
  NTK_TRY(ntk_sweep_read(c, ntk_study_keys(), ntk_value_get(whole, "sweep"), &study->settings, &study->sweep));
  NTK_TRY(ntk_settings_apply(c, &study->settings, &study->sweep, raw, &whole));
  NTK_TRY(without(study->arena, whole, "sweep", &study->base));
  NTK_TRY(check_name(study, c));
  if (c->count) return NULL;
  NTK_TRY(keep_combinations(study, c));
  if (study->sweep.axis_count) NTK_TRY(check_base(study, c));
  NTK_TRY(check_combinations(study, c));
  if (!c->count && study->combinations > NTK_MOST_RUNS / (size_t)study->repeat)
    return ntk_checker_add(c, raw->where, "more than %d runs: %zu combinations, %d repetitions", (int)NTK_MOST_RUNS, study->combinations,
                           study->repeat);
  return NULL;
}

ntk_error *ntk_study_load(const ntk_catalog *catalog, const ntk_study_source *source, ntk_study **out) {
  ntk_study *study = NULL;
  *out = NULL;
  NTK_TRY(NTK_NEW(1, &study));
  study->catalog = catalog;
  study->repeat = 1;
  ntk_error *err = ntk_arena_create(&study->arena);
  if (!err) {
    ntk_schema schema = {study->arena, catalog, NULL};
    ntk_checker c = {.schema = &schema, .arena = study->arena, .also = "sweep"};
    err = keep_folder(study, source->path);
    schema.folder = study->folder;
    if (!err) err = load(study, source, &c);
    ntk_error *mistakes = ntk_checker_finish(&c);
    err = ntk_error_join(err, mistakes);
  }
  if (err)
    ntk_study_free(&study);
  else
    *out = study;
  return err;
}

void ntk_study_free(ntk_study **study) {
  if (!*study) return;
  ntk_digests_free(&(*study)->digests);
  ntk_arena_free(&(*study)->arena);
  free((*study)->kept);
  free(*study);
  *study = NULL;
}

const char *ntk_study_name(const ntk_study *study) { return study->name; }

size_t ntk_study_count(const ntk_study *study) { return study->combinations * (size_t)study->repeat; }

size_t ntk_study_axes(const ntk_study *study) { return study->sweep.axis_count; }

const char *ntk_study_axis(const ntk_study *study, size_t axis) { return study->sweep.axes[axis].path; }

static ntk_error *add_labels(const ntk_study *study, size_t chosen, ntk_run_spec *out) {
  ntk_text label = NTK_TEXT;
  size_t count = study->sweep.axis_count;
  const char *copy;
  ntk_error *err = NULL;
  NTK_TRY_OUT(ntk_arena_take(out->arena, (count + 1) * sizeof *out->axis_labels, &out->axis_labels));
  for (size_t a = 0; a < count; a++) {
    const char *text = study->sweep.axes[a].labels[ntk_sweep_value(&study->sweep, chosen, a)];
    NTK_TRY_OUT(ntk_arena_text(out->arena, text, strlen(text), &out->axis_labels[a]));
    ntk_text_addf(&label, "%s%s", a ? "/" : "", text);
  }
  if (!count) ntk_text_add(&label, "run");
  if (study->repeat > 1) ntk_text_addf(&label, "/r%d", out->repetition);
  if (label.failed) {
    err = ntk_fail(NTK_E_MEMORY, "out of memory while naming a run");
    goto out;
  }
  NTK_TRY_OUT(ntk_arena_text(out->arena, label.bytes, label.length, &copy));
  NTK_TRY_OUT(ntk_arena_take(out->arena, label.length + 1, &out->label));
  memcpy(out->label, copy, label.length);
out:
  ntk_text_free(&label);
  return err;
}

ntk_error *ntk_study_run(const ntk_study *study, size_t index, ntk_run_spec *out) {
  *out = (ntk_run_spec){.index = index, .repetition = (int)(index % (size_t)study->repeat)};
  if (index >= ntk_study_count(study)) return ntk_fail(NTK_E_INTERNAL, "run %zu of %zu", index, ntk_study_count(study));
  size_t chosen = combination(study, index / (size_t)study->repeat);
  const ntk_value *raw, *checked = NULL;
  ntk_error *err = ntk_arena_create(&out->arena);
  if (err) return err;
  const ntk_schema schema = {out->arena, study->catalog, study->folder};
  ntk_checker c = {.schema = &schema, .arena = out->arena};
  NTK_TRY_OUT(ntk_sweep_apply(&c, out->arena, &study->sweep, &study->settings, chosen, study->base, &raw));
  NTK_TRY_OUT(ntk_check_entries(&c, ntk_study_keys(), NULL, NULL, raw, &checked));
  NTK_TRY_OUT(ntk_checker_finish(&c));
  NTK_TRY_OUT(without(out->arena, checked, "repeat", &out->settings));
  NTK_TRY_OUT(add_labels(study, chosen, out));
out:
  err = ntk_error_join(err, ntk_checker_finish(&c));
  if (err) ntk_run_spec_free(out);
  return err;
}

void ntk_run_spec_free(ntk_run_spec *run) {
  ntk_arena_free(&run->arena);
  *run = (ntk_run_spec){0};
}

static ntk_error *name_by_content(void *context, const char *path, ntk_text *out) { return ntk_digests_name(context, path, out); }

ntk_error *ntk_study_run_id(ntk_study *study, const ntk_run_spec *run, char id[17]) {
  ntk_arena *scratch = NULL;
  ntk_text text = NTK_TEXT;
  ntk_json j = NTK_JSON(&text);
  ntk_error *err = ntk_arena_create(&scratch);
  if (err) return err;
  const ntk_schema schema = {scratch, study->catalog, study->folder};
  const ntk_file_names files = {name_by_content, &study->digests};
  const ntk_value *stripped;
  NTK_TRY_OUT(ntk_schema_strip_files(&schema, ntk_study_keys(), run->settings, &files, &stripped));
  ntk_json_object(&j, NULL);
  ntk_json_integer(&j, "repetition", run->repetition);
  ntk_value_json(&j, "settings", stripped);
  ntk_json_end_object(&j);
  if (text.failed) {
    err = ntk_fail(NTK_E_MEMORY, "out of memory while naming a run");
    goto out;
  }
  ntk_hash hash = ntk_hash_bytes(text.bytes, text.length);
  memcpy(id, hash.hex, 16);
  id[16] = '\0';
out:
  ntk_text_free(&text);
  ntk_arena_free(&scratch);
  return err;
}
