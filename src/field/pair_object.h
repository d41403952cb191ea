/** Private to field/: insides of the sums over pairs. */
#ifndef NTK_FIELD_PAIR_OBJECT_H
#define NTK_FIELD_PAIR_OBJECT_H

#include "field/pairs.h"
#include "field/triangle.h"

/** Points of a block, prepared. */
typedef struct {
  size_t block, first; /* first: of its points */
  ntk_prepared *points;
} ntk_pair_block;

struct ntk_pairs {
  const ntk_comm *comm;
  const ntk_kernel *kernel;
  ntk_pair_points points;
  ntk_pair_request request;
  ntk_triangle triangle;
  size_t count; /* of points */
  double centre_value;
  double *shift;                  /* k(x_i, c) */
  double *diagonal;               /* k~_ii */
  double *bound;                  /* |k~_ij| <= bound_i bound_j, also as computed */
  double *tile_sum, *tile_weight; /* sums over each tile of the bounds, and of weights times bounds */
  double largest;                 /* of the sums of w_j bound_j over the sets */
  double entry_size, sum_size;
  int bin_exponent, label_exponent;

  long long *sums; /* rows (count x 2), bins (bins x bins), labels (columns): fixed point */
  size_t sum_count;

  long long *ranges; /* what was left at the start of this evaluation */
  size_t range_count, left;
  size_t begin, end, at; /* own share of `left`, counted through the ranges; `at`: what is next */

  ntk_triangle_place place;
  ntk_pair_block row, column;
  ntk_workspace *workspace;
  double *block;   /* strip of kernel entries */
  double *columns; /* sums of a tile's columns */
  double *segment; /* column sums over the rows of one bin */
  double *weights; /* of all points */
  float *single, *row_signs, *column_signs, *products;
};

enum { NTK_PAIR_LABELS = 512 }; /* label columns of one product */

/** Rows of k that are computed at once: they stay in the cache; products over coordinates want more. Changes bits beyond 16 coordinates. */
static inline size_t ntk_pair_strip(const ntk_pairs *p) { return p->points.d <= 16 ? 16 : 128; }

/** Adds one tile of the triangle to the sums. Not collective. */
NTK_CHECKED ntk_error *ntk_pair_tile(ntk_pairs *pairs, size_t index);

/** Exponent e with bound <= 2^e; 0 for bound 0. */
int ntk_pair_exponent(double bound);
/** Numbers are kept times 2^(ONE - exponent). */
enum { NTK_PAIR_ONE = 60 };

#endif
