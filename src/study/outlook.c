#include "study/outlook.h"

#include <math.h>
#include <string.h>

static const ntk_active *find_active(const ntk_active *active, size_t count, const char *id) {
  for (size_t i = 0; i < count; i++)
    if (strcmp(active[i].id, id) == 0) return &active[i];
  return NULL;
}

static double done_share(const ntk_active *a) { return a->iterations > 0 ? (double)a->iteration / (double)a->iterations : 0.0; }

/* Estimated work (seconds on one core at nominal rates) and what it took: their ratio corrects the estimates of what is left. */
typedef struct {
  double estimated, taken; /* of finished work */
  double left;             /* estimated */
  double longest;          /* seconds that the slowest active run still needs, by its own rate */
} account;

static void add_active(account *sum, const ntk_row *row, const ntk_active *a) {
  double share = done_share(a);
  if (share > 0.02) {
    sum->estimated += share * row->seconds;
    sum->taken += a->elapsed * (row->group > 0 ? row->group : 1);
    sum->longest = fmax(sum->longest, a->elapsed * (1 - share) / share);
  }
  sum->left += (1 - share) * row->seconds;
}

void ntk_outlook_see(const ntk_ledger *ledger, bool (*selected)(const void *context, const ntk_row *row), const void *context,
                     const ntk_active *active, size_t active_count, int workers, ntk_outlook *out) {
  account sum = {0};
  *out = (ntk_outlook){.eta_seconds = NAN};
  for (size_t i = 0; i < ledger->row_count; i++) {
    const ntk_row *row = &ledger->rows[i];
    if (selected && !selected(context, row)) continue;
    const ntk_record *record = ntk_ledger_find(ledger, row->id);
    ntk_state state = record ? record->state : NTK_WAITING;
    const ntk_active *a = state == NTK_RUNNING ? find_active(active, active_count, row->id) : NULL;
    out->total++;
    if (state == NTK_DONE) {
      out->done++;
      sum.estimated += row->seconds;
      sum.taken += record->seconds * (record->group > 0 ? record->group : 1);
    } else if (state == NTK_FAILED) {
      out->failed++;
    } else if (a) {
      out->running++;
      add_active(&sum, row, a);
    } else {
      out->waiting++;
      sum.left += row->seconds;
    }
  }
  if (out->running + out->waiting == 0) {
    out->eta_seconds = 0;
  } else if (workers > 0 && sum.estimated > 0 && sum.taken > 0) {
    out->eta_seconds = fmax(sum.left * sum.taken / sum.estimated / workers, sum.longest);
  }
}

void ntk_outlook_write(const ntk_outlook *outlook, ntk_text *text) {
  ntk_text_addf(text, "%zu of %zu run%s done", outlook->done, outlook->total, outlook->total == 1 ? "" : "s");
  if (outlook->failed) ntk_text_addf(text, ", %zu failed", outlook->failed);
  if (outlook->running) ntk_text_addf(text, ", %zu running", outlook->running);
  if (outlook->waiting) ntk_text_addf(text, ", %zu waiting", outlook->waiting);
  if (isnan(outlook->eta_seconds) || outlook->eta_seconds <= 0) return;
  ntk_text_add(text, ", ETA ");
  ntk_write_duration(text, outlook->eta_seconds);
}

void ntk_write_duration(ntk_text *text, double seconds) {
  long long s = seconds < 9e15 ? llround(seconds) : 0;
  if (!(seconds < 9e15))
    ntk_text_add(text, "?");
  else if (seconds < 9.95)
    ntk_text_addf(text, "%.2g s", seconds);
  else if (s < 60)
    ntk_text_addf(text, "%lld s", s);
  else if (s < 3600)
    ntk_text_addf(text, "%lld min %lld s", s / 60, s % 60);
  else if (s < 86400)
    ntk_text_addf(text, "%lld h %lld min", s / 3600, s % 3600 / 60);
  else
    ntk_text_addf(text, "%lld d %lld h", s / 86400, s % 86400 / 3600);
}

void ntk_write_bytes(ntk_text *text, double bytes) {
  static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  size_t unit = 0;
  for (; bytes >= 1000 && unit + 1 < sizeof units / sizeof *units; unit++) bytes /= 1024;
  ntk_text_addf(text, bytes < 9.95 && unit > 0 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}
