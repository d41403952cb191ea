/** Checked, aligned memory. */
#ifndef NTK_BASE_MEM_H
#define NTK_BASE_MEM_H

#include <stddef.h>

#include "base/err.h"

/** Zeroed array of count*size bytes, aligned to 64 bytes. count = 0 gives a valid pointer. `*out` (a pointer variable's
 *  address) is set; NULL on failure. Fails with NTK_E_MEMORY, also on overflow of count*size. Release with free(). */
NTK_CHECKED ntk_error *ntk_alloc(size_t count, size_t size, void *out);
/** The same with any contents: for large arrays that are written as a whole anyway. */
NTK_CHECKED ntk_error *ntk_alloc_unset(size_t count, size_t size, void *out);

/** Shorthand: NTK_NEW(n, &pointer) allocates n objects of the pointer's target type. */
#define NTK_NEW(count, pointer) ntk_alloc((count), sizeof **(pointer), (pointer))

/** Memory that knows its way back: this process's own (ntk_alloc), or mapped (ntk_comm_share). {0}: none. */
typedef struct {
  void *start;
  size_t mapped; /* bytes of the mapping; 0: own */
} ntk_area;
void ntk_area_free(ntk_area *area);

/** Copy of a string (length bytes, or all with ntk_copy_text). Release with free(). */
NTK_CHECKED ntk_error *ntk_copy_text(const char *text, char **out);
NTK_CHECKED ntk_error *ntk_copy_bytes(const char *text, size_t length, char **out);

#endif
