#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/h5.h"
#include "io/points_format.h"

/* Opens FILE of "FILE:/dataset"; *dataset is free()'s. */
static ntk_error *open_file(const char *path, ntk_h5 **file, char **dataset) {
  char *name = NULL;
  NTK_TRY(ntk_copy_text(path, &name));
  char *colon = strstr(name, ":/");
  *colon = '\0';
  ntk_error *err = ntk_h5_open(name, file);
  if (!err) err = ntk_copy_text(colon + 1, dataset);
  free(name);
  return err;
}

ntk_error *ntk_points_h5(const char *path, bool values, ntk_points *out) {
  ntk_error *err = NULL;
  char *dataset = NULL;
  ntk_h5 *file = NULL;
  int rank = 0;
  size_t shape[4] = {0};
  NTK_TRY_OUT(open_file(path, &file, &dataset));
  NTK_TRY_OUT(ntk_h5_read_shape(file, dataset, &rank, shape));
  NTK_TRY_OUT(ntk_points_shape(path, (size_t)rank, shape, out));
  if (values) NTK_TRY_OUT(ntk_h5_read_doubles(file, dataset, rank, shape, &out->x));
out:
  ntk_h5_close(&file);
  free(dataset);
  return err;
}

ntk_error *ntk_points_h5_into(const char *path, size_t n, size_t d, double *x) {
  char *dataset = NULL;
  ntk_h5 *file = NULL;
  ntk_error *err = open_file(path, &file, &dataset);
  if (!err) err = ntk_h5_read_into(file, dataset, n * d, x);
  ntk_h5_close(&file);
  free(dataset);
  return err;
}
