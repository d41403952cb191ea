/** The ledger: what is known about the runs of a study, put together from the plan (plan.jsonl: the study's runs in order) and the
 *  journals of all shards. Built by applying journal lines one by one, the same way from a file and while a job is at work. No MPI. */
#ifndef NTK_STUDY_LEDGER_H
#define NTK_STUDY_LEDGER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/log.h"
#include "study/journal.h"

typedef enum { NTK_WAITING, NTK_RUNNING, NTK_DONE, NTK_FAILED } ntk_state;
const char *ntk_state_word(ntk_state state);

/** The history of one run id. Text belongs to the record. */
typedef struct {
  char id[17];
  char *label;
  int repetition;
  size_t axis_count;
  char **axis_paths, **axis_labels;
  ntk_state state;
  double time;           /* of the last event, seconds since 1970 */
  size_t source;         /* the journal that it stood in */
  double seconds;        /* of the work, when done */
  int starts;            /* attempts so far */
  size_t job;            /* the job of the last attempt: a count over the journals as read */
  int losses;            /* attempts in a row that ended without a word and without a newer checkpoint */
  int deaths;            /* those among them whose job is known to have died of a rank's death */
  int group;             /* ranks of the last attempt; 0 = never started */
  char *checkpoint;      /* mark of the checkpoint that the last attempt started from; "" = none */
  char *instruction_set; /* of the last attempt */
  bool has_file;
  long long file_bytes;
  char hash[33]; /* of the run file; "" = none */
  char *problem; /* class of the failure: a word of the error codes, "resources" or "died" */
  char *message;
  char *result; /* JSON object {"iteration": [...], "metrics": {...}} when done */
} ntk_record;

/** One run of the study as planned. Text belongs to the row. */
typedef struct {
  size_t index; /* in the study */
  char id[17];
  char *label;
  int repetition;
  char **axes;                                /* label on each axis */
  double seconds, memory_bytes, output_bytes; /* estimates: on one core, a rank, of the run file */
  double step_seconds;                        /* estimate: the longest time to where a checkpoint can be made, on one core */
  int group;                                  /* ranks */
} ntk_row;

typedef struct {
  char *name; /* of the study; NULL when no plan was found */
  size_t axis_count;
  char **axes; /* swept paths */
  size_t row_count, row_capacity;
  ntk_row *rows;
  size_t record_count, record_capacity;
  ntk_record *records;
  size_t *slots, slot_count; /* hash table over records: index + 1, 0 = empty */
  size_t jobs;               /* job lines seen */
  size_t source;             /* the journal being read, from 1; 0 = this job's own events */
  size_t journal_count;
  char **journals;
  ntk_journal_position *positions;
} ntk_ledger;

NTK_CHECKED ntk_error *ntk_ledger_create(ntk_ledger **out);
void ntk_ledger_free(ntk_ledger **ledger);

/** The folder's plan (when `with_plan` and present) and all journals. Damaged lines are told to `log` as warnings, never an error.
 *  Without a plan the rows are made from the journals. */
NTK_CHECKED ntk_error *ntk_ledger_load(const char *root, bool with_plan, const ntk_log *log, ntk_ledger **out);

/** The same for a folder that must hold a study, with its plan: NTK_E_INPUT where it does not. Damage goes unmentioned. */
NTK_CHECKED ntk_error *ntk_ledger_load_known(const char *folder, ntk_ledger **ledger);

/** Adds the runs of another folder to `into`: of a run that both know, what is done counts. `from` is left to be freed. NTK_E_INPUT when the
 *  swept settings are others. */
NTK_CHECKED ntk_error *ntk_ledger_merge(ntk_ledger *into, ntk_ledger *from);

/** Reads what was appended since to the journals, but for `own` (a path; NULL = none), and journals that are new. */
NTK_CHECKED ntk_error *ntk_ledger_refresh(ntk_ledger *ledger, const char *root, const char *own);

/** Applies one journal line's JSON. Lines of unknown events are ignored. */
NTK_CHECKED ntk_error *ntk_ledger_apply(ntk_ledger *ledger, const char *json, size_t length);

/** NULL when nothing is known of this id. Valid until the next line is applied. */
ntk_record *ntk_ledger_find(const ntk_ledger *ledger, const char *id);
NTK_CHECKED ntk_error *ntk_ledger_find_or_add(ntk_ledger *ledger, const char *id, ntk_record **out);
ntk_state ntk_ledger_state(const ntk_ledger *ledger, const char *id);

/** Nobody is at work: what is marked as running was interrupted and waits. */
void ntk_ledger_interrupt(ntk_ledger *ledger);

/** Rows made from the records, for folders whose plan is missing. */
NTK_CHECKED ntk_error *ntk_ledger_rows_from_records(ntk_ledger *ledger);

/** Number of records that no row names: runs of an earlier form of the study. */
size_t ntk_ledger_strangers(const ntk_ledger *ledger);

#endif
