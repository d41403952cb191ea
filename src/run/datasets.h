/** Private to run/: tables of datasets, to be written to a file and read back. */
#ifndef NTK_RUN_DATASETS_H
#define NTK_RUN_DATASETS_H

#include "io/h5.h"

/** One dataset and the array that holds it. */
typedef struct {
  ntk_h5_info info;
  double *values;
  size_t stride; /* 0: contiguous; else every stride-th number (a column; vectors only) */
} ntk_dataset;

/** Writes them in order (what has no elements is left out). */
NTK_CHECKED ntk_error *ntk_datasets_write(const ntk_dataset *table, size_t count, ntk_h5 *file);

/** Reads them back; info.shape says what is expected. NTK_E_INPUT when a shape is another. */
NTK_CHECKED ntk_error *ntk_datasets_read(const ntk_dataset *table, size_t count, ntk_h5 *file);

/** Length of the vector at `path`, 0 where there is none. NTK_E_INPUT when it is above `limit`. */
NTK_CHECKED ntk_error *ntk_datasets_length(ntk_h5 *file, const char *path, size_t limit, size_t *out);

#endif
