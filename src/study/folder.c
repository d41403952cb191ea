#include "study/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "config/value.h"
#include "io/file.h"
#include "io/seal.h"

enum { LOCK_TEXT_LIMIT = 1 << 16 };
static const double lock_patience = 2.0, heartbeat_limit = 30.0;

ntk_error *ntk_path(char **out, const char *format, ...) {
  *out = NULL;
  va_list arguments;
  va_start(arguments, format);
  int length = vasprintf(out, format, arguments);
  va_end(arguments);
  if (length >= 0) return NULL;
  *out = NULL;
  return ntk_fail(NTK_E_MEMORY, "out of memory");
}

static ntk_error *make_part(const char *root, const char *name) {
  char *path = NULL;
  NTK_TRY(ntk_path(&path, "%s/%s", root, name));
  ntk_error *err = ntk_folder_make(path);
  free(path);
  return err;
}

ntk_error *ntk_folder_create(const char *root, int shard, int shards, ntk_folder *out) {
  *out = (ntk_folder){NULL, shard, shards};
  NTK_TRY(ntk_folder_make(root));
  NTK_TRY(make_part(root, "runs"));
  NTK_TRY(make_part(root, "checkpoints"));
  NTK_TRY(make_part(root, "log"));
  return ntk_copy_text(root, &out->root);
}

void ntk_folder_free(ntk_folder *folder) {
  free(folder->root);
  folder->root = NULL;
}

static const char *const generations[] = {"", ".previous"}; /* of a checkpoint, the newest first */
enum { GENERATIONS = sizeof generations / sizeof *generations };

ntk_error *ntk_folder_forget(const char *root, const char *id) {
  for (size_t i = GENERATIONS; i-- > 0;) {
    char *path = NULL;
    NTK_TRY(ntk_path(&path, "%s/checkpoints/%s.h5%s", root, id, generations[i]));
    unlink(path);
    free(path);
  }
  return NULL;
}

ntk_error *ntk_folder_checkpoint(const char *root, const char *id, char mark[NTK_MARK_BYTES]) {
  mark[0] = '\0';
  for (size_t i = 0; i < GENERATIONS; i++) {
    char *path = NULL;
    NTK_TRY(ntk_path(&path, "%s/checkpoints/%s.h5%s", root, id, generations[i]));
    if (ntk_file_exists(path)) {
      ntk_error *unread = ntk_seal_note(path, mark);
      if (unread) snprintf(mark, NTK_MARK_BYTES, "damaged");
      ntk_error_free(&unread);
    }
    free(path);
    if (*mark) return NULL;
  }
  return NULL;
}

/* --- what is there -------------------------------------------------------------------------------------------------------------- */

void ntk_names_free(char ***names) {
  for (size_t i = 0; *names && (*names)[i]; i++) free((*names)[i]);
  free(*names);
  *names = NULL;
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static bool matches(const char *name, const char *prefix, const char *suffix) {
  size_t length = strlen(name), end = strlen(suffix);
  return strncmp(name, prefix, strlen(prefix)) == 0 && length >= end && strcmp(name + length - end, suffix) == 0;
}

/* Sorted paths of the folder's entries of that form, NULL-terminated. */
static ntk_error *list(const char *root, const char *prefix, const char *suffix, char ***names) {
  *names = NULL;
  size_t count = 0, capacity = 16;
  DIR *folder = opendir(root);
  if (!folder) return ntk_fail_errno(errno, "%s: cannot open the folder", root);
  ntk_error *err = NTK_NEW(capacity + 1, names);
  for (struct dirent *entry; !err && (entry = readdir(folder));) {
    if (!matches(entry->d_name, prefix, suffix)) continue;
    if (count == capacity) {
      char **more = realloc(*names, (2 * capacity + 1) * sizeof *more);
      if (!more) {
        err = ntk_fail(NTK_E_MEMORY, "out of memory");
        break;
      }
      memset(more + capacity, 0, (capacity + 1) * sizeof *more);
      *names = more;
      capacity *= 2;
    }
    err = ntk_path(&(*names)[count++], "%s/%s", root, entry->d_name);
  }
  closedir(folder);
  if (err)
    ntk_names_free(names);
  else
    qsort(*names, count, sizeof **names, by_name);
  return err;
}

static ntk_error *tidy_part(const char *root, const char *name, bool (*unwanted)(void *context, const char *id, bool part), void *context) {
  char **paths = NULL, *folder = NULL;
  NTK_TRY(ntk_path(&folder, "%s/%s", root, name));
  ntk_error *err = list(folder, "", "", &paths);
  for (size_t i = 0; !err && paths[i]; i++) {
    const char *file = paths[i] + strlen(folder) + 1;
    bool part = matches(file, "", ".part");
    char id[17];
    snprintf(id, sizeof id, "%s", file);
    if (strlen(file) > 16 && file[16] == '.' && (part || strcmp(name, "checkpoints") == 0) && unwanted(context, id, part)) unlink(paths[i]);
  }
  ntk_names_free(&paths);
  free(folder);
  return err;
}

ntk_error *ntk_folder_tidy(const char *root, bool (*unwanted)(void *context, const char *id, bool part), void *context) {
  NTK_TRY(tidy_part(root, "runs", unwanted, context));
  return tidy_part(root, "checkpoints", unwanted, context);
}

/* --- lock ----------------------------------------------------------------------------------------------------------------------- */

static char *read_text(int fd) {
  char *text = calloc(1, LOCK_TEXT_LIMIT);
  if (text && pread(fd, text, LOCK_TEXT_LIMIT - 1, 0) < 0) text[0] = '\0';
  return text;
}

/* For ntk_lock_visit: the first owner's text. */
static ntk_error *keep_first(void *context, const char *json) {
  char **first = context;
  return *first ? NULL : ntk_copy_text(json, first);
}

static ntk_error *in_use(const ntk_folder *folder) {
  ntk_arena *arena = NULL;
  const ntk_value *owner = NULL;
  char *text = NULL;
  ntk_error *unread = ntk_arena_create(&arena);
  if (!unread) unread = ntk_lock_visit(folder->root, keep_first, &text);
  if (!unread && text) unread = ntk_value_parse_json(arena, "lock", text, strlen(text), &owner);
  ntk_error *err = NULL;
  if (!unread && ntk_value_get(owner, "pid") && ntk_value_get(owner, "host"))
    err = ntk_fail(NTK_E_IO,
                   "%s: another job is at work on this folder: process %s on %s since %s; wait for it, stop it with `touch %s/stop`, or give another "
                   "folder with -o",
                   folder->root, ntk_value_text(ntk_value_get(owner, "pid")), ntk_value_text(ntk_value_get(owner, "host")),
                   ntk_value_text(ntk_value_get(owner, "since")), folder->root);
  else
    err = ntk_fail(NTK_E_IO, "%s: another job is at work on this folder", folder->root);
  ntk_error_free(&unread);
  free(text);
  ntk_arena_free(&arena);
  return err;
}

/* Opens and locks; *fd stays -1 on failure. */
static ntk_error *lock_file(const ntk_folder *folder, const char *path, int mode, int *fd) {
  *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (*fd < 0) return ntk_fail_errno(errno, "%s: cannot open", path);
  ntk_error *err = NULL;
  double start = ntk_clock();
  while (flock(*fd, mode | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK)
      err = ntk_fail_errno(errno, "%s: cannot lock", path);
    else if (ntk_clock() - start > lock_patience)
      err = in_use(folder);
    if (err) break;
    ntk_sleep(0.1);
  }
  if (!err) return NULL;
  close(*fd);
  *fd = -1;
  return err;
}

static bool held_by_another(int fd) {
  if (flock(fd, LOCK_SH | LOCK_NB) != 0) return errno == EWOULDBLOCK;
  flock(fd, LOCK_UN);
  return false;
}

/* Another division of the study at work here would run some of our runs twice at the same time. */
static ntk_error *refuse_other_division(void *context, const char *json) {
  const ntk_folder *folder = context;
  ntk_arena *arena = NULL;
  const ntk_value *owner = NULL;
  NTK_TRY(ntk_arena_create(&arena));
  ntk_error *unread = ntk_value_parse_json(arena, "lock", json, strlen(json), &owner), *err = NULL;
  const ntk_value *shards = unread ? NULL : ntk_value_get(owner, "shards");
  if (shards && (int)ntk_value_number(shards) != folder->shards)
    err = ntk_fail(NTK_E_IO, "%s: a job that divides this study into %.0f shards is at work here, and this one says %d", folder->root,
                   ntk_value_number(shards), folder->shards);
  ntk_error_free(&unread);
  ntk_arena_free(&arena);
  return err;
}

ntk_error *ntk_lock_take(const ntk_folder *folder, ntk_lock *lock) {
  *lock = (ntk_lock)NTK_LOCK;
  ntk_error *err = NULL;
  char *whole = NULL, *own = NULL;
  bool sharded = folder->shards > 1;
  NTK_TRY_OUT(ntk_path(&whole, "%s/lock", folder->root));
  NTK_TRY_OUT(ntk_path(&own, "%s/lock-%d", folder->root, folder->shard));
  if (sharded) NTK_TRY_OUT(ntk_lock_visit(folder->root, refuse_other_division, (void *)folder));
  NTK_TRY_OUT(lock_file(folder, whole, sharded ? LOCK_SH : LOCK_EX, &lock->whole));
  if (sharded) NTK_TRY_OUT(lock_file(folder, own, LOCK_EX, &lock->own));
out:
  if (err) ntk_lock_release(lock);
  free(whole);
  free(own);
  return err;
}

void ntk_lock_tell(const ntk_lock *lock, const char *json) {
  int fd = lock->own >= 0 ? lock->own : lock->whole;
  size_t length = strlen(json);
  if (fd < 0 || length >= LOCK_TEXT_LIMIT) return;
  ssize_t written = pwrite(fd, json, length, 0);
  if (written == (ssize_t)length && ftruncate(fd, (off_t)length) != 0) return;
}

void ntk_lock_release(ntk_lock *lock) {
  ntk_lock_tell(lock, " ");
  if (lock->own >= 0) close(lock->own);
  if (lock->whole >= 0) close(lock->whole);
  *lock = (ntk_lock)NTK_LOCK;
}

/* A lock taken on another node may be invisible here (file systems without a cluster-wide flock): then its fresh text speaks for it. */
static bool alive_elsewhere(int fd, const char *json) {
  struct stat about;
  char host[256] = "", quoted[300];
  gethostname(host, sizeof host - 1);
  snprintf(quoted, sizeof quoted, "\"host\": \"%s\"", host);
  return strchr(json, '{') && !strstr(json, quoted) && fstat(fd, &about) == 0 && ntk_clock_wall() - (double)about.st_mtime < heartbeat_limit;
}

ntk_error *ntk_lock_visit(const char *root, ntk_error *(*each)(void *context, const char *json), void *context) {
  char **names = NULL;
  NTK_TRY(list(root, "lock", "", &names));
  ntk_error *err = NULL;
  for (size_t i = 0; names[i] && !err; i++) {
    int fd = open(names[i], O_RDONLY | O_CLOEXEC);
    if (fd < 0) continue;
    char *json = read_text(fd);
    if (json && (held_by_another(fd) || alive_elsewhere(fd, json))) err = each(context, json);
    free(json);
    close(fd);
  }
  ntk_names_free(&names);
  return err;
}

ntk_error *ntk_folder_journals(const char *root, char ***names) { return list(root, "journal-", ".jsonl", names); }
