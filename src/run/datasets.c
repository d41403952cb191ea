#include "run/datasets.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"

static size_t elements(const ntk_h5_info *info) {
  size_t count = 1;
  for (int a = 0; a < info->rank; a++) count *= info->shape[a];
  return count;
}

static ntk_error *write_one(const ntk_dataset *source, ntk_h5 *file) {
  double *column = NULL;
  size_t count = elements(&source->info);
  if (!count) return NULL;
  if (!source->stride) return ntk_h5_write_doubles(file, &source->info, source->values);
  NTK_TRY(NTK_NEW(count, &column));
  for (size_t i = 0; i < count; i++) column[i] = source->values[i * source->stride];
  ntk_error *err = ntk_h5_write_doubles(file, &source->info, column);
  free(column);
  return err;
}

ntk_error *ntk_datasets_write(const ntk_dataset *table, size_t count, ntk_h5 *file) {
  for (size_t k = 0; k < count; k++) NTK_TRY(write_one(&table[k], file));
  return NULL;
}

static ntk_error *read_one(const ntk_dataset *target, ntk_h5 *file) {
  size_t shape[4] = {0}, stride = target->stride ? target->stride : 1, count = elements(&target->info);
  double *values = NULL;
  if (!count) return NULL;
  NTK_TRY(ntk_h5_read_doubles(file, target->info.path, target->info.rank, shape, &values));
  bool fits = true;
  for (int a = 0; a < target->info.rank; a++) fits = fits && shape[a] == target->info.shape[a];
  for (size_t i = 0; fits && i < count; i++) target->values[i * stride] = values[i];
  free(values);
  return fits ? NULL : ntk_fail(NTK_E_INPUT, "%s has another shape than this run needs", target->info.path);
}

ntk_error *ntk_datasets_read(const ntk_dataset *table, size_t count, ntk_h5 *file) {
  for (size_t k = 0; k < count; k++) NTK_TRY(read_one(&table[k], file));
  return NULL;
}

ntk_error *ntk_datasets_length(ntk_h5 *file, const char *path, size_t limit, size_t *out) {
  int rank = 0;
  size_t shape[4] = {0};
  *out = 0;
  if (!ntk_h5_has(file, path)) return NULL;
  NTK_TRY(ntk_h5_read_shape(file, path, &rank, shape));
  if (rank != 1 || shape[0] > limit) return ntk_fail(NTK_E_INPUT, "%s holds more records than this run makes", path);
  *out = shape[0];
  return NULL;
}
