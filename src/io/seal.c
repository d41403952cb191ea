#include "io/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "io/file.h"

/* The trailer: "\nntkgan-seal " note, blanks, hash, newline: NTK_SEAL_BYTES in all, so that it is found from the end. */
static const char mark[] = "\nntkgan-seal ";
enum { MARK_BYTES = sizeof mark - 1, HASH_BYTES = 32, NOTE_AT = MARK_BYTES, HASH_AT = NTK_SEAL_BYTES - HASH_BYTES - 1 };

/* Of the content's hash and the trailer up to its own hash. */
static ntk_hash hash_of(const void *bytes, size_t length, const char *trailer) {
  char both[HASH_BYTES + HASH_AT];
  ntk_hash content = ntk_hash_bytes(bytes, length);
  memcpy(both, content.hex, HASH_BYTES);
  memcpy(both + HASH_BYTES, trailer, HASH_AT);
  return ntk_hash_bytes(both, sizeof both);
}

void ntk_seal_make(const void *bytes, size_t length, const char *note, char trailer[NTK_SEAL_BYTES]) {
  size_t size = strlen(note);
  memset(trailer, ' ', NTK_SEAL_BYTES);
  memcpy(trailer, mark, MARK_BYTES);
  memcpy(trailer + NOTE_AT, note, size < NTK_SEAL_NOTE_BYTES - 1 ? size : NTK_SEAL_NOTE_BYTES - 1);
  ntk_hash hash = hash_of(bytes, length, trailer);
  memcpy(trailer + HASH_AT, hash.hex, HASH_BYTES);
  trailer[NTK_SEAL_BYTES - 1] = '\n';
}

ntk_error *ntk_seal_read(const char *path, size_t limit, char **bytes, size_t *length) {
  size_t size = 0;
  NTK_TRY(ntk_file_read(path, limit, bytes, &size));
  *length = size < NTK_SEAL_BYTES ? 0 : size - NTK_SEAL_BYTES;
  const char *trailer = *bytes + *length;
  bool good = size >= NTK_SEAL_BYTES && memcmp(trailer, mark, MARK_BYTES) == 0 && trailer[NTK_SEAL_BYTES - 1] == '\n';
  if (good) {
    ntk_hash hash = hash_of(*bytes, *length, trailer);
    good = memcmp(hash.hex, trailer + HASH_AT, HASH_BYTES) == 0;
  }
  if (good) return NULL;
  free(*bytes);
  *bytes = NULL;
  return ntk_fail(NTK_E_INPUT, "%s is damaged: its checksum is not that of its content", path);
}

ntk_error *ntk_seal_note(const char *path, char note[NTK_SEAL_NOTE_BYTES]) {
  char trailer[NTK_SEAL_BYTES];
  note[0] = '\0';
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ntk_fail(NTK_E_INPUT, "cannot open %s: %s", path, strerror(errno));
  off_t size = lseek(fd, 0, SEEK_END);
  bool whole = size >= NTK_SEAL_BYTES && pread(fd, trailer, sizeof trailer, size - NTK_SEAL_BYTES) == (ssize_t)sizeof trailer;
  close(fd);
  if (!whole || memcmp(trailer, mark, MARK_BYTES) != 0) return ntk_fail(NTK_E_INPUT, "%s is damaged: it has no seal", path);
  size_t length = NTK_SEAL_NOTE_BYTES - 1;
  while (length > 0 && trailer[NOTE_AT + length - 1] == ' ') length--;
  memcpy(note, trailer + NOTE_AT, length);
  note[length] = '\0';
  return NULL;
}
