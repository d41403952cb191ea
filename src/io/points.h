/** Readers of point files into row-major doubles. One function a format, chosen by the name's ending. */
#ifndef NTK_IO_POINTS_H
#define NTK_IO_POINTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/** Reads n x d points. Formats: NumPy .npy (v1-v3, C or Fortran order, f4/f8/integers/bool, any byte order; 1-D = n x 1, more axes are
 *  flattened to n x rest), .csv/.txt/.tsv (comma, semicolon, tab or blanks; one optional header line; '#' comments), FILE.h5:/path, IDX
 *  (ubyte, integers, floats; magic number decides; .gz too; images n x (rows*columns) with values 0..255), "-" = CSV from standard input.
 *  NTK_E_INPUT "file:line:col: ..." for text, "file: ..." for binary; also for NaN or infinity (first point named), no points, or a size that
 *  contradicts the header. `x` is for the caller to free(). */
NTK_CHECKED ntk_error *ntk_points_read(const char *path, size_t *n, size_t *d, double **x);
/** True for the formats that are read in pieces: .npy and .h5. */
bool ntk_points_streams(const char *path);
/** Reads one of these into memory for the n x d numbers that ntk_points_size told of, with hardly any more memory. */
NTK_CHECKED ntk_error *ntk_points_read_into(const char *path, size_t n, size_t d, double *x);
/** n and d from the header only where the format has one (npy, h5, IDX); CSV is read. */
NTK_CHECKED ntk_error *ntk_points_size(const char *path, size_t *n, size_t *d);

#endif
