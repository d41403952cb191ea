#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/mem.h"
#include "io/file.h"
#include "study/desk.h"
#include "study/event.h"
#include "study/launch.h"

/* Attempts in a row that ended without a word: known to have died with their job, or lost for a reason that nobody saw (a killed job). */
enum { MOST_DEATHS = 3, MOST_LOSSES = 10 };

/* Whether the run's file is there as it was written. */
static ntk_error *file_is_whole(const ntk_desk *desk, const ntk_record *record, bool *whole) {
  struct stat about;
  char *path = NULL;
  *whole = true;
  if (!record->has_file) return NULL;
  NTK_TRY(ntk_path(&path, "%s/runs/%s.h5", desk->folder.root, record->id));
  *whole = stat(path, &about) == 0 && (long long)about.st_size == record->file_bytes;
  if (*whole && *record->hash) {
    ntk_hash hash;
    ntk_error *unread = ntk_hash_file(path, &hash);
    *whole = !unread && strcmp(hash.hex, record->hash) == 0;
    ntk_error_free(&unread);
  }
  free(path);
  return NULL;
}

/* Whether the last attempt saved a checkpoint beyond the one that it began from. */
static ntk_error *went_on(const ntk_desk *desk, const ntk_record *record, bool *further) {
  char mark[NTK_MARK_BYTES];
  NTK_TRY(ntk_folder_checkpoint(desk->folder.root, record->id, mark));
  *further = record->checkpoint && strcmp(record->checkpoint, mark) != 0;
  return NULL;
}

static ntk_error *fail_row(ntk_desk *desk, const ntk_row *row, const char *problem, const char *message) {
  char *json = NULL;
  ntk_desk_say(desk, NTK_LOG_WARNING, "%s failed: %s", row->label, message);
  return ntk_desk_note(desk, ntk_event_failed(desk->ledger, row, problem, message, &json), &json);
}

static ntk_error *refuse(ntk_desk *desk, const ntk_row *row, const ntk_record *record) {
  char *message = NULL;
  NTK_TRY(ntk_plan_refusal(desk->study, row, &desk->limits, &message));
  ntk_error *err = NULL;
  if (!record || record->state != NTK_FAILED || strcmp(record->message, message) != 0) err = fail_row(desk, row, "resources", message);
  free(message);
  return err;
}

/* A run whose process died again and again is set aside. */
static ntk_error *give_up(ntk_desk *desk, const ntk_row *row, const ntk_record *record, bool *todo) {
  bool further = false;
  int deaths = record->deaths, losses = record->losses + 1;
  if (deaths < MOST_DEATHS && losses < MOST_LOSSES) return NULL;
  NTK_TRY(went_on(desk, record, &further));
  if (further) return NULL;
  char message[160];
  snprintf(message, sizeof message, "its process died %d times in a row (out of memory, or killed); --retry-failed tries again",
           deaths >= MOST_DEATHS ? deaths : losses);
  *todo = false;
  return fail_row(desk, row, "died", message);
}

static ntk_error *judge(ntk_desk *desk, const ntk_row *row, bool *todo) {
  const ntk_record *record = ntk_ledger_find(desk->ledger, row->id);
  ntk_state state = record ? record->state : NTK_WAITING;
  bool whole = true;
  *todo = false;
  if (state == NTK_DONE) {
    NTK_TRY(file_is_whole(desk, record, &whole));
    if (!whole) ntk_desk_say(desk, NTK_LOG_WARNING, "%s: runs/%s.h5 is missing or not as it was written; it is computed again", row->label, row->id);
    if (whole) return NULL;
  }
  if (row->group == 0) return refuse(desk, row, record);
  *todo = true;
  if (state == NTK_FAILED) {
    bool passing = strcmp(record->problem, "resources") == 0 || strcmp(record->problem, ntk_code_word(NTK_E_IO)) == 0;
    *todo = desk->options->retry_failed || passing;
  }
  return state == NTK_RUNNING ? give_up(desk, row, record, todo) : NULL;
}

/* The job before this one ended by the death of a rank: what it was running may be the reason. */
static ntk_error *mark_deaths(ntk_desk *desk) {
  size_t last = 0;
  if (!ntk_launch_restarted()) return NULL;
  for (int pass = 0; pass < 2; pass++)
    for (size_t i = 0; i < desk->ledger->row_count; i++) {
      const ntk_row *row = &desk->ledger->rows[i];
      const ntk_record *record = ntk_ledger_find(desk->ledger, row->id);
      char *json = NULL;
      if (!record || !ntk_plan_selected(row, desk->options)) continue;
      if (pass == 0 && record->job > last) last = record->job;
      if (pass == 1 && record->job == last && record->state == NTK_RUNNING)
        NTK_TRY(ntk_desk_note(desk, ntk_event_plain("died", row->id, &json), &json));
    }
  return NULL;
}

static int by_id(const void *a, const void *b, void *context) {
  const ntk_ledger *ledger = context;
  size_t x = *(const size_t *)a, y = *(const size_t *)b;
  int order = strcmp(ledger->rows[x].id, ledger->rows[y].id);
  return order ? order : x < y ? -1 : x > y;
}

/* Runs that differ in nothing but their label are computed once. */
static void drop_twins(ntk_desk *desk) {
  size_t kept = 0;
  qsort_r(desk->todo, desk->todo_count, sizeof *desk->todo, by_id, desk->ledger);
  for (size_t i = 0; i < desk->todo_count; i++)
    if (kept == 0 || strcmp(desk->ledger->rows[desk->todo[i]].id, desk->ledger->rows[desk->todo[kept - 1]].id) != 0)
      desk->todo[kept++] = desk->todo[i];
  if (kept < desk->todo_count)
    ntk_desk_say(desk, NTK_LOG_WARNING, "%zu run%s the same settings as another and %s computed once", desk->todo_count - kept,
                 desk->todo_count - kept == 1 ? " has" : "s have", desk->todo_count - kept == 1 ? "is" : "are");
  desk->todo_count = kept;
}

static bool is_todo(const ntk_desk *desk, const char *id) {
  size_t low = 0, high = desk->todo_count; /* todo is sorted by id */
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int order = strcmp(id, desk->ledger->rows[desk->todo[middle]].id);
    if (order == 0) return true;
    if (order < 0)
      high = middle;
    else
      low = middle + 1;
  }
  return false;
}

/* What killed jobs left: half-written files of the runs that begin anew, checkpoints of runs that are done. */
static bool unwanted(void *context, const char *id, bool part) {
  const ntk_desk *desk = context;
  return part ? is_todo(desk, id) : ntk_ledger_state(desk->ledger, id) == NTK_DONE && !is_todo(desk, id);
}

ntk_error *ntk_desk_find_todo(ntk_desk *desk) {
  NTK_TRY(mark_deaths(desk));
  NTK_TRY(NTK_NEW(desk->ledger->row_count, &desk->todo));
  for (size_t i = 0; i < desk->ledger->row_count; i++) {
    bool todo = false;
    if (!ntk_plan_selected(&desk->ledger->rows[i], desk->options)) continue;
    NTK_TRY(judge(desk, &desk->ledger->rows[i], &todo));
    if (todo) desk->todo[desk->todo_count++] = i;
  }
  drop_twins(desk);
  return ntk_folder_tidy(desk->folder.root, unwanted, desk);
}
