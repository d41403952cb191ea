#include "study/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/file.h"

enum { HASH_DIGITS = 32 };
static const double sync_seconds = 0.2;

struct ntk_journal {
  int fd;
  char *path;
  bool torn;              /* the last write was not whole: the next begins on a new line */
  double oldest_unsynced; /* ntk_clock(); 0 = all synced */
};

void ntk_journal_line(ntk_text *text, const char *json) {
  ntk_hash hash = ntk_hash_bytes(json, strlen(json));
  ntk_text_add(text, json);
  ntk_text_addf(text, "\t%s\n", hash.hex);
}

static ntk_error *write_all(ntk_journal *journal, const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t written = write(journal->fd, bytes, length);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ntk_fail_errno(errno, "%s: cannot append", journal->path);
    bytes += written;
    length -= (size_t)written;
    journal->torn = length > 0;
  }
  return NULL;
}

static ntk_error *find_torn_tail(ntk_journal *journal) {
  struct stat about;
  if (fstat(journal->fd, &about) != 0) return ntk_fail_errno(errno, "%s", journal->path);
  if (about.st_size == 0) return NULL;
  char last = 0;
  ssize_t got = pread(journal->fd, &last, 1, about.st_size - 1);
  if (got != 1) return ntk_fail_errno(got < 0 ? errno : EIO, "%s: cannot read", journal->path);
  journal->torn = last != '\n';
  return NULL;
}

ntk_error *ntk_journal_open(const char *path, ntk_journal **out) {
  *out = NULL;
  ntk_error *err = NULL;
  ntk_journal *journal = NULL;
  NTK_TRY(NTK_NEW(1, &journal));
  journal->fd = -1;
  NTK_TRY_OUT(ntk_copy_text(path, &journal->path));
  if (!ntk_file_exists(path)) NTK_TRY_OUT(ntk_file_write(path, "", 0));
  journal->fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC);
  if (journal->fd < 0) {
    err = ntk_fail_errno(errno, "%s: cannot open", path);
    goto out;
  }
  NTK_TRY_OUT(find_torn_tail(journal));
  if (journal->torn) NTK_TRY_OUT(write_all(journal, "\n", 1));
  *out = journal;
  return NULL;
out:
  if (journal->fd >= 0) close(journal->fd);
  free(journal->path);
  free(journal);
  return err;
}

ntk_error *ntk_journal_append(ntk_journal *journal, const char *json) {
  ntk_text line = NTK_TEXT;
  if (journal->torn) ntk_text_add(&line, "\n");
  ntk_journal_line(&line, json);
  ntk_error *err = line.failed ? ntk_fail(NTK_E_MEMORY, "%s: no memory for a line", journal->path) : write_all(journal, line.bytes, line.length);
  ntk_text_free(&line);
  if (!err && journal->oldest_unsynced == 0) journal->oldest_unsynced = ntk_clock();
  return err;
}

ntk_error *ntk_journal_sync(ntk_journal *journal, bool now) {
  if (journal->oldest_unsynced == 0) return NULL;
  if (!now && ntk_clock() - journal->oldest_unsynced < sync_seconds) return NULL;
  while (fsync(journal->fd) != 0)
    if (errno != EINTR) return ntk_fail_errno(errno, "%s: cannot sync", journal->path);
  journal->oldest_unsynced = 0;
  return NULL;
}

bool ntk_journal_pending(const ntk_journal *journal) { return journal->oldest_unsynced != 0; }

ntk_error *ntk_journal_close(ntk_journal **journal) {
  if (!*journal) return NULL;
  ntk_error *err = ntk_journal_sync(*journal, true);
  close((*journal)->fd);
  free((*journal)->path);
  free(*journal);
  *journal = NULL;
  return err;
}

/* Cuts a line (without its newline) at the tab; false when it is not one of ours. */
static bool valid_line(char *line, size_t length, size_t *json_length) {
  if (length < HASH_DIGITS + 3 || line[length - HASH_DIGITS - 1] != '\t' || line[0] != '{') return false;
  *json_length = length - HASH_DIGITS - 1;
  ntk_hash hash = ntk_hash_bytes(line, *json_length);
  if (memcmp(hash.hex, line + *json_length + 1, HASH_DIGITS) != 0) return false;
  line[*json_length] = '\0';
  return true;
}

ntk_error *ntk_journal_read(const char *path, ntk_journal_position *position, ntk_error *(*each)(void *context, const char *json, size_t length),
                            void *context) {
  FILE *file = fopen(path, "re");
  if (!file) return errno == ENOENT ? NULL : ntk_fail_errno(errno, "%s: cannot open", path);
  ntk_error *err = NULL;
  char *line = NULL;
  size_t capacity = 0;
  position->torn = false;
  if (fseeko(file, (off_t)position->offset, SEEK_SET) != 0) err = ntk_fail_errno(errno, "%s: cannot seek", path);
  while (!err) {
    ssize_t got = getline(&line, &capacity, file);
    if (got < 0) break;
    position->torn = line[got - 1] != '\n';
    if (position->torn) break;
    position->offset += got;
    position->lines++;
    size_t json_length = 0;
    if (valid_line(line, (size_t)got - 1, &json_length))
      err = each(context, line, json_length);
    else if (got > 1 && position->damaged++ == 0)
      position->first_damaged = position->lines;
  }
  if (!err && ferror(file)) err = ntk_fail_errno(errno, "%s: cannot read", path);
  free(line);
  fclose(file);
  return err;
}
