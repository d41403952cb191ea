#include "metric/mmd_watch.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "io/file.h"
#include "io/h5.h"

typedef struct {
  const ntk_comm *comm;
  const ntk_mmd_watch *watch;
  double saved; /* when */
} run;

static ntk_error *write_state(const ntk_mmd_watch *watch, const ntk_pair_state *state, ntk_h5 *file) {
  ntk_h5_info sums = {"/sums", 1, {state->sum_count}, {"sum"}, NULL, "sums over the pairs that are done, in fixed point"};
  ntk_h5_info ranges = {"/left", 2, {state->range_count, 2}, {"range", "end"}, NULL, "tiles of pairs that are left"};
  NTK_TRY(ntk_h5_attribute_text(file, "/", "evaluation", watch->identity));
  NTK_TRY(ntk_h5_attribute_text(file, "/", "instruction_set", ntk_kernel_isa()));
  NTK_TRY(ntk_h5_write_integers(file, &sums, state->sums));
  return state->range_count ? ntk_h5_write_integers(file, &ranges, state->ranges) : NULL;
}

static ntk_error *write_file(const ntk_mmd_watch *watch, const ntk_pair_state *state) {
  ntk_h5 *file = NULL;
  NTK_TRY(ntk_h5_create(watch->checkpoint, &file));
  ntk_error *err = write_state(watch, state, file);
  if (!err) return ntk_h5_commit(&file);
  ntk_h5_close(&file);
  return err;
}

/* A save on the way may fail (a full disk, say): the next one may not. */
static ntk_error *save(void *context, ntk_pairs *pairs, bool last) {
  run *r = context;
  ntk_pair_state state;
  NTK_TRY(ntk_pairs_export(pairs, &state));
  ntk_error *err = r->comm->rank ? NULL : ntk_error_prefix(write_file(r->watch, &state), "checkpoint %s", r->watch->checkpoint);
  ntk_pair_state_free(&state);
  r->saved = ntk_clock();
  if (last) return ntk_agree(r->comm, err);
  if (err && r->watch->unsaved) r->watch->unsaved(r->watch->context, ntk_error_message(err));
  ntk_error_free(&err);
  return NULL;
}

static ntk_error *same(ntk_h5 *file, const char *name, const char *expected, const char *otherwise) {
  char *found = NULL;
  ntk_error *err = ntk_h5_read_attribute_text(file, "/", name, &found);
  if (!err && strcmp(found, expected) != 0) err = ntk_fail(NTK_E_INPUT, "%s", otherwise);
  free(found);
  return err;
}

static ntk_error *read_state(const ntk_mmd_watch *watch, ntk_h5 *file, ntk_pair_state *state) {
  size_t shape[2] = {0, 0};
  NTK_TRY(same(file, "evaluation", watch->identity, "it belongs to another evaluation"));
  NTK_TRY(same(file, "instruction_set", ntk_kernel_isa(), "it was made with another instruction set"));
  NTK_TRY(ntk_h5_read_integers(file, "/sums", 1, shape, &state->sums));
  state->sum_count = shape[0];
  if (!ntk_h5_has(file, "/left")) return NULL;
  NTK_TRY(ntk_h5_read_integers(file, "/left", 2, shape, &state->ranges));
  state->range_count = shape[0];
  return shape[1] == 2 ? NULL : ntk_fail(NTK_E_INPUT, "its ranges are ill-formed");
}

/* On rank 0: the state in the file; a file that is there but cannot be used is an error, lest it be overwritten. */
static ntk_error *load(const ntk_mmd_watch *watch, ntk_pair_state *state, bool *found) {
  ntk_h5 *file = NULL;
  if (!ntk_file_exists(watch->checkpoint)) return NULL;
  NTK_TRY(ntk_h5_open(watch->checkpoint, &file));
  ntk_error *err = read_state(watch, file, state);
  ntk_h5_close(&file);
  *found = !err;
  return err;
}

static ntk_error *go_on(run *r, ntk_pairs *pairs) {
  const ntk_mmd_watch *watch = r->watch;
  ntk_pair_state state = {0};
  bool found = false;
  ntk_error *err = r->comm->rank ? NULL : load(watch, &state, &found);
  err = ntk_agree(r->comm, err);
  if (!err) err = ntk_comm_bcast(r->comm, &found, sizeof found, 0);
  if (!err && found) err = ntk_pairs_import(pairs, &state);
  ntk_pair_state_free(&state);
  if (err) return ntk_error_prefix(err, "checkpoint %s cannot be used (remove it, or name another one)", watch->checkpoint);
  if (found && watch->resumed && r->comm->rank == 0) watch->resumed(watch->context);
  return NULL;
}

static bool stop(void *context) {
  const ntk_mmd_watch *watch = ((run *)context)->watch;
  return watch->stop && watch->stop(watch->context);
}

static void progress(void *context, double done, double before) {
  const ntk_mmd_watch *watch = ((run *)context)->watch;
  if (watch->progress) watch->progress(watch->context, done, before);
}

static bool due(void *context) {
  run *r = context;
  return ntk_clock() - r->saved >= r->watch->every;
}

ntk_error *ntk_mmd_run(const ntk_comm *comm, ntk_pairs *pairs, const ntk_mmd_watch *watch) {
  if (!watch) return ntk_pairs_run(pairs, NULL);
  run r = {comm, watch, ntk_clock()};
  ntk_pair_watch pair_watch = {&r, stop, progress, NULL, NULL};
  if (watch->checkpoint) {
    pair_watch.due = due;
    pair_watch.save = save;
    NTK_TRY(go_on(&r, pairs));
  }
  return ntk_pairs_run(pairs, &pair_watch);
}

void ntk_mmd_forget(const ntk_comm *comm, const ntk_mmd_watch *watch) {
  if (watch && watch->checkpoint && comm->rank == 0) unlink(watch->checkpoint);
}
