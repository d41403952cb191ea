/** One run: build from settings, iterate, record, checkpoint. Knows nothing of scheduling. */
#ifndef NTK_RUN_RUN_H
#define NTK_RUN_RUN_H

#include <stdbool.h>

#include "base/comm.h"
#include "base/log.h"
#include "config/value.h"

typedef struct {
  const ntk_value *settings; /* checked and flat (config/study.h) */
  const char *id, *label;
  int repetition;
  const char *file;                /* where runs/<id>.h5 goes */
  const char *checkpoint;          /* where its checkpoint goes (the one before it: .previous); a valid one is resumed from. NULL: none */
  double checkpoint_seconds;       /* a checkpoint when so much time has passed since the last */
  long long checkpoint_iterations; /* and after so many iterations; 0 = by time only */
  /** Asked on the group's root between iterations; true: save a checkpoint and return NTK_E_STOPPED. NULL: never. */
  bool (*stop)(void *context);
  /** Told on the group's root now and then (at most once a second): for progress lines. NULL: nobody asks. */
  void (*progress)(void *context, long long iteration, long long iterations);
  void *context;
  const ntk_log *log;
} ntk_run_job;

typedef struct {
  char *json;          /* one-line JSON object for the journal: {"iteration": [...], "metrics": {"loss": [...], "mmd2": [...]}}; caller frees */
  double seconds;      /* wall time of the work of all attempts that led here */
  bool has_file;       /* arrays were written to job->file (a run that records none has no file) */
  bool has_checkpoint; /* on the group's root: checkpoints are left, for the caller to remove once the outcome is safe */
} ntk_run_outcome;

/** Executes the run. Collective over the group; the error and the outcome's numbers are agreed, `json` is set on the group's root only (NULL elsewhere).
 *  On success the run file is complete. Errors: NTK_E_STOPPED (checkpoint saved); NTK_E_NONFINITE, NTK_E_NUMERIC, NTK_E_INPUT,
 *  NTK_E_CONFIG: the run failed, the group can go on; NTK_E_MEMORY, NTK_E_IO likewise but the system's fault; NTK_E_MPI: the group is lost. */
NTK_CHECKED ntk_error *ntk_run_execute(const ntk_comm *group, const ntk_run_job *job, ntk_run_outcome *outcome);

/** What a run will need on one rank of a group of `ranks`: from settings and files' headers only. Refuses what ntk_run_execute would for contradictions in
 *  them (NTK_E_CONFIG "FILE:LINE:COLUMN: key: ...", NTK_E_INPUT). Not collective. */
typedef struct {
  double seconds;      /* on one core, at nominal rates (run/estimate.c) */
  double step_seconds; /* of one iteration with all that may be recorded there: so long until a checkpoint can be made */
  double memory_bytes; /* a rank */
  double node_bytes;   /* and once for all its ranks on a node */
  double output_bytes; /* of its run file */
  bool arrays;         /* records arrays, so it will have a run file */
} ntk_run_need;
NTK_CHECKED ntk_error *ntk_run_estimate(const ntk_value *settings, int ranks, ntk_run_need *out);

/** Versions and settings of this build for attributes and `ntkgan version`: calls `add(context, name, value)` for each pair
 *  (ntkgan, git_revision, compiler, flags, mpi, hdf5, libyaml, openblas, elpa or scalapack, instruction_set, blas_core). */
void ntk_run_provenance(void (*add)(void *context, const char *name, const char *value), void *context);

#endif
