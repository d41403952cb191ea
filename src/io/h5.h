/** Thin layer over serial HDF5: create, write, read; errors carry HDF5's own reason. No global state but HDF5's; not thread-safe, not collective. */
#ifndef NTK_IO_H5_H
#define NTK_IO_H5_H

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

typedef struct ntk_h5 ntk_h5;

/** Starts a new file, built in memory (as large as the file) until ntk_h5_commit() writes it; an empty `path`.part shows at once whether the
 *  folder can be written. Object time stamps off: the same calls with equal content give equal bytes. The attribute format_version = 1 is
 *  written at once. NTK_E_IO with the system's reason. */
NTK_CHECKED ntk_error *ntk_h5_create(const char *path, ntk_h5 **out);
/** The same for a file that may be larger than memory: HDF5 writes it to `path`.part as it grows, so there must be room on the disk.
 *  What is written to it is not compressed: kernel values hardly are, in ten times the time of computing them. */
NTK_CHECKED ntk_error *ntk_h5_create_large(const char *path, ntk_h5 **out);
/** Completes: writes `path`.part, fsync, rename to `path`, fsync of the folder, close. On error (NTK_E_IO: a full disk, say) `path` is as it was and
 *  no .part is left. Frees *file, also on error. */
NTK_CHECKED ntk_error *ntk_h5_commit(ntk_h5 **file);
/** The same, sealed with `note` (io/seal.h; HDF5 ignores the trailer), an existing file of that name being kept as `previous`. */
NTK_CHECKED ntk_error *ntk_h5_commit_sealed(ntk_h5 **file, const char *previous, const char *note);
/** Opens a sealed file for reading: its seal is checked before HDF5 sees a byte of it. NTK_E_INPUT when it is missing or damaged. */
NTK_CHECKED ntk_error *ntk_h5_open_sealed(const char *path, ntk_h5 **out);
/** Opens for reading. NTK_E_INPUT when missing, damaged or of a newer format_version (one without the attribute is accepted). */
NTK_CHECKED ntk_error *ntk_h5_open(const char *path, ntk_h5 **out);
/** Closes; a file being created is removed (.part). NULL-safe. */
void ntk_h5_close(ntk_h5 **file);
/** The HDF5 handle, for what this layer does not cover. Borrowed. */
hid_t ntk_h5_id(const ntk_h5 *file);

/** Description of a dataset. rank <= 4; unused entries 0/NULL. Intermediate groups are made. */
typedef struct {
  const char *path; /* "/trajectory/fake" */
  int rank;
  size_t shape[4];
  /** Dimension scale of an axis. A path ("/trajectory/iteration"): that dataset; one of another group is copied next to this one, as xarray looks in
   *  the group only. A bare name ("point"): the dataset of that name in the group, else an index scale 0, 1, ... of that name is made.
   *  NULL: a vector is its own scale, other axes get an index scale "<name>_dim_<axis>". Lengths must agree (NTK_E_INTERNAL). */
  const char *scale[4];
  const char *units; /* NULL = "1" */
  const char *long_name;
} ntk_h5_info;

NTK_CHECKED ntk_error *ntk_h5_write_doubles(ntk_h5 *file, const ntk_h5_info *info, const double *values);
NTK_CHECKED ntk_error *ntk_h5_write_integers(ntk_h5 *file, const ntk_h5_info *info, const long long *values);
/** Variable-length UTF-8 strings. */
NTK_CHECKED ntk_error *ntk_h5_write_texts(ntk_h5 *file, const ntk_h5_info *info, const char *const *values);
/** Attribute of the object at `path` ("/" = file). */
NTK_CHECKED ntk_error *ntk_h5_attribute_text(ntk_h5 *file, const char *path, const char *name, const char *value);
NTK_CHECKED ntk_error *ntk_h5_attribute_double(ntk_h5 *file, const char *path, const char *name, double value);
NTK_CHECKED ntk_error *ntk_h5_attribute_integer(ntk_h5 *file, const char *path, const char *name, long long value);

/** Rank (at most 4) and shape of a dataset of numbers. NTK_E_INPUT if there is none at `path`. */
NTK_CHECKED ntk_error *ntk_h5_read_shape(ntk_h5 *file, const char *path, int *rank, size_t shape[4]);
/** Reads: memory is allocated for the caller (free()). shape gets `rank` entries; the dataset must have that rank. */
NTK_CHECKED ntk_error *ntk_h5_read_doubles(ntk_h5 *file, const char *path, int rank, size_t *shape, double **values);
/** Into memory that is there; the dataset must have `count` numbers, on whatever axes. */
NTK_CHECKED ntk_error *ntk_h5_read_into(ntk_h5 *file, const char *path, size_t count, double *values);
NTK_CHECKED ntk_error *ntk_h5_read_integers(ntk_h5 *file, const char *path, int rank, size_t *shape, long long **values);
NTK_CHECKED ntk_error *ntk_h5_read_attribute_text(ntk_h5 *file, const char *path, const char *name, char **value);
NTK_CHECKED ntk_error *ntk_h5_read_attribute_integer(ntk_h5 *file, const char *path, const char *name, long long *value);
bool ntk_h5_has(ntk_h5 *file, const char *path);
/** External link at `path` to "/" of another file (relative names are resolved by HDF5 from this file's folder). */
NTK_CHECKED ntk_error *ntk_h5_link(ntk_h5 *file, const char *path, const char *target_file);

/** Copies all that `from` holds, attributes and axes too, into the new group `path` of a file being created. */
NTK_CHECKED ntk_error *ntk_h5_copy(ntk_h5 *into, const char *path, ntk_h5 *from);

#endif
