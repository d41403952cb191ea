#include "run/schedule.h"

#include <stdlib.h>

#include "base/mem.h"

static int ascending(const void *a, const void *b) {
  long long x = *(const long long *)a, y = *(const long long *)b;
  return (x > y) - (x < y);
}

ntk_error *ntk_schedule_create(const ntk_value *section, long long last, ntk_schedule *out) {
  *out = (ntk_schedule){0, last, 0, NULL};
  const ntk_value *at = ntk_value_get(section, "at");
  if (!ntk_has(section, "at")) {
    if (ntk_has(section, "every")) out->every = ntk_get_integer(section, "every");
    return NULL;
  }
  NTK_TRY(NTK_NEW(ntk_value_count(at), &out->at));
  for (size_t i = 0; i < ntk_value_count(at); i++) {
    long long iteration = (long long)ntk_value_number(ntk_value_item(at, i));
    if (iteration < last) out->at[out->count++] = iteration;
  }
  qsort(out->at, out->count, sizeof *out->at, ascending);
  size_t kept = 0;
  for (size_t i = 0; i < out->count; i++)
    if (!kept || out->at[i] != out->at[kept - 1]) out->at[kept++] = out->at[i];
  out->count = kept;
  return NULL;
}

void ntk_schedule_free(ntk_schedule *s) {
  free(s->at);
  s->at = NULL;
}

bool ntk_schedule_due(const ntk_schedule *s, long long iteration) {
  if (iteration == s->last) return true;
  if (s->at) return s->count && bsearch(&iteration, s->at, s->count, sizeof *s->at, ascending) != NULL;
  return s->every > 0 ? iteration % s->every == 0 : iteration == 0;
}

size_t ntk_schedule_count(const ntk_schedule *s) {
  if (s->at) return s->count + 1;
  if (s->every <= 0) return s->last > 0 ? 2 : 1;
  return (size_t)((s->last + s->every - 1) / s->every) + 1;
}

size_t ntk_schedule_before(const ntk_schedule *s, long long iteration) {
  if (iteration <= 0) return 0;
  if (!s->at) return s->every > 0 ? (size_t)((iteration - 1) / s->every) + 1 : 1;
  size_t low = 0;
  while (low < s->count && s->at[low] < iteration) low++;
  return low;
}
