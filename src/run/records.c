#include "run/records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "run/datasets.h"

ntk_error *ntk_records_allocate(ntk_records *r, bool trajectory) {
  NTK_TRY(NTK_NEW(r->capacity, &r->iteration));
  NTK_TRY(NTK_NEW(r->capacity, &r->time));
  NTK_TRY(ntk_alloc(r->capacity * r->series, sizeof(double), &r->values));
  if (trajectory) NTK_TRY(ntk_alloc(r->capacity * r->n * r->d, sizeof(double), &r->trajectory));
  if (trajectory && r->fresh_n) NTK_TRY(ntk_alloc(r->capacity * r->fresh_n * r->d, sizeof(double), &r->fresh));
  if (!r->spectra_capacity) return NULL;
  NTK_TRY(NTK_NEW(r->spectra_capacity, &r->spectrum_iteration));
  NTK_TRY(ntk_alloc(r->spectra_capacity * r->eigenvalues, sizeof(double), &r->eigenvalue));
  if (!r->eigenvectors) return NULL;
  NTK_TRY(ntk_alloc(r->spectra_capacity * r->total * r->eigenvectors, sizeof(double), &r->eigenvector));
  return ntk_alloc(r->spectra_capacity * r->eigenvectors, sizeof(double), &r->alignment);
}

void ntk_records_free(ntk_records *r) {
  double *arrays[] = {r->iteration, r->time, r->values, r->trajectory, r->fresh, r->spectrum_iteration, r->eigenvalue, r->eigenvector, r->alignment};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) free(arrays[i]);
  for (size_t i = 0; i < sizeof r->own / sizeof *r->own; i++) free(r->own[i]);
  for (size_t i = 0; i < r->field_count; i++) ntk_field_record_free(&r->fields[i]);
  free(r->fields);
  *r = (ntk_records){0};
}

bool ntk_records_arrays(const ntk_records *r) { return r->trajectory || r->spectra_capacity || r->field_count; }

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

enum { MAX_DATASETS = NTK_MAX_SERIES + 13 };

/* The table of datasets, in file order. Returns their number. `path` gives storage for the series' names. */
static size_t describe(const ntk_records *r, ntk_dataset *table, char (*path)[96]) {
  size_t k = 0, spectra = r->spectra;
  const char *when = "number of generator steps done";
  if (r->trajectory) {
    table[k++] = (ntk_dataset){{"/trajectory/iteration", 1, {r->count}, {"/trajectory/iteration"}, NULL, when}, r->iteration, 0};
    table[k++] = (ntk_dataset){{"/trajectory/time", 1, {r->count}, {"/trajectory/iteration"}, NULL, "flow time: sum of the step sizes"}, r->time, 0};
    table[k++] =
        (ntk_dataset){{"/trajectory/fake", 3, {r->count, r->n, r->d}, {"/trajectory/iteration", "point", "coordinate"}, "data units", "fake points"},
                      r->trajectory,
                      0};
  }
  if (r->fresh)
    table[k++] = (ntk_dataset){{"/trajectory/fresh",
                                3,
                                {r->count, r->fresh_n, r->d},
                                {"/trajectory/iteration", "fresh_point", "coordinate"},
                                "data units",
                                "outputs of the generator at its fresh latent points"},
                               r->fresh,
                               0};
  table[k++] = (ntk_dataset){{"/metrics/iteration", 1, {r->count}, {"/metrics/iteration"}, NULL, when}, r->iteration, 0};
  for (size_t s = 1; s < r->series; s++) {
    snprintf(path[s], sizeof path[s], "/metrics/%s", r->name[s]);
    table[k++] = (ntk_dataset){{path[s], 1, {r->count}, {"/metrics/iteration"}, NULL, r->long_name[s]}, r->values + s, r->series};
  }
  table[k++] = (ntk_dataset){{"/iteration", 1, {r->count}, {"/iteration"}, NULL, when}, r->iteration, 0};
  table[k++] = (ntk_dataset){{"/loss", 1, {r->count}, {"/iteration"}, NULL, r->long_name[0]}, r->values, r->series};
  if (!spectra) return k;
  table[k++] = (ntk_dataset){{"/spectrum/iteration", 1, {spectra}, {"/spectrum/iteration"}, NULL, when}, r->spectrum_iteration, 0};
  table[k++] = (ntk_dataset){{"/spectrum/eigenvalues",
                              2,
                              {spectra, r->eigenvalues},
                              {"/spectrum/iteration", "index"},
                              NULL,
                              "eigenvalues of the integral operator T_{k,gamma}, descending"},
                             r->eigenvalue,
                             0};
  if (!r->eigenvectors) return k;
  table[k++] = (ntk_dataset){{"/spectrum/eigenvectors",
                              3,
                              {spectra, r->total, r->eigenvectors},
                              {"/spectrum/iteration", "gamma_point", "vector"},
                              NULL,
                              "leading eigenvectors (columns), fake points first"},
                             r->eigenvector,
                             0};
  table[k++] = (ntk_dataset){{"/spectrum/alignment",
                              2,
                              {spectra, r->eigenvectors},
                              {"/spectrum/iteration", "vector"},
                              NULL,
                              "squared share of the labels (-1 fake, +1 real) along each eigenvector"},
                             r->alignment,
                             0};
  return k;
}

ntk_error *ntk_records_write(const ntk_records *r, ntk_h5 *file) {
  ntk_dataset table[MAX_DATASETS];
  char paths[NTK_MAX_SERIES][96];
  NTK_TRY(ntk_datasets_write(table, describe(r, table, paths), file));
  for (size_t i = 0; i < r->field_count; i++) NTK_TRY(ntk_field_record_write(&r->fields[i], file));
  return NULL;
}

ntk_error *ntk_records_read(ntk_records *r, ntk_h5 *file) {
  ntk_dataset table[MAX_DATASETS];
  char paths[NTK_MAX_SERIES][96];
  NTK_TRY(ntk_datasets_length(file, "/metrics/iteration", r->capacity, &r->count));
  NTK_TRY(ntk_datasets_length(file, "/spectrum/iteration", r->spectra_capacity, &r->spectra));
  NTK_TRY(ntk_datasets_read(table, describe(r, table, paths), file));
  for (size_t i = 0; i < r->field_count; i++) NTK_TRY(ntk_field_record_read(&r->fields[i], file));
  return NULL;
}
