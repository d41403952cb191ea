/* Ledgers of folders that were made before, and several of them as one. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/file.h"
#include "study/folder.h"
#include "study/ledger.h"

ntk_error *ntk_ledger_load_known(const char *folder, ntk_ledger **ledger) {
  char **journals = NULL;
  if (!ntk_file_exists(folder)) return ntk_fail(NTK_E_INPUT, "%s: there is no such folder", folder);
  NTK_TRY(ntk_folder_journals(folder, &journals));
  bool any = journals[0];
  ntk_names_free(&journals);
  if (!any) return ntk_fail(NTK_E_INPUT, "%s: holds no study (no journal-*.jsonl)", folder);
  return ntk_ledger_load(folder, true, NULL, ledger);
}

static bool same_axes(const ntk_ledger *a, const ntk_ledger *b) {
  bool same = a->axis_count == b->axis_count;
  for (size_t i = 0; same && i < a->axis_count; i++) same = strcmp(a->axes[i], b->axes[i]) == 0;
  return same;
}

static int by_id(const void *a, const void *b) { return strcmp(a, b); }

/* Moves the rows that are not there yet. */
static ntk_error *move_rows(ntk_ledger *into, ntk_ledger *from) {
  size_t count = into->row_count;
  char(*ids)[17] = NULL;
  NTK_TRY(NTK_NEW(count + 1, &ids));
  for (size_t i = 0; i < count; i++) memcpy(ids[i], into->rows[i].id, sizeof *ids);
  qsort(ids, count, sizeof *ids, by_id);
  ntk_row *rows = realloc(into->rows, (count + from->row_count + 1) * sizeof *rows);
  if (rows) into->rows = rows;
  for (size_t i = 0; rows && i < from->row_count; i++) {
    if (bsearch(from->rows[i].id, ids, count, sizeof *ids, by_id)) continue;
    rows[into->row_count] = from->rows[i];
    rows[into->row_count].index = into->row_count;
    into->row_count++;
    from->rows[i].label = NULL;
    from->rows[i].axes = NULL;
  }
  into->row_capacity = count + from->row_count + 1;
  free(ids);
  return rows ? NULL : ntk_fail(NTK_E_MEMORY, "out of memory");
}

ntk_error *ntk_ledger_merge(ntk_ledger *into, ntk_ledger *from) {
  if (!same_axes(into, from)) return ntk_fail(NTK_E_INPUT, "the folders hold studies that sweep different settings");
  NTK_TRY(move_rows(into, from));
  for (size_t i = 0; i < from->record_count; i++) {
    ntk_record *own = NULL, *other = &from->records[i];
    NTK_TRY(ntk_ledger_find_or_add(into, other->id, &own));
    bool better = own->state != NTK_DONE && (other->state == NTK_DONE || !own->label);
    if (!better) continue;
    ntk_record moved = *other;
    *other = *own;
    *own = moved;
  }
  return NULL;
}
