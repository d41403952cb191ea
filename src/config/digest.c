#include "config/digest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "config/check.h"

struct ntk_digest {
  char *path;
  off_t size;
  struct timespec time;
  ntk_hash hash;
};

static bool is_current(const ntk_digest *d, const struct stat *now) {
  return d->size == now->st_size && d->time.tv_sec == now->st_mtim.tv_sec && d->time.tv_nsec == now->st_mtim.tv_nsec;
}

static ntk_error *grow(ntk_digests *all) {
  if (all->count < all->capacity) return NULL;
  size_t capacity = all->capacity ? 2 * all->capacity : 8;
  ntk_digest *items = realloc(all->items, capacity * sizeof *items);
  if (!items) return ntk_fail(NTK_E_MEMORY, "out of memory while hashing input files");
  all->items = items;
  all->capacity = capacity;
  return NULL;
}

static ntk_error *digest_file(ntk_digests *all, const char *file, ntk_hash *out) {
  struct stat now;
  if (stat(file, &now)) return ntk_fail(NTK_E_INPUT, "cannot read %s: %s", file, strerror(errno));
  ntk_digest *found = NULL;
  for (size_t i = 0; i < all->count && !found; i++)
    if (!strcmp(all->items[i].path, file)) found = &all->items[i];
  if (found && is_current(found, &now)) {
    *out = found->hash;
    return NULL;
  }
  NTK_TRY(ntk_hash_file(file, out));
  if (!found) {
    NTK_TRY(grow(all));
    found = &all->items[all->count];
    NTK_TRY(ntk_copy_text(file, &found->path));
    all->count++;
  }
  found->size = now.st_size;
  found->time = now.st_mtim;
  found->hash = *out;
  return NULL;
}

ntk_error *ntk_digests_name(ntk_digests *digests, const char *path, ntk_text *out) {
  size_t length = ntk_path_file_length(path);
  char *file;
  ntk_hash hash;
  NTK_TRY(ntk_copy_bytes(path, length, &file));
  ntk_error *err = digest_file(digests, file, &hash);
  if (!err) ntk_text_addf(out, "content %s%s", hash.hex, path + length);
  free(file);
  return err;
}

void ntk_digests_free(ntk_digests *digests) {
  for (size_t i = 0; i < digests->count; i++) free(digests->items[i].path);
  free(digests->items);
  *digests = (ntk_digests){0};
}
