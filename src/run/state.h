/** Private to run/: a run in progress. */
#ifndef NTK_RUN_STATE_H
#define NTK_RUN_STATE_H

#include "data/data.h"
#include "gan/discriminator.h"
#include "gan/flow.h"
#include "run/records.h"
#include "run/run.h"
#include "run/schedule.h"
#include "run/series.h"

typedef struct {
  const ntk_comm *group;
  const ntk_run_job *job;
  ntk_measure fake, real;
  ntk_discriminator *discriminator;
  ntk_discriminator *probe; /* like it, for questions beside the flow; NULL where none is asked */
  ntk_flow *flow;
  ntk_metric_list metrics;
  ntk_schedule record, spectrum;
  bool has_spectrum;
  ntk_records records;  /* filled on the group's root only */
  double *c, *gradient; /* at the fake points: n, n x d */
  long long iteration, iterations;
  bool has_checkpoint;                      /* files of that name were seen or written (root) */
  double seconds_before, start, start_wall; /* wall time of earlier attempts; clocks at the start of this one */
} ntk_run_state;

/** Builds everything from the job's settings. Collective. Release with ntk_run_state_free, also after an error. */
NTK_CHECKED ntk_error *ntk_run_state_build(const ntk_comm *group, const ntk_run_job *job, ntk_run_state *state);
void ntk_run_state_free(ntk_run_state *state);

/** Seconds of work so far, earlier attempts included. */
double ntk_run_state_seconds(const ntk_run_state *state);

/** Records what is due at the current iteration; the discriminator is trained, state->c holds c at the fake points. Collective. */
NTK_CHECKED ntk_error *ntk_run_state_record(ntk_run_state *state);

/** Writes the run file (root only). */
NTK_CHECKED ntk_error *ntk_run_state_write(const ntk_run_state *state);

/** Saves / restores a checkpoint (collective; the root reads and writes). Two generations are kept, sealed (io/seal.h): one that is damaged or
 *  of another run or instruction set is left alone with a warning, and the one before it is tried. Any number of ranks may load it. *found: one
 *  was loaded. */
NTK_CHECKED ntk_error *ntk_run_state_save(ntk_run_state *state);
NTK_CHECKED ntk_error *ntk_run_state_load(ntk_run_state *state, bool *found);

#endif
