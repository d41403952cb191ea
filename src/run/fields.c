#include "run/fields.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static const char *name_of(const ntk_value *entry) { return ntk_has(entry, "name") ? ntk_get_text(entry, "name") : ntk_choice_name(entry); }

static ntk_error *wrong(const ntk_value *entry, const char *what) {
  ntk_where where = ntk_value_where(entry);
  return ntk_fail(NTK_E_CONFIG, "%s:%d:%d: record.fields: %s", where.source, where.line, where.column, what);
}

static ntk_error *check_name(const ntk_value *list, size_t i) {
  const ntk_value *entry = ntk_value_item(list, i);
  const char *name = name_of(entry), *letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  if (!*name || strlen(name) > 64 || name[strspn(name, letters)]) return wrong(entry, "a name is made of letters, digits, '_' and '-'");
  for (size_t before = 0; before < i; before++)
    if (!strcmp(name, name_of(ntk_value_item(list, before)))) return wrong(entry, "two fields have the same name: give this one a `name`");
  return NULL;
}

/* How many numbers of a gradient are kept at a point. */
static size_t gradients_of(const ntk_value *entry, size_t d, size_t axes) {
  const char *word = ntk_get_text(entry, "gradient");
  return !strcmp(word, "none") ? 0 : !strcmp(word, "axes") ? axes : d;
}

/* A lone point's field is the same at every iteration. */
static size_t records_of(const ntk_value *entry, const ntk_schedule *schedule) {
  return ntk_get_bool(entry, "alone") ? 1 : ntk_schedule_count(schedule);
}

static ntk_error *build_one(ntk_run_state *s, const ntk_value *list, size_t i) {
  const ntk_value *entry = ntk_value_item(list, i);
  ntk_field_record *r = &s->records.fields[i];
  r->name = name_of(entry);
  r->alone = ntk_get_bool(entry, "alone");
  r->along_axes = !strcmp(ntk_get_text(entry, "gradient"), "axes");
  NTK_TRY(check_name(list, i));
  NTK_TRY(ntk_lattice_create(entry, &s->fake, &s->real, &r->lattice));
  NTK_TRY(ntk_schedule_create(entry, s->iterations, &r->schedule));
  r->gradients = gradients_of(entry, s->real.d, r->lattice.axes);
  r->capacity = records_of(entry, &r->schedule);
  return s->group->rank ? NULL : ntk_field_record_allocate(r);
}

ntk_error *ntk_run_fields_build(ntk_run_state *s) {
  const ntk_value *list = ntk_value_find(s->job->settings, "record.fields");
  NTK_TRY(NTK_NEW(ntk_value_count(list), &s->records.fields));
  s->records.field_count = ntk_value_count(list);
  for (size_t i = 0; i < s->records.field_count; i++) NTK_TRY(build_one(s, list, i));
  return NULL;
}

typedef struct {
  double *value, *objective, *slope, *gradient; /* n, n, n, n x d */
} sheet;

static ntk_error *sheet_create(const ntk_field_record *r, sheet *out) {
  size_t n = r->lattice.n;
  *out = (sheet){0};
  NTK_TRY(NTK_NEW(n, &out->value));
  NTK_TRY(NTK_NEW(n, &out->objective));
  NTK_TRY(NTK_NEW(n, &out->slope));
  return r->gradients ? NTK_NEW(n * r->lattice.d, &out->gradient) : NULL;
}

static void sheet_free(sheet *s) {
  double *arrays[] = {s->value, s->objective, s->slope, s->gradient};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) free(arrays[i]);
}

/* f and grad f at each point x of a discriminator trained with x as the only fake point. */
static ntk_error *evaluate_alone(ntk_run_state *s, const ntk_lattice *l, sheet *out) {
  double mass = 1;
  for (size_t p = 0; p < l->n; p++) {
    ntk_measure fake = {.n = 1, .d = l->d, .x = l->x + p * l->d, .mass = &mass};
    NTK_TRY(ntk_discriminator_train(s->probe, &fake, &s->real));
    NTK_TRY(ntk_discriminator_evaluate(s->probe, 1, fake.x, out->value + p, out->gradient ? out->gradient + p * l->d : NULL));
  }
  return NULL;
}

static ntk_error *record_one(ntk_run_state *s, ntk_field_record *r) {
  sheet out;
  ntk_discriminator *d = r->alone ? s->probe : s->discriminator;
  size_t index = r->alone ? 0 : ntk_schedule_before(&r->schedule, s->iteration);
  ntk_error *err = ntk_agree(s->group, sheet_create(r, &out));
  if (!err)
    err = r->alone ? evaluate_alone(s, &r->lattice, &out) : ntk_discriminator_evaluate(d, r->lattice.n, r->lattice.x, out.value, out.gradient);
  for (size_t p = 0; !err && p < r->lattice.n; p++) {
    ntk_jet c = ntk_loss_objective(ntk_discriminator_loss(d), out.value[p]);
    out.objective[p] = c.value;
    out.slope[p] = c.slope;
  }
  if (!err && s->group->rank == 0) ntk_field_record_put(r, index, s->iteration, out.value, out.objective, out.slope, out.gradient);
  sheet_free(&out);
  return ntk_error_prefix(err, "field %s", r->name);
}

ntk_error *ntk_run_fields_record(ntk_run_state *s) {
  for (size_t i = 0; i < s->records.field_count; i++) {
    ntk_field_record *r = &s->records.fields[i];
    bool due = r->alone ? s->iteration == 0 : ntk_schedule_due(&r->schedule, s->iteration);
    if (due) NTK_TRY(record_one(s, r));
  }
  return NULL;
}

ntk_error *ntk_run_fields_estimate(const ntk_value *settings, size_t n, size_t m, size_t d, ntk_fields_need *out) {
  const ntk_measure fake = {.n = n, .d = d}, real = {.n = m, .d = d};
  const ntk_value *list = ntk_value_find(settings, "record.fields");
  *out = (ntk_fields_need){0};
  for (size_t i = 0; i < ntk_value_count(list); i++) {
    const ntk_value *entry = ntk_value_item(list, i);
    ntk_schedule schedule;
    size_t axes, shape[NTK_LATTICE_AXES];
    NTK_TRY(check_name(list, i));
    NTK_TRY(ntk_error_prefix(ntk_lattice_size(entry, &fake, &real, &axes, shape), "record.fields"));
    NTK_TRY(ntk_schedule_create(entry, ntk_get_integer(settings, "train.iterations"), &schedule));
    double points = (double)(shape[0] * shape[1]), records = (double)records_of(entry, &schedule), kept = (double)gradients_of(entry, d, axes);
    ntk_schedule_free(&schedule);
    bool alone = ntk_get_bool(entry, "alone");
    out->output_bytes += records * points * (3 + kept) * sizeof(double);
    out->memory_bytes += points * 2 * (double)(d + 4) * sizeof(double);
    out->points += alone ? 0 : records * points;
    out->trainings += alone ? points : 0;
  }
  return NULL;
}
