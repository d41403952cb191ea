/* libFuzzer: HDF5 files as users give them. The first byte chooses: the size of /points in it, or its numbers. Checkpoints and run files reach
 * HDF5 only as they were written (fuzz_sealed.c). */
#include <stdbool.h>
#include <string.h>

#include "fuzz_file.h"
#include "io/points.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_points(const char *path, bool values) {
  char name[96];
  size_t n = 0, d = 0;
  double *x = NULL;
  snprintf(name, sizeof name, "%s:/points", path);
  ntk_error *e = values ? ntk_points_read(name, &n, &d, &x) : ntk_points_size(name, &n, &d);
  if (!e && (!n || !d)) abort();
  if (!e && values) {
    volatile double sum = 0;
    for (size_t i = 0; i < n * d; i++) sum += x[i];
  }
  ntk_error_free(&e);
  free(x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1) return 0;
  read_points(fuzz_file(data + 1, size - 1, "", 0), data[0] % 2 == 0);
  return 0;
}
