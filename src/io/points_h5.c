#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/h5.h"
#include "io/points_format.h"

ntk_error *ntk_points_h5(const char *path, bool values, ntk_points *out) {
  ntk_error *err = NULL;
  char *name = NULL;
  ntk_h5 *file = NULL;
  int rank = 0;
  size_t shape[4] = {0};
  NTK_TRY_OUT(ntk_copy_text(path, &name));
  char *colon = strstr(name, ":/");
  *colon = '\0';
  const char *dataset = colon + 1;
  NTK_TRY_OUT(ntk_h5_open(name, &file));
  NTK_TRY_OUT(ntk_h5_read_shape(file, dataset, &rank, shape));
  NTK_TRY_OUT(ntk_points_shape(path, (size_t)rank, shape, out));
  if (values) NTK_TRY_OUT(ntk_h5_read_doubles(file, dataset, rank, shape, &out->x));
out:
  ntk_h5_close(&file);
  free(name);
  return err;
}
