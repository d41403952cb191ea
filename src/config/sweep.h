/** Sweeps: axes of values, their product, what is left out; for the files of this room only. */
#ifndef NTK_CONFIG_SWEEP_H
#define NTK_CONFIG_SWEEP_H

#include "config/check.h"

/** One swept path. */
typedef struct {
  const char *path;
  ntk_where where;
  size_t count;
  const ntk_value **values; /* as written */
  const char **labels;      /* distinct */
  size_t group;             /* axes of one group advance together (zip) */
} ntk_axis;

/** One condition of an exclusion: the values of an axis that it means. */
typedef struct {
  size_t axis;
  bool *match;
} ntk_condition;

typedef struct {
  size_t count;
  ntk_condition *conditions;
} ntk_exclusion;

typedef struct {
  size_t axis_count, axis_capacity;
  ntk_axis *axes;
  size_t group_count;
  size_t *group_sizes; /* values of each group, in order, first slowest */
  size_t exclusion_count;
  ntk_exclusion *exclusions;
  ntk_where exclude_where;
  size_t combinations; /* of the product, exclusions not taken out */
} ntk_sweep;

/** A value given on the command line. */
typedef struct {
  const char *path;
  const ntk_value *value;
} ntk_setting;

typedef struct {
  size_t count;
  ntk_setting *items;
} ntk_settings;

enum { NTK_MOST_RUNS = 10000000 };

/** Parses "a.b=v" arguments (NTK_E_USAGE without '='). */
NTK_CHECKED ntk_error *ntk_settings_parse(ntk_arena *arena, const char *const *sets, size_t count, ntk_settings *out);
/** `root` with the settings applied, but for those below a path of `sweep` (NULL = none); "sweep.a.b=[..]" replaces an axis. Mistakes go to the
 *  checker. */
NTK_CHECKED ntk_error *ntk_settings_apply(ntk_checker *c, const ntk_settings *settings, const ntk_sweep *sweep, const ntk_value *root,
                                          const ntk_value **out);

/** Reads `sweep` (NULL = none; lives in c->arena); axes whose path is set are left out. Mistakes go to the checker. */
NTK_CHECKED ntk_error *ntk_sweep_read(ntk_checker *c, const ntk_key *keys, const ntk_value *sweep, const ntk_settings *settings, ntk_sweep *out);
/** Index of the value of `axis` in a combination. */
size_t ntk_sweep_value(const ntk_sweep *sweep, size_t combination, size_t axis);
bool ntk_sweep_excluded(const ntk_sweep *sweep, size_t combination);
/** `base` with a combination's values in place, then the settings that lie below a swept path. Trees live in `arena`; mistakes go to the checker. */
NTK_CHECKED ntk_error *ntk_sweep_apply(ntk_checker *c, ntk_arena *arena, const ntk_sweep *sweep, const ntk_settings *settings, size_t combination,
                                       const ntk_value *base, const ntk_value **out);

/** Short label of a value: its text, its type or name, else its contents; no '/', no blanks. */
void ntk_label(const ntk_value *v, ntk_text *out);
/** The same characters made fit for a label. */
void ntk_label_clean(const char *text, ntk_text *out);

#endif
