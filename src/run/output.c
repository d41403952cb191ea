#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "run/state.h"

typedef struct {
  ntk_h5 *file;
  ntk_error *err;
} attribute_writer;

static void write_attribute(void *context, const char *name, const char *value) {
  attribute_writer *w = context;
  if (!w->err) w->err = ntk_h5_attribute_text(w->file, "/", name, value);
}

/* "path: source:line" for every leaf of the settings. */
static void origins(ntk_text *out, ntk_text *path, const ntk_value *v) {
  size_t length = path->length;
  for (size_t i = 0; i < ntk_value_count(v); i++) {
    const ntk_value *item = ntk_value_item(v, i);
    if (ntk_value_kind_of(v) == NTK_MAP)
      ntk_text_addf(path, "%s%s", length ? "." : "", ntk_value_key(v, i));
    else
      ntk_text_addf(path, "[%zu]", i);
    if (ntk_value_count(item)) {
      origins(out, path, item);
    } else {
      ntk_where where = ntk_value_where(item);
      ntk_text_addf(out, where.line ? "%s: %s:%d\n" : "%s: %s\n", path->bytes, where.source ? where.source : "default", where.line);
    }
    if (path->bytes) path->bytes[path->length = length] = '\0';
  }
}

static ntk_error *write_settings(ntk_h5 *file, const ntk_value *settings) {
  ntk_text yaml = NTK_TEXT, from = NTK_TEXT, path = NTK_TEXT;
  ntk_value_yaml(&yaml, settings);
  ntk_text_add(&path, "");
  origins(&from, &path, settings);
  ntk_error *err = yaml.failed || from.failed || path.failed ? ntk_fail(NTK_E_MEMORY, "out of memory while writing the settings") : NULL;
  if (!err) err = ntk_h5_attribute_text(file, "/", "settings", yaml.bytes);
  if (!err) err = ntk_h5_attribute_text(file, "/", "settings_origin", from.bytes ? from.bytes : "");
  ntk_text_free(&yaml);
  ntk_text_free(&from);
  ntk_text_free(&path);
  return err;
}

static ntk_error *write_provenance(const ntk_run_state *s, ntk_h5 *file) {
  char host[256] = "unknown", start[64];
  time_t began = (time_t)s->start_wall;
  struct tm utc;
  gethostname(host, sizeof host - 1);
  gmtime_r(&began, &utc);
  strftime(start, sizeof start, "%Y-%m-%dT%H:%M:%SZ", &utc);
  attribute_writer w = {file, NULL};
  ntk_run_provenance(write_attribute, &w);
  NTK_TRY(w.err);
  NTK_TRY(ntk_h5_attribute_text(file, "/", "id", s->job->id));
  NTK_TRY(ntk_h5_attribute_text(file, "/", "label", s->job->label));
  NTK_TRY(ntk_h5_attribute_integer(file, "/", "repetition", s->job->repetition));
  NTK_TRY(ntk_h5_attribute_text(file, "/", "host", host));
  NTK_TRY(ntk_h5_attribute_integer(file, "/", "ranks", s->group->size));
  NTK_TRY(ntk_h5_attribute_text(file, "/", "kernel_matrix", ntk_discriminator_matrix(s->discriminator, s->fake.n + s->real.n)));
  NTK_TRY(ntk_h5_attribute_text(file, "/", "start", start));
  return ntk_h5_attribute_double(file, "/", "seconds", ntk_run_state_seconds(s));
}

static ntk_error *write_all(const ntk_run_state *s, ntk_h5 *file) {
  NTK_TRY(write_settings(file, s->job->settings));
  NTK_TRY(write_provenance(s, file));
  ntk_h5_info real = {"/data/real", 2, {s->real.n, s->real.d}, {"real_point", "coordinate"}, "data units", "real points"};
  NTK_TRY(ntk_h5_write_doubles(file, &real, s->real.x));
  return ntk_records_write(&s->records, file);
}

ntk_error *ntk_run_state_write(const ntk_run_state *s) {
  ntk_h5 *file = NULL;
  NTK_TRY(ntk_h5_create(s->job->file, &file));
  ntk_error *err = write_all(s, file);
  if (!err) return ntk_h5_commit(&file);
  ntk_h5_close(&file);
  return err;
}
