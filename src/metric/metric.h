/** Numbers about a pair of measures (fake, real). */
#ifndef NTK_METRIC_METRIC_H
#define NTK_METRIC_METRIC_H

#include "base/comm.h"
#include "config/schema.h"
#include "config/value.h"
#include "data/data.h"
#include "kernel/kernel.h"

typedef struct ntk_metric ntk_metric;

/** From a checked entry of `record.metrics` ({mmd2: {}}, {sinkhorn: {blur: 0.001}}). `kernel`: the run's own kernel, borrowed for the metric's
 *  lifetime; used by mmd2 unless it names its own network (NULL: then a network is required, NTK_E_CONFIG). `rng`: for subsamples. */
NTK_CHECKED ntk_error *ntk_metric_create(const ntk_value *entry, const ntk_kernel *kernel, size_t dimension, ntk_rng rng, ntk_metric **out);
void ntk_metric_free(ntk_metric **metric);

/** How many numbers it gives (mmd2: 2) and their names ("mmd2", "mmd2_unbiased"), lower case with digits and '_'. */
size_t ntk_metric_count(const ntk_metric *metric);
const char *ntk_metric_name(const ntk_metric *metric, size_t i);
const char *ntk_metric_long_name(const ntk_metric *metric, size_t i);
/** Iterations between evaluations (`every:` of the entry), 0 = at every record. */
long long ntk_metric_every(const ntk_metric *metric);

/** Evaluates. Collective over `comm`, inputs and results replicated, same bits on any number of ranks. */
NTK_CHECKED ntk_error *ntk_metric_evaluate(ntk_metric *metric, const ntk_comm *comm, const ntk_measure *fake, const ntk_measure *real, double *out);

/** Catalog kind "metrics". */
const ntk_choices *ntk_metric_choices(void);

#endif
