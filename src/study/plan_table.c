#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "io/file.h"
#include "study/batch.h"
#include "study/load.h"
#include "study/outlook.h"
#include "study/plan.h"
#include "study/walk.h"

enum { MOST_LISTED = 60, LABEL_WIDTH = 24 };

static double wall_seconds(const ntk_row *row) { return row->seconds / (row->group > 0 ? row->group : 1); }

static ntk_batch_totals sum_up(const ntk_ledger *ledger, const ntk_batch_options *options, int workers) {
  ntk_batch_totals t = {0};
  for (size_t i = 0; i < ledger->row_count; i++) {
    const ntk_row *row = &ledger->rows[i];
    if (!ntk_plan_selected(row, options)) continue;
    t.runs++;
    t.refused += row->group == 0;
    t.output += row->output_bytes;
    t.memory = fmax(t.memory, row->memory_bytes);
    if (ntk_ledger_state(ledger, row->id) == NTK_DONE || row->group == 0) continue;
    t.left++;
    t.seconds_left += row->seconds;
    t.longest = fmax(t.longest, wall_seconds(row));
  }
  t.wall = fmax(t.longest, t.seconds_left / workers);
  return t;
}

static ntk_error *write_refusals(ntk_study *study, const ntk_ledger *ledger, const ntk_batch_options *options, const ntk_limits *limits,
                                 ntk_text *out) {
  size_t listed = 0;
  for (size_t i = 0; i < ledger->row_count && listed < MOST_LISTED; i++) {
    char *message = NULL;
    if (ledger->rows[i].group > 0 || !ntk_plan_selected(&ledger->rows[i], options)) continue;
    listed++;
    NTK_TRY(ntk_plan_refusal(study, &ledger->rows[i], limits, &message));
    ntk_text_addf(out, "%s does not fit: %s\n", ledger->rows[i].label, message);
    free(message);
  }
  return NULL;
}

static void write_table(const ntk_ledger *ledger, const ntk_batch_options *options, const ntk_limits *limits, const ntk_batch_totals *t,
                        ntk_text *out) {
  size_t listed = 0;
  int width = LABEL_WIDTH;
  for (size_t i = 0; i < ledger->row_count; i++)
    if (ntk_plan_selected(&ledger->rows[i], options) && (int)strlen(ledger->rows[i].label) > width) width = (int)strlen(ledger->rows[i].label);
  ntk_text_addf(out, "%-*s  %6s  %14s  %12s  %10s  %s\n", width, "run", "ranks", "memory a rank", "time", "output", "state");
  for (size_t i = 0; i < ledger->row_count && listed < MOST_LISTED; i++) {
    const ntk_row *row = &ledger->rows[i];
    if (!ntk_plan_selected(row, options)) continue;
    ntk_text memory = NTK_TEXT, time = NTK_TEXT, output = NTK_TEXT;
    ntk_write_bytes(&memory, row->memory_bytes);
    ntk_write_duration(&time, wall_seconds(row));
    if (row->output_bytes > 0)
      ntk_write_bytes(&output, row->output_bytes);
    else
      ntk_text_add(&output, "-");
    ntk_text_addf(out, "%-*s  %6d  %14s  %12s  %10s  %s\n", width, row->label, row->group, memory.bytes, time.bytes, output.bytes,
                  row->group ? ntk_state_word(ntk_ledger_state(ledger, row->id)) : "does not fit");
    ntk_text *parts[] = {&memory, &time, &output};
    for (size_t p = 0; p < 3; p++) {
      ntk_text_depend(out, parts[p]);
      ntk_text_free(parts[p]);
    }
    listed++;
  }
  if (t->runs > listed) ntk_text_addf(out, "... and %zu more (--json shows all)\n", t->runs - listed);
  ntk_text_addf(out, "%zu run%s, %zu to do on %d worker%s: about ", t->runs, t->runs == 1 ? "" : "s", t->left, limits->workers,
                limits->workers == 1 ? "" : "s");
  ntk_write_duration(out, t->wall);
  ntk_text_add(out, "; at most ");
  ntk_write_bytes(out, t->memory);
  ntk_text_add(out, " a rank (");
  ntk_write_bytes(out, limits->memory_bytes);
  ntk_text_add(out, " there), output ");
  ntk_write_bytes(out, t->output);
  ntk_text_add(out, "\n");
}

static void write_json(const ntk_ledger *ledger, const ntk_batch_options *options, const ntk_limits *limits, const ntk_batch_totals *t,
                       ntk_text *out) {
  ntk_json j = NTK_JSON(out);
  ntk_json_object(&j, NULL);
  ntk_json_string(&j, "study", ledger->name);
  ntk_json_integer(&j, "count", (long long)t->runs);
  ntk_json_integer(&j, "to_do", (long long)t->left);
  ntk_json_integer(&j, "workers", limits->workers);
  ntk_json_number(&j, "core_seconds", t->seconds_left);
  ntk_json_number(&j, "wall_seconds", t->wall);
  ntk_json_number(&j, "memory_bytes_per_rank", t->memory);
  ntk_json_number(&j, "memory_bytes_limit", limits->memory_bytes);
  ntk_json_number(&j, "output_bytes", t->output);
  ntk_json_array(&j, "runs");
  for (size_t i = 0; i < ledger->row_count; i++) {
    const ntk_row *row = &ledger->rows[i];
    if (!ntk_plan_selected(row, options)) continue;
    ntk_json_object(&j, NULL);
    ntk_json_string(&j, "id", row->id);
    ntk_json_string(&j, "label", row->label);
    ntk_json_integer(&j, "repetition", row->repetition);
    ntk_json_integer(&j, "ranks", row->group);
    ntk_json_number(&j, "memory_bytes_per_rank", row->memory_bytes);
    ntk_json_number(&j, "wall_seconds", wall_seconds(row));
    ntk_json_number(&j, "output_bytes", row->output_bytes);
    ntk_json_string(&j, "state", ntk_state_word(ntk_ledger_state(ledger, row->id)));
    ntk_json_end_object(&j);
  }
  ntk_json_end_array(&j);
  ntk_json_end_object(&j);
  ntk_text_add(out, "\n");
}

/* What was done already, where the folder is there. */
static ntk_error *load_ledger(const char *root, ntk_ledger **ledger) {
  return ntk_file_exists(root) ? ntk_ledger_load(root, false, NULL, ledger) : ntk_ledger_create(ledger);
}

/* The study with what is known of its runs. Everything must be freed, also after an error. */
typedef struct {
  char *text, *root;
  ntk_study *study;
  ntk_ledger *ledger;
} known;

static ntk_error *get_known(const ntk_catalog *catalog, const ntk_batch_options *options, const ntk_limits *limits, known *k) {
  NTK_TRY(ntk_load_study(catalog, options, &k->text, &k->study));
  NTK_TRY(ntk_walk_study(k->study, NTK_WALK_MOST));
  NTK_TRY(ntk_load_root(options, k->study, &k->root));
  NTK_TRY(load_ledger(k->root, &k->ledger));
  NTK_TRY(ntk_plan_rows(k->study, limits, options, k->root, k->ledger));
  ntk_ledger_interrupt(k->ledger);
  return NULL;
}

static void free_known(known *k) {
  ntk_ledger_free(&k->ledger);
  ntk_study_free(&k->study);
  free(k->text);
  free(k->root);
}

ntk_error *ntk_batch_sum(const ntk_catalog *catalog, const ntk_batch_options *options, double memory_bytes, int node_workers, ntk_batch_totals *out,
                         char **root) {
  const ntk_limits limits = {options->ranks, memory_bytes, node_workers};
  known k = {NULL, NULL, NULL, NULL};
  ntk_error *err = get_known(catalog, options, &limits, &k);
  if (!err) {
    *out = sum_up(k.ledger, options, limits.workers);
    *root = k.root;
    k.root = NULL;
  }
  free_known(&k);
  return err;
}

ntk_error *ntk_batch_plan(const ntk_catalog *catalog, const ntk_batch_options *options, ntk_text *out) {
  const int ranks = options->ranks > 0 ? options->ranks : 1;
  const ntk_limits limits = {ranks, ntk_limits_memory(ranks), ranks};
  known k = {NULL, NULL, NULL, NULL};
  ntk_error *err = get_known(catalog, options, &limits, &k);
  if (!err) {
    ntk_batch_totals t = sum_up(k.ledger, options, limits.workers);
    (options->json ? write_json : write_table)(k.ledger, options, &limits, &t, out);
    if (!options->json) err = write_refusals(k.study, k.ledger, options, &limits, out);
  }
  free_known(&k);
  return err;
}
