/** What the files of the HDF5 layer share. Private to io/. */
#ifndef NTK_IO_H5_FILE_H
#define NTK_IO_H5_FILE_H

#include <stdbool.h>

#include "io/h5.h"

struct ntk_h5 {
  hid_t id;
  char *path, *part; /* part: the file being created; NULL when reading */
  bool large;        /* HDF5 writes it itself */
};

/** HDF5's own error printing is off between the two calls, and what it was before afterwards. */
typedef struct {
  H5E_auto2_t print;
  void *data;
} ntk_h5_quiet;
ntk_h5_quiet ntk_h5_quiet_begin(void);
void ntk_h5_quiet_end(ntk_h5_quiet before);

/** Error "<file>: <text>: <HDF5's reason>". To be called right after the HDF5 call that failed: the next one forgets the reason. */
ntk_error *ntk_h5_fail(const ntk_h5 *file, ntk_code code, const char *format, ...) NTK_CHECKED NTK_PRINTF(3, 4);

/** Closes any kind of HDF5 id; negative ids are ignored. True on success. */
bool ntk_h5_drop(hid_t id);

/** Makes the groups above the last component of `path`. */
NTK_CHECKED ntk_error *ntk_h5_make_groups(ntk_h5 *file, const char *path);

/** ntk_h5_has() without silencing. */
bool ntk_h5_present(hid_t file, const char *path);

/** Makes a dataset's axes known to readers: each gets a dimension scale (h5.h, ntk_h5_info). `dataset` is open and has its data. */
NTK_CHECKED ntk_error *ntk_h5_attach_scales(ntk_h5 *file, const ntk_h5_info *info, hid_t dataset);

/** `units` and `long_name` of an open dataset. */
NTK_CHECKED ntk_error *ntk_h5_describe(ntk_h5 *file, const ntk_h5_info *info, hid_t dataset);

/** Variable-length UTF-8 text type; to be dropped by the caller. Negative on failure. */
hid_t ntk_h5_text_type(void);

#endif
