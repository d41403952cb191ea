#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/file.h"
#include "io/seal.h"
#include "kernel/kernel.h"
#include "run/state.h"

static ntk_error *write_discriminator(const ntk_run_state *s, ntk_h5 *file) {
  size_t count;
  double *values;
  NTK_TRY(ntk_discriminator_save(s->discriminator, &count, &values));
  ntk_h5_info info = {"/state/discriminator", 1, {count}, {"number"}, NULL, "what the discriminator remembers from step to step"};
  ntk_error *err = count ? ntk_h5_write_doubles(file, &info, values) : NULL;
  free(values);
  return err;
}

static ntk_error *write_state(const ntk_run_state *s, ntk_h5 *file) {
  NTK_TRY(ntk_h5_attribute_text(file, "/", "id", s->job->id));
  NTK_TRY(ntk_h5_attribute_text(file, "/", "instruction_set", ntk_kernel_isa()));
  NTK_TRY(ntk_h5_attribute_integer(file, "/", "ranks", s->group->size));
  NTK_TRY(ntk_h5_attribute_integer(file, "/", "iteration", s->iteration));
  NTK_TRY(ntk_h5_attribute_integer(file, "/", "milliseconds", (long long)(1e3 * ntk_run_state_seconds(s))));
  ntk_h5_info fake = {"/state/fake", 2, {s->fake.n, s->fake.d}, {"point", "coordinate"}, "data units", "fake points"};
  NTK_TRY(ntk_h5_write_doubles(file, &fake, s->fake.x));
  size_t count;
  const double *flow = ntk_flow_state(s->flow, &count);
  ntk_h5_info memory = {"/state/flow", 1, {count}, {"number"}, NULL, "what the flow remembers from step to step"};
  if (count) NTK_TRY(ntk_h5_write_doubles(file, &memory, flow));
  NTK_TRY(write_discriminator(s, file));
  return ntk_records_write(&s->records, file);
}

/* The generation before the newest. */
static ntk_error *name_previous(const ntk_run_job *job, char **out) {
  ntk_text name = NTK_TEXT;
  ntk_text_addf(&name, "%s.previous", job->checkpoint);
  return ntk_text_take(&name, out);
}

static ntk_error *save_root(const ntk_run_state *s) {
  ntk_h5 *file = NULL;
  char *previous = NULL, note[NTK_SEAL_NOTE_BYTES];
  ntk_error *err = NULL;
  snprintf(note, sizeof note, "iteration %lld", s->iteration);
  NTK_TRY_OUT(name_previous(s->job, &previous));
  NTK_TRY_OUT(ntk_h5_create(s->job->checkpoint, &file));
  NTK_TRY_OUT(write_state(s, file));
  err = ntk_h5_commit_sealed(&file, previous, note);
out:
  ntk_h5_close(&file);
  free(previous);
  return err;
}

ntk_error *ntk_run_state_save(ntk_run_state *s) {
  s->has_checkpoint = true;
  ntk_error *err = s->group->rank ? NULL : ntk_error_prefix(save_root(s), "checkpoint");
  return ntk_agree(s->group, err);
}

/* Whether the checkpoint was made by this run, with the same instruction set: else the bits would differ. */
static ntk_error *check_origin(const ntk_run_state *s, ntk_h5 *file) {
  char *id = NULL, *isa = NULL;
  long long ranks = 0;
  ntk_error *err = ntk_h5_read_attribute_text(file, "/", "id", &id);
  if (!err) err = ntk_h5_read_attribute_text(file, "/", "instruction_set", &isa);
  if (!err) err = ntk_h5_read_attribute_integer(file, "/", "ranks", &ranks);
  if (!err && strcmp(id, s->job->id)) err = ntk_fail(NTK_E_INPUT, "it belongs to run %s", id);
  if (!err && strcmp(isa, ntk_kernel_isa())) err = ntk_fail(NTK_E_INPUT, "it was made with instruction set %s", isa);
  if (!err && ranks != s->group->size)
    ntk_log_line(s->job->log, NTK_LOG_INFO, "%s: its checkpoint was made on %lld rank%s and is taken up on %d%s", s->job->label, ranks,
                 ranks == 1 ? "" : "s", s->group->size, s->has_spectrum ? "; eigenvalues may differ in their last digits" : "");
  free(id);
  free(isa);
  return err;
}

/* What the flow remembers; `*values` stays NULL where it remembers nothing. */
static ntk_error *read_flow(const ntk_run_state *s, ntk_h5 *file, double **values) {
  size_t count, found = 0;
  ntk_flow_state(s->flow, &count);
  if (!count) return NULL;
  NTK_TRY(ntk_h5_read_doubles(file, "/state/flow", 1, &found, values));
  return found == count ? NULL : ntk_fail(NTK_E_INPUT, "it has %zu numbers of the flow, this run %zu", found, count);
}

static ntk_error *read_discriminator(ntk_run_state *s, ntk_h5 *file) {
  size_t count = 0;
  double *values = NULL;
  if (ntk_h5_has(file, "/state/discriminator")) NTK_TRY(ntk_h5_read_doubles(file, "/state/discriminator", 1, &count, &values));
  ntk_error *err = ntk_discriminator_restore(s->discriminator, count, values);
  free(values);
  return err;
}

static ntk_error *read_state(ntk_run_state *s, ntk_h5 *file) {
  size_t shape[2];
  double *x = NULL, *flow = NULL;
  long long iteration = 0, milliseconds = 0;
  NTK_TRY(check_origin(s, file));
  NTK_TRY(ntk_h5_read_attribute_integer(file, "/", "iteration", &iteration));
  NTK_TRY(ntk_h5_read_attribute_integer(file, "/", "milliseconds", &milliseconds));
  NTK_TRY(ntk_records_read(&s->records, file));
  NTK_TRY(ntk_h5_read_doubles(file, "/state/fake", 2, shape, &x));
  ntk_error *err = read_flow(s, file, &flow);
  if (!err && (shape[0] != s->fake.n || shape[1] != s->fake.d || iteration < 0 || iteration > s->iterations))
    err = ntk_fail(NTK_E_INPUT, "its sizes are not those of this run");
  if (!err) err = read_discriminator(s, file);
  if (!err) {
    size_t count;
    double *memory = ntk_flow_state(s->flow, &count);
    memcpy(s->fake.x, x, s->fake.n * s->fake.d * sizeof *x);
    if (flow) memcpy(memory, flow, count * sizeof *flow);
  }
  free(x);
  free(flow);
  s->iteration = iteration;
  s->seconds_before = 1e-3 * (double)milliseconds;
  return err;
}

/* Loads one file; a refusal leaves the state as it was built. */
static ntk_error *load_file(ntk_run_state *s, const char *path) {
  ntk_h5 *file = NULL;
  double *start = NULL;
  size_t bytes = s->fake.n * s->fake.d * sizeof *start;
  NTK_TRY(ntk_alloc(bytes, 1, &start));
  memcpy(start, s->fake.x, bytes);
  ntk_error *err = ntk_h5_open_sealed(path, &file);
  if (!err) err = read_state(s, file);
  ntk_h5_close(&file);
  if (err) {
    memcpy(s->fake.x, start, bytes);
    s->iteration = 0;
    s->records.count = s->records.spectra = 0;
    s->seconds_before = 0;
  }
  free(start);
  return err;
}

/* The newest generation that can be used (root). */
static bool load_root(ntk_run_state *s) {
  char *previous = NULL;
  bool loaded = false, told = false;
  ntk_error *err = name_previous(s->job, &previous);
  const char *const paths[] = {s->job->checkpoint, previous};
  for (int i = 0; i < 2 && !err && !loaded; i++) {
    if (!ntk_file_exists(paths[i])) continue;
    s->has_checkpoint = true;
    err = load_file(s, paths[i]);
    loaded = !err;
    told = told || err;
    if (err) ntk_log_line(s->job->log, NTK_LOG_WARNING, "%s: checkpoint not used: %s", s->job->label, ntk_error_message(err));
    ntk_error_free(&err);
  }
  if (told && !loaded) ntk_log_line(s->job->log, NTK_LOG_WARNING, "%s: no checkpoint can be used, starting over", s->job->label);
  ntk_error_free(&err);
  free(previous);
  return loaded;
}

/* The root's discriminator has been restored: the others' too. */
static ntk_error *share_discriminator(ntk_run_state *s) {
  size_t count = 0;
  double *values = NULL;
  NTK_TRY_ALL(s->group, s->group->rank ? NULL : ntk_discriminator_save(s->discriminator, &count, &values));
  ntk_error *err = ntk_comm_bcast(s->group, &count, sizeof count, 0);
  if (!err && s->group->rank) err = NTK_NEW(count, &values);
  err = ntk_agree(s->group, err);
  if (!err) err = ntk_comm_bcast(s->group, values, count * sizeof *values, 0);
  if (!err && s->group->rank) err = ntk_discriminator_restore(s->discriminator, count, values);
  free(values);
  return ntk_agree(s->group, err);
}

ntk_error *ntk_run_state_load(ntk_run_state *s, bool *found) {
  *found = s->group->rank == 0 && load_root(s);
  NTK_TRY(ntk_comm_bcast(s->group, found, sizeof *found, 0));
  if (!*found) return NULL;
  NTK_TRY(ntk_comm_bcast(s->group, &s->iteration, sizeof s->iteration, 0));
  NTK_TRY(ntk_comm_bcast(s->group, &s->records.count, sizeof s->records.count, 0));
  NTK_TRY(ntk_comm_bcast(s->group, &s->records.spectra, sizeof s->records.spectra, 0));
  size_t count;
  double *flow = ntk_flow_state(s->flow, &count);
  NTK_TRY(ntk_comm_bcast(s->group, flow, count * sizeof *flow, 0));
  NTK_TRY(share_discriminator(s));
  return ntk_comm_bcast(s->group, s->fake.x, s->fake.n * s->fake.d * sizeof(double), 0);
}
