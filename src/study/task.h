/** One attempt at one run on a group of ranks, and the messages between the master and the groups. */
#ifndef NTK_STUDY_TASK_H
#define NTK_STUDY_TASK_H

#include "base/comm.h"
#include "base/log.h"
#include "config/study.h"

/** Message tags. */
enum { NTK_TAG_ORDER = 1, NTK_TAG_STOP, NTK_TAG_PROGRESS, NTK_TAG_NOTE, NTK_TAG_OUTCOME, NTK_TAG_GROUP };

typedef enum { NTK_ORDER_RUN, NTK_ORDER_END } ntk_order_kind;

/** From the master to each worker of a group; the first of the ranks is the group's root. */
typedef struct {
  int kind, size;  /* size: ranks of the group */
  long long index; /* of the run in the study */
  char id[17];
  int ranks[]; /* in the world */
} ntk_order;

/** Which run. */
typedef struct {
  size_t index; /* in the study */
  const char *id;
} ntk_assignment;

/** From a group's root, now and then. */
typedef struct {
  long long iteration, iterations;
} ntk_progress;

/** A line for people from a group's root: these bytes followed by the text. */
typedef struct {
  int level; /* ntk_log_level */
  int text_bytes;
} ntk_note;

/** How an attempt ended. Sent as these bytes followed by the text. */
typedef struct {
  int code; /* ntk_code */
  int has_file, has_checkpoint;
  double seconds;
  long long file_bytes, text_bytes;
  char hash[33]; /* of the run file */
} ntk_outcome;

/** What every rank knows of the study. Borrowed. */
typedef struct {
  const ntk_study *study;
  const char *root;
  const ntk_log *log;
} ntk_site;

/** Calls of the group's root while it works; see ntk_run_job. */
typedef struct {
  bool (*stop)(void *context);
  void (*progress)(void *context, long long iteration, long long iterations);
  void *context;
} ntk_calls;

/** Runs it. Collective over the group. A run's failure is an outcome, with the message as *text on the root (its result when it is done;
 *  caller frees); an error is returned only when the group is lost (NTK_E_MPI). */
NTK_CHECKED ntk_error *ntk_task_execute(const ntk_comm *group, const ntk_site *site, const ntk_assignment *assignment, const ntk_calls *calls,
                                        ntk_outcome *outcome, char **text);

/** Waits for a message from `source` with `tag` (MPI_ANY_... allowed) without burning the core: looks, then sleeps, up to a millisecond. */
NTK_CHECKED ntk_error *ntk_task_wait(const ntk_comm *world, int source, int tag, MPI_Status *status);

/** What a worker does until the master says it is over. Collective with ntk_master_run of rank 0. */
NTK_CHECKED ntk_error *ntk_worker_run(const ntk_comm *world, const ntk_site *site);

#endif
