#include "study/pack.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/hash.h"
#include "io/h5.h"
#include "study/batch.h"
#include "study/folder.h"
#include "study/index.h"

typedef struct {
  const ntk_ledger *ledger;
  const char *const *roots;
  size_t root_count;
} source;

static bool has_file(const ntk_record *record) { return record && record->state == NTK_DONE && record->has_file; }

/* The run's file as its journal line describes it. */
static ntk_error *find_file(const source *s, const ntk_record *record, char **path) {
  for (size_t i = 0; i < s->root_count; i++) {
    struct stat about;
    ntk_hash hash;
    NTK_TRY(ntk_path(path, "%s/runs/%s.h5", s->roots[i], record->id));
    if (stat(*path, &about) == 0 && (long long)about.st_size == record->file_bytes) {
      ntk_error *err = ntk_hash_file(*path, &hash);
      bool good = !err && (!*record->hash || strcmp(hash.hex, record->hash) == 0);
      ntk_error_free(&err);
      if (good) return NULL;
    }
    free(*path);
    *path = NULL;
  }
  return ntk_fail(NTK_E_INPUT, "%s: runs/%s.h5 is missing or not as it was written; `ntkgan run` computes it again",
                  record->label ? record->label : record->id, record->id);
}

static ntk_error *add_run(const source *s, ntk_h5 *file, const ntk_record *record) {
  char *path = NULL, group[64];
  ntk_h5 *run = NULL;
  snprintf(group, sizeof group, "/links/%s", record->id);
  if (ntk_h5_has(file, group)) return NULL; /* the same run under another label */
  ntk_error *err = find_file(s, record, &path);
  if (!err) err = ntk_h5_open(path, &run);
  if (!err) err = ntk_h5_copy(file, group, run);
  ntk_h5_close(&run);
  free(path);
  return err;
}

/* HDF5 does not bear a full disk: the room is looked for before. */
static ntk_error *check_room(const source *s, const char *path) {
  struct statvfs about;
  char *folder = NULL;
  double needed = 16 * 1048576.0;
  for (size_t i = 0; i < s->ledger->record_count; i++) needed += has_file(&s->ledger->records[i]) ? (double)s->ledger->records[i].file_bytes : 0;
  const char *slash = strrchr(path, '/');
  NTK_TRY(slash ? ntk_path(&folder, "%.*s/", (int)(slash - path), path) : ntk_path(&folder, "."));
  bool known = statvfs(folder, &about) == 0;
  free(folder);
  if (!known || (double)about.f_bavail * (double)about.f_frsize >= needed) return NULL;
  return ntk_fail(NTK_E_IO, "%s: needs %.3g GiB, and there are %.3g GiB left", path, needed / 0x1p30,
                  (double)about.f_bavail * (double)about.f_frsize / 0x1p30);
}

ntk_error *ntk_pack_write(const ntk_ledger *ledger, const char *const *roots, size_t count, const char *path, size_t *runs) {
  const source s = {ledger, roots, count};
  ntk_h5 *file = NULL;
  ntk_error *err = NULL;
  *runs = 0;
  NTK_TRY(check_room(&s, path));
  NTK_TRY(ntk_h5_create_large(path, &file));
  NTK_TRY_OUT(ntk_index_fill(ledger, file));
  for (size_t i = 0; i < ledger->row_count; i++) {
    const ntk_record *record = ntk_ledger_find(ledger, ledger->rows[i].id);
    *runs += record && record->state == NTK_DONE;
    if (has_file(record)) NTK_TRY_OUT(add_run(&s, file, record));
  }
  err = ntk_h5_commit(&file);
out:
  ntk_h5_close(&file);
  return err;
}

ntk_error *ntk_batch_pack(const char *const *folders, size_t count, const char *path, ntk_text *out) {
  ntk_ledger *all = NULL;
  size_t runs = 0;
  ntk_error *err = ntk_ledger_load_known(folders[0], &all);
  for (size_t i = 1; i < count && !err; i++) {
    ntk_ledger *more = NULL;
    err = ntk_ledger_load_known(folders[i], &more);
    if (!err) err = ntk_error_prefix(ntk_ledger_merge(all, more), "%s", folders[i]);
    ntk_ledger_free(&more);
  }
  if (!err) ntk_ledger_interrupt(all);
  if (!err) err = ntk_pack_write(all, folders, count, path, &runs);
  if (!err) ntk_text_addf(out, "%s: %zu of %zu run%s\n", path, runs, all->row_count, all->row_count == 1 ? "" : "s");
  ntk_ledger_free(&all);
  return err;
}
