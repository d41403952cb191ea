#include "study/plan.h"

#include <fnmatch.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/file.h"
#include "study/folder.h"
#include "study/outlook.h"

enum { MOST_RANKS = 1 << 20 };
static const double gib = 1073741824.0;

/* --- limits --------------------------------------------------------------------------------------------------------------------- */

static double number_in_file(const char *path) {
  char text[64] = "", *end = text;
  FILE *file = fopen(path, "re");
  if (!file) return INFINITY;
  double value = fgets(text, sizeof text, file) ? strtod(text, &end) : INFINITY;
  fclose(file);
  return end == text ? INFINITY : value; /* "max" */
}

static double number_in_environment(const char *name, double scale) {
  const char *text = getenv(name);
  double value = text ? strtod(text, NULL) * scale : 0.0;
  return value > 0 ? value : INFINITY;
}

double ntk_limits_memory(int ranks_per_node) {
  double node = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
  node = fmin(node, number_in_file("/sys/fs/cgroup/memory.max"));
  node = fmin(node, number_in_file("/sys/fs/cgroup/memory/memory.limit_in_bytes"));
  node = fmin(node, number_in_environment("SLURM_MEM_PER_NODE", 1048576.0));
  node = fmin(node, number_in_environment("SLURM_MEM_PER_CPU", 1048576.0) * fmin(number_in_environment("SLURM_CPUS_ON_NODE", 1.0), 1e6));
  return node / (ranks_per_node > 0 ? ranks_per_node : 1);
}

/* --- group size ----------------------------------------------------------------------------------------------------------------- */

static ntk_error *fits(const ntk_estimator *estimator, int ranks, double limit, ntk_run_need *need, bool *out) {
  NTK_TRY(estimator->ask(estimator->context, ranks, need));
  *out = need->memory_bytes <= limit;
  return NULL;
}

/* Smallest number of ranks in [1, most] that fits, by doubling and bisection (memory falls with ranks); 0 = none. */
static ntk_error *smallest(const ntk_estimator *estimator, int most, double limit, int *out) {
  ntk_run_need need;
  bool good = false;
  int high = 1, low = 0; /* low does not fit */
  for (;; high = high > most / 2 ? most : 2 * high) {
    NTK_TRY(fits(estimator, high, limit, &need, &good));
    if (good || high == most) break;
    low = high;
  }
  *out = 0;
  if (!good) return NULL;
  while (high - low > 1) {
    int middle = low + (high - low) / 2;
    NTK_TRY(fits(estimator, middle, limit, &need, &good));
    *(good ? &high : &low) = middle;
  }
  *out = high;
  return NULL;
}

ntk_error *ntk_plan_group(const ntk_estimator *estimator, const ntk_group_rule *rule, int workers, ntk_group_choice *out) {
  *out = (ntk_group_choice){.ranks = 0};
  bool good = false;
  int least = 0;
  if (rule->wanted > 0) {
    NTK_TRY(fits(estimator, rule->wanted, rule->memory_bytes, &out->need, &good));
    if (good) least = rule->wanted;
  } else {
    NTK_TRY(smallest(estimator, workers, rule->memory_bytes, &least));
    size_t share = rule->runs > 0 ? (size_t)workers / rule->runs : 1;
    if (least > 0 && rule->before >= least && rule->before <= workers)
      least = rule->before;
    else if (least > 0 && (size_t)least < share)
      least = (int)share;
  }
  if (least > 0 && least <= workers) {
    out->ranks = least;
    return estimator->ask(estimator->context, least, &out->need);
  }
  NTK_TRY(estimator->ask(estimator->context, workers, &out->need));
  if (rule->wanted > 0 && good) {
    out->needed = rule->wanted;
    return NULL;
  }
  return smallest(estimator, MOST_RANKS, rule->memory_bytes, &out->needed);
}

/* --- rows ----------------------------------------------------------------------------------------------------------------------- */

/* A run's settings and the workers of a node, over which its ranks are taken to be spread as densely as that. */
typedef struct {
  const ntk_value *settings;
  int node_workers;
} question;

static ntk_error *ask_settings(void *context, int ranks, ntk_run_need *need) {
  const question *q = context;
  NTK_TRY(ntk_run_estimate(q->settings, ranks, need));
  need->memory_bytes += need->node_bytes / (ranks < q->node_workers ? ranks : q->node_workers);
  return NULL;
}

static ntk_error *choose(const ntk_value *settings, const ntk_limits *limits, size_t runs, int before, ntk_group_choice *out) {
  question q = {settings, limits->node_workers};
  const ntk_estimator estimator = {ask_settings, &q};
  const ntk_value *wanted = ntk_value_find(settings, "resources.ranks_per_run"), *memory = ntk_value_find(settings, "resources.memory_per_rank");
  ntk_group_rule rule = {0, before, runs, limits->memory_bytes};
  if (wanted && ntk_value_kind_of(wanted) == NTK_NUMBER) rule.wanted = (int)ntk_value_number(wanted);
  if (memory && ntk_value_kind_of(memory) == NTK_NUMBER) rule.memory_bytes = ntk_value_number(memory) * gib;
  return ntk_plan_group(&estimator, &rule, limits->workers, out);
}

bool ntk_plan_matches(const char *label, const ntk_batch_options *options) { return !options->only || fnmatch(options->only, label, 0) == 0; }

bool ntk_plan_selected(const ntk_row *row, const ntk_batch_options *options) {
  if (!ntk_plan_matches(row->label, options)) return false;
  return options->shards <= 1 || row->index % (size_t)options->shards == (size_t)(options->shard - 1);
}

ntk_error *ntk_plan_count(const ntk_ledger *ledger, const ntk_batch_options *options, size_t *count) {
  *count = 0;
  bool matched = false;
  for (size_t i = 0; i < ledger->row_count; i++) {
    matched = matched || ntk_plan_matches(ledger->rows[i].label, options);
    *count += ntk_plan_selected(&ledger->rows[i], options);
  }
  if (matched) return NULL;
  return ntk_fail(NTK_E_USAGE, "--only %s: no run has such a label (`ntkgan plan` lists them)", options->only);
}

static ntk_error *add_axes(ntk_study *study, ntk_ledger *ledger) {
  size_t count = ntk_study_axes(study);
  NTK_TRY(ntk_copy_text(ntk_study_name(study), &ledger->name));
  NTK_TRY(NTK_NEW(count, &ledger->axes));
  for (; ledger->axis_count < count; ledger->axis_count++)
    NTK_TRY(ntk_copy_text(ntk_study_axis(study, ledger->axis_count), &ledger->axes[ledger->axis_count]));
  return NULL;
}

static ntk_error *add_row(ntk_study *study, ntk_ledger *ledger, const ntk_run_spec *run) {
  ntk_row *row = &ledger->rows[ledger->row_count++];
  row->index = run->index;
  row->repetition = run->repetition;
  NTK_TRY(ntk_study_run_id(study, run, row->id));
  NTK_TRY(ntk_copy_text(run->label, &row->label));
  NTK_TRY(NTK_NEW(ledger->axis_count, &row->axes));
  for (size_t a = 0; a < ledger->axis_count; a++) NTK_TRY(ntk_copy_text(run->axis_labels[a], &row->axes[a]));
  return NULL;
}

/* The number of ranks of an attempt that left a checkpoint: on as many, even eigenvalues keep their bits. */
static ntk_error *ranks_before(const ntk_ledger *ledger, const char *root, const char *id, int *ranks) {
  const ntk_record *record = ntk_ledger_find(ledger, id);
  *ranks = 0;
  if (!root || !record || record->group == 0 || record->state == NTK_DONE) return NULL;
  char *path = NULL;
  NTK_TRY(ntk_path(&path, "%s/checkpoints/%s.h5", root, id));
  if (ntk_file_exists(path)) *ranks = record->group;
  free(path);
  return NULL;
}

/* The run goes behind what is wrong with it, which begins with its place in the study. */
static ntk_error *name_run(const char *label, ntk_error *err) {
  if (ntk_error_code(err) != NTK_E_CONFIG) return ntk_error_prefix(err, "%s", label);
  ntk_error *named = ntk_fail(NTK_E_CONFIG, "%s (run %s)", ntk_error_message(err), label);
  ntk_error_free(&err);
  return named;
}

/* Chooses the group. `runs`: that share the workers. */
static ntk_error *size_row(const ntk_run_spec *run, const ntk_limits *limits, size_t runs, int before, ntk_row *row) {
  ntk_group_choice choice = {0};
  NTK_TRY(name_run(row->label, choose(run->settings, limits, runs, before, &choice)));
  row->group = choice.ranks;
  row->seconds = choice.need.seconds;
  row->step_seconds = choice.need.step_seconds;
  row->memory_bytes = choice.need.memory_bytes;
  row->output_bytes = choice.need.output_bytes;
  return NULL;
}

/* One run: its row (when `add`) and its size. */
static ntk_error *plan_run(ntk_study *study, size_t index, const ntk_limits *limits, size_t runs, const char *root, bool add, ntk_ledger *ledger) {
  ntk_run_spec run = {0};
  int before = 0;
  NTK_TRY(ntk_study_run(study, index, &run));
  ntk_error *err = add ? add_row(study, ledger, &run) : NULL;
  if (!err) err = ranks_before(ledger, root, ledger->rows[index].id, &before);
  if (!err) err = size_row(&run, limits, runs, before, &ledger->rows[index]);
  ntk_run_spec_free(&run);
  return err;
}

ntk_error *ntk_plan_rows(ntk_study *study, const ntk_limits *limits, const ntk_batch_options *options, const char *root, ntk_ledger *ledger) {
  size_t count = ntk_study_count(study), selected = 0, many = (size_t)limits->workers;
  NTK_TRY(add_axes(study, ledger));
  NTK_TRY(NTK_NEW(count, &ledger->rows));
  ledger->row_capacity = count;
  for (size_t i = 0; i < count; i++) NTK_TRY(plan_run(study, i, limits, many, root, true, ledger));
  NTK_TRY(ntk_plan_count(ledger, options, &selected));
  for (size_t i = 0; i < count && selected < many; i++) NTK_TRY(plan_run(study, i, limits, selected, root, false, ledger)); /* larger shares */
  return NULL;
}

ntk_error *ntk_plan_refusal(ntk_study *study, const ntk_row *row, const ntk_limits *limits, char **message) {
  ntk_run_spec run = {0};
  ntk_group_choice choice = {0};
  ntk_text text = NTK_TEXT;
  NTK_TRY(ntk_study_run(study, row->index, &run));
  ntk_error *err = choose(run.settings, limits, 1, 0, &choice);
  const ntk_value *memory = ntk_value_find(run.settings, "resources.memory_per_rank"),
                  *wanted = ntk_value_find(run.settings, "resources.ranks_per_run");
  double limit = memory && ntk_value_kind_of(memory) == NTK_NUMBER ? ntk_value_number(memory) * gib : limits->memory_bytes;
  const char *plural = limits->workers == 1 ? "" : "s";
  if (wanted && ntk_value_kind_of(wanted) == NTK_NUMBER && choice.needed == (int)ntk_value_number(wanted)) {
    ntk_text_addf(&text, "resources.ranks_per_run is %d, and there %s %d worker%s", choice.needed, limits->workers == 1 ? "is" : "are",
                  limits->workers, plural);
  } else {
    ntk_text_add(&text, "needs ");
    ntk_write_bytes(&text, choice.need.memory_bytes);
    ntk_text_addf(&text, " a rank on %d worker%s, and ", limits->workers, plural);
    ntk_write_bytes(&text, limit);
    ntk_text_add(&text, choice.needed > 0 ? " a rank is there; " : " a rank is there; no number of ranks is enough: give more memory a rank");
    if (choice.needed > 0) ntk_text_addf(&text, "it needs %d workers with that much each", choice.needed);
  }
  if (!err) err = ntk_text_take(&text, message);
  ntk_text_free(&text);
  ntk_run_spec_free(&run);
  return err;
}
