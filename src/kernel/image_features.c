/* Features of series activations at the positions of images: made when a pair of positions first needs them, kept for the others. */
#include <string.h>

#include "kernel/image.h"

/* Copies `count` numbers into what is kept; NULL if they do not fit. */
static const double *keep(ntk_image_kept *kept, size_t count, const double *numbers) {
  if (kept->size - kept->used < count) return NULL;
  double *to = kept->memory + kept->used;
  memcpy(to, numbers, count * sizeof *to);
  kept->used += count;
  return to;
}

static ntk_image_features *entry_of(const ntk_image_kept *kept, const ntk_image_op *op, size_t position) {
  return &kept->entries[op->table + position];
}

static const ntk_series *row_series(const ntk_image_run *run, const ntk_image_op *op, size_t position, double q) {
  ntk_image_kept *kept = &run->w->row_features;
  ntk_image_features *entry = entry_of(kept, op, position);
  const size_t index = (size_t)(op - run->program->ops);
  if (entry->stamp == kept->stamp) return &entry->series;
  entry->series = ntk_features_lanes(run->row_features[index], q, run->row_features[index], 0, &q, run->w->features);
  const double *row = keep(kept, ntk_series_row_size(entry->series.row_terms), entry->series.row);
  if (row) entry->series.row = row, entry->stamp = kept->stamp;
  return &entry->series;
}

static const ntk_series *column_series(const ntk_image_run *run, const ntk_image_op *op, size_t position, const double *s) {
  ntk_image_kept *kept = &run->w->column_features;
  ntk_image_features *entry = entry_of(kept, op, position);
  const size_t index = (size_t)(op - run->program->ops), groups = run->lanes / NTK_LANES;
  if (entry->stamp == kept->stamp) return &entry->series;
  /* Against the largest variance the columns' terms are all there. */
  double most = 0;
  for (size_t j = 0; j < run->lanes; j++) most = s[j] > most ? s[j] : most;
  double *scratch = run->w->features + NTK_SERIES_ROW_MOST;
  entry->series = ntk_features_lanes(run->column_features[index], most, run->column_features[index], groups, s, scratch);
  const double *columns = keep(kept, groups * entry->series.group, entry->series.columns);
  if (columns) entry->series.columns = columns, entry->stamp = kept->stamp;
  return &entry->series;
}

ntk_series ntk_image_series_of(const ntk_image_run *run, const ntk_image_op *op, size_t row, size_t column) {
  const size_t positions = ntk_image_positions(run->program, op->from), q = op->table + NTK_IMAGE_Q * positions;
  const ntk_series *x = row_series(run, op, row, run->row_tables[q + row]);
  const ntk_series *z = column_series(run, op, column, run->columns.tables + (q + column) * run->lanes);
  ntk_series series = *x;
  series.columns = z->columns;
  series.column_terms = z->column_terms;
  series.group = z->group;
  return series;
}
