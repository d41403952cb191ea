#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"

static int sync_descriptor(int fd) {
  int status;
  do status = fsync(fd);
  while (status && errno == EINTR);
  return status;
}

/* fsync of the folder that holds `path`, so that a rename in it survives a power failure. */
static ntk_error *sync_folder_of(const char *path) {
  char *folder = NULL;
  NTK_TRY(ntk_copy_text(path, &folder));
  char *slash = strrchr(folder, '/');
  if (slash) slash[slash == folder] = '\0';
  ntk_error *err = NULL;
  int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  /* Some network file systems cannot sync a folder (EINVAL): they order renames themselves. */
  if (fd < 0 || (sync_descriptor(fd) && errno != EINVAL && errno != ENOTSUP)) err = ntk_fail_errno(errno, "cannot sync the folder of %s", path);
  if (fd >= 0) close(fd);
  free(folder);
  return err;
}

static ntk_error *write_all(int fd, const char *path, const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t count = write(fd, bytes, length);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ntk_fail_errno(errno, "cannot write %s", path);
    bytes += count;
    length -= (size_t)count;
  }
  return NULL;
}

/* fsync(part), rename(part, path), fsync(folder of path). */
static ntk_error *publish(int fd, const char *part, const char *path, const char *previous) {
  if (sync_descriptor(fd)) return ntk_fail_errno(errno, "cannot write %s to disk", part);
  if (previous && rename(path, previous) && errno != ENOENT) return ntk_fail_errno(errno, "cannot rename %s to %s", path, previous);
  if (rename(part, path)) return ntk_fail_errno(errno, "cannot rename %s to %s", part, path);
  return sync_folder_of(path);
}

ntk_error *ntk_file_publish(const char *part, const char *path) {
  int fd = open(part, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ntk_fail_errno(errno, "cannot open %s", part);
  ntk_error *err = publish(fd, part, path, NULL);
  close(fd);
  return err;
}

ntk_error *ntk_file_write_pieces(const char *path, const char *previous, const ntk_piece pieces[2]) {
  ntk_error *err = NULL;
  char *part = NULL;
  ntk_text name = NTK_TEXT;
  ntk_text_addf(&name, "%s.part", path);
  NTK_TRY(ntk_text_take(&name, &part));
  int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) {
    err = ntk_fail_errno(errno, "cannot create %s", part);
    goto out;
  }
  for (int i = 0; i < 2 && !err; i++) err = write_all(fd, part, pieces[i].bytes, pieces[i].length);
  if (!err) err = publish(fd, part, path, previous);
  close(fd); /* what it could say was said by fsync */
  if (err) unlink(part);
out:
  free(part);
  return err;
}

ntk_error *ntk_file_write(const char *path, const void *bytes, size_t length) {
  const ntk_piece pieces[2] = {{bytes, length}, {NULL, 0}};
  return ntk_file_write_pieces(path, NULL, pieces);
}

static ntk_error *read_all(int fd, const char *name, size_t limit, size_t expected, char **bytes, size_t *length) {
  size_t capacity = expected, used = 0;
  char *block = malloc(capacity + 1);
  while (block) {
    ssize_t count = read(fd, block + used, capacity - used);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      free(block);
      return ntk_fail(NTK_E_INPUT, "cannot read %s: %s", name, strerror(errno));
    }
    used += (size_t)count;
    if (used > limit) {
      free(block);
      return ntk_fail(NTK_E_INPUT, "%s is larger than %zu bytes", name, limit);
    }
    if (!count && used < capacity) {
      block[used] = '\0';
      *bytes = block;
      *length = used;
      return NULL;
    }
    if (used < capacity) continue;
    if (capacity > SSIZE_MAX / 2) break;
    capacity *= 2;
    char *longer = realloc(block, capacity + 1);
    if (!longer) break;
    block = longer;
  }
  free(block);
  return ntk_fail(NTK_E_MEMORY, "out of memory while reading %s", name);
}

ntk_error *ntk_file_read(const char *path, size_t limit, char **bytes, size_t *length) {
  *bytes = NULL;
  *length = 0;
  bool standard = strcmp(path, "-") == 0;
  const char *name = standard ? "standard input" : path;
  int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ntk_fail(NTK_E_INPUT, "cannot open %s: %s", name, strerror(errno));
  struct stat status;
  ntk_error *err = NULL;
  size_t expected = 4096;
  if (fstat(fd, &status))
    err = ntk_fail(NTK_E_INPUT, "cannot read %s: %s", name, strerror(errno));
  else if (S_ISDIR(status.st_mode))
    err = ntk_fail(NTK_E_INPUT, "%s is a folder, not a file", name);
  else if (S_ISREG(status.st_mode) && (unsigned long long)status.st_size > limit)
    err = ntk_fail(NTK_E_INPUT, "%s has %lld bytes, more than the %zu allowed", name, (long long)status.st_size, limit);
  else if (S_ISREG(status.st_mode))
    expected = (size_t)status.st_size + 1; /* one more, so that the end shows at the first read */
  if (!err) err = read_all(fd, name, limit, expected, bytes, length);
  if (!standard) close(fd);
  return err;
}

/* One level; there already is as good as made. */
static ntk_error *make_one(const char *path) {
  if (!mkdir(path, 0777)) return sync_folder_of(path);
  int reason = errno;
  struct stat status;
  if (!stat(path, &status)) {
    if (S_ISDIR(status.st_mode)) return NULL;
    reason = ENOTDIR;
  }
  return ntk_fail_errno(reason, "cannot make the folder %s", path);
}

ntk_error *ntk_folder_make(const char *path) {
  char *prefix = NULL;
  NTK_TRY(ntk_copy_text(path, &prefix));
  size_t length = strlen(prefix);
  while (length > 1 && prefix[length - 1] == '/') prefix[--length] = '\0';
  ntk_error *err = NULL;
  for (size_t i = 1; i < length && !err; i++)
    if (prefix[i] == '/' && prefix[i - 1] != '/') {
      prefix[i] = '\0';
      err = make_one(prefix);
      prefix[i] = '/';
    }
  if (!err) err = length ? make_one(prefix) : ntk_fail(NTK_E_IO, "a folder name is empty");
  free(prefix);
  return err;
}

bool ntk_file_exists(const char *path) {
  struct stat status;
  return !stat(path, &status);
}
