#include "study/desk.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "io/file.h"
#include "kernel/kernel.h"
#include "study/deadline.h"
#include "study/event.h"
#include "study/index.h"
#include "study/launch.h"
#include "study/stop.h"

enum { MOST_TOLD = 200 }; /* running runs named in the lock file */
static const double stop_check_seconds = 0.5, beat_seconds = 2, index_seconds = 10, plain_line_seconds = 60, live_line_seconds = 0.5;
static const double index_share = 0.02;          /* of the time may go into rewriting the index */
static const double least_space = 4 * 1048576.0; /* bytes: a journal and an index must fit */

/* --- notes ---------------------------------------------------------------------------------------------------------------------- */

ntk_error *ntk_desk_note(ntk_desk *desk, ntk_error *made, char **json) {
  ntk_error *err = made;
  if (!err) err = ntk_journal_append(desk->journal, *json);
  if (!err) err = ntk_ledger_apply(desk->ledger, *json, strlen(*json));
  free(*json);
  return err;
}

void ntk_desk_say(ntk_desk *desk, ntk_log_level level, const char *format, ...) {
  char text[2048];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (desk->terminal && desk->log->stream) fputs("\r\x1b[K", desk->log->stream);
  ntk_log_line(desk->log, level, "%s", text);
  desk->next_line = desk->terminal ? 0 : desk->next_line;
}

/* --- opening -------------------------------------------------------------------------------------------------------------------- */

/* Writes a file of the folder unless it has this content already; by a name of the shard's own first, since shards that start at once write the
 * same file. *before (free()): what it had, NULL where that is the same or nothing. */
static ntk_error *keep_file(const ntk_folder *folder, const char *name, const char *text, size_t length, char **before) {
  char *path = NULL, *own = NULL, *old = NULL;
  size_t old_length = 0;
  *before = NULL;
  NTK_TRY(ntk_path(&path, "%s/%s", folder->root, name));
  ntk_error *unread = ntk_file_exists(path) ? ntk_file_read(path, (size_t)1 << 40, &old, &old_length) : NULL, *err = NULL;
  ntk_error_free(&unread);
  if (!old || old_length != length || memcmp(old, text, length) != 0) {
    *before = old;
    old = NULL;
    err = ntk_path(&own, "%s/log/%s-%d", folder->root, name, folder->shard);
    if (!err) err = ntk_file_write(own, text, length);
    if (!err && rename(own, path)) err = ntk_fail_errno(errno, "cannot rename %s to %s", own, path);
  }
  free(old);
  free(own);
  free(path);
  return err;
}

static int line_length(const char *text) { return (int)strcspn(text, "\n"); }

/* The first line in which a changed study differs from the one that the folder was made with. */
static void tell_difference(ntk_desk *desk, const char *before, const char *now) {
  int line = 1;
  for (; *before && *now; line++) {
    int length = line_length(now);
    if (length != line_length(before) || memcmp(before, now, (size_t)length) != 0) break;
    before += length + (before[length] != '\0');
    now += length + (now[length] != '\0');
  }
  ntk_desk_say(desk, NTK_LOG_INFO, "%s: the study has changed since, first in line %d: '%.*s', which was '%.*s'", desk->folder.root, line,
               line_length(now), now, line_length(before), before);
}

static ntk_error *keep_plan(ntk_desk *desk, const char *study_text) {
  char *plan = NULL, *before = NULL, *plan_before = NULL;
  size_t strangers = ntk_ledger_strangers(desk->ledger);
  NTK_TRY(ntk_event_plan(desk->ledger, &plan));
  ntk_error *err = keep_file(&desk->folder, "study.yaml", study_text, strlen(study_text), &before);
  if (!err) err = keep_file(&desk->folder, "plan.jsonl", plan, strlen(plan), &plan_before);
  if (!err && before) tell_difference(desk, before, study_text);
  if (!err && strangers > 0)
    ntk_desk_say(desk, NTK_LOG_WARNING, "%s: %zu run%s that the folder holds %s not part of this study (any more); nothing of them is touched",
                 desk->folder.root, strangers, strangers == 1 ? "" : "s", strangers == 1 ? "is" : "are");
  free(plan);
  free(before);
  free(plan_before);
  return err;
}

static ntk_error *remove_stop_file(ntk_desk *desk) {
  char *path = NULL;
  NTK_TRY(ntk_path(&path, "%s/stop", desk->folder.root));
  if (unlink(path) == 0) ntk_desk_say(desk, NTK_LOG_INFO, "removed %s, which asked an earlier job to stop", path);
  free(path);
  return NULL;
}

static ntk_error *check_space(ntk_desk *desk) {
  struct statvfs about;
  double needed = 0;
  if (statvfs(desk->folder.root, &about) != 0) return NULL;
  double there = (double)about.f_bavail * (double)about.f_frsize;
  for (size_t i = 0; i < desk->todo_count; i++) needed += desk->ledger->rows[desk->todo[i]].output_bytes;
  if (there < least_space) return ntk_fail(NTK_E_IO, "%s: the disk is full", desk->folder.root);
  if (needed > there)
    ntk_desk_say(desk, NTK_LOG_WARNING, "the run files may take %.3g GiB, and %s has %.3g GiB left", needed / 1073741824.0, desk->folder.root,
                 there / 1073741824.0);
  return NULL;
}

static ntk_error *open_journal(ntk_desk *desk) {
  char *json = NULL;
  size_t selected = 0;
  NTK_TRY(ntk_plan_count(desk->ledger, desk->options, &selected));
  NTK_TRY(ntk_path(&desk->journal_path, "%s/journal-%d.jsonl", desk->folder.root, desk->folder.shard));
  NTK_TRY(ntk_journal_open(desk->journal_path, &desk->journal));
  ntk_job_facts facts = {desk->limits.workers, desk->folder.shard, desk->folder.shards, selected, desk->options->sets, desk->options->set_count};
  return ntk_desk_note(desk, ntk_event_job(&facts, &json), &json);
}

static void tell_deadline(ntk_desk *desk) {
  double left = ntk_deadline_left();
  if (!isfinite(left)) return;
  desk->deadline = ntk_clock() + left - ntk_deadline_margin(left);
  ntk_text text = NTK_TEXT;
  ntk_write_duration(&text, left);
  if (!text.failed) ntk_desk_say(desk, NTK_LOG_INFO, "the allocation ends in %s", text.bytes);
  ntk_text_free(&text);
}

ntk_error *ntk_desk_open(ntk_study *study, const ntk_batch_options *options, const char *root, const char *text, const ntk_limits *limits,
                         const ntk_log *log, ntk_desk *desk) {
  *desk = (ntk_desk){
      .log = log, .options = options, .study = study, .limits = *limits, .lock = NTK_LOCK, .since = ntk_clock_wall(), .deadline = INFINITY};
  desk->terminal = log && log->stream && (ntk_launch_terminal() || isatty(fileno(log->stream)));
  NTK_TRY(ntk_folder_create(root, options->shard, options->shards > 1 ? options->shards : 1, &desk->folder));
  NTK_TRY(ntk_lock_take(&desk->folder, &desk->lock));
  NTK_TRY(remove_stop_file(desk));
  NTK_TRY(ntk_ledger_load(root, false, log, &desk->ledger));
  NTK_TRY(ntk_plan_rows(study, limits, options, root, desk->ledger));
  NTK_TRY(NTK_NEW((size_t)limits->workers * NTK_AHEAD, &desk->running));
  NTK_TRY(NTK_NEW(desk->ledger->row_count, &desk->place));
  NTK_TRY(keep_plan(desk, text));
  NTK_TRY(open_journal(desk));
  NTK_TRY(ntk_desk_find_todo(desk));
  NTK_TRY(check_space(desk));
  desk->next_index = ntk_clock() + index_seconds;
  tell_deadline(desk);
  return NULL;
}

/* --- runs ----------------------------------------------------------------------------------------------------------------------- */

ntk_error *ntk_desk_begin(ntk_desk *desk, size_t row) {
  const ntk_row *r = &desk->ledger->rows[row];
  const ntk_record *record = ntk_ledger_find(desk->ledger, r->id);
  char mark[NTK_MARK_BYTES], *json = NULL;
  NTK_TRY(ntk_folder_checkpoint(desk->folder.root, r->id, mark));
  if (record && *mark && record->instruction_set && strcmp(record->instruction_set, ntk_kernel_isa()) != 0)
    ntk_desk_say(desk, NTK_LOG_WARNING, "%s: began with instruction set %s, this machine uses %s", r->label, record->instruction_set,
                 ntk_kernel_isa());
  NTK_TRY(ntk_desk_note(
      desk, ntk_event_started(desk->ledger, r, record ? record->starts + 1 : 1, desk->limits.workers, ntk_kernel_isa(), mark, &json), &json));
  ntk_launch_tell();
  ntk_desk_run *run = &desk->running[desk->running_count];
  desk->place[row] = ++desk->running_count;
  *run = (ntk_desk_run){.row = row, .start = ntk_clock()};
  memcpy(run->active.id, r->id, sizeof run->active.id);
  return NULL;
}

void ntk_desk_progress(ntk_desk *desk, size_t row, const ntk_progress *progress) {
  if (!desk->place[row]) return;
  ntk_active *active = &desk->running[desk->place[row] - 1].active;
  active->iteration = progress->iteration;
  active->iterations = progress->iterations;
}

static void forget(ntk_desk *desk, size_t row) {
  if (!desk->place[row]) return;
  size_t at = desk->place[row] - 1;
  desk->running[at] = desk->running[--desk->running_count];
  desk->place[desk->running[at].row] = at + 1;
  desk->place[row] = 0;
}

double ntk_desk_rate(const ntk_desk *desk) { return desk->estimated > 0 && desk->taken > 0 ? desk->taken / desk->estimated : 1; }

double ntk_desk_seconds_left(const ntk_desk *desk, size_t row) {
  const ntk_row *r = &desk->ledger->rows[row];
  double expected = r->seconds / r->group * ntk_desk_rate(desk);
  if (!desk->place[row]) return expected;
  const ntk_desk_run *run = &desk->running[desk->place[row] - 1];
  double elapsed = ntk_clock() - run->start;
  if (run->active.iteration > 0) return elapsed * (double)(run->active.iterations - run->active.iteration) / (double)run->active.iteration;
  return fmax(expected - elapsed, 0);
}

bool ntk_desk_in_time(const ntk_desk *desk, size_t row) {
  const ntk_row *r = &desk->ledger->rows[row];
  return ntk_clock() + r->step_seconds / r->group * ntk_desk_rate(desk) < desk->deadline;
}

static ntk_error *settle(ntk_desk *desk, const char *id) {
  if (desk->settled_count == desk->settled_capacity) {
    size_t capacity = desk->settled_capacity ? 2 * desk->settled_capacity : 16;
    char(*settled)[17] = realloc(desk->settled, capacity * sizeof *settled);
    if (!settled) return ntk_fail(NTK_E_MEMORY, "out of memory");
    desk->settled = settled;
    desk->settled_capacity = capacity;
  }
  memcpy(desk->settled[desk->settled_count++], id, 17);
  return NULL;
}

/* Syncs the journal (at once when `now`); what it then holds for good needs no checkpoint any more. */
static ntk_error *sync_journal(ntk_desk *desk, bool now) {
  NTK_TRY(ntk_journal_sync(desk->journal, now));
  if (ntk_journal_pending(desk->journal)) return NULL;
  while (desk->settled_count > 0) NTK_TRY(ntk_folder_forget(desk->folder.root, desk->settled[--desk->settled_count]));
  return NULL;
}

ntk_error *ntk_desk_end(ntk_desk *desk, size_t row, const ntk_outcome *outcome, const char *text) {
  const ntk_row *r = &desk->ledger->rows[row];
  char *json = NULL;
  ntk_error *made = NULL;
  ntk_code code = (ntk_code)outcome->code;
  forget(desk, row);
  ntk_launch_tell();
  if (code == NTK_OK) {
    ntk_done_facts facts = {outcome->seconds, outcome->has_file, outcome->file_bytes, outcome->hash, text ? text : "{}"};
    made = ntk_event_done(desk->ledger, r, &facts, &json);
    desk->estimated += r->seconds;
    desk->taken += outcome->seconds * r->group;
    if (outcome->has_checkpoint) made = ntk_error_join(made, settle(desk, r->id));
  } else if (code == NTK_E_STOPPED) {
    made = ntk_event_plain("stopped", r->id, &json);
    desk->stopping = true;
  } else {
    ntk_desk_say(desk, NTK_LOG_WARNING, "%s failed: %s", r->label, text ? text : ntk_code_word(code));
    made = ntk_event_failed(desk->ledger, r, ntk_code_word(code), text ? text : ntk_code_word(code), &json);
    desk->system_failed = desk->system_failed || ntk_code_status(code) == 3;
  }
  return ntk_desk_note(desk, made, &json);
}

/* --- the clock ------------------------------------------------------------------------------------------------------------------ */

static bool selected_row(const void *context, const ntk_row *row) { return ntk_plan_selected(row, context); }

static ntk_error *look(ntk_desk *desk, ntk_outlook *outlook) {
  ntk_active *active = NULL;
  NTK_TRY(NTK_NEW(desk->running_count, &active));
  for (size_t i = 0; i < desk->running_count; i++) {
    active[i] = desk->running[i].active;
    active[i].elapsed = ntk_clock() - desk->running[i].start;
  }
  ntk_outlook_see(desk->ledger, selected_row, desk->options, active, desk->running_count, desk->limits.workers, outlook);
  free(active);
  return NULL;
}

/* The longest iteration of those at work: so long a run may need until it can save. */
static double longest_iteration(const ntk_desk *desk) {
  double longest = 0;
  for (size_t i = 0; i < desk->running_count; i++) {
    const ntk_desk_run *run = &desk->running[i];
    if (run->active.iteration > 0) longest = fmax(longest, (ntk_clock() - run->start) / (double)run->active.iteration);
  }
  return longest;
}

static ntk_error *check_stop(ntk_desk *desk) {
  char *path = NULL;
  if (ntk_stop_signal() && !desk->stopping) {
    desk->stopping = true;
    ntk_desk_say(desk, NTK_LOG_INFO, "asked to stop: saving what is running");
  }
  if (desk->stopping || ntk_clock() < desk->next_stop_check) return NULL;
  desk->next_stop_check = ntk_clock() + stop_check_seconds;
  if (isfinite(desk->deadline) && ntk_clock() + longest_iteration(desk) > desk->deadline) {
    desk->stopping = true;
    ntk_desk_say(desk, NTK_LOG_INFO, "the time limit is near: saving what is running");
    return NULL;
  }
  NTK_TRY(ntk_path(&path, "%s/stop", desk->folder.root));
  if (ntk_file_exists(path)) {
    desk->stopping = true;
    ntk_desk_say(desk, NTK_LOG_INFO, "asked to stop by %s: saving what is running", path);
  }
  free(path);
  return NULL;
}

static ntk_error *beat(ntk_desk *desk) {
  char host[256] = "", since[32] = "";
  struct tm parts;
  time_t start = (time_t)desk->since;
  if (ntk_clock() < desk->next_beat) return NULL;
  desk->next_beat = ntk_clock() + beat_seconds;
  gethostname(host, sizeof host - 1);
  if (localtime_r(&start, &parts)) strftime(since, sizeof since, "%Y-%m-%d %H:%M:%S", &parts);
  ntk_text text = NTK_TEXT;
  ntk_json j = NTK_JSON(&text);
  ntk_json_object(&j, NULL);
  ntk_json_string(&j, "host", host);
  ntk_json_integer(&j, "pid", (long long)getpid());
  ntk_json_string(&j, "since", since);
  ntk_json_integer(&j, "workers", desk->limits.workers);
  ntk_json_integer(&j, "shard", desk->folder.shard);
  ntk_json_integer(&j, "shards", desk->folder.shards);
  ntk_json_bool(&j, "stopping", desk->stopping);
  ntk_json_array(&j, "running");
  for (size_t i = 0; i < desk->running_count && i < MOST_TOLD; i++) {
    const ntk_desk_run *run = &desk->running[i];
    ntk_json_object(&j, NULL);
    ntk_json_string(&j, "id", run->active.id);
    ntk_json_number(&j, "elapsed", ntk_clock() - run->start);
    ntk_json_integer(&j, "iteration", run->active.iteration);
    ntk_json_integer(&j, "iterations", run->active.iterations);
    ntk_json_end_object(&j);
  }
  ntk_json_end_array(&j);
  ntk_json_end_object(&j);
  if (!text.failed) ntk_lock_tell(&desk->lock, text.bytes);
  ntk_text_free(&text);
  return NULL;
}

static ntk_error *show_progress(ntk_desk *desk) {
  ntk_outlook outlook;
  double now = ntk_clock();
  if (now < desk->next_line || !desk->log->stream) return NULL;
  bool first = desk->next_line == 0;
  desk->next_line = now + (desk->terminal ? live_line_seconds : plain_line_seconds);
  if (first && !desk->terminal) return NULL;
  ntk_text text = NTK_TEXT;
  NTK_TRY(look(desk, &outlook));
  ntk_outlook_write(&outlook, &text);
  if (desk->running_count == 1 && desk->running[0].active.iterations > 0)
    ntk_text_addf(&text, " (%s, iteration %lld of %lld)", desk->ledger->rows[desk->running[0].row].label, desk->running[0].active.iteration,
                  desk->running[0].active.iterations);
  if (!text.failed && desk->terminal) {
    fprintf(desk->log->stream, "\r\x1b[K%.150s", text.bytes);
    fflush(desk->log->stream);
  } else if (!text.failed) {
    ntk_log_line(desk->log, NTK_LOG_INFO, "%s", text.bytes);
  }
  ntk_text_free(&text);
  return NULL;
}

static ntk_error *write_index(ntk_desk *desk) {
  double start = ntk_clock();
  NTK_TRY(ntk_index_write(desk->ledger, desk->folder.root, desk->folder.shards > 1 ? desk->journal_path : NULL));
  double took = ntk_clock() - start;
  desk->next_index = ntk_clock() + fmax(index_seconds, took / index_share);
  return NULL;
}

ntk_error *ntk_desk_tick(ntk_desk *desk) {
  NTK_TRY(check_stop(desk));
  NTK_TRY(sync_journal(desk, false));
  NTK_TRY(beat(desk));
  NTK_TRY(show_progress(desk));
  if (ntk_clock() < desk->next_index) return NULL;
  ntk_error *err = write_index(desk);
  if (err) ntk_desk_say(desk, NTK_LOG_WARNING, "the index could not be written: %s", ntk_error_message(err));
  if (err) desk->next_index = ntk_clock() + index_seconds;
  ntk_error_free(&err); /* a cache: the journal holds it all */
  return NULL;
}

/* --- the end -------------------------------------------------------------------------------------------------------------------- */

ntk_error *ntk_desk_finish(ntk_desk *desk, int *status) {
  ntk_outlook outlook;
  ntk_text text = NTK_TEXT;
  NTK_TRY(sync_journal(desk, true));
  NTK_TRY(write_index(desk));
  NTK_TRY(look(desk, &outlook));
  ntk_outlook_write(&outlook, &text);
  bool left = outlook.done + outlook.failed < outlook.total;
  *status = desk->system_failed ? 3 : left ? 75 : outlook.failed ? 1 : 0;
  ntk_desk_say(desk, NTK_LOG_INFO, "%s%s: %s", *status == 75 ? "stopped, all saved; the same command goes on. " : "", desk->folder.root,
               text.bytes ? text.bytes : "");
  ntk_text_free(&text);
  return NULL;
}

ntk_error *ntk_desk_close(ntk_desk *desk) {
  ntk_error *err = ntk_journal_close(&desk->journal);
  ntk_lock_release(&desk->lock);
  ntk_ledger_free(&desk->ledger);
  ntk_folder_free(&desk->folder);
  free(desk->journal_path);
  free(desk->todo);
  free(desk->running);
  free(desk->place);
  free(desk->settled);
  return err;
}
