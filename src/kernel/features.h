/** Per-point features of activations by Hermite series (Daniely, Frostig, Singer 2016): computed once per point and layer, read by src/kernel/tile/series.c.
 *
 *  Constants of such an activation: what it is (a row of the activation table, or one of the two below), tolerance, then its own.
 *    NTK_SERIES_POLYNOMIAL: degree, coefficients from degree 0 on. NTK_SERIES_HERMITE: degree.
 */
#ifndef NTK_KERNEL_FEATURES_H
#define NTK_KERNEL_FEATURES_H

#include "base/err.h"
#include "kernel/activation.h"

enum { NTK_SERIES_POLYNOMIAL = -1, NTK_SERIES_HERMITE = -2 };
enum { NTK_SERIES_KIND, NTK_SERIES_TOLERANCE, NTK_SERIES_DEGREE, NTK_SERIES_COEFFICIENTS };
enum { NTK_SERIES_MOST_DEGREE = NTK_CONSTANTS - NTK_SERIES_COEFFICIENTS - 1 };

/** Features of points; layouts: see ntk_series. */
typedef struct {
  size_t first, step, terms, stride, row_size;
  double *rows, *columns;
} ntk_features;

/** Features of `count` points with variances q; `stride` >= count is the distance of the column arrays, padded with the last point. */
NTK_CHECKED ntk_error *ntk_features_create(const ntk_engine *engine, const double *constants, size_t count, size_t stride, const double *q,
                                           ntk_features **out);
void ntk_features_free(ntk_features **features);

/** Point `row` of x against the points of z from `column` on. */
ntk_series ntk_features_pair(const ntk_features *x, size_t row, const ntk_features *z, size_t column, const double *constants);

/** See ntk_dual_moments. */
ntk_moments ntk_series_moments(const double *constants, double q);

#endif
