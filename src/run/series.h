/** Private to run/: which numbers a run has at each record, and their names. */
#ifndef NTK_RUN_SERIES_H
#define NTK_RUN_SERIES_H

#include "config/value.h"
#include "kernel/kernel.h"
#include "metric/metric.h"
#include "run/records.h"

/** The metrics of a run. */
typedef struct {
  size_t count;
  ntk_metric **item;
} ntk_metric_list;

/** From checked settings: creates the metrics and adds to `r` the series "loss", those of the metrics, with `fresh` the same of fresh samples (fresh_NAME),
 *  and record.theory's. `kernel`: the run's own, borrowed. Release with ntk_metric_list_free and ntk_records_free, also after an error. NTK_E_CONFIG for
 *  names that meet, too many numbers, metrics and theory that cannot be had. Not collective. */
NTK_CHECKED ntk_error *ntk_series_build(const ntk_value *settings, const ntk_kernel *kernel, size_t dimension, int repetition, bool fresh,
                                        ntk_metric_list *metrics, ntk_records *r);
void ntk_metric_list_free(ntk_metric_list *metrics);

/** Adds one series; texts are borrowed. `whose`: the setting to blame where the name is taken. */
NTK_CHECKED ntk_error *ntk_series_add(ntk_records *r, const char *name, const char *long_name, const char *whose);

#endif
