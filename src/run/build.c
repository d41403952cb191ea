#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "run/fields.h"
#include "run/state.h"
#include "run/theory.h"

static const double default_memory_gib = 4; /* for a stored matrix, when the study declares none; bits do not depend on it */

static ntk_rng random_numbers(const ntk_run_state *s, uint32_t stream) {
  return (ntk_rng){(uint64_t)ntk_get_integer(s->job->settings, "seed"), (uint32_t)s->job->repetition, stream};
}

static ntk_error *build_real(ntk_run_state *s) {
  const ntk_value *entry = ntk_value_find(s->job->settings, "data.real");
  return ntk_error_prefix(ntk_measure_create_once(s->group, entry, random_numbers(s, NTK_STREAM_REAL), &s->real), "data.real");
}

static ntk_error *build_fake(ntk_run_state *s) {
  const ntk_value *settings = s->job->settings;
  ntk_rng rng = random_numbers(s, NTK_STREAM_REAL);
  NTK_TRY(ntk_flow_points(settings, rng, &s->fake));
  NTK_TRY(NTK_NEW(s->fake.n, &s->c));
  return NTK_NEW(s->fake.n * s->fake.d, &s->gradient);
}

/* Whether something is recorded that other trainings than the flow's tell. */
static bool needs_probe(const ntk_value *settings) {
  const ntk_value *fields = ntk_value_find(settings, "record.fields");
  for (size_t i = 0; i < ntk_value_count(fields); i++)
    if (ntk_get_bool(ntk_value_item(fields, i), "alone")) return true;
  return ntk_theory_asked(settings, "rates");
}

static ntk_error *build_discriminators(ntk_run_state *s) {
  const ntk_value *settings = s->job->settings;
  double gib = ntk_has(settings, "resources.memory_per_rank") ? ntk_get_number(settings, "resources.memory_per_rank") / 2 : default_memory_gib;
  const ntk_value *discriminator = ntk_value_get(settings, "discriminator");
  size_t budget = (size_t)(gib * 0x1p30);
  ntk_rng rng = random_numbers(s, NTK_STREAM_INITIAL);
  NTK_TRY(ntk_discriminator_create(s->group, discriminator, &s->real, rng, budget, &s->discriminator));
  if (needs_probe(settings)) {
    NTK_TRY(ntk_discriminator_create(s->group, discriminator, &s->real, rng, budget, &s->probe));
    ntk_discriminator_train_apart(s->probe);
  }
  return NULL;
}

static ntk_error *build_flow(ntk_run_state *s) {
  NTK_TRY(ntk_flow_create(s->group, s->job->settings, random_numbers(s, NTK_STREAM_INITIAL), s->fake.n, s->fake.d, &s->flow));
  return ntk_agree(s->group, ntk_flow_start(s->flow, &s->fake));
}

static ntk_error *build_series(ntk_run_state *s) {
  size_t fresh = ntk_flow_fresh_count(s->flow);
  s->records.fresh_n = fresh;
  return ntk_series_build(s->job->settings, ntk_discriminator_kernel(s->discriminator), s->real.d, s->job->repetition, fresh > 0, &s->metrics,
                          &s->records);
}

static ntk_error *build_records(ntk_run_state *s) {
  const ntk_value *record = ntk_value_get(s->job->settings, "record");
  ntk_records *r = &s->records;
  s->iterations = ntk_get_integer(s->job->settings, "train.iterations");
  NTK_TRY(ntk_schedule_create(record, s->iterations, &s->record));
  r->capacity = ntk_schedule_count(&s->record);
  r->n = s->fake.n;
  r->d = s->fake.d;
  r->total = s->fake.n + s->real.n;
  s->has_spectrum = ntk_has(record, "spectrum");
  if (s->has_spectrum) {
    const ntk_value *spectrum = ntk_value_get(record, "spectrum"), *kept = ntk_value_get(spectrum, "eigenvalues");
    NTK_TRY(ntk_schedule_create(spectrum, s->iterations, &s->spectrum));
    r->spectra_capacity = ntk_schedule_count(&s->spectrum);
    r->eigenvalues = ntk_value_kind_of(kept) == NTK_NUMBER ? (size_t)ntk_value_number(kept) : r->total;
    r->eigenvectors = (size_t)ntk_get_integer(spectrum, "eigenvectors");
    if (r->eigenvalues > r->total) r->eigenvalues = r->total;
    if (r->eigenvectors > r->total) r->eigenvectors = r->total;
  }
  NTK_TRY(ntk_run_fields_build(s));
  return s->group->rank ? NULL : ntk_records_allocate(r, ntk_get_bool(record, "trajectory"));
}

ntk_error *ntk_run_state_build(const ntk_comm *group, const ntk_run_job *job, ntk_run_state *state) {
  *state = (ntk_run_state){.group = group, .job = job, .start = ntk_clock(), .start_wall = ntk_clock_wall()};
  NTK_TRY(build_real(state));
  NTK_TRY_ALL(group, build_fake(state));
  NTK_TRY_ALL(group, build_discriminators(state));
  NTK_TRY(build_flow(state));
  NTK_TRY_ALL(group, build_series(state));
  return ntk_agree(group, build_records(state));
}

void ntk_run_state_free(ntk_run_state *state) {
  ntk_metric_list_free(&state->metrics);
  ntk_schedule_free(&state->record);
  ntk_schedule_free(&state->spectrum);
  ntk_records_free(&state->records);
  ntk_discriminator_free(&state->discriminator);
  ntk_discriminator_free(&state->probe);
  ntk_flow_free(&state->flow);
  ntk_measure_free(&state->fake);
  ntk_measure_free(&state->real);
  free(state->c);
  free(state->gradient);
  *state = (ntk_run_state){0};
}

double ntk_run_state_seconds(const ntk_run_state *state) { return state->seconds_before + ntk_clock() - state->start; }
