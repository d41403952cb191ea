/** The journal: an append-only text file. A line is a JSON object, a tab, 32 hexadecimal digits (hash of the JSON text), a newline.
 *  Whatever kills the writer, every line that was complete stays readable. No MPI. */
#ifndef NTK_STUDY_JOURNAL_H
#define NTK_STUDY_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/text.h"

typedef struct ntk_journal ntk_journal;

/** Opens for appending; creates the file (and makes its folder entry durable) when absent. A torn last line of an earlier writer is
 *  closed with a newline, so that nothing is ever glued to it. One writer at a time (the folder's lock sees to it). */
NTK_CHECKED ntk_error *ntk_journal_open(const char *path, ntk_journal **out);

/** Hands one line to the operating system: from then on it survives the death of this process. `json`: an object, one line. */
NTK_CHECKED ntk_error *ntk_journal_append(ntk_journal *journal, const char *json);

/** fsync, so that lines survive the machine too: at once when `now`, else only when the oldest line not yet synced is older than 0.2 s. */
NTK_CHECKED ntk_error *ntk_journal_sync(ntk_journal *journal, bool now);

/** Whether lines wait for a sync. */
bool ntk_journal_pending(const ntk_journal *journal);

/** Syncs and closes; frees *journal. NULL-safe. */
NTK_CHECKED ntk_error *ntk_journal_close(ntk_journal **journal);

/** Where a reader stands. Start with zeros; a second call goes on where the first stopped. */
typedef struct {
  long long offset;      /* bytes consumed: up to the last complete line */
  size_t lines, damaged; /* complete lines seen; those among them that were ignored */
  size_t first_damaged;  /* line number (from 1) of the first ignored one; 0 = none */
  bool torn;             /* bytes without a newline follow (a writer was killed, or is writing now) */
} ntk_journal_position;

/** Gives every valid line's JSON text (NUL-terminated, `length` bytes, valid during the call) to `each`, in order; damaged and
 *  foreign lines are counted and skipped. A missing file has no lines. Stops at the first error of `each`. NTK_E_IO when unreadable. */
NTK_CHECKED ntk_error *ntk_journal_read(const char *path, ntk_journal_position *position,
                                        ntk_error *(*each)(void *context, const char *json, size_t length), void *context);

/** Adds the line for `json` to a text (for files of the same form that are written whole). */
void ntk_journal_line(ntk_text *text, const char *json);

#endif
