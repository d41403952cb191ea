/** Private to metric/: rows of squared distances and reductions over them, and how rows are dealt to ranks.
 *
 *  A row's numbers depend on the row alone, never on who computes it, so every result is the same on any number of ranks.
 */
#ifndef NTK_METRIC_ROWS_H
#define NTK_METRIC_ROWS_H

#include <stddef.h>

#include "base/comm.h"
#include "data/data.h"

/** Fake and real points as one list (fake first), coordinate after coordinate for the vector loops. `real_start` is where the real points begin in
 *  such a row: n rounded up so that both parts start on a 64-byte boundary. */
typedef struct {
  size_t n, m, d;
  size_t real_start, stride; /* a row of one number per point has `stride` entries */
  double *x;                 /* d x stride */
  double *mass;              /* stride; padding is 0 */
} ntk_cloud;

/** NTK_E_CONFIG when the dimensions differ, NTK_E_NONFINITE for a point that is not finite. Not collective. */
NTK_CHECKED ntk_error *ntk_cloud_create(const ntk_measure *fake, const ntk_measure *real, ntk_cloud *out);
void ntk_cloud_free(ntk_cloud *cloud);
/** Place of point i (0 <= i < n + m, fake first) in a row. */
static inline size_t ntk_cloud_place(const ntk_cloud *cloud, size_t i) { return i < cloud->n ? i : cloud->real_start + (i - cloud->n); }
/** out[place of j] = |z_i - z_j|^2 from coordinate differences; `out` has `stride` entries, aligned to 64 bytes. */
void ntk_cloud_distances(const ntk_cloud *cloud, size_t i, double *out);

/** Own rows of rank r: start[r] .. start[r+1] of n. start has size+1 entries. */
void ntk_rows_deal(const ntk_comm *comm, size_t n, size_t *start);

/** -eps log sum_j exp((h_j - cost_j) / eps), the largest term taken out. h and cost aligned to 64 bytes; h_j = -inf is allowed, not for all j. */
double ntk_row_softmin(size_t n, const double *h, const double *cost, double eps, double *scratch);
/** sum_j w_j sqrt(squared_j), and sum_j w_j exp(squared_j * factor) for factor <= 0. */
double ntk_row_distance_sum(size_t n, const double *w, const double *squared);
double ntk_row_gaussian_sum(size_t n, const double *w, const double *squared, double factor);

#endif
