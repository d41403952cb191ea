/** The formats of point files, each a function from bytes to points. Private to io/ (and the fuzzer). */
#ifndef NTK_IO_POINTS_FORMAT_H
#define NTK_IO_POINTS_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"

/** Bytes of a file: all of them, or only its first ones (length < whole) where just the size of the points is asked for. */
typedef struct {
  const char *name;  /* in messages */
  const char *bytes; /* followed by a NUL */
  size_t length;     /* of bytes */
  size_t whole;      /* of the file */
} ntk_points_source;

/** n x d, row-major. */
typedef struct {
  size_t n, d;
  double *x; /* NULL where only the size was asked for; free() */
} ntk_points;

/** Readers: NTK_E_INPUT for ill-formed bytes, whatever they are; `x` is only filled if `values`. Memory in proportion to the bytes. */
typedef ntk_error *(*ntk_points_reader)(const ntk_points_source *source, bool values, ntk_points *out);
NTK_CHECKED ntk_error *ntk_points_npy(const ntk_points_source *source, bool values, ntk_points *out);
/** The n x d numbers of an open file into x, in pieces; `source` has its first bytes. */
NTK_CHECKED ntk_error *ntk_points_npy_into(const ntk_points_source *source, FILE *file, size_t n, size_t d, double *x);
NTK_CHECKED ntk_error *ntk_points_csv(const ntk_points_source *source, bool values, ntk_points *out);
/** Plain or in gzip format. */
NTK_CHECKED ntk_error *ntk_points_idx(const ntk_points_source *source, bool values, ntk_points *out);
/** FILE.h5:/path; opened by HDF5. */
NTK_CHECKED ntk_error *ntk_points_h5(const char *path, bool values, ntk_points *out);
/** Into x, which holds the n x d numbers that ntk_points_h5 told of. */
NTK_CHECKED ntk_error *ntk_points_h5_into(const char *path, size_t n, size_t d, double *x);

/** n and d from the axes of an array: the first axis counts points, the others are flattened. NTK_E_INPUT if there is no number or they would not fit
 *  in memory. */
NTK_CHECKED ntk_error *ntk_points_shape(const char *name, size_t rank, const size_t *shape, ntk_points *out);

/** How a number is stored, and its value. */
typedef enum { NTK_STORED_UNSIGNED, NTK_STORED_SIGNED, NTK_STORED_FLOAT } ntk_stored;
typedef struct {
  ntk_stored kind;
  size_t size; /* 1, 2, 4, 8; floats 4, 8 */
  bool big_endian;
} ntk_points_type;
double ntk_points_number(ntk_points_type type, const char *bytes);

#endif
