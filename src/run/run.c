#include "run/run.h"

#include <math.h>
#include <string.h>

#include "run/state.h"

enum { GO_ON, SAVE, STOP };

/* What the root wants before the next iteration; the same answer on every rank. */
static ntk_error *decide(ntk_run_state *s, double *last_save, double *last_report, int *decision) {
  const ntk_run_job *job = s->job;
  *decision = GO_ON;
  if (s->group->rank == 0) {
    double now = ntk_clock();
    if (job->stop && job->stop(job->context))
      *decision = STOP;
    else if (job->checkpoint && now - *last_save >= job->checkpoint_seconds)
      *decision = SAVE;
    else if (job->checkpoint && job->checkpoint_iterations && s->iteration % job->checkpoint_iterations == 0)
      *decision = SAVE;
    if (job->progress && now - *last_report >= 1) {
      job->progress(job->context, s->iteration, s->iterations);
      *last_report = now;
    }
  }
  NTK_TRY(ntk_comm_bcast(s->group, decision, sizeof *decision, 0));
  if (*decision != GO_ON) {
    if (job->checkpoint) NTK_TRY(ntk_run_state_save(s));
    *last_save = ntk_clock();
  }
  return NULL;
}

/* Trains at the current points and, unless this is the end, moves them. */
static ntk_error *iteration(ntk_run_state *s) {
  bool last = s->iteration == s->iterations;
  NTK_TRY(ntk_discriminator_train(s->discriminator, &s->fake, &s->real));
  bool needs_gradient = !last || ntk_value_count(ntk_value_find(s->job->settings, "record.theory"));
  NTK_TRY(ntk_flow_gradient(s->flow, s->discriminator, &s->fake, s->c, needs_gradient ? s->gradient : NULL));
  NTK_TRY(ntk_run_state_record(s));
  if (last) return NULL;
  NTK_TRY(ntk_flow_step(s->flow, s->iteration, s->discriminator, &s->real, s->gradient, &s->fake));
  for (size_t i = 0; i < s->fake.n * s->fake.d; i++)
    if (!isfinite(s->fake.x[i])) return ntk_fail(NTK_E_NONFINITE, "fake point %zu is not finite", i / s->fake.d);
  return NULL;
}

static ntk_error *iterate(ntk_run_state *s) {
  double last_save = ntk_clock(), last_report = last_save;
  for (;;) {
    NTK_TRY(ntk_error_prefix(ntk_agree(s->group, iteration(s)), "iteration %lld", s->iteration));
    if (s->iteration == s->iterations) return NULL;
    s->iteration++;
    int decision;
    NTK_TRY(decide(s, &last_save, &last_report, &decision));
    if (decision == STOP) return ntk_fail(NTK_E_STOPPED, "%s: stopped after iteration %lld, saved", s->job->label, s->iteration);
  }
}

static ntk_error *finish(ntk_run_state *s, ntk_run_outcome *outcome) {
  ntk_text json = NTK_TEXT;
  outcome->seconds = ntk_run_state_seconds(s);
  if (s->group->rank) return NULL;
  outcome->has_file = ntk_records_arrays(&s->records);
  if (outcome->has_file) NTK_TRY(ntk_run_state_write(s));
  outcome->has_checkpoint = s->has_checkpoint;
  ntk_records_json(&s->records, &json);
  return ntk_text_take(&json, &outcome->json);
}

enum { WORTH_A_LINE = 1000 }; /* points: the many runs of a sweep with fewer would fill the log */

/* Whether products take the kernel matrix from memory: it decides how long they take, not a bit of them. */
static void tell_matrix(const ntk_run_state *s) {
  size_t points = s->fake.n + s->real.n;
  const char *matrix = ntk_discriminator_matrix(s->discriminator, points);
  if (s->group->rank == 0 && points >= WORTH_A_LINE && strcmp(matrix, "not needed") != 0)
    ntk_log_line(s->job->log, NTK_LOG_INFO, "%s: kernel matrix of %zu points %s", s->job->label, points, matrix);
}

ntk_error *ntk_run_execute(const ntk_comm *group, const ntk_run_job *job, ntk_run_outcome *outcome) {
  ntk_run_state state;
  bool resumed = false;
  *outcome = (ntk_run_outcome){.json = NULL};
  ntk_error *err = ntk_run_state_build(group, job, &state);
  if (!err && job->checkpoint) err = ntk_run_state_load(&state, &resumed);
  if (!err && resumed && group->rank == 0) ntk_log_line(job->log, NTK_LOG_INFO, "%s: resumed at iteration %lld", job->label, state.iteration);
  if (!err) tell_matrix(&state);
  if (!err) err = iterate(&state);
  if (!err) err = ntk_agree(group, finish(&state, outcome));
  if (!err) err = ntk_comm_bcast(group, &outcome->has_file, sizeof outcome->has_file, 0);
  ntk_run_state_free(&state);
  return err;
}
