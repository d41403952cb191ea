/** Sealed files: any content followed by a trailer of NTK_SEAL_BYTES bytes with a short note and a hash of content and note. Whoever reads one
 *  knows that it is as it was written before anything looks inside. Not collective. */
#ifndef NTK_IO_SEAL_H
#define NTK_IO_SEAL_H

#include <stddef.h>

#include "base/err.h"

enum { NTK_SEAL_BYTES = 128, NTK_SEAL_NOTE_BYTES = 64 /* with its NUL */ };

/** The trailer for `length` bytes of content. `note`: one line of printable text, cut to what fits. */
void ntk_seal_make(const void *bytes, size_t length, const char *note, char trailer[NTK_SEAL_BYTES]);

/** Reads a sealed file whole: *bytes (free()) holds *length bytes of content. NTK_E_INPUT when it is missing, larger than `limit`, or not as it
 *  was sealed. */
NTK_CHECKED ntk_error *ntk_seal_read(const char *path, size_t limit, char **bytes, size_t *length);

/** The note of a sealed file, read without checking the content. NTK_E_INPUT when there is no trailer. */
NTK_CHECKED ntk_error *ntk_seal_note(const char *path, char note[NTK_SEAL_NOTE_BYTES]);

#endif
