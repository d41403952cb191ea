/** The folder of a study: its layout, its lock, its stop file. No MPI. */
#ifndef NTK_STUDY_FOLDER_H
#define NTK_STUDY_FOLDER_H

#include <stdbool.h>

#include "base/err.h"
#include "base/text.h"
#include "io/seal.h"

/** Path made printf-style; caller frees. */
NTK_CHECKED ntk_error *ntk_path(char **out, const char *format, ...) NTK_PRINTF(2, 3);

typedef struct {
  char *root;
  int shard, shards;
} ntk_folder;

/** Makes root, runs/, checkpoints/ and log/. `shard` of `shards` is the part this job works on. */
NTK_CHECKED ntk_error *ntk_folder_create(const char *root, int shard, int shards, ntk_folder *out);
void ntk_folder_free(ntk_folder *folder);

/** A mark of the run's checkpoint that changes when the run gets further: "iteration 120"; "" = there is none. */
enum { NTK_MARK_BYTES = NTK_SEAL_NOTE_BYTES };
NTK_CHECKED ntk_error *ntk_folder_checkpoint(const char *root, const char *id, char mark[NTK_MARK_BYTES]);

/** Removes the run's checkpoints. */
NTK_CHECKED ntk_error *ntk_folder_forget(const char *root, const char *id);

/** Removes the half-written files (`part`) of runs/ and checkpoints/, and the checkpoints, that are `unwanted` for the run of that id. */
NTK_CHECKED ntk_error *ntk_folder_tidy(const char *root, bool (*unwanted)(void *context, const char *id, bool part), void *context);

/** An exclusive lock that ends with the process. A whole study (1/1) excludes every other job; shards exclude the same shard number and
 *  shards of another division. */
typedef struct {
  int whole, own; /* descriptors of DIR/lock and, for a shard, DIR/lock-<shard>; -1 = not held */
} ntk_lock;
#define NTK_LOCK \
  { -1, -1 }

/** NTK_E_IO "... is in use by pid P on host H since ..." when another job holds it (after two seconds of trying). */
NTK_CHECKED ntk_error *ntk_lock_take(const ntk_folder *folder, ntk_lock *lock);
/** Replaces the text in the lock file: who holds it and what is running now (a JSON object). Failure is not reported: it is for onlookers. */
void ntk_lock_tell(const ntk_lock *lock, const char *json);
void ntk_lock_release(ntk_lock *lock);

/** Calls `each` with the lock file's text for every job at work on the folder; from any node (a lock that cannot be seen from here
 *  counts while its text is younger than 30 s). */
NTK_CHECKED ntk_error *ntk_lock_visit(const char *root, ntk_error *(*each)(void *context, const char *json), void *context);

/** Names of the folder's journals in order ("DIR/journal-1.jsonl"), NULL-terminated; free with ntk_names_free. */
NTK_CHECKED ntk_error *ntk_folder_journals(const char *root, char ***names);
void ntk_names_free(char ***names);

#endif
