#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "run/fields.h"
#include "run/state.h"
#include "run/theory.h"
#include "spectrum/spectrum.h"

/* Numbers of one metric into `row` (root only), NaN where it is not due. */
static ntk_error *record_metric(ntk_run_state *s, ntk_metric *metric, const ntk_measure *fake, double *row) {
  long long every = ntk_metric_every(metric);
  double values[NTK_MAX_SERIES];
  bool due = every <= 0 || s->iteration == s->iterations || s->iteration % every == 0;
  for (size_t k = 0; k < ntk_metric_count(metric); k++) values[k] = NAN;
  if (due) NTK_TRY(ntk_error_prefix(ntk_metric_evaluate(metric, s->group, fake, &s->real, values), "metric %s", ntk_metric_name(metric, 0)));
  if (row) memcpy(row, values, ntk_metric_count(metric) * sizeof *row);
  return NULL;
}

/* All metrics of `fake` from *column of `row` on (NULL but on the root). */
static ntk_error *record_metrics(ntk_run_state *s, const ntk_measure *fake, double *row, size_t *column) {
  for (size_t i = 0; i < s->metrics.count; i++) {
    NTK_TRY(record_metric(s, s->metrics.item[i], fake, row ? row + *column : NULL));
    *column += ntk_metric_count(s->metrics.item[i]);
  }
  return NULL;
}

/* The generator's outputs at its fresh points, and the metrics of them. */
static ntk_error *record_fresh(ntk_run_state *s, double *row, size_t *column) {
  ntk_records *r = &s->records;
  const ntk_measure *fresh;
  NTK_TRY(ntk_flow_fresh(s->flow, &fresh));
  if (!fresh) return NULL;
  size_t size = fresh->n * fresh->d;
  if (r->fresh) memcpy(r->fresh + r->count * size, fresh->x, size * sizeof(double));
  return ntk_error_prefix(record_metrics(s, fresh, row, column), "fresh samples");
}

static ntk_error *record_numbers(ntk_run_state *s) {
  ntk_records *r = &s->records;
  bool root = s->group->rank == 0;
  double *row = root ? r->values + r->count * r->series : NULL;
  if (root) {
    double loss = 0;
    for (size_t i = 0; i < s->fake.n; i++) loss += s->fake.mass[i] * s->c[i];
    row[0] = loss;
    r->iteration[r->count] = (double)s->iteration;
    r->time[r->count] = ntk_flow_time(s->flow, s->iteration);
    size_t size = s->fake.n * s->fake.d;
    if (r->trajectory) memcpy(r->trajectory + r->count * size, s->fake.x, size * sizeof(double));
  }
  size_t column = 1;
  NTK_TRY(record_metrics(s, &s->fake, row, &column));
  NTK_TRY(record_fresh(s, row, &column));
  double theory[NTK_MAX_SERIES];
  NTK_TRY(ntk_theory_record(s, theory));
  if (root) memcpy(row + column, theory, (r->series - column) * sizeof *row);
  r->count++;
  return NULL;
}

/* Spectrum of T_{k,gamma} with the alignment of the labels -1, +1 (weighted by the masses' roots, as the eigenvectors are). */
static ntk_error *record_spectrum(ntk_run_state *s) {
  ntk_records *r = &s->records;
  ntk_spectrum spectrum = {0};
  double *labels = NULL;
  const double *mass = ntk_discriminator_mass(s->discriminator);
  ntk_error *err = ntk_agree(s->group, NTK_NEW(r->total, &labels));
  for (size_t j = 0; !err && j < r->total; j++) labels[j] = (j < s->fake.n ? -1 : 1) * sqrt(mass[j]);
  if (!err)
    err = ntk_spectrum_compute(s->group, ntk_discriminator_kernel(s->discriminator), ntk_discriminator_points(s->discriminator), mass,
                               r->eigenvectors, labels, &spectrum);
  if (!err && s->group->rank == 0) {
    size_t vectors = r->total * r->eigenvectors;
    r->spectrum_iteration[r->spectra] = (double)s->iteration;
    memcpy(r->eigenvalue + r->spectra * r->eigenvalues, spectrum.values, r->eigenvalues * sizeof(double));
    if (vectors) memcpy(r->eigenvector + r->spectra * vectors, spectrum.vectors, vectors * sizeof(double));
    if (vectors) memcpy(r->alignment + r->spectra * r->eigenvectors, spectrum.alignment, r->eigenvectors * sizeof(double));
  }
  r->spectra++;
  free(labels);
  ntk_spectrum_free(&spectrum);
  return ntk_error_prefix(err, "spectrum");
}

ntk_error *ntk_run_state_record(ntk_run_state *s) {
  if (ntk_schedule_due(&s->record, s->iteration)) NTK_TRY(record_numbers(s));
  if (s->has_spectrum && ntk_schedule_due(&s->spectrum, s->iteration)) NTK_TRY(record_spectrum(s));
  return ntk_run_fields_record(s);
}
