/** Private to run/: at which iterations something is due. */
#ifndef NTK_RUN_SCHEDULE_H
#define NTK_RUN_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "config/value.h"

/** `every: N` or `at: [..]` of a section (neither: the first and the last). 0 is before the first step; the last iteration is always due. */
typedef struct {
  long long every, last;
  size_t count;
  long long *at;
} ntk_schedule;

NTK_CHECKED ntk_error *ntk_schedule_create(const ntk_value *section, long long last, ntk_schedule *out);
void ntk_schedule_free(ntk_schedule *s);
bool ntk_schedule_due(const ntk_schedule *s, long long iteration);
/** How many due iterations are below this one. */
size_t ntk_schedule_before(const ntk_schedule *s, long long iteration);
/** Number of due iterations in 0..last. */
size_t ntk_schedule_count(const ntk_schedule *s);

#endif
