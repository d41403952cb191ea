/** The plan: the study's runs with their ids, needs and group sizes, and the order of those that are to be run now. No MPI. */
#ifndef NTK_STUDY_PLAN_H
#define NTK_STUDY_PLAN_H

#include "config/study.h"
#include "run/run.h"
#include "study/batch.h"
#include "study/ledger.h"

/** What the machine offers. Declared limits only, so that the same command plans the same twice. */
typedef struct {
  int workers;
  double memory_bytes; /* a rank, where the settings do not say */
  int node_workers;    /* that share a node */
} ntk_limits;

/** Memory that a rank may use when `ranks_per_node` share this node: installed memory, or the job's limit (SLURM_MEM_PER_NODE, SLURM_MEM_PER_CPU, the
 *  container's), divided. */
double ntk_limits_memory(int ranks_per_node);

/** What a run of `ranks` ranks needs; a function, so that tests can ask invented runs. */
typedef struct {
  ntk_error *(*ask)(void *context, int ranks, ntk_run_need *need);
  void *context;
} ntk_estimator;

/** How many ranks share one run. */
typedef struct {
  int wanted;          /* resources.ranks_per_run; 0 = auto */
  int before;          /* ranks of an earlier attempt that left a checkpoint; 0 = none */
  size_t runs;         /* runs that share the workers */
  double memory_bytes; /* limit a rank */
} ntk_group_rule;

typedef struct {
  int ranks;         /* 0: does not fit on the workers there are */
  int needed;        /* ranks it would need then; 0 = more than 2^20 */
  ntk_run_need need; /* at `ranks`, or at all workers when it does not fit */
} ntk_group_choice;

/** auto: the number before where that fits, else the smallest whose memory fits, or the workers' equal share when there are fewer runs
 *  than workers. */
NTK_CHECKED ntk_error *ntk_plan_group(const ntk_estimator *estimator, const ntk_group_rule *rule, int workers, ntk_group_choice *out);

/** Fills the ledger's axes and rows (all runs of the study; ledger without rows). The selected runs share the workers; a row that fits
 *  nowhere has group = 0. `root`: folder whose checkpoints keep their number of ranks; NULL = none. Reads data files (ids). */
NTK_CHECKED ntk_error *ntk_plan_rows(ntk_study *study, const ntk_limits *limits, const ntk_batch_options *options, const char *root,
                                     ntk_ledger *ledger);

/** Whether --only lets this label through. */
bool ntk_plan_matches(const char *label, const ntk_batch_options *options);

/** Whether --only and --shard leave this row in. */
bool ntk_plan_selected(const ntk_row *row, const ntk_batch_options *options);

/** Number of selected rows; NTK_E_USAGE when --only matches none. */
NTK_CHECKED ntk_error *ntk_plan_count(const ntk_ledger *ledger, const ntk_batch_options *options, size_t *count);

/** Why a row does not fit, with the ranks it would need. */
NTK_CHECKED ntk_error *ntk_plan_refusal(ntk_study *study, const ntk_row *row, const ntk_limits *limits, char **message);

#endif
