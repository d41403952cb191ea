/* Points that are given: in the study, or in a file. */
#include "base/mem.h"
#include "data/source.h"
#include "io/points.h"

ntk_error *ntk_size_values(const ntk_value *parameters, size_t *n, size_t *d) {
  size_t count = ntk_value_count(ntk_value_get(parameters, "values"));
  *d = (size_t)ntk_get_integer(parameters, "dimension");
  *n = count / *d;
  if (!count || count % *d) return ntk_source_wrong(parameters, "values", "has %zu numbers, expected a multiple of dimension = %zu", count, *d);
  return NULL;
}

ntk_error *ntk_read_values(const ntk_value *parameters, size_t *n, size_t *d, double **x) {
  const ntk_value *values = ntk_value_get(parameters, "values");
  NTK_TRY(ntk_size_values(parameters, n, d));
  NTK_TRY(NTK_NEW(*n * *d, x));
  for (size_t k = 0; k < *n * *d; k++) (*x)[k] = ntk_value_number(ntk_value_item(values, k));
  return NULL;
}

ntk_error *ntk_size_file(const ntk_value *parameters, size_t *n, size_t *d) { return ntk_points_size(ntk_get_text(parameters, "path"), n, d); }

ntk_error *ntk_read_file(const ntk_value *parameters, size_t *n, size_t *d, double **x) {
  return ntk_points_read(ntk_get_text(parameters, "path"), n, d, x);
}
