#include "run/series.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "run/theory.h"

ntk_error *ntk_series_add(ntk_records *r, const char *name, const char *long_name, const char *whose) {
  if (r->series == NTK_MAX_SERIES) return ntk_fail(NTK_E_CONFIG, "%s: more than %d numbers a record", whose, NTK_MAX_SERIES);
  if (!strcmp(name, "iteration"))
    return ntk_fail(NTK_E_CONFIG, "%s: 'iteration' names the records themselves: give the metric another `name`", whose);
  for (size_t i = 0; i < r->series; i++)
    if (!strcmp(r->name[i], name)) return ntk_fail(NTK_E_CONFIG, "%s: two numbers are called '%s': give the metric another `name`", whose, name);
  r->name[r->series] = name;
  r->long_name[r->series++] = long_name;
  return NULL;
}

static ntk_error *add_metric(ntk_records *r, const ntk_metric *metric) {
  for (size_t k = 0; k < ntk_metric_count(metric); k++)
    NTK_TRY(ntk_series_add(r, ntk_metric_name(metric, k), ntk_metric_long_name(metric, k), "record.metrics"));
  return NULL;
}

/* The same numbers of fresh samples; their texts belong to the records. */
static ntk_error *add_fresh(ntk_records *r, const ntk_metric *metric) {
  for (size_t k = 0; k < ntk_metric_count(metric); k++) {
    ntk_text name = NTK_TEXT, long_name = NTK_TEXT;
    char **own = r->own + 2 * r->series;
    if (r->series == NTK_MAX_SERIES) return ntk_series_add(r, "", "", "record.metrics");
    ntk_text_addf(&name, "fresh_%s", ntk_metric_name(metric, k));
    ntk_text_addf(&long_name, "%s, of fresh samples", ntk_metric_long_name(metric, k));
    ntk_error *err = ntk_text_take(&name, &own[0]);
    err = ntk_error_join(err, ntk_text_take(&long_name, &own[1]));
    if (err) return err;
    NTK_TRY(ntk_series_add(r, own[0], own[1], "record.metrics"));
  }
  return NULL;
}

ntk_error *ntk_series_build(const ntk_value *settings, const ntk_kernel *kernel, size_t dimension, int repetition, bool fresh,
                            ntk_metric_list *metrics, ntk_records *r) {
  const ntk_value *list = ntk_value_find(settings, "record.metrics");
  ntk_rng rng = {(uint64_t)ntk_get_integer(settings, "seed"), (uint32_t)repetition, NTK_STREAM_METRIC};
  NTK_TRY(ntk_series_add(r, "loss", "mean of the generator's objective c(f) over the fake points", "record"));
  NTK_TRY(NTK_NEW(ntk_value_count(list), &metrics->item));
  for (size_t i = 0; i < ntk_value_count(list); i++) {
    ntk_metric **metric = &metrics->item[metrics->count++];
    NTK_TRY(
        ntk_error_prefix(ntk_metric_create(ntk_value_item(list, i), kernel, dimension, ntk_rng_part(rng, (uint32_t)i), metric), "record.metrics"));
    NTK_TRY(add_metric(r, *metric));
  }
  for (size_t i = 0; fresh && i < metrics->count; i++) NTK_TRY(add_fresh(r, metrics->item[i]));
  return ntk_theory_build(settings, r);
}

void ntk_metric_list_free(ntk_metric_list *metrics) {
  for (size_t i = 0; i < metrics->count; i++) ntk_metric_free(&metrics->item[i]);
  free(metrics->item);
  *metrics = (ntk_metric_list){0};
}
