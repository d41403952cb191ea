/** Features of an activation by Hermite series (Daniely, Frostig, Singer 2016) as functions of the variance: interpolated between Chebyshev nodes in
 *  sqrt(q), octave by octave of q, so that a point's features depend on its variance only and cost a few nanoseconds each.
 *
 *  Degrees and weights of the terms: src/kernel/sparse.h. A row of features with `terms` terms: what ntk_series.row describes, then E phi^2, its derivative in q, E phi'^2. Interpolated are
 *  (E phi - phi(0))/q, alpha_n/q and (E phi^2 - phi(0)^2)/q, so that small variances lose no digits.
 */
#ifndef NTK_KERNEL_OCTAVES_H
#define NTK_KERNEL_OCTAVES_H

#include <stdatomic.h>

#include "base/err.h"
#include "kernel/activation.h"
#include "kernel/sparse.h"

/** Octave 0 ends at 2^-6, octave i at 2^(i-6). */
enum { NTK_OCTAVE_COUNT = 1031 };

/** Of an octave with the ends [a, b] of sqrt(q): middle (a + b)/2, scale 2/(b - a); coefficients as in ntk_octave_run. */
typedef struct {
  double middle, scale;
  size_t terms, size;
  double *coefficients;
} ntk_octave;

typedef struct {
  const ntk_engine *engine;
  const double *constants; /* borrowed: the activation's */
  const ntk_function *function;
  double origin;                                   /* phi(0) */
  size_t first, step, most;                        /* terms k < most have the degrees ntk_sparse_degree(first, step, k) */
  double root[2 * NTK_SPARSE_NODES];               /* of their weights */
  _Atomic(ntk_octave *) octaves[NTK_OCTAVE_COUNT]; /* NULL until made */
} ntk_octaves;

static inline size_t ntk_series_chunks(size_t terms) { return terms / NTK_SERIES_CHUNK; }
static inline size_t ntk_series_column_size(size_t terms) { return NTK_SERIES_COLUMN_HEAD + terms + 2 * (ntk_series_chunks(terms) + 1); }
static inline size_t ntk_series_row_size(size_t terms) { return NTK_SERIES_HEAD + 2 * terms + 2 * (ntk_series_chunks(terms) + 1) + 3; }

/** Interpolants of the activation of the table with these constants (NTK_SERIES_KIND >= 0); none is made yet. */
NTK_CHECKED ntk_error *ntk_octaves_create(const ntk_engine *engine, const double *constants, ntk_octaves **out);
void ntk_octaves_free(ntk_octaves **octaves);

/** Makes the interpolants that these variances need. What one holds depends on its octave only, so several threads may make it at once. */
NTK_CHECKED ntk_error *ntk_octaves_cover(ntk_octaves *octaves, size_t count, const double *q);

/** The octave of a variance, which must be covered, and the position in it, in [-1, 1]. */
const ntk_octave *ntk_octaves_find(const ntk_octaves *octaves, double q, double *position);

/** See ntk_dual_moments; q is covered. */
ntk_moments ntk_octaves_moments(const ntk_octaves *octaves, double q);

#endif
