#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGNMENT = 64, LARGE_PAGE = 2 << 20 };

static ntk_error *allocate(size_t count, size_t size, bool zeroed, void *out) {
  void *memory = NULL;
  memcpy(out, &memory, sizeof memory);
  if (size && count > (SIZE_MAX - LARGE_PAGE) / size) return ntk_fail(NTK_E_MEMORY, "%zu objects of %zu bytes do not fit in memory", count, size);
  size_t bytes = (count * size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  if (!bytes) bytes = ALIGNMENT;
  size_t pages = bytes / LARGE_PAGE; /* large arrays in large pages, where the system has them: first touches of small ones take long */
  memory = pages ? aligned_alloc(LARGE_PAGE, (bytes + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE) : aligned_alloc(ALIGNMENT, bytes);
  if (!memory) return ntk_fail(NTK_E_MEMORY, "out of memory: %zu bytes asked for", bytes);
  if (pages) (void)madvise(memory, pages * LARGE_PAGE, MADV_HUGEPAGE);
  if (zeroed) memset(memory, 0, bytes);
  memcpy(out, &memory, sizeof memory);
  return NULL;
}

ntk_error *ntk_alloc(size_t count, size_t size, void *out) { return allocate(count, size, true, out); }

ntk_error *ntk_alloc_unset(size_t count, size_t size, void *out) { return allocate(count, size, false, out); }

void ntk_area_free(ntk_area *area) {
  if (area->mapped)
    munmap(area->start, area->mapped);
  else
    free(area->start);
  *area = (ntk_area){0};
}

ntk_error *ntk_copy_bytes(const char *text, size_t length, char **out) {
  NTK_TRY(ntk_alloc(length + 1, 1, out));
  memcpy(*out, text, length);
  return NULL;
}

ntk_error *ntk_copy_text(const char *text, char **out) { return ntk_copy_bytes(text, strlen(text), out); }
