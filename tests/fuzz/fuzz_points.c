/* libFuzzer: the readers of point files outside HDF5. The first byte chooses the reader, the second whether only the size is asked for, the rest is
 * the file. Build: clang -fsanitize=fuzzer,address,undefined -Iinclude -Isrc tests/fuzz/fuzz_points.c src/io/points*.c src/io/file.c src/io/h5*.c
 * src/base/{err,mem,text}.c and the libraries of the Makefile. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/points_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const ntk_points_reader readers[] = {ntk_points_npy, ntk_points_csv, ntk_points_idx};
  if (size < 2) return 0;
  char *bytes = NULL; /* exactly as long as promised, so that reading past the NUL shows */
  if (!(bytes = malloc(size - 1))) return 0;
  memcpy(bytes, data + 2, size - 2);
  bytes[size - 2] = '\0';
  ntk_points_source source = {"input", bytes, size - 2, size - 2};
  ntk_points points = {0, 0, NULL};
  ntk_error *e = readers[data[0] % 3](&source, data[1] % 2 == 0, &points);
  if (!e && (!points.n || !points.d)) abort();
  if (!e && data[1] % 2 == 0) {
    volatile double sum = 0;
    for (size_t i = 0; i < points.n * points.d; i++) sum += points.x[i];
  }
  ntk_error_free(&e);
  free(points.x);
  free(bytes);
  return 0;
}
