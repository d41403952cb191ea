/** A study: the checked file with its sweep, expandable to flat runs. Knows neither MPI nor mathematics; the same text gives the same runs everywhere. */
#ifndef NTK_CONFIG_STUDY_H
#define NTK_CONFIG_STUDY_H

#include "config/schema.h"
#include "config/value.h"

typedef struct ntk_study ntk_study;

typedef struct {
  const char *path; /* name in messages; its folder is what relative data paths are resolved against */
  const char *text; /* the YAML text, `length` bytes */
  size_t length;
  const char *const *sets; /* "--set" arguments "a.b=v", v YAML */
  size_t set_count;
} ntk_study_source;

/** Parses and checks everything, every run of the sweep included (each distinct swept value once), without reading data files beyond their existence.
 *  NTK_E_CONFIG as in schema.h; also for a sweep over unknown paths, zip lists of unequal length, more than 10^7 runs. */
NTK_CHECKED ntk_error *ntk_study_load(const ntk_catalog *catalog, const ntk_study_source *source, ntk_study **out);
void ntk_study_free(ntk_study **study);

const char *ntk_study_name(const ntk_study *study);
/** Number of runs: combinations x repetitions, exclusions taken out. Run order: sweep order as written, first path slowest, repetition fastest. */
size_t ntk_study_count(const ntk_study *study);
/** Swept paths in order. */
size_t ntk_study_axes(const ntk_study *study);
const char *ntk_study_axis(const ntk_study *study, size_t axis);

/** One flat run. Its text belongs to its arena; `where` of its settings points into the study, which must live longer. */
typedef struct {
  size_t index;
  int repetition;
  char *label;               /* axis labels joined by '/', e.g. "ipm/relu" ("run" without a sweep); "/r2" appended when repeat > 1 */
  const char **axis_labels;  /* one per axis */
  const ntk_value *settings; /* checked, defaults in; no sweep, no repeat */
  ntk_arena *arena;
} ntk_run_spec;

NTK_CHECKED ntk_error *ntk_study_run(const ntk_study *study, size_t index, ntk_run_spec *out);
void ntk_run_spec_free(ntk_run_spec *run);

/** Id: 16 hexadecimal digits, hash of the canonical JSON of the non-default settings (keys flagged NO_ID left out), the repetition and the content of
 *  input files (in place of their paths). Reads the files (cached by path, size and time within the study). */
NTK_CHECKED ntk_error *ntk_study_run_id(ntk_study *study, const ntk_run_spec *run, char id[17]);

#endif
