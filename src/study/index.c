#include "study/index.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "config/value.h"
#include "io/h5.h"
#include "study/folder.h"

static const double writer_patience = 10;

/* --- /runs ---------------------------------------------------------------------------------------------------------------------- */

typedef struct {
  const ntk_ledger *ledger;
  ntk_h5 *file;
  size_t count;      /* rows */
  const char **text; /* one column */
  double *number;
  long long *integer;
} table;

static ntk_h5_info column(const table *t, const char *path, const char *units, const char *long_name) {
  return (ntk_h5_info){.path = path, .rank = 1, .shape = {t->count}, .scale = {"run"}, .units = units, .long_name = long_name};
}

static ntk_error *write_text(const table *t, const char *path, const char *long_name) {
  const ntk_h5_info info = column(t, path, NULL, long_name);
  return ntk_h5_write_texts(t->file, &info, t->text);
}

static ntk_error *write_fixed_columns(const table *t) {
  const ntk_ledger *l = t->ledger;
  ntk_h5_info repetition = column(t, "/runs/repetition", NULL, "repetition: which random numbers"),
              seconds = column(t, "/runs/seconds", "s", "wall time of the work");
  for (size_t i = 0; i < t->count; i++) t->text[i] = l->rows[i].id;
  NTK_TRY(write_text(t, "/runs/id", "run id: hash of its settings and input files"));
  for (size_t i = 0; i < t->count; i++) t->text[i] = l->rows[i].label;
  NTK_TRY(write_text(t, "/runs/label", "label: the names of its swept values"));
  for (size_t i = 0; i < t->count; i++) t->integer[i] = l->rows[i].repetition;
  NTK_TRY(ntk_h5_write_integers(t->file, &repetition, t->integer));
  for (size_t i = 0; i < t->count; i++) t->text[i] = ntk_state_word(ntk_ledger_state(l, l->rows[i].id));
  NTK_TRY(write_text(t, "/runs/state", "done, failed, running or waiting"));
  for (size_t i = 0; i < t->count; i++) {
    const ntk_record *record = ntk_ledger_find(l, l->rows[i].id);
    t->number[i] = record && record->state == NTK_DONE ? record->seconds : NAN;
    t->text[i] = record && record->state == NTK_FAILED && record->message ? record->message : "";
  }
  NTK_TRY(ntk_h5_write_doubles(t->file, &seconds, t->number));
  return write_text(t, "/runs/message", "why it failed");
}

/* A swept path: numbers where every label is one. */
static ntk_error *write_axis(const table *t, size_t axis) {
  const ntk_ledger *l = t->ledger;
  char *path = NULL;
  bool numeric = true;
  NTK_TRY(ntk_path(&path, "/runs/%s", l->axes[axis]));
  for (size_t i = 0; i < t->count; i++) {
    char *end = NULL;
    t->text[i] = l->rows[i].axes[axis];
    t->number[i] = strtod(t->text[i], &end);
    numeric = numeric && *t->text[i] && !*end && isfinite(t->number[i]);
  }
  const ntk_h5_info info = column(t, path, NULL, l->axes[axis]);
  ntk_error *err = numeric ? ntk_h5_write_doubles(t->file, &info, t->number) : ntk_h5_write_texts(t->file, &info, t->text);
  free(path);
  return err;
}

static ntk_error *write_runs(ntk_h5 *file, const ntk_ledger *ledger) {
  table t = {.ledger = ledger, .file = file, .count = ledger->row_count};
  ntk_error *err = NULL;
  NTK_TRY_OUT(NTK_NEW(t.count, &t.text));
  NTK_TRY_OUT(NTK_NEW(t.count, &t.number));
  NTK_TRY_OUT(NTK_NEW(t.count, &t.integer));
  NTK_TRY_OUT(write_fixed_columns(&t));
  for (size_t a = 0; a < ledger->axis_count; a++) NTK_TRY_OUT(write_axis(&t, a));
out:
  free(t.text);
  free(t.number);
  free(t.integer);
  return err;
}

/* --- /metrics ------------------------------------------------------------------------------------------------------------------- */

/* What a run recorded: a matrix of its own, cut out of its journal line. */
typedef struct {
  const ntk_value *iteration, *metrics;
} series;

typedef struct {
  ntk_arena *arena; /* of all values */
  series *run;      /* one a row */
  size_t count;
  double *iteration; /* the union, ascending */
  size_t iteration_count;
  const char **name; /* borrowed from the arena */
  size_t name_count, name_capacity;
} collection;

static void free_collection(collection *c) {
  ntk_arena_free(&c->arena);
  free(c->run);
  free(c->iteration);
  free(c->name);
}

static ntk_error *add_name(collection *c, const char *name) {
  for (size_t i = 0; i < c->name_count; i++)
    if (strcmp(c->name[i], name) == 0) return NULL;
  if (c->name_count == c->name_capacity) {
    size_t capacity = c->name_capacity ? 2 * c->name_capacity : 16;
    const char **names = realloc(c->name, capacity * sizeof *names);
    if (!names) return ntk_fail(NTK_E_MEMORY, "out of memory");
    c->name = names;
    c->name_capacity = capacity;
  }
  c->name[c->name_count++] = name;
  return NULL;
}

static ntk_error *read_run(collection *c, series *s, const ntk_record *record) {
  const ntk_value *root = NULL;
  NTK_TRY(ntk_value_parse_json(c->arena, record->id, record->result, strlen(record->result), &root));
  s->iteration = ntk_value_get(root, "iteration");
  s->metrics = ntk_value_get(root, "metrics");
  for (size_t i = 0; i < ntk_value_count(s->metrics); i++) NTK_TRY(add_name(c, ntk_value_key(s->metrics, i)));
  return NULL;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static ntk_error *unite_iterations(collection *c) {
  size_t total = 0, kept = 0;
  for (size_t r = 0; r < c->count; r++) total += ntk_value_count(c->run[r].iteration);
  NTK_TRY(NTK_NEW(total, &c->iteration));
  /* The union so far is kept sorted and free of repeats, so that equal schedules (the usual case) cost one comparison a record. */
  for (size_t r = 0; r < c->count; r++) {
    size_t n = ntk_value_count(c->run[r].iteration), same = 0, before = kept;
    while (same < n && same < before && c->iteration[same] == ntk_value_number(ntk_value_item(c->run[r].iteration, same))) same++;
    for (size_t i = same; i < n; i++) {
      double value = ntk_value_number(ntk_value_item(c->run[r].iteration, i));
      if (!bsearch(&value, c->iteration, before, sizeof value, ascending)) c->iteration[kept++] = value;
    }
    if (kept > before) qsort(c->iteration, kept, sizeof *c->iteration, ascending);
  }
  c->iteration_count = kept;
  return NULL;
}

static ntk_error *collect(const ntk_ledger *ledger, collection *c) {
  c->count = ledger->row_count;
  NTK_TRY(ntk_arena_create(&c->arena));
  NTK_TRY(NTK_NEW(c->count, &c->run));
  for (size_t i = 0; i < c->count; i++) {
    const ntk_record *record = ntk_ledger_find(ledger, ledger->rows[i].id);
    if (record && record->state == NTK_DONE && record->result) NTK_TRY(read_run(c, &c->run[i], record));
  }
  return unite_iterations(c);
}

static void fill_row(const collection *c, const series *s, const char *name, double *row) {
  const ntk_value *values = ntk_value_get(s->metrics, name);
  for (size_t k = 0; k < c->iteration_count; k++) row[k] = NAN;
  for (size_t i = 0, k = 0; i < ntk_value_count(values) && i < ntk_value_count(s->iteration); i++) {
    double at = ntk_value_number(ntk_value_item(s->iteration, i));
    while (k < c->iteration_count && c->iteration[k] < at) k++;
    if (k < c->iteration_count) row[k] = ntk_value_number(ntk_value_item(values, i));
  }
}

static ntk_error *write_metric(ntk_h5 *file, const collection *c, const char *name) {
  char *path = NULL;
  double *matrix = NULL;
  ntk_error *err = NULL;
  NTK_TRY_OUT(ntk_path(&path, "/metrics/%s", name));
  NTK_TRY_OUT(ntk_alloc(c->count * c->iteration_count, sizeof *matrix, &matrix));
  for (size_t r = 0; r < c->count; r++) fill_row(c, &c->run[r], name, matrix + r * c->iteration_count);
  const ntk_h5_info info = {
      .path = path, .rank = 2, .shape = {c->count, c->iteration_count}, .scale = {"run", "/metrics/iteration"}, .long_name = name};
  err = ntk_h5_write_doubles(file, &info, matrix);
out:
  free(path);
  free(matrix);
  return err;
}

static ntk_error *write_metrics(ntk_h5 *file, const ntk_ledger *ledger) {
  collection c = {.arena = NULL};
  ntk_error *err = NULL;
  NTK_TRY_OUT(collect(ledger, &c));
  if (c.iteration_count == 0) goto out;
  const ntk_h5_info info = {.path = "/metrics/iteration",
                            .rank = 1,
                            .shape = {c.iteration_count},
                            .scale = {"/metrics/iteration"},
                            .long_name = "number of generator steps done"};
  NTK_TRY_OUT(ntk_h5_write_doubles(file, &info, c.iteration));
  for (size_t i = 0; i < c.name_count; i++) NTK_TRY_OUT(write_metric(file, &c, c.name[i]));
out:
  free_collection(&c);
  return err;
}

/* --- the file ------------------------------------------------------------------------------------------------------------------- */

static ntk_error *write_links(ntk_h5 *file, const ntk_ledger *ledger) {
  for (size_t i = 0; i < ledger->row_count; i++) {
    char link[64], target[64];
    const ntk_record *record = ntk_ledger_find(ledger, ledger->rows[i].id);
    snprintf(link, sizeof link, "/links/%s", ledger->rows[i].id);
    snprintf(target, sizeof target, "runs/%s.h5", ledger->rows[i].id);
    if (record && record->state == NTK_DONE && record->has_file && !ntk_h5_has(file, link)) NTK_TRY(ntk_h5_link(file, link, target));
  }
  return NULL;
}

ntk_error *ntk_index_fill(const ntk_ledger *ledger, ntk_h5 *file) {
  if (ledger->name) NTK_TRY(ntk_h5_attribute_text(file, "/", "study", ledger->name));
  if (ledger->row_count) NTK_TRY(write_runs(file, ledger));
  return write_metrics(file, ledger);
}

static ntk_error *write_file(const ntk_ledger *ledger, const char *path) {
  ntk_h5 *file = NULL;
  NTK_TRY(ntk_h5_create(path, &file));
  ntk_error *err = ntk_index_fill(ledger, file);
  if (!err) err = write_links(file, ledger);
  if (!err) return ntk_h5_commit(&file);
  ntk_h5_close(&file);
  return err;
}

/* One writer at a time: shards of a study share its index. */
static ntk_error *wait_for_turn(const char *path, int *fd) {
  *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (*fd < 0) return ntk_fail_errno(errno, "%s: cannot open", path);
  double start = ntk_clock();
  while (flock(*fd, LOCK_EX | LOCK_NB) != 0 && ntk_clock() - start < writer_patience) ntk_sleep(0.02);
  return NULL;
}

ntk_error *ntk_index_write(ntk_ledger *ledger, const char *root, const char *own) {
  char *path = NULL, *turn = NULL;
  int fd = -1;
  ntk_error *err = NULL;
  NTK_TRY_OUT(ntk_path(&path, "%s/index.h5", root));
  NTK_TRY_OUT(ntk_path(&turn, "%s/log/index.lock", root));
  NTK_TRY_OUT(wait_for_turn(turn, &fd));
  if (own) NTK_TRY_OUT(ntk_ledger_refresh(ledger, root, own));
  err = ntk_error_prefix(write_file(ledger, path), "%s", path);
out:
  if (fd >= 0) close(fd);
  free(path);
  free(turn);
  return err;
}
