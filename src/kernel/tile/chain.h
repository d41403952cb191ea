/** Networks that are one chain of dense layers with piecewise linear activations (a min(x, 0) + b max(x, 0), a != -b) between them: the same recursion
 *  as ab_relu.c with less to carry from layer to layer.
 *
 *  State of a pair: c = sqrt(q s) - r >= 0 without the share of the last bias, T, and for gradients delta_A/2, r_B, T_A, T_B and q - r. Gradients in
 *  both points have delta_S/2, s - r and T_S too: S along s of the input at fixed delta. The angle between
 *  the two points in front of an activation is u = 1 - cos(theta) = c/sqrt(q s) + v^2: what a bias b^2 adds to sqrt(q s) - r depends on the two points'
 *  variances alone. With q = a^2 + b^2 and tan(phi) = a/b it is sqrt(q s) (1 - cos(phi - phi')), so v = sqrt(2) sin((phi - phi')/2), and with
 *  t = tan(phi/2) and C = 2^(1/4) cos(phi/2) of each point v = C C' (t - t'). That is enough for values. Gradients of close points need v to the last
 *  digit: v = 2 b C C' (q - s)/[(sqrt q + sqrt s)(t + t')(sqrt q + b)(sqrt s + b)], where q - s is a multiple of that of the input. The quotient comes
 *  from the division that the layer before needs anyway.
 */
#ifndef NTK_KERNEL_TILE_CHAIN_H
#define NTK_KERNEL_TILE_CHAIN_H

#include <stdbool.h>

#include "kernel/tile/engine.h"

/** Arrays of the state, NTK_BLOCK numbers each of the type of the loops (tile/real.h). */
enum {
  NTK_CHAIN_C,
  NTK_CHAIN_T,
  NTK_CHAIN_DELTA_A,
  NTK_CHAIN_R_B,
  NTK_CHAIN_T_A,
  NTK_CHAIN_T_B,
  NTK_CHAIN_GAP,
  NTK_CHAIN_P,
  NTK_CHAIN_V,
  NTK_CHAIN_DELTA_S,
  NTK_CHAIN_GAP_S,
  NTK_CHAIN_T_S,
  NTK_CHAIN_STATES
};

/** Tables over points in front of an activation, of the type of the loops: `tangent` t, `cosine` C, `height` C/(sqrt q + b), for a row times 2 b dq/dq
 *  of the input. The last three are not there for the first one. */
typedef struct {
  const void *root, *inverse, *tangent, *cosine, *height;
} ntk_chain_columns;

typedef struct {
  double root, inverse, tangent, cosine, height;
} ntk_chain_row;

enum { NTK_CHAIN_DIRECT = 3 };

/** What the first layer starts from, in double precision whatever the loops have: x and z where the dimension is NTK_CHAIN_DIRECT or less, else
 *  (dimension 0) the state of ntk_engine.input. `dense` is the layer in front of the activation, the inverses are of the roots behind it. */
typedef struct {
  ntk_dense dense;
  size_t dimension, stride;
  double x[NTK_CHAIN_DIRECT];
  const double *z, *column_q, *column_inverse;
  double row_q; /* |x|^2/d; column_q alike */
  double row_inverse;
  const double *general; /* NTK_R, NTK_S2, NTK_DELTA, NTK_P arrays of NTK_BLOCK */
} ntk_chain_source;

/** An activation and the dense layer behind it. */
typedef struct {
  size_t groups;
  void *state;
  double *k, *a, *b, *s;       /* the last layer's results: k, and T_A, T_B and T_S, of an NNGP kernel delta_A/2, r_B and delta_S/2 */
  ntk_chain_row row, next_row; /* in front of this activation and of the next one */
  ntk_chain_columns columns, next_columns;
  double f, g;                 /* of the activation, times the weight of the dense layer behind it */
  double bias, nngp, constant; /* of that layer; nngp: its factor over its weight */
  double q_tangent;            /* dq/dq of the input in front of the activation */
  double after_tangent;        /* the same behind the dense layer */
  bool plain;                  /* the layer in front has a bias; and r < 0 is impossible, if this is not the first activation */
  ntk_chain_source source;     /* first layer only */
} ntk_chain_pass;

typedef void (*ntk_chain_function)(const ntk_chain_pass *pass);

/** Where in the chain. */
enum { NTK_CHAIN_FIRST = 1, NTK_CHAIN_LAST = 2, NTK_CHAIN_PLACES = 4 };

/** What is computed: NTK_MODE_NTK, NTK_MODE_GRADIENT, and with it NTK_MODE_BOTH: in both points. */
enum { NTK_MODE_BOTH = 4, NTK_CHAIN_MODES = 8 };

typedef struct ntk_chain_engine {
  ntk_chain_function layer[NTK_CHAIN_PLACES][NTK_CHAIN_MODES];
} ntk_chain_engine;

#endif
