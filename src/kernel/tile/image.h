/** Loops over fields: arrays [position][lane], a lane being a column image. Positions are those of one displacement class (src/kernel/image_program.h).
 *
 *  The state of a pair of positions is r, delta and T as in engine.h; S2 and p follow from delta and the variances:
 *  4 S2 = (delta - (sqrt(q) - sqrt(s))^2) ((sqrt(q) + sqrt(s))^2 - delta).
 *  Adjoints: beta of r (q fixed), tau of T, alpha of q (delta fixed, where the two positions are one).
 */
#ifndef NTK_KERNEL_TILE_IMAGE_H
#define NTK_KERNEL_TILE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "kernel/tile/engine.h"

/** One position of a row image against one of the column images: sum over channels. */
typedef struct {
  size_t groups, channels;
  const double *x; /* channels of the row's position */
  const double *z; /* channel c of the block's column j at z[c*stride + j] */
  size_t stride;
  double *r, *delta;
  /* For gradients: gradient[c*lanes + j] += factor beta_j (z_cj - shift x_c). */
  size_t lanes;
  const double *beta;
  double factor, shift;
  double *gradient;
} ntk_image_pixels;

/** Separable sums over windows. rows[i*row_taps + t] is the line of `in` that tap t of line i of `out` reads, -1 for none; columns likewise. */
typedef struct {
  size_t groups, lanes;
  size_t in_columns, out_rows, out_columns, row_taps, column_taps;
  const int *rows, *columns;
  double *in, *out;
  /* Forward: out = share sum(in) + constant + factor other (NULL: none). Adjoint: in += sum of (share out + factor other) over the windows. */
  const double *other;
  double share, constant, factor;
  double *scratch; /* in_columns x lanes */
} ntk_image_window;

/** A block's state from r, delta and T of one pair of positions. Without delta (NULL) it comes from the variances. */
typedef struct {
  size_t groups;
  const double *r, *delta, *t;
  ntk_variance row;
  ntk_variances columns;
  double *block; /* NTK_STATES x NTK_BLOCK */
} ntk_image_state;

/** Adjoint of a pass whose results with unit tangents are in `block`. */
typedef struct {
  size_t groups;
  bool ntk, displaced;
  const double *block, *beta_after, *tau_after;
  double slope, factor; /* V'(q) of the row; factor of what goes to alpha */
  double *beta, *tau, *alpha;
} ntk_image_adjoint;

typedef struct ntk_image_engine {
  void (*pixels)(const ntk_image_pixels *pixels);
  void (*pixels_adjoint)(const ntk_image_pixels *pixels);
  void (*window)(const ntk_image_window *window);
  void (*spread)(const ntk_image_window *window);
  void (*state)(const ntk_image_state *state);
  void (*adjoint)(const ntk_image_adjoint *adjoint);
  void (*add)(size_t positions, size_t lanes, size_t groups, double factor, const double *in, double *out); /* out += factor in */
  void (*scale)(size_t positions, size_t lanes, size_t groups, double factor, double constant, double *out);
} ntk_image_engine;

#endif
