/** Files that are whole or absent. Not collective. */
#ifndef NTK_IO_FILE_H
#define NTK_IO_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"

/** A stretch of bytes. Borrowed. */
typedef struct {
  const void *bytes;
  size_t length;
} ntk_piece;

/** Writes `path`.part, fsyncs it, renames it to `path`, fsyncs the folder. Retries EINTR and short writes. NTK_E_IO leaves `path` as it was and no
 *  .part behind. */
NTK_CHECKED ntk_error *ntk_file_write(const char *path, const void *bytes, size_t length);
/** The same with a second piece after the first. With `previous`, an existing `path` is kept under that name: at any instant one of the two
 *  names holds a whole file. */
NTK_CHECKED ntk_error *ntk_file_write_pieces(const char *path, const char *previous, const ntk_piece pieces[2]);
/** Whole file into memory, NUL-terminated (free()). "-" is standard input. NTK_E_INPUT with the reason; refuses folders and files above
 *  `limit` bytes. */
NTK_CHECKED ntk_error *ntk_file_read(const char *path, size_t limit, char **bytes, size_t *length);
/** fsync(part), rename(part, path), fsync(folder of path). */
NTK_CHECKED ntk_error *ntk_file_publish(const char *part, const char *path);
/** mkdir -p. */
NTK_CHECKED ntk_error *ntk_folder_make(const char *path);
bool ntk_file_exists(const char *path);

#endif
