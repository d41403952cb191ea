/** Per-point features of activations by Hermite series (Daniely, Frostig, Singer 2016), read by src/kernel/tile/series.c.
 *
 *  Constants of such an activation: what it is (a row of the activation table, or one of the two below), tolerance, then its own.
 *    NTK_SERIES_POLYNOMIAL: degree, coefficients from degree 0 on. NTK_SERIES_HERMITE: degree.
 */
#ifndef NTK_KERNEL_FEATURES_H
#define NTK_KERNEL_FEATURES_H

#include "kernel/octaves.h"

enum { NTK_SERIES_POLYNOMIAL = -1, NTK_SERIES_HERMITE = -2 };
enum { NTK_SERIES_KIND, NTK_SERIES_TOLERANCE, NTK_SERIES_DEGREE, NTK_SERIES_COEFFICIENTS };
enum { NTK_SERIES_MOST_DEGREE = NTK_CONSTANTS - NTK_SERIES_COEFFICIENTS - 1 };

/** Whether the activation is known by its values, so that its series is that of an ntk_octaves. */
static inline bool ntk_series_is_sampled(const double *constants) { return constants[NTK_SERIES_KIND] >= 0; }

/** Features of one activation; `rows` of a set of points once they are tabulated: layout see ntk_series. Their memory is borrowed. */
typedef struct {
  const ntk_engine *engine;
  const double *constants;             /* borrowed: the activation's */
  ntk_octaves *octaves;                /* NULL for polynomials: those are computed directly */
  double *degrees;                     /* of the terms */
  size_t most, terms, count, row_size; /* terms: there can be, there are */
  double *rows, *columns;              /* columns: of all points in groups of NTK_LANES, the last one repeated */
} ntk_features;

/** `octaves` of the same constants (see ntk_series_is_sampled) are borrowed. */
NTK_CHECKED ntk_error *ntk_features_create(const ntk_engine *engine, const double *constants, ntk_octaves *octaves, ntk_features **out);
void ntk_features_free(ntk_features **features);

/** Gets ready for `count` points with variances q: then `rows` and `columns` are to be set to so many doubles. */
NTK_CHECKED ntk_error *ntk_features_cover(ntk_features *features, size_t count, const double *q);
size_t ntk_features_rows(const ntk_features *features);
size_t ntk_features_groups(const ntk_features *features);
/** Their tables from point `first` on (a multiple of NTK_LANES), `count` of them: up to another multiple or to the last one. q: of all points. */
void ntk_features_tabulate(const ntk_features *features, size_t first, size_t count, const double *q);

/** Columns (ntk_series) of the points from `point` on, in groups of NTK_LANES: in the features' own table or, where no group starts there, copied to
 *  `room`. Behind the last point it is repeated. */
const double *ntk_features_columns(const ntk_features *features, size_t point, size_t groups, double *room);

/** Doubles of `room` a point, at most, for activations with these constants. */
size_t ntk_features_most(const double *constants);

/** Point `row` of x against columns of z. */
ntk_series ntk_features_pair(const ntk_features *x, size_t row, const ntk_features *z, const double *columns);

/** A variance against groups of NTK_LANES others without tables; the octaves cover all. `scratch`: NTK_FEATURES_SCRATCH(groups) doubles, in use as long as the
 *  result is. */
#define NTK_SERIES_ROW_MOST (NTK_SERIES_HEAD + 2 * NTK_SERIES_TERMS + 2 * (NTK_SERIES_TERMS / NTK_SERIES_CHUNK + 1) + 3)
#define NTK_FEATURES_SCRATCH(groups) (NTK_SERIES_ROW_MOST * (1 + (groups)*NTK_LANES))
ntk_series ntk_features_lanes(const ntk_features *x, double q, const ntk_features *z, size_t groups, const double *s, double *scratch);

/** See ntk_dual_moments: any q, slowly. */
ntk_moments ntk_series_moments(const double *constants, double q);

#endif
