/** Loops over fields: arrays [position][lane], a lane being a column image and `lanes` a multiple of NTK_LANES. Positions are those of one displacement
 *  class (src/kernel/image_program.h).
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

/** delta or its distance to an end of its range, relative: below, it is rounding and counts as 0. */
#define NTK_IMAGE_ROUNDING 4e-15
/** Likewise its distance from the squared difference of the roots, relative to that difference times their sum: roots are rounded. */
#define NTK_IMAGE_ROOTS_ROUNDING 4e-16

/** Pairs of positions in the order of a field's elements: `lines` times `count` of them, from line to line `step` positions and `element_step`
 *  elements further. */
typedef struct {
  size_t row, column, element; /* the first: the row image's, the column images', its place in the field */
  size_t lines, count, step, element_step;
} ntk_image_patch;

/** The input: sums over channels. */
typedef struct {
  ntk_image_patch patch;
  size_t lanes, channels;
  const double *x;   /* row image, [position][channel] */
  const double *z;   /* column images, [position][channel][lane] */
  double *r, *delta; /* delta may be NULL */
  /* For gradients: gradient[position][channel][lane] += factor beta (z - shift x). */
  const double *beta;
  double factor, shift;
  double *gradient;
} ntk_image_pixels;

/** Along one axis, the lines of one field that each line of another one sums: list[start[i]] up to list[start[i + 1]]. */
typedef struct {
  const int *start, *list;
} ntk_image_taps;

/** Separable sums over windows, from a field with `in_columns` columns to one of rows x columns:
 *    out_r = r_factor sum(r) + r_constant, out_t = t_factor sum(t) + t_from_r sum(r) + t_constant, out_delta = delta_factor sum(delta).
 *  `add`: added to what is there. Without t (NULL) that is 0; out_t and out_delta may be NULL. Adjoints are such sums too. */
typedef struct {
  size_t lanes, in_columns, rows, columns;
  ntk_image_taps taps[2];
  const double *r, *t, *delta;
  double *out_r, *out_t, *out_delta;
  double r_factor, r_constant, t_factor, t_from_r, t_constant, delta_factor;
  bool add;
  double *scratch; /* 3 x in_columns x lanes */
} ntk_image_window;

/** The adjoint of such sums: rows x columns are those of the field in front, beta and tau those behind it.
 *    to_beta = beta_factor sum(beta) + beta_from_tau sum(tau), to_tau = tau_factor sum(tau); `add`: added. alpha += alpha_factor sum(tau).
 *  tau, to_tau and alpha may be NULL. */
typedef struct {
  size_t lanes, in_columns, rows, columns;
  ntk_image_taps taps[2];
  const double *beta, *tau;
  double *to_beta, *to_tau, *alpha;
  double beta_factor, beta_from_tau, tau_factor, alpha_factor;
  bool add;
  double *scratch; /* 2 x in_columns x lanes */
} ntk_image_spread;

/** What is tabulated of an activation's variances: in front, then behind it; its V'(q). Piecewise linear ones need the first two. */
enum { NTK_IMAGE_ROOT, NTK_IMAGE_INVERSE, NTK_IMAGE_Q, NTK_IMAGE_Q_AFTER, NTK_IMAGE_ROOT_AFTER, NTK_IMAGE_SLOPE, NTK_IMAGE_TABLES };

/** What the adjoint needs of an activation: dr/dr, -2 dr/dq at fixed delta but for V'(q)/2, and T times the derivatives of V_dot along q and r. */
enum { NTK_IMAGE_BY_R, NTK_IMAGE_BY_Q, NTK_IMAGE_T_BY_Q, NTK_IMAGE_T_BY_R, NTK_IMAGE_SLOPES };

/** A pointwise operation on the pairs of a patch. */
typedef struct {
  ntk_image_patch patch;
  size_t lanes;
  const double *row[NTK_IMAGE_TABLES];    /* [position] */
  const double *column[NTK_IMAGE_TABLES]; /* [position][lane] */
  const double *constants;
  const double *r, *delta, *t;       /* without delta (NULL) it comes from the variances */
  double *out_r, *out_delta, *out_t; /* may be the same arrays */
  bool keep;                         /* out_delta is wanted */
  double *slopes[NTK_IMAGE_SLOPES];  /* for gradients */
} ntk_image_pointwise;

typedef void (*ntk_image_function)(const ntk_image_pointwise *pointwise);

/** The state of one pair of positions as a block of passes (engine.h) has it. Tables are those of the two positions. */
typedef struct {
  size_t lanes;
  const double *r, *delta, *t;
  const double *row[NTK_IMAGE_TABLES], *column[NTK_IMAGE_TABLES];
  double *block; /* NTK_STATES x NTK_BLOCK */
} ntk_image_state;

/** Adjoint of a pointwise operation. */
typedef struct {
  ntk_image_patch patch;
  size_t lanes;
  bool displaced, add;
  const double *slopes[NTK_IMAGE_SLOPES];
  const double *beta_after, *tau_after; /* tau_after NULL: T is 0 */
  const double *row_slopes;             /* V'(q), [position], or NULL: row_slope */
  double row_slope;
  double factor;   /* of what goes to alpha */
  double tau_kept; /* 0 where V_dot is 0 by convention, else 1 */
  double *beta, *tau, *alpha;
} ntk_image_adjoint;

typedef struct ntk_image_engine {
  void (*pixels)(const ntk_image_pixels *pixels);
  void (*pixels_adjoint)(const ntk_image_pixels *pixels);
  void (*window)(const ntk_image_window *window);
  void (*spread)(const ntk_image_spread *spread);
  const ntk_image_function *layer[NTK_DUAL_COUNT]; /* each indexed by mode, or NULL: by passes, one pair of positions after the other */
  const ntk_image_function *norm;
  const ntk_image_function *rectified[2]; /* by mode, of piecewise linear activations: with `keep` (delta or not), without (no delta) */
  void (*state)(const ntk_image_state *state);
  void (*adjoint)(const ntk_image_adjoint *adjoint);
  void (*add)(size_t count, double factor, const double *in, double *out); /* out += factor in */
} ntk_image_engine;

#endif
