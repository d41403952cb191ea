/** Starting this program under mpirun and looking after it. No MPI in this process. */
#ifndef NTK_STUDY_LAUNCH_H
#define NTK_STUDY_LAUNCH_H

#include <stdbool.h>

#include "base/err.h"
#include "base/log.h"

/** True inside a job started by mpirun or srun (OMPI_COMM_WORLD_SIZE, PMIX_RANK, ...). */
bool ntk_launch_inside(void);

/** Workers this process may use: its CPU affinity, SLURM_NTASKS and the like when set. >= 1. */
int ntk_launch_cores(void);

/** To be called before MPI starts in this process: one BLAS thread a rank however the ranks were started (so that their number changes no
 *  bits), and a process that was not started by mpirun becomes a world of one without helper processes. */
void ntk_launch_prepare(void);

/** Runs `mpirun -n ranks <this program> argv[1..]` and waits; signals SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGXCPU are passed on.
 *  Uses what root and oversubscription need, one BLAS thread a rank, explicit binding. With `supervise`, a job that died from a rank's death
 *  (signal, out of memory) is started again, up to a bound, with a line in the log. `saves`: the job is asked to stop, with its state saved, before it
 *  is made to. *status = exit status for main. */
NTK_CHECKED ntk_error *ntk_launch(char *const *argv, int ranks, bool supervise, bool saves, const ntk_log *log, int *status);

/** What a rank's process should exit with: `status`, or, when ntk_launch() started the job, 0 after rank 0 has left the status for it (so
 *  that mpirun prints no banner about a run that failed or stopped in good order). */
int ntk_launch_exit(int status);

/* For a job at work; each does nothing, or says no, where ntk_launch() did not start it. */

/** Tells the supervisor that a run began or ended: a job that died after that is worth starting again. Rank 0. */
void ntk_launch_tell(void);
/** Whether the job was started again because the one before it died of a rank's death. */
bool ntk_launch_restarted(void);
/** Whether standard error is a terminal behind mpirun's pipe. */
bool ntk_launch_terminal(void);

/** NTK_E_USAGE with the remedy when srun started several copies of this program that do not know of each other. `world`: how many ranks MPI
 *  says there are; 0 before MPI was started, which in such a copy only ends it without a useful word. */
NTK_CHECKED ntk_error *ntk_launch_check_single(int world);
/** False in all but one of such copies: one message is enough. */
bool ntk_launch_speaks(void);

#endif
