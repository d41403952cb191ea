/** How far a study is and when it will be done. From the ledger and from what is running; no files, no MPI. */
#ifndef NTK_STUDY_OUTLOOK_H
#define NTK_STUDY_OUTLOOK_H

#include "base/text.h"
#include "study/ledger.h"

/** A run at work. */
typedef struct {
  char id[17];
  double elapsed;                  /* seconds of this attempt */
  long long iteration, iterations; /* 0, 0 = not told yet */
} ntk_active;

typedef struct {
  size_t total, done, failed, running, waiting;
  double eta_seconds; /* NAN = nothing to go by */
} ntk_outlook;

/** Over the rows that `selected` lets through (NULL: all). `workers` = ranks at work; 0: nobody is, so no ETA. */
void ntk_outlook_see(const ntk_ledger *ledger, bool (*selected)(const void *context, const ntk_row *row), const void *context,
                     const ntk_active *active, size_t active_count, int workers, ntk_outlook *out);

/** "12 of 40 runs done, 1 failed, 2 running, ETA 3 min 20 s". */
void ntk_outlook_write(const ntk_outlook *outlook, ntk_text *text);

/** "0.35 s", "12 s", "3 min 20 s", "5 h 12 min", "2 d 3 h". */
void ntk_write_duration(ntk_text *text, double seconds);
/** "96 MiB", "1.2 GiB". */
void ntk_write_bytes(ntk_text *text, double bytes);

#endif
