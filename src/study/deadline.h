/** How long a job may go on: the end of its allocation. No MPI. */
#ifndef NTK_STUDY_DEADLINE_H
#define NTK_STUDY_DEADLINE_H

#include <stdbool.h>

/** Seconds until the allocation ends: SLURM_JOB_END_TIME, else what squeue says of SLURM_JOB_ID; INFINITY when there is no limit or none is known.
 *  May take seconds (squeue). */
double ntk_deadline_left(void);

/** Slurm's notation of a time: "MM:SS", "HH:MM:SS", "DAYS-HH:MM:SS"; also "MM". False for anything else ("UNLIMITED", "INVALID"). */
bool ntk_deadline_parse(const char *text, double *seconds);

/** Seconds before the end at which the runs are told to save: some, but not much of a short allocation of `left` seconds. */
double ntk_deadline_margin(double left);

#endif
