/* A library for LD_PRELOAD that makes one call of the program itself fail (not those of the libraries it uses):
 *   FAULT_KIND   open | write | fsync | rename | alloc      FAULT_AT    which call of that kind, from 1; 0 = none
 *   FAULT_MODE   name of the error: ENOSPC | EIO | EINTR | ENOMEM, or short (a write takes half);   FAULT_ON = all later calls fail, too
 *   FAULT_RANK   only in this rank                           FAULT_COUNT a file that gets "KIND NUMBER" lines when the program ends */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPEN, WRITE, FSYNC, RENAME, ALLOC, KINDS };
static const char *const names[KINDS] = {"open", "write", "fsync", "rename", "alloc"};

static struct {
  bool ready, short_write, on;
  uintptr_t first, last; /* code of the program */
  long counts[KINDS], at;
  int kind, error;
} state = {.kind = -1};

static int find_program(struct dl_phdr_info *info, size_t size, void *context) {
  (void)size;
  (void)context;
  for (int i = 0; i < info->dlpi_phnum; i++)
    if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X) {
      state.first = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
      state.last = state.first + info->dlpi_phdr[i].p_memsz;
    }
  return 1; /* the program comes first */
}

static int error_named(const char *name) {
  static const struct {
    const char *name;
    int number;
  } errors[] = {{"ENOSPC", ENOSPC}, {"EIO", EIO}, {"EINTR", EINTR}, {"ENOMEM", ENOMEM}};
  for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
    if (name && !strcmp(name, errors[i].name)) return errors[i].number;
  return EIO;
}

__attribute__((constructor)) static void begin(void) {
  const char *kind = getenv("FAULT_KIND"), *at = getenv("FAULT_AT"), *mode = getenv("FAULT_MODE"), *rank = getenv("FAULT_RANK");
  const char *mine = getenv("OMPI_COMM_WORLD_RANK");
  if (strcmp(program_invocation_short_name, "ntkgan") != 0) return;
  for (int i = 0; kind && i < KINDS; i++)
    if (!strcmp(kind, names[i])) state.kind = i;
  state.at = at ? strtol(at, NULL, 10) : 0;
  state.error = error_named(mode);
  state.short_write = mode && !strcmp(mode, "short");
  state.on = getenv("FAULT_ON");
  dl_iterate_phdr(find_program, NULL);
  state.ready = !rank || (mine && !strcmp(mine, rank));
}

__attribute__((destructor)) static void end(void) {
  const char *path = getenv("FAULT_COUNT");
  FILE *file = state.ready && path ? fopen(path, "w") : NULL;
  if (!file) return;
  for (int i = 0; i < KINDS; i++) fprintf(file, "%s %ld\n", names[i], state.counts[i]);
  fclose(file);
}

/* Whether this call, made from `caller`, is to fail. */
static bool fails(int kind, const void *caller) {
  if (!state.ready || (uintptr_t)caller < state.first || (uintptr_t)caller >= state.last) return false;
  long number = __atomic_add_fetch(&state.counts[kind], 1, __ATOMIC_RELAXED);
  return kind == state.kind && state.at > 0 && (number == state.at || (state.on && number > state.at));
}

#define REAL(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))
#define CALLER __builtin_return_address(0)

static int open_with(const char *path, int flags, mode_t mode, const void *caller) {
  static int (*real)(const char *, int, ...);
  if (!real) real = REAL(open);
  if (!fails(OPEN, caller)) return real(path, flags, mode);
  errno = state.error;
  return -1;
}

int open(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return open_with(path, flags, mode, CALLER);
}

ssize_t write(int fd, const void *bytes, size_t length) {
  static ssize_t (*real)(int, const void *, size_t);
  if (!real) real = REAL(write);
  if (!fails(WRITE, CALLER)) return real(fd, bytes, length);
  if (state.short_write) return real(fd, bytes, (length + 1) / 2);
  errno = state.error;
  return -1;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
  static ssize_t (*real)(int, const void *, size_t, off_t);
  if (!real) real = REAL(pwrite);
  if (!fails(WRITE, CALLER)) return real(fd, bytes, length, offset);
  if (state.short_write) return real(fd, bytes, (length + 1) / 2, offset);
  errno = state.error;
  return -1;
}

int fsync(int fd) {
  static int (*real)(int);
  if (!real) real = REAL(fsync);
  if (!fails(FSYNC, CALLER)) return real(fd);
  errno = state.error;
  return -1;
}

int rename(const char *from, const char *to) {
  static int (*real)(const char *, const char *);
  if (!real) real = REAL(rename);
  if (!fails(RENAME, CALLER)) return real(from, to);
  errno = state.error;
  return -1;
}

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static void *none(void) {
  errno = ENOMEM;
  return NULL;
}

void *malloc(size_t size) { return fails(ALLOC, CALLER) ? none() : __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return fails(ALLOC, CALLER) ? none() : __libc_calloc(count, size); }
void *realloc(void *old, size_t size) { return fails(ALLOC, CALLER) ? none() : __libc_realloc(old, size); }
void *aligned_alloc(size_t alignment, size_t size) { return fails(ALLOC, CALLER) ? none() : __libc_memalign(alignment, size); }
