/** The journal's vocabulary: one function a kind of line. Each gives the JSON object as text (caller frees); all carry the wall-clock time. */
#ifndef NTK_STUDY_EVENT_H
#define NTK_STUDY_EVENT_H

#include "study/ledger.h"

/** A job begins: who, with what. `sets`: the --set arguments. */
typedef struct {
  int workers, shard, shards;
  size_t runs;
  const char *const *sets;
  size_t set_count;
} ntk_job_facts;
NTK_CHECKED ntk_error *ntk_event_job(const ntk_job_facts *facts, char **json);

/** An attempt begins. `checkpoint`: mark of the checkpoint it starts from. */
NTK_CHECKED ntk_error *ntk_event_started(const ntk_ledger *ledger, const ntk_row *row, int attempt, int workers, const char *instruction_set,
                                         const char *checkpoint, char **json);

/** `result` is the run's own JSON; `hash` of its file ("" without one). */
typedef struct {
  double seconds;
  bool has_file;
  long long file_bytes;
  const char *hash, *result;
} ntk_done_facts;
NTK_CHECKED ntk_error *ntk_event_done(const ntk_ledger *ledger, const ntk_row *row, const ntk_done_facts *facts, char **json);
NTK_CHECKED ntk_error *ntk_event_failed(const ntk_ledger *ledger, const ntk_row *row, const char *problem, const char *message, char **json);

/** The attempt saved its state and gave up its place ("stopped"), or the job was ended by the death of a rank while it ran ("died"). */
NTK_CHECKED ntk_error *ntk_event_plain(const char *event, const char *id, char **json);

/** The whole plan.jsonl for the ledger's rows. */
NTK_CHECKED ntk_error *ntk_event_plan(const ntk_ledger *ledger, char **text);

#endif
