#include "study/event.h"

#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"

static void begin(ntk_json *j, const char *event) {
  ntk_json_object(j, NULL);
  ntk_json_string(j, "event", event);
  ntk_json_number(j, "time", ntk_clock_wall());
}

static void add_host(ntk_json *j) {
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  ntk_json_string(j, "host", host);
  ntk_json_integer(j, "pid", (long long)getpid());
}

static void add_row(ntk_json *j, const ntk_ledger *ledger, const ntk_row *row) {
  ntk_json_string(j, "id", row->id);
  ntk_json_string(j, "label", row->label);
  ntk_json_integer(j, "repetition", row->repetition);
  ntk_json_object(j, "axes");
  for (size_t i = 0; i < ledger->axis_count; i++) ntk_json_string(j, ledger->axes[i], row->axes[i]);
  ntk_json_end_object(j);
}

static ntk_error *end(ntk_json *j, char **json) {
  ntk_json_end_object(j);
  return ntk_text_take(j->text, json);
}

ntk_error *ntk_event_job(const ntk_job_facts *facts, char **json) {
  ntk_text text = NTK_TEXT;
  ntk_json j = NTK_JSON(&text);
  begin(&j, "job");
  add_host(&j);
  ntk_json_integer(&j, "workers", facts->workers);
  ntk_json_integer(&j, "shard", facts->shard);
  ntk_json_integer(&j, "shards", facts->shards);
  ntk_json_integer(&j, "runs", (long long)facts->runs);
  ntk_json_array(&j, "sets");
  for (size_t i = 0; i < facts->set_count; i++) ntk_json_string(&j, NULL, facts->sets[i]);
  ntk_json_end_array(&j);
  return end(&j, json);
}

ntk_error *ntk_event_started(const ntk_ledger *ledger, const ntk_row *row, int attempt, int workers, const char *instruction_set,
                             const char *checkpoint, char **json) {
  ntk_text text = NTK_TEXT;
  ntk_json j = NTK_JSON(&text);
  begin(&j, "started");
  add_row(&j, ledger, row);
  ntk_json_integer(&j, "attempt", attempt);
  add_host(&j);
  ntk_json_integer(&j, "workers", workers);
  ntk_json_integer(&j, "group", row->group);
  ntk_json_string(&j, "instruction_set", instruction_set);
  ntk_json_string(&j, "checkpoint", checkpoint);
  return end(&j, json);
}

ntk_error *ntk_event_done(const ntk_ledger *ledger, const ntk_row *row, const ntk_done_facts *facts, char **json) {
  ntk_text text = NTK_TEXT;
  ntk_json j = NTK_JSON(&text);
  begin(&j, "done");
  add_row(&j, ledger, row);
  ntk_json_integer(&j, "group", row->group);
  ntk_json_number(&j, "seconds", facts->seconds);
  ntk_json_bool(&j, "has_file", facts->has_file);
  ntk_json_integer(&j, "bytes", facts->file_bytes);
  ntk_json_string(&j, "hash", facts->hash);
  ntk_json_raw(&j, "result", facts->result); /* last: the reader cuts it off unparsed (ledger.c) */
  return end(&j, json);
}

ntk_error *ntk_event_failed(const ntk_ledger *ledger, const ntk_row *row, const char *problem, const char *message, char **json) {
  ntk_text text = NTK_TEXT;
  ntk_json j = NTK_JSON(&text);
  begin(&j, "failed");
  add_row(&j, ledger, row);
  ntk_json_string(&j, "class", problem);
  ntk_json_string(&j, "message", message);
  return end(&j, json);
}

ntk_error *ntk_event_plain(const char *event, const char *id, char **json) {
  ntk_text text = NTK_TEXT;
  ntk_json j = NTK_JSON(&text);
  begin(&j, event);
  ntk_json_string(&j, "id", id);
  return end(&j, json);
}

static void add_line(ntk_text *out, ntk_text *line) {
  if (line->failed) out->failed = true;
  if (!line->failed) ntk_journal_line(out, line->bytes);
  ntk_text_clear(line);
}

ntk_error *ntk_event_plan(const ntk_ledger *ledger, char **text) {
  ntk_text out = NTK_TEXT, line = NTK_TEXT;
  ntk_json head = NTK_JSON(&line);
  ntk_json_object(&head, NULL);
  ntk_json_string(&head, "event", "study");
  ntk_json_string(&head, "name", ledger->name);
  ntk_json_array(&head, "axes");
  for (size_t i = 0; i < ledger->axis_count; i++) ntk_json_string(&head, NULL, ledger->axes[i]);
  ntk_json_end_array(&head);
  ntk_json_integer(&head, "runs", (long long)ledger->row_count);
  ntk_json_end_object(&head);
  add_line(&out, &line);
  for (size_t i = 0; i < ledger->row_count; i++) {
    const ntk_row *row = &ledger->rows[i];
    ntk_json j = NTK_JSON(&line);
    ntk_json_object(&j, NULL);
    ntk_json_string(&j, "event", "planned");
    add_row(&j, ledger, row);
    ntk_json_number(&j, "seconds", row->seconds);
    ntk_json_number(&j, "memory_bytes", row->memory_bytes);
    ntk_json_number(&j, "output_bytes", row->output_bytes);
    ntk_json_integer(&j, "group", row->group);
    ntk_json_end_object(&j);
    add_line(&out, &line);
  }
  ntk_text_free(&line);
  return ntk_text_take(&out, text);
}
