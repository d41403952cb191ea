/** A study as a batch job of Slurm: how large, with which script, and its submission. No MPI. */
#ifndef NTK_STUDY_SUBMIT_H
#define NTK_STUDY_SUBMIT_H

#include "base/text.h"
#include "study/batch.h"

/** What the job asks for. */
typedef struct {
  int workers;
  long long memory_mib; /* a worker */
  long long minutes;    /* time limit */
} ntk_job_size;

/** Workers that bring `totals` (summed for any number of them) to about an hour, and one a run at most. >= 1. */
int ntk_submit_workers(const ntk_batch_totals *totals);

/** With margins: twice the estimated time, a quarter more memory. More than a day is left to requeueing. */
ntk_job_size ntk_submit_size(const ntk_batch_totals *totals, int workers);

/** The batch script: asks for `size`, runs `program run` on the study, and queues the job again when the time limit cut it short. In an array
 *  job every task takes a shard. `folder`: of the results. */
void ntk_submit_script(const char *program, const ntk_batch_options *options, const char *folder, const char *name, const ntk_job_size *size,
                       ntk_text *out);

/** Runs `sbatch --parsable arguments... path`; *job (free()) is the job's number. NTK_E_IO when there is no sbatch or it refuses; what it
 *  says goes to standard error. */
NTK_CHECKED ntk_error *ntk_submit_send(const char *path, const char *const *arguments, size_t count, char **job);

#endif
