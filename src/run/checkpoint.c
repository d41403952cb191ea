#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/file.h"
#include "kernel/kernel.h"
#include "run/state.h"

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
  return ntk_records_write(&s->records, file);
}

static ntk_error *save_root(const ntk_run_state *s) {
  ntk_h5 *file = NULL;
  NTK_TRY(ntk_h5_create(s->job->checkpoint, &file));
  ntk_error *err = write_state(s, file);
  if (!err) return ntk_h5_commit(&file);
  ntk_h5_close(&file);
  return err;
}

ntk_error *ntk_run_state_save(const ntk_run_state *s) {
  ntk_error *err = s->group->rank ? NULL : ntk_error_prefix(save_root(s), "checkpoint");
  return ntk_agree(s->group, err);
}

/* Whether the checkpoint was made by this run, on as many ranks and with the same instruction set: else the bits would differ. */
static ntk_error *check_origin(const ntk_run_state *s, ntk_h5 *file) {
  char *id = NULL, *isa = NULL;
  long long ranks = 0;
  ntk_error *err = ntk_h5_read_attribute_text(file, "/", "id", &id);
  if (!err) err = ntk_h5_read_attribute_text(file, "/", "instruction_set", &isa);
  if (!err) err = ntk_h5_read_attribute_integer(file, "/", "ranks", &ranks);
  if (!err && strcmp(id, s->job->id)) err = ntk_fail(NTK_E_INPUT, "it belongs to run %s", id);
  if (!err && strcmp(isa, ntk_kernel_isa())) err = ntk_fail(NTK_E_INPUT, "it was made with instruction set %s", isa);
  if (!err && ranks != s->group->size) err = ntk_fail(NTK_E_INPUT, "it was made on %lld ranks", ranks);
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

/* Tries to load on the root; a refusal leaves the state as it was built. */
static bool load_root(ntk_run_state *s) {
  ntk_h5 *file = NULL;
  double *start = NULL;
  size_t bytes = s->fake.n * s->fake.d * sizeof *start;
  if (!ntk_file_exists(s->job->checkpoint)) return false;
  ntk_error *err = ntk_alloc(bytes, 1, &start);
  if (!err) memcpy(start, s->fake.x, bytes);
  if (!err) err = ntk_h5_open(s->job->checkpoint, &file);
  if (!err) err = read_state(s, file);
  ntk_h5_close(&file);
  bool loaded = !err;
  if (err) {
    ntk_log_line(s->job->log, NTK_LOG_WARNING, "%s: checkpoint not used, starting over: %s", s->job->label, ntk_error_message(err));
    if (start) memcpy(s->fake.x, start, bytes);
    s->iteration = 0;
    s->records.count = s->records.spectra = 0;
    s->seconds_before = 0;
  }
  ntk_error_free(&err);
  free(start);
  return loaded;
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
  return ntk_comm_bcast(s->group, s->fake.x, s->fake.n * s->fake.d * sizeof(double), 0);
}
