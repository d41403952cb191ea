#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "config/value.h"
#include "study/batch.h"
#include "study/folder.h"
#include "study/index.h"
#include "study/outlook.h"

enum { BAR = 40, MOST_LISTED = 50 };
static const double fresh_seconds = 5; /* a run that began so recently may be missing from what its job last told */

/* A job at work on the folder, as its lock file tells. */
typedef struct {
  char *host, *since;
  long long pid;
  int workers, shard, shards;
  bool stopping;
} owner;

typedef struct {
  owner *owners;
  size_t owner_count;
  ntk_active *active;
  size_t active_count;
  int workers; /* of all jobs */
} crew;

static void free_crew(crew *c) {
  for (size_t i = 0; i < c->owner_count; i++) {
    free(c->owners[i].host);
    free(c->owners[i].since);
  }
  free(c->owners);
  free(c->active);
}

static double number_of(const ntk_value *v, const char *key) {
  const ntk_value *item = ntk_value_get(v, key);
  return item && ntk_value_kind_of(item) == NTK_NUMBER ? ntk_value_number(item) : 0;
}

static ntk_error *add_active(crew *c, const ntk_value *running) {
  size_t count = ntk_value_count(running);
  ntk_active *active = realloc(c->active, (c->active_count + count + 1) * sizeof *active);
  if (!active) return ntk_fail(NTK_E_MEMORY, "out of memory");
  c->active = active;
  for (size_t i = 0; i < count; i++) {
    const ntk_value *item = ntk_value_item(running, i), *id = ntk_value_get(item, "id");
    if (!id || strlen(ntk_value_text(id)) > 16) continue;
    ntk_active *a = &c->active[c->active_count++];
    *a = (ntk_active){"", number_of(item, "elapsed"), (long long)number_of(item, "iteration"), (long long)number_of(item, "iterations")};
    strcpy(a->id, ntk_value_text(id));
  }
  return NULL;
}

static ntk_error *add_owner(crew *c, const ntk_value *v) {
  owner *owners = realloc(c->owners, (c->owner_count + 1) * sizeof *owners);
  if (!owners) return ntk_fail(NTK_E_MEMORY, "out of memory");
  c->owners = owners;
  owner *o = &owners[c->owner_count++];
  const ntk_value *stopping = v ? ntk_value_get(v, "stopping") : NULL;
  *o = (owner){.pid = (long long)number_of(v, "pid"),
               .workers = (int)number_of(v, "workers"),
               .shard = (int)number_of(v, "shard"),
               .shards = (int)number_of(v, "shards"),
               .stopping = stopping && ntk_value_bool(stopping)};
  c->workers += o->workers;
  NTK_TRY(ntk_copy_text(v && ntk_value_get(v, "host") ? ntk_value_text(ntk_value_get(v, "host")) : "?", &o->host));
  NTK_TRY(ntk_copy_text(v && ntk_value_get(v, "since") ? ntk_value_text(ntk_value_get(v, "since")) : "?", &o->since));
  return add_active(c, ntk_value_get(v, "running"));
}

/* For ntk_lock_visit. A text that is just being rewritten may not be readable; its owner counts all the same. */
static ntk_error *meet(void *context, const char *json) {
  ntk_arena *arena = NULL;
  const ntk_value *v = NULL;
  NTK_TRY(ntk_arena_create(&arena));
  ntk_error *unread = ntk_value_parse_json(arena, "lock", json, strlen(json), &v);
  ntk_error *err = add_owner(context, unread || ntk_value_kind_of(v) != NTK_MAP ? NULL : v);
  ntk_error_free(&unread);
  ntk_arena_free(&arena);
  return err;
}

static const ntk_active *find_active(const crew *c, const char *id) {
  for (size_t i = 0; i < c->active_count; i++)
    if (strcmp(c->active[i].id, id) == 0) return &c->active[i];
  return NULL;
}

static void interrupt_others(ntk_ledger *ledger, const crew *c) {
  double now = ntk_clock_wall();
  for (size_t i = 0; i < ledger->record_count; i++) {
    ntk_record *record = &ledger->records[i];
    bool fresh = c->owner_count > 0 && now - record->time < fresh_seconds;
    if (record->state == NTK_RUNNING && !fresh && !find_active(c, record->id)) record->state = NTK_WAITING;
  }
}

/* --- for machines --------------------------------------------------------------------------------------------------------------- */

static void write_json(const char *folder, const ntk_ledger *ledger, const crew *c, const ntk_outlook *outlook, ntk_text *out) {
  ntk_json j = NTK_JSON(out);
  ntk_json_object(&j, NULL);
  ntk_json_string(&j, "folder", folder);
  ntk_json_string(&j, "study", ledger->name ? ledger->name : "");
  ntk_json_integer(&j, "total", (long long)outlook->total);
  ntk_json_integer(&j, "done", (long long)outlook->done);
  ntk_json_integer(&j, "failed", (long long)outlook->failed);
  ntk_json_integer(&j, "running", (long long)outlook->running);
  ntk_json_integer(&j, "waiting", (long long)outlook->waiting);
  ntk_json_number(&j, "eta_seconds", outlook->eta_seconds);
  ntk_json_array(&j, "jobs");
  for (size_t i = 0; i < c->owner_count; i++) {
    const owner *o = &c->owners[i];
    ntk_json_object(&j, NULL);
    ntk_json_string(&j, "host", o->host);
    ntk_json_integer(&j, "pid", o->pid);
    ntk_json_string(&j, "since", o->since);
    ntk_json_integer(&j, "workers", o->workers);
    ntk_json_integer(&j, "shard", o->shard);
    ntk_json_integer(&j, "shards", o->shards);
    ntk_json_bool(&j, "stopping", o->stopping);
    ntk_json_end_object(&j);
  }
  ntk_json_end_array(&j);
  ntk_json_array(&j, "runs");
  for (size_t i = 0; i < ledger->row_count; i++) {
    const ntk_row *row = &ledger->rows[i];
    const ntk_record *record = ntk_ledger_find(ledger, row->id);
    ntk_state state = record ? record->state : NTK_WAITING;
    const ntk_active *a = state == NTK_RUNNING ? find_active(c, row->id) : NULL;
    ntk_json_object(&j, NULL);
    ntk_json_string(&j, "id", row->id);
    ntk_json_string(&j, "label", row->label);
    ntk_json_integer(&j, "repetition", row->repetition);
    ntk_json_string(&j, "state", ntk_state_word(state));
    ntk_json_integer(&j, "attempts", record ? record->starts : 0);
    if (state == NTK_DONE) ntk_json_number(&j, "seconds", record->seconds);
    if (state == NTK_FAILED) ntk_json_string(&j, "class", record->problem ? record->problem : "");
    if (state == NTK_FAILED) ntk_json_string(&j, "message", record->message ? record->message : "");
    if (a) ntk_json_number(&j, "elapsed_seconds", a->elapsed);
    if (a) ntk_json_integer(&j, "iteration", a->iteration);
    if (a) ntk_json_integer(&j, "iterations", a->iterations);
    ntk_json_end_object(&j);
  }
  ntk_json_end_array(&j);
  ntk_json_end_object(&j);
  ntk_text_add(out, "\n");
}

/* --- for people ----------------------------------------------------------------------------------------------------------------- */

static void write_bar(const ntk_ledger *ledger, const crew *c, const ntk_outlook *outlook, ntk_text *out) {
  double done = (double)(outlook->done + outlook->failed);
  for (size_t i = 0; i < c->active_count; i++)
    if (ntk_ledger_state(ledger, c->active[i].id) == NTK_RUNNING && c->active[i].iterations > 0)
      done += (double)c->active[i].iteration / (double)c->active[i].iterations;
  double share = outlook->total ? fmin(1, done / (double)outlook->total) : 0;
  int full = (int)(share * BAR);
  ntk_text_add(out, "  [");
  for (int i = 0; i < BAR; i++) ntk_text_add(out, i < full ? "#" : ".");
  ntk_text_addf(out, "] %.0f %%\n", floor(100 * share));
}

static void write_running(const ntk_ledger *ledger, const crew *c, ntk_text *out) {
  size_t listed = 0;
  for (size_t i = 0; i < ledger->row_count && listed < MOST_LISTED; i++) {
    const ntk_row *row = &ledger->rows[i];
    if (ntk_ledger_state(ledger, row->id) != NTK_RUNNING) continue;
    const ntk_active *a = find_active(c, row->id);
    if (listed++ == 0) ntk_text_add(out, "  running:\n");
    ntk_text_addf(out, "    %s", row->label);
    if (a && a->iterations > 0)
      ntk_text_addf(out, "  iteration %lld of %lld (%.0f %%)", a->iteration, a->iterations, 100.0 * (double)a->iteration / (double)a->iterations);
    if (a) ntk_text_add(out, "  since ");
    if (a) ntk_write_duration(out, a->elapsed);
    ntk_text_add(out, "\n");
  }
}

/* "2 non-finite, 1 died" */
static void write_causes(const ntk_ledger *ledger, ntk_text *out) {
  struct {
    const char *word;
    size_t count;
  } causes[16];
  size_t kinds = 0;
  for (size_t i = 0; i < ledger->row_count; i++) {
    const ntk_record *record = ntk_ledger_find(ledger, ledger->rows[i].id);
    if (!record || record->state != NTK_FAILED) continue;
    const char *word = record->problem ? record->problem : "unknown";
    size_t k = 0;
    while (k < kinds && strcmp(causes[k].word, word) != 0) k++;
    if (k == sizeof causes / sizeof *causes) continue;
    if (k == kinds) {
      causes[kinds].word = word;
      causes[kinds++].count = 0;
    }
    causes[k].count++;
  }
  for (size_t k = 0; k < kinds; k++) ntk_text_addf(out, "%s%zu %s", k ? ", " : "", causes[k].count, causes[k].word);
}

static void write_failed(const ntk_ledger *ledger, ntk_text *out) {
  size_t failed = 0;
  for (size_t i = 0; i < ledger->row_count; i++) {
    const ntk_record *record = ntk_ledger_find(ledger, ledger->rows[i].id);
    if (!record || record->state != NTK_FAILED) continue;
    if (failed == 0) {
      ntk_text_add(out, "  failed: ");
      write_causes(ledger, out);
      ntk_text_add(out, " (`ntkgan run ... --retry-failed` tries them again)\n");
    }
    if (failed++ < MOST_LISTED) ntk_text_addf(out, "    %s  %s\n", ledger->rows[i].label, record->message ? record->message : "");
  }
  if (failed > MOST_LISTED) ntk_text_addf(out, "    and %zu more (--json shows all)\n", failed - MOST_LISTED);
}

static void write_people(const char *folder, const ntk_ledger *ledger, const crew *c, const ntk_outlook *outlook, ntk_text *out) {
  ntk_text_addf(out, "%s: ", folder);
  ntk_outlook_write(outlook, out);
  ntk_text_add(out, "\n");
  write_bar(ledger, c, outlook, out);
  for (size_t i = 0; i < c->owner_count; i++) {
    const owner *o = &c->owners[i];
    ntk_text_addf(out, "  %s: process %lld on %s since %s, %d worker%s", o->stopping ? "stopping" : "at work", o->pid, o->host, o->since, o->workers,
                  o->workers == 1 ? "" : "s");
    if (o->shards > 1) ntk_text_addf(out, ", shard %d of %d", o->shard, o->shards);
    ntk_text_add(out, "\n");
  }
  if (c->owner_count == 0 && outlook->waiting > 0) ntk_text_add(out, "  nobody is at work on it; `ntkgan run` goes on\n");
  write_running(ledger, c, out);
  write_failed(ledger, out);
}

/* --- front door ----------------------------------------------------------------------------------------------------------------- */

ntk_error *ntk_batch_status(const char *folder, bool json, ntk_text *out, bool *over) {
  ntk_ledger *ledger = NULL;
  crew c = {.owners = NULL};
  ntk_outlook outlook;
  ntk_error *err = NULL;
  NTK_TRY_OUT(ntk_ledger_load_known(folder, &ledger));
  NTK_TRY_OUT(ntk_lock_visit(folder, meet, &c));
  interrupt_others(ledger, &c);
  ntk_outlook_see(ledger, NULL, NULL, c.active, c.active_count, c.workers, &outlook);
  if (over) *over = outlook.running + outlook.waiting == 0;
  (json ? write_json : write_people)(folder, ledger, &c, &outlook, out);
out:
  free_crew(&c);
  ntk_ledger_free(&ledger);
  return err;
}

ntk_error *ntk_batch_index(const char *const *folders, size_t count, ntk_text *out) {
  for (size_t i = 0; i < count; i++) {
    ntk_ledger *ledger = NULL;
    crew c = {.owners = NULL};
    ntk_outlook outlook;
    ntk_error *err = ntk_ledger_load_known(folders[i], &ledger);
    if (!err) err = ntk_lock_visit(folders[i], meet, &c);
    if (!err) interrupt_others(ledger, &c);
    if (!err) err = ntk_index_write(ledger, folders[i], NULL);
    if (!err) {
      ntk_outlook_see(ledger, NULL, NULL, c.active, c.active_count, 0, &outlook);
      ntk_text_addf(out, "%s/index.h5: ", folders[i]);
      ntk_outlook_write(&outlook, out);
      ntk_text_add(out, "\n");
    }
    free_crew(&c);
    ntk_ledger_free(&ledger);
    NTK_TRY(err);
  }
  return NULL;
}
