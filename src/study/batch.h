/** Front door of the study room: a whole study on the ranks at hand. Knows scheduling, journal and files, no mathematics. */
#ifndef NTK_STUDY_BATCH_H
#define NTK_STUDY_BATCH_H

#include <stdbool.h>

#include "base/comm.h"
#include "base/log.h"
#include "base/text.h"
#include "config/schema.h"

typedef struct {
  const char *study_path;  /* the YAML file */
  const char *folder;      /* -o; NULL = results/<study> */
  const char *const *sets; /* --set a.b=v */
  size_t set_count;
  const char *only;  /* glob on labels (fnmatch, '*' crosses '/'); NULL = all */
  int shard, shards; /* 1-based; 1/1 = all */
  bool retry_failed;
  int ranks; /* workers (for plan) */
  bool json;
} ntk_batch_options;

/** The study and the options are in order: what can be wrong with a request is found here. No MPI. */
NTK_CHECKED ntk_error *ntk_batch_check(const ntk_catalog *catalog, const ntk_batch_options *options);

/** Runs what is not done yet. Collective over `world`: rank 0 is the master (with size 1 it does the work itself), the others are
 *  workers in groups. *status: 0 all done, 1 some runs failed, 3 some for want of disk or memory, 75 stopped. Errors as in error.h,
 *  agreed over world; but NTK_E_MPI is returned where it was met: the job cannot go on and must be aborted. */
NTK_CHECKED ntk_error *ntk_batch_run(const ntk_comm *world, const ntk_catalog *catalog, const ntk_batch_options *options, const ntk_log *log,
                                     int *status);

/** What the selected runs need together. Estimates. */
typedef struct {
  size_t runs, left, refused; /* selected; not done yet; of these, that fit on no number of ranks there is */
  double seconds_left;        /* work of one core */
  double wall, longest;       /* seconds for what is left on all workers; of its longest run */
  double memory, output;      /* bytes: largest of a rank; of all run files */
} ntk_batch_totals;
/** Sums them up for options->ranks workers (>= 1) that have `memory_bytes` each where the settings do not say, `node_workers` on a node. *root (free()): the study's folder. No MPI. */
NTK_CHECKED ntk_error *ntk_batch_sum(const ntk_catalog *catalog, const ntk_batch_options *options, double memory_bytes, int node_workers,
                                     ntk_batch_totals *out, char **root);

/** Tables (or JSON) for people into `out`; no MPI. */
NTK_CHECKED ntk_error *ntk_batch_plan(const ntk_catalog *catalog, const ntk_batch_options *options, ntk_text *out);
/** *over (may be NULL): nothing is running or waiting. */
NTK_CHECKED ntk_error *ntk_batch_status(const char *folder, bool json, ntk_text *out, bool *over);

/** Rebuilds index.h5 of each folder from its journals and run files. No MPI. */
NTK_CHECKED ntk_error *ntk_batch_index(const char *const *folders, size_t count, ntk_text *out);

/** Writes the self-contained file `path` from the folders of one study (pack.h); what was done goes to `out`. No MPI. */
NTK_CHECKED ntk_error *ntk_batch_pack(const char *const *folders, size_t count, const char *path, ntk_text *out);

#endif
