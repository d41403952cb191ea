/** A file in memory for fuzz targets whose reader wants a path. */
#ifndef NTK_FUZZ_FILE_H
#define NTK_FUZZ_FILE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/** Path of a file that now holds two stretches of bytes and nothing else; the same path each time. */
static inline const char *fuzz_file(const void *head, size_t head_length, const void *tail, size_t tail_length) {
  static char path[64];
  static int fd = -1;
  if (fd < 0 && (fd = memfd_create("fuzz", MFD_CLOEXEC)) < 0) abort();
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  if (ftruncate(fd, 0) || pwrite(fd, head, head_length, 0) != (ssize_t)head_length ||
      pwrite(fd, tail, tail_length, (off_t)head_length) != (ssize_t)tail_length)
    abort();
  return path;
}

#endif
