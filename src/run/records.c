#include "run/records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

ntk_error *ntk_records_allocate(ntk_records *r, bool trajectory) {
  NTK_TRY(NTK_NEW(r->capacity, &r->iteration));
  NTK_TRY(NTK_NEW(r->capacity, &r->time));
  NTK_TRY(ntk_alloc(r->capacity * r->series, sizeof(double), &r->values));
  if (trajectory) NTK_TRY(ntk_alloc(r->capacity * r->n * r->d, sizeof(double), &r->trajectory));
  if (!r->spectra_capacity) return NULL;
  NTK_TRY(NTK_NEW(r->spectra_capacity, &r->spectrum_iteration));
  NTK_TRY(ntk_alloc(r->spectra_capacity * r->eigenvalues, sizeof(double), &r->eigenvalue));
  if (!r->eigenvectors) return NULL;
  NTK_TRY(ntk_alloc(r->spectra_capacity * r->total * r->eigenvectors, sizeof(double), &r->eigenvector));
  return ntk_alloc(r->spectra_capacity * r->eigenvectors, sizeof(double), &r->alignment);
}

void ntk_records_free(ntk_records *r) {
  double *arrays[] = {r->iteration, r->time, r->values, r->trajectory, r->spectrum_iteration, r->eigenvalue, r->eigenvector, r->alignment};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) free(arrays[i]);
  *r = (ntk_records){0};
}

bool ntk_records_arrays(const ntk_records *r) { return r->trajectory || r->spectra_capacity; }

void ntk_records_json(const ntk_records *r, ntk_text *out) {
  ntk_json j = NTK_JSON(out);
  ntk_json_object(&j, NULL);
  ntk_json_numbers(&j, "iteration", r->iteration, r->count);
  ntk_json_object(&j, "metrics");
  for (size_t s = 0; s < r->series; s++) {
    ntk_json_array(&j, r->name[s]);
    for (size_t i = 0; i < r->count; i++) ntk_json_number(&j, NULL, r->values[i * r->series + s]);
    ntk_json_end_array(&j);
  }
  ntk_json_end_object(&j);
  ntk_json_end_object(&j);
}

/* One dataset of a run file and the array that it holds. */
typedef struct {
  ntk_h5_info info;
  double *values;
  size_t stride; /* 0: contiguous; else every stride-th number (a column of `values`) */
} dataset;

enum { MAX_DATASETS = NTK_MAX_SERIES + 12 };

/* The table of datasets, in file order. Returns their number. `path` gives storage for the series' names. */
static size_t describe(const ntk_records *r, dataset *table, char (*path)[96]) {
  size_t k = 0, spectra = r->spectra;
  const char *when = "number of generator steps done";
  if (r->trajectory) {
    table[k++] = (dataset){{"/trajectory/iteration", 1, {r->count}, {"/trajectory/iteration"}, NULL, when}, r->iteration, 0};
    table[k++] = (dataset){{"/trajectory/time", 1, {r->count}, {"/trajectory/iteration"}, NULL, "flow time: sum of the step sizes"}, r->time, 0};
    table[k++] =
        (dataset){{"/trajectory/fake", 3, {r->count, r->n, r->d}, {"/trajectory/iteration", "point", "coordinate"}, "data units", "fake points"},
                  r->trajectory,
                  0};
  }
  table[k++] = (dataset){{"/metrics/iteration", 1, {r->count}, {"/metrics/iteration"}, NULL, when}, r->iteration, 0};
  for (size_t s = 1; s < r->series; s++) {
    snprintf(path[s], sizeof path[s], "/metrics/%s", r->name[s]);
    table[k++] = (dataset){{path[s], 1, {r->count}, {"/metrics/iteration"}, NULL, r->long_name[s]}, r->values + s, r->series};
  }
  table[k++] = (dataset){{"/iteration", 1, {r->count}, {"/iteration"}, NULL, when}, r->iteration, 0};
  table[k++] = (dataset){{"/loss", 1, {r->count}, {"/iteration"}, NULL, r->long_name[0]}, r->values, r->series};
  if (!spectra) return k;
  table[k++] = (dataset){{"/spectrum/iteration", 1, {spectra}, {"/spectrum/iteration"}, NULL, when}, r->spectrum_iteration, 0};
  table[k++] = (dataset){{"/spectrum/eigenvalues",
                          2,
                          {spectra, r->eigenvalues},
                          {"/spectrum/iteration", "index"},
                          NULL,
                          "eigenvalues of the integral operator T_{k,gamma}, descending"},
                         r->eigenvalue,
                         0};
  if (!r->eigenvectors) return k;
  table[k++] = (dataset){{"/spectrum/eigenvectors",
                          3,
                          {spectra, r->total, r->eigenvectors},
                          {"/spectrum/iteration", "gamma_point", "vector"},
                          NULL,
                          "leading eigenvectors (columns), fake points first"},
                         r->eigenvector,
                         0};
  table[k++] = (dataset){{"/spectrum/alignment",
                          2,
                          {spectra, r->eigenvectors},
                          {"/spectrum/iteration", "vector"},
                          NULL,
                          "squared share of the labels (-1 fake, +1 real) along each eigenvector"},
                         r->alignment,
                         0};
  return k;
}

static size_t elements(const ntk_h5_info *info) {
  size_t count = 1;
  for (int a = 0; a < info->rank; a++) count *= info->shape[a];
  return count;
}

ntk_error *ntk_records_write(const ntk_records *r, ntk_h5 *file) {
  dataset table[MAX_DATASETS];
  char paths[NTK_MAX_SERIES][96];
  double *column = NULL;
  NTK_TRY(NTK_NEW(r->count, &column));
  size_t count = describe(r, table, paths);
  ntk_error *err = NULL;
  for (size_t k = 0; k < count && !err; k++) {
    const double *values = table[k].values;
    if (table[k].stride) {
      for (size_t i = 0; i < r->count; i++) column[i] = values[i * table[k].stride];
      values = column;
    }
    err = ntk_h5_write_doubles(file, &table[k].info, values);
  }
  free(column);
  return err;
}

static ntk_error *read_one(ntk_h5 *file, const dataset *target, size_t limit) {
  size_t shape[4] = {0};
  double *values = NULL;
  NTK_TRY(ntk_h5_read_doubles(file, target->info.path, target->info.rank, shape, &values));
  ntk_error *err = NULL;
  bool fits = shape[0] <= limit;
  for (int a = 1; a < target->info.rank; a++) fits = fits && shape[a] == target->info.shape[a];
  if (!fits) err = ntk_fail(NTK_E_INPUT, "%s has another shape than this run needs", target->info.path);
  size_t stride = target->stride ? target->stride : 1, count = fits ? shape[0] * (elements(&target->info) / target->info.shape[0]) : 0;
  for (size_t i = 0; i < count; i++) target->values[i * stride] = values[i];
  free(values);
  return err;
}

static ntk_error *first_extent(ntk_h5 *file, const char *path, size_t limit, size_t *out) {
  double *values = NULL;
  NTK_TRY(ntk_h5_read_doubles(file, path, 1, out, &values));
  free(values);
  return *out <= limit ? NULL : ntk_fail(NTK_E_INPUT, "%s holds more records than this run makes", path);
}

ntk_error *ntk_records_read(ntk_records *r, ntk_h5 *file) {
  dataset table[MAX_DATASETS];
  char paths[NTK_MAX_SERIES][96];
  NTK_TRY(first_extent(file, "/metrics/iteration", r->capacity, &r->count));
  r->spectra = 0;
  if (r->spectra_capacity && ntk_h5_has(file, "/spectrum/iteration"))
    NTK_TRY(first_extent(file, "/spectrum/iteration", r->spectra_capacity, &r->spectra));
  size_t count = describe(r, table, paths);
  for (size_t k = 0; k < count; k++) NTK_TRY(read_one(file, &table[k], table[k].info.shape[0]));
  return NULL;
}
