/** The master's desk: journal, ledger, lock, progress and index of a job, whoever does the runs. On rank 0 only; no MPI. */
#ifndef NTK_STUDY_DESK_H
#define NTK_STUDY_DESK_H

#include "study/batch.h"
#include "study/folder.h"
#include "study/journal.h"
#include "study/ledger.h"
#include "study/outlook.h"
#include "study/plan.h"
#include "study/task.h"

/* Runs that a worker may hold. */
enum { NTK_AHEAD = 32 };

typedef struct {
  size_t row;
  ntk_active active;
  double start; /* ntk_clock() */
} ntk_desk_run;

typedef struct {
  const ntk_log *log;
  const ntk_batch_options *options;
  ntk_study *study;
  ntk_limits limits;
  ntk_folder folder;
  ntk_lock lock;
  ntk_ledger *ledger;
  ntk_journal *journal;
  char *journal_path;
  size_t *todo, todo_count; /* rows to run now */
  ntk_desk_run *running;
  size_t running_count;
  size_t *place;           /* of each row at work in `running`, counted from 1; 0 = not at work */
  double estimated, taken; /* core seconds of the runs done here: as planned, as it was */
  double deadline;         /* ntk_clock() when the job is to stop; INFINITY = no limit is known */
  char (*settled)[17];     /* done runs whose checkpoints go once the journal is safe */
  size_t settled_count, settled_capacity;
  bool stopping, system_failed;
  bool terminal; /* progress is a live line */
  double since, next_stop_check, next_beat, next_line, next_index;
} ntk_desk;

/** Locks the folder, reads what was done, plans, and finds what is to be run. NTK_E_IO when another job is at work there. `root` is the
 *  folder. On error the desk still needs ntk_desk_close. */
NTK_CHECKED ntk_error *ntk_desk_open(ntk_study *study, const ntk_batch_options *options, const char *root, const char *text, const ntk_limits *limits,
                                     const ntk_log *log, ntk_desk *desk);

/** What is still to be done of the selected runs: fills desk->todo; records as failed what cannot be run (desk_todo.c). */
NTK_CHECKED ntk_error *ntk_desk_find_todo(ntk_desk *desk);

/** A run begins: the journal says so before it does. */
NTK_CHECKED ntk_error *ntk_desk_begin(ntk_desk *desk, size_t row);
void ntk_desk_progress(ntk_desk *desk, size_t row, const ntk_progress *progress);
/** A run ended: its outcome goes to the journal. */
NTK_CHECKED ntk_error *ntk_desk_end(ntk_desk *desk, size_t row, const ntk_outcome *outcome, const char *text);

/** How much longer runs take than planned, by those that are done; 1 = not known yet. */
double ntk_desk_rate(const ntk_desk *desk);
/** Seconds that a run at work is expected to need still. */
double ntk_desk_seconds_left(const ntk_desk *desk, size_t row);
/** Whether the run can get to a checkpoint before the job's time is over. */
bool ntk_desk_in_time(const ntk_desk *desk, size_t row);

/** Has a look at the clock: syncs the journal, looks for the stop file and for signals (desk->stopping), tells onlookers, writes the index.
 *  Cheap when nothing is due. */
NTK_CHECKED ntk_error *ntk_desk_tick(ntk_desk *desk);

/** Everything is over: index, summary, exit status. */
NTK_CHECKED ntk_error *ntk_desk_finish(ntk_desk *desk, int *status);
NTK_CHECKED ntk_error *ntk_desk_close(ntk_desk *desk);

/** One line to the journal and to the ledger; `made` is what the event function that made *json returned. Frees *json. */
NTK_CHECKED ntk_error *ntk_desk_note(ntk_desk *desk, ntk_error *made, char **json);
/** A line for people that does not mix with the live line. */
void ntk_desk_say(ntk_desk *desk, ntk_log_level level, const char *format, ...) NTK_PRINTF(3, 4);

#endif
