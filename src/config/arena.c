#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/tree.h"

typedef struct block {
  struct block *next;
  size_t used, size;
} block;

enum { HEAD = (sizeof(block) + 15) / 16 * 16, SMALLEST = 8192, LARGEST = 1 << 20 };

struct ntk_arena {
  block *first;
};

ntk_error *ntk_arena_create(ntk_arena **out) { return NTK_NEW(1, out); }

void ntk_arena_free(ntk_arena **arena) {
  if (!*arena) return;
  for (block *b = (*arena)->first; b;) {
    block *next = b->next;
    free(b);
    b = next;
  }
  free(*arena);
  *arena = NULL;
}

ntk_error *ntk_arena_take(ntk_arena *arena, size_t bytes, void *out) {
  void *memory = NULL;
  memcpy(out, &memory, sizeof memory);
  if (bytes > SIZE_MAX / 4) return ntk_fail(NTK_E_MEMORY, "out of memory: %zu bytes asked for", bytes);
  bytes = (bytes + 15) / 16 * 16;
  block *b = arena->first;
  if (!b || b->size - b->used < bytes) {
    size_t size = b ? 2 * b->size : SMALLEST;
    if (size > LARGEST) size = LARGEST;
    if (size < bytes) size = bytes;
    b = malloc(HEAD + size);
    if (!b) return ntk_fail(NTK_E_MEMORY, "out of memory: %zu bytes asked for", bytes);
    *b = (block){arena->first, 0, size};
    arena->first = b;
  }
  memory = (char *)b + HEAD + b->used;
  b->used += bytes;
  memset(memory, 0, bytes);
  memcpy(out, &memory, sizeof memory);
  return NULL;
}

ntk_error *ntk_arena_text(ntk_arena *arena, const char *text, size_t length, const char **out) {
  char *copy;
  *out = NULL;
  NTK_TRY(ntk_arena_take(arena, length + 1, &copy));
  memcpy(copy, text, length);
  *out = copy;
  return NULL;
}
