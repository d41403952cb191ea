#include "study/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/value.h"
#include "study/folder.h"

const char *ntk_state_word(ntk_state state) {
  static const char *const words[] = {"waiting", "running", "done", "failed"};
  return words[state];
}

/* --- memory --------------------------------------------------------------------------------------------------------------------- */

ntk_error *ntk_ledger_create(ntk_ledger **out) { return NTK_NEW(1, out); }

static void free_texts(char **texts, size_t count) {
  for (size_t i = 0; texts && i < count; i++) free(texts[i]);
  free(texts);
}

static void free_record(ntk_record *r) {
  free_texts(r->axis_paths, r->axis_count);
  free_texts(r->axis_labels, r->axis_count);
  free(r->label);
  free(r->checkpoint);
  free(r->instruction_set);
  free(r->problem);
  free(r->message);
  free(r->result);
}

void ntk_ledger_free(ntk_ledger **ledger) {
  ntk_ledger *l = *ledger;
  if (!l) return;
  for (size_t i = 0; i < l->row_count; i++) {
    free(l->rows[i].label);
    free_texts(l->rows[i].axes, l->axis_count);
  }
  free(l->rows);
  free_texts(l->axes, l->axis_count);
  for (size_t i = 0; i < l->record_count; i++) free_record(&l->records[i]);
  free(l->records);
  free(l->slots);
  free_texts(l->journals, l->journal_count);
  free(l->positions);
  free(l->name);
  free(l);
  *ledger = NULL;
}

static ntk_error *set_text(char **field, const char *text) {
  char *copy = NULL;
  NTK_TRY(ntk_copy_text(text, &copy));
  free(*field);
  *field = copy;
  return NULL;
}

/* --- records by id -------------------------------------------------------------------------------------------------------------- */

/* Ids are hash values already: their digits are mixed only to spread hand-made ones. */
static size_t slot_of(const ntk_ledger *ledger, const char *id) {
  size_t h = 0;
  for (const char *c = id; *c; c++) h = h * 31 + (unsigned char)*c;
  for (h %= ledger->slot_count; ledger->slots[h] && strcmp(ledger->records[ledger->slots[h] - 1].id, id) != 0; h = (h + 1) % ledger->slot_count)
    continue;
  return h;
}

ntk_record *ntk_ledger_find(const ntk_ledger *ledger, const char *id) {
  if (!ledger->records) return NULL;
  size_t slot = ledger->slots[slot_of(ledger, id)];
  return slot ? &ledger->records[slot - 1] : NULL;
}

ntk_state ntk_ledger_state(const ntk_ledger *ledger, const char *id) {
  const ntk_record *record = ntk_ledger_find(ledger, id);
  return record ? record->state : NTK_WAITING;
}

static ntk_error *grow(ntk_ledger *ledger) {
  size_t capacity = ledger->record_capacity ? 2 * ledger->record_capacity : 64;
  ntk_record *records = calloc(capacity, sizeof *records);
  size_t *slots = calloc(2 * capacity, sizeof *slots);
  if (!records || !slots) {
    free(records);
    free(slots);
    return ntk_fail(NTK_E_MEMORY, "out of memory");
  }
  if (ledger->records) memcpy(records, ledger->records, ledger->record_count * sizeof *records);
  free(ledger->records);
  free(ledger->slots);
  ledger->records = records;
  ledger->record_capacity = capacity;
  ledger->slots = slots;
  ledger->slot_count = 2 * capacity;
  for (size_t i = 0; i < ledger->record_count; i++) slots[slot_of(ledger, records[i].id)] = i + 1;
  return NULL;
}

ntk_error *ntk_ledger_find_or_add(ntk_ledger *ledger, const char *id, ntk_record **out) {
  *out = ntk_ledger_find(ledger, id);
  if (*out) return NULL;
  if (!ledger->records || ledger->record_count == ledger->record_capacity) NTK_TRY(grow(ledger));
  ledger->slots[slot_of(ledger, id)] = ledger->record_count + 1;
  *out = &ledger->records[ledger->record_count++];
  **out = (ntk_record){.repetition = 0};
  memcpy((*out)->id, id, strlen(id) + 1);
  return NULL;
}

void ntk_ledger_interrupt(ntk_ledger *ledger) {
  for (size_t i = 0; i < ledger->record_count; i++)
    if (ledger->records[i].state == NTK_RUNNING) ledger->records[i].state = NTK_WAITING;
}

/* --- events --------------------------------------------------------------------------------------------------------------------- */

static const char *text_of(const ntk_value *v, const char *key) {
  const ntk_value *item = ntk_value_get(v, key);
  return item ? ntk_value_text(item) : "";
}

static double number_of(const ntk_value *v, const char *key) {
  const ntk_value *item = ntk_value_get(v, key);
  return item && ntk_value_kind_of(item) == NTK_NUMBER ? ntk_value_number(item) : 0.0;
}

static ntk_error *describe(ntk_record *record, const ntk_value *v) {
  if (record->label || !ntk_value_get(v, "label")) return NULL;
  const ntk_value *axes = ntk_value_get(v, "axes");
  size_t count = ntk_value_count(axes);
  NTK_TRY(NTK_NEW(count, &record->axis_paths));
  NTK_TRY(NTK_NEW(count, &record->axis_labels));
  record->axis_count = count;
  for (size_t i = 0; i < count; i++) {
    NTK_TRY(ntk_copy_text(ntk_value_key(axes, i), &record->axis_paths[i]));
    NTK_TRY(ntk_copy_text(ntk_value_text(ntk_value_item(axes, i)), &record->axis_labels[i]));
  }
  record->repetition = (int)number_of(v, "repetition");
  return ntk_copy_text(text_of(v, "label"), &record->label);
}

static ntk_error *on_started(ntk_record *record, const ntk_value *v, char *result) {
  (void)result;
  const char *checkpoint = text_of(v, "checkpoint");
  bool silent = record->state == NTK_RUNNING, further = !record->checkpoint || strcmp(record->checkpoint, checkpoint) != 0;
  record->losses = silent && !further ? record->losses + 1 : 0;
  if (further) record->deaths = 0;
  record->state = NTK_RUNNING;
  record->starts++;
  record->group = (int)number_of(v, "group");
  NTK_TRY(set_text(&record->checkpoint, checkpoint));
  return set_text(&record->instruction_set, text_of(v, "instruction_set"));
}

static void settle(ntk_record *record, ntk_state state) {
  record->state = state;
  record->losses = record->deaths = 0;
}

static ntk_error *on_done(ntk_record *record, const ntk_value *v, char *result) {
  settle(record, NTK_DONE);
  record->seconds = number_of(v, "seconds");
  record->group = (int)number_of(v, "group");
  record->has_file = ntk_value_get(v, "has_file") && ntk_value_bool(ntk_value_get(v, "has_file"));
  record->file_bytes = (long long)number_of(v, "bytes");
  snprintf(record->hash, sizeof record->hash, "%s", text_of(v, "hash"));
  NTK_TRY(set_text(&record->message, ""));
  return set_text(&record->result, result ? result : "{}");
}

static ntk_error *on_failed(ntk_record *record, const ntk_value *v, char *result) {
  (void)result;
  settle(record, NTK_FAILED);
  NTK_TRY(set_text(&record->problem, text_of(v, "class")));
  return set_text(&record->message, text_of(v, "message"));
}

static ntk_error *on_stopped(ntk_record *record, const ntk_value *v, char *result) {
  (void)v, (void)result;
  if (record->state == NTK_RUNNING) settle(record, NTK_WAITING);
  return NULL;
}

static ntk_error *on_died(ntk_record *record, const ntk_value *v, char *result) {
  (void)v, (void)result;
  if (record->state == NTK_RUNNING) record->deaths++; /* still "running": the next start counts it as a loss too */
  return NULL;
}

static const struct {
  const char *name;
  bool always; /* applied whatever came later by the clocks of other shards */
  ntk_error *(*apply)(ntk_record *record, const ntk_value *v, char *result);
} events[] = {
    {"started", false, on_started}, {"done", true, on_done}, {"failed", false, on_failed}, {"stopped", false, on_stopped}, {"died", false, on_died},
};

static ntk_error *apply_run_event(ntk_ledger *ledger, const ntk_value *v, char *result) {
  const char *name = text_of(v, "event"), *id = text_of(v, "id");
  size_t length = strlen(id);
  for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
    if (strcmp(events[i].name, name) != 0 || length == 0 || length > 16) continue;
    ntk_record *record = NULL;
    NTK_TRY(ntk_ledger_find_or_add(ledger, id, &record));
    NTK_TRY(describe(record, v));
    double time = number_of(v, "time");
    /* A run that another shard's journal shows as done stays done; in one journal the order of lines decides, whatever the clock did. */
    bool foreign = ledger->source > 0 && record->source != ledger->source;
    if (foreign && !events[i].always && record->state == NTK_DONE && time < record->time) return NULL;
    record->time = time;
    record->source = ledger->source;
    if (events[i].apply == on_started) record->job = ledger->jobs;
    return events[i].apply(record, v, result);
  }
  return NULL;
}

static ntk_error *apply_study(ntk_ledger *ledger, const ntk_value *v) {
  if (ledger->rows) return NULL;
  const ntk_value *axes = ntk_value_get(v, "axes");
  size_t count = ntk_value_count(axes), runs = (size_t)number_of(v, "runs");
  NTK_TRY(set_text(&ledger->name, text_of(v, "name")));
  NTK_TRY(NTK_NEW(count, &ledger->axes));
  for (; ledger->axis_count < count; ledger->axis_count++)
    NTK_TRY(ntk_copy_text(ntk_value_text(ntk_value_item(axes, ledger->axis_count)), &ledger->axes[ledger->axis_count]));
  NTK_TRY(NTK_NEW(runs, &ledger->rows));
  ledger->row_capacity = runs;
  return NULL;
}

static ntk_error *apply_planned(ntk_ledger *ledger, const ntk_value *v) {
  const char *id = text_of(v, "id");
  if (ledger->row_count == ledger->row_capacity || strlen(id) > 16) return NULL;
  ntk_row *row = &ledger->rows[ledger->row_count++];
  row->index = ledger->row_count - 1;
  memcpy(row->id, id, strlen(id) + 1);
  NTK_TRY(ntk_copy_text(text_of(v, "label"), &row->label));
  NTK_TRY(NTK_NEW(ledger->axis_count, &row->axes));
  for (size_t i = 0; i < ledger->axis_count; i++) {
    const ntk_value *axis = ntk_value_get(ntk_value_get(v, "axes"), ledger->axes[i]);
    NTK_TRY(ntk_copy_text(axis ? ntk_value_text(axis) : "", &row->axes[i]));
  }
  row->repetition = (int)number_of(v, "repetition");
  row->seconds = number_of(v, "seconds");
  row->memory_bytes = number_of(v, "memory_bytes");
  row->output_bytes = number_of(v, "output_bytes");
  row->group = (int)number_of(v, "group");
  return NULL;
}

/* Cuts the run's own JSON off a line of ours, so that long series are not parsed here: {..., "result": {...}} */
static ntk_error *cut_result(char *json, size_t length, char **result) {
  static const char mark[] = ", \"result\": "; /* cannot be inside a string: there its quotes would be escaped */
  *result = NULL;
  char *at = strstr(json, mark);
  if (!at) return NULL;
  char *start = at + sizeof mark - 1;
  if (start >= json + length) return NULL; /* cut short: no line of ours */
  NTK_TRY(ntk_copy_bytes(start, (size_t)(json + length - 1 - start), result));
  strcpy(at, "}");
  return NULL;
}

ntk_error *ntk_ledger_apply(ntk_ledger *ledger, const char *json, size_t length) {
  ntk_error *err = NULL;
  char *head = NULL, *result = NULL;
  ntk_arena *arena = NULL;
  const ntk_value *v = NULL;
  NTK_TRY_OUT(ntk_copy_bytes(json, length, &head));
  NTK_TRY_OUT(cut_result(head, length, &result));
  NTK_TRY_OUT(ntk_arena_create(&arena));
  NTK_TRY_OUT(ntk_value_parse_json(arena, "journal", head, strlen(head), &v));
  const char *event = text_of(v, "event");
  if (strcmp(event, "study") == 0)
    err = apply_study(ledger, v);
  else if (strcmp(event, "planned") == 0)
    err = apply_planned(ledger, v);
  else if (strcmp(event, "job") == 0)
    ledger->jobs++;
  else
    err = apply_run_event(ledger, v, result);
out:
  ntk_arena_free(&arena);
  free(head);
  free(result);
  return err;
}

/* --- files ---------------------------------------------------------------------------------------------------------------------- */

/* A line whose checksum is right but whose content this version cannot read must not stop the others. */
static ntk_error *apply_line(void *context, const char *json, size_t length) {
  ntk_error *err = ntk_ledger_apply(context, json, length);
  if (ntk_error_code(err) == NTK_E_CONFIG) ntk_error_free(&err);
  return err;
}

static ntk_error *add_journals(ntk_ledger *ledger, const char *root) {
  char **names = NULL;
  NTK_TRY(ntk_folder_journals(root, &names));
  ntk_error *err = NULL;
  for (size_t i = 0; names[i] && !err; i++) {
    bool known = false;
    for (size_t k = 0; k < ledger->journal_count; k++) known = known || strcmp(names[i], ledger->journals[k]) == 0;
    if (known) continue;
    size_t count = ledger->journal_count;
    char **journals = realloc(ledger->journals, (count + 1) * sizeof *journals);
    if (journals) ledger->journals = journals;
    ntk_journal_position *positions = realloc(ledger->positions, (count + 1) * sizeof *positions);
    if (positions) ledger->positions = positions;
    if (!journals || !positions) {
      err = ntk_fail(NTK_E_MEMORY, "out of memory");
      break;
    }
    ledger->positions[count] = (ntk_journal_position){0};
    err = ntk_copy_text(names[i], &ledger->journals[count]);
    if (!err) ledger->journal_count++;
  }
  ntk_names_free(&names);
  return err;
}

ntk_error *ntk_ledger_refresh(ntk_ledger *ledger, const char *root, const char *own) {
  NTK_TRY(add_journals(ledger, root));
  ntk_error *err = NULL;
  for (size_t i = 0; i < ledger->journal_count && !err; i++) {
    ledger->source = i + 1;
    if (!own || strcmp(own, ledger->journals[i]) != 0) err = ntk_journal_read(ledger->journals[i], &ledger->positions[i], apply_line, ledger);
  }
  ledger->source = 0;
  return err;
}

static void tell_damage(const ntk_log *log, const char *path, const ntk_journal_position *at) {
  if (at->damaged)
    ntk_log_line(log, NTK_LOG_WARNING, "%s: %zu damaged line%s ignored (the first is line %zu)", path, at->damaged, at->damaged == 1 ? "" : "s",
                 at->first_damaged);
  if (at->torn) ntk_log_line(log, NTK_LOG_WARNING, "%s: an unfinished last line is ignored", path);
}

ntk_error *ntk_ledger_load(const char *root, bool with_plan, const ntk_log *log, ntk_ledger **out) {
  *out = NULL;
  ntk_ledger *ledger = NULL;
  char *plan = NULL;
  ntk_error *err = NULL;
  NTK_TRY_OUT(ntk_ledger_create(&ledger));
  if (with_plan) {
    ntk_journal_position position = {0};
    NTK_TRY_OUT(ntk_path(&plan, "%s/plan.jsonl", root));
    NTK_TRY_OUT(ntk_journal_read(plan, &position, apply_line, ledger));
    tell_damage(log, plan, &position);
  }
  NTK_TRY_OUT(ntk_ledger_refresh(ledger, root, NULL));
  for (size_t i = 0; i < ledger->journal_count; i++) tell_damage(log, ledger->journals[i], &ledger->positions[i]);
  if (with_plan && ledger->row_count == 0) NTK_TRY_OUT(ntk_ledger_rows_from_records(ledger));
  *out = ledger;
  ledger = NULL;
out:
  ntk_ledger_free(&ledger);
  free(plan);
  return err;
}

/* --- rows ----------------------------------------------------------------------------------------------------------------------- */

static ntk_error *row_from_record(const ntk_ledger *ledger, const ntk_record *record, ntk_row *row) {
  memcpy(row->id, record->id, sizeof row->id);
  row->repetition = record->repetition;
  row->group = record->group;
  NTK_TRY(ntk_copy_text(record->label ? record->label : record->id, &row->label));
  NTK_TRY(NTK_NEW(ledger->axis_count, &row->axes));
  for (size_t a = 0; a < ledger->axis_count; a++) {
    const char *label = "";
    for (size_t i = 0; i < record->axis_count; i++)
      if (strcmp(record->axis_paths[i], ledger->axes[a]) == 0) label = record->axis_labels[i];
    NTK_TRY(ntk_copy_text(label, &row->axes[a]));
  }
  return NULL;
}

ntk_error *ntk_ledger_rows_from_records(ntk_ledger *ledger) {
  if (ledger->rows) return NULL;
  const ntk_record *first = ledger->record_count ? &ledger->records[0] : NULL;
  if (!ledger->axes) {
    NTK_TRY(NTK_NEW(first ? first->axis_count : 0, &ledger->axes));
    for (; first && ledger->axis_count < first->axis_count; ledger->axis_count++)
      NTK_TRY(ntk_copy_text(first->axis_paths[ledger->axis_count], &ledger->axes[ledger->axis_count]));
  }
  NTK_TRY(NTK_NEW(ledger->record_count, &ledger->rows));
  ledger->row_capacity = ledger->record_count;
  for (size_t i = 0; i < ledger->record_count; i++) {
    ledger->rows[i].index = ledger->row_count++;
    NTK_TRY(row_from_record(ledger, &ledger->records[i], &ledger->rows[i]));
  }
  return NULL;
}

static int by_id(const void *a, const void *b) { return strcmp(a, b); }

size_t ntk_ledger_strangers(const ntk_ledger *ledger) {
  char(*ids)[17] = calloc(ledger->row_count + 1, sizeof *ids);
  if (!ids) return 0;
  for (size_t i = 0; i < ledger->row_count; i++) memcpy(ids[i], ledger->rows[i].id, sizeof *ids);
  qsort(ids, ledger->row_count, sizeof *ids, by_id);
  size_t count = 0;
  for (size_t i = 0; i < ledger->record_count; i++) count += !bsearch(ledger->records[i].id, ids, ledger->row_count, sizeof *ids, by_id);
  free(ids);
  return count;
}
