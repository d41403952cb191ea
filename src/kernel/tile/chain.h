/** Networks that are one chain of dense layers with piecewise linear activations (a min(x, 0) + b max(x, 0), a != -b) between them: the same recursion
 *  as ab_relu.c with less to carry from layer to layer.
 *
 *  State of a pair: c = sqrt(q s) - r >= 0 without the share of the last bias, T, and for gradients delta_A, r_B, T_A, T_B and q - r. The angle between
 *  the two points in front of an activation is u = 1 - cos(theta) = c/sqrt(q s) + v^2: what a bias adds to sqrt(q s) - r depends on the two points'
 *  variances alone. With q = a^2 + b^2, b^2 the bias and tan(phi) = a/b, it is sqrt(q s) (1 - cos(phi - phi')), so
 *  v = sqrt(2) sin((phi - phi')/2), from per-point tables of tan(phi/2) and 2^(1/4) cos(phi/2). Every sum has terms of one sign only.
 */
#ifndef NTK_KERNEL_TILE_CHAIN_H
#define NTK_KERNEL_TILE_CHAIN_H

#include <stdbool.h>

#include "kernel/tile/engine.h"

/** Arrays of the state. The output's k, k_A (delta_A without the NTK) and k_B are in K, and T_A or DELTA_A, and T_B or R_B. */
enum { NTK_CHAIN_C, NTK_CHAIN_K, NTK_CHAIN_DELTA_A, NTK_CHAIN_R_B, NTK_CHAIN_T_A, NTK_CHAIN_T_B, NTK_CHAIN_GAP, NTK_CHAIN_STATES };

/** Tables over points in front of an activation; `tangent` and `cosine` are those of phi/2, the cosine with the factor 2^(1/4). */
typedef struct {
  const double *root, *inverse, *tangent, *cosine;
} ntk_chain_columns;

typedef struct {
  double root, inverse, tangent, cosine;
} ntk_chain_row;

enum { NTK_CHAIN_DIRECT = 3 };

/** What the first layer starts from: x and z where the dimension is NTK_CHAIN_DIRECT or less, else (dimension 0) the state of ntk_engine.input. `dense`
 *  is the layer in front of the activation. */
typedef struct {
  ntk_dense dense;
  size_t dimension, stride;
  double x[NTK_CHAIN_DIRECT];
  const double *z, *column_q;
  double row_q;          /* |x|^2/d; column_q alike */
  const double *general; /* NTK_R, NTK_S2, NTK_DELTA, NTK_P arrays of NTK_BLOCK */
} ntk_chain_source;

/** An activation and the dense layer behind it. */
typedef struct {
  size_t groups;
  double *state;
  ntk_chain_row row;
  ntk_chain_columns columns;
  double f, g;                 /* of the activation, times the weight of the dense layer behind it */
  double bias, nngp, constant; /* of that layer; nngp: its factor over its weight */
  double q_tangent;            /* dq/dq of the input in front of the activation */
  double after_tangent;        /* the same behind the dense layer */
  bool obtuse;                 /* r < 0 is possible */
  ntk_chain_source source;     /* first layer only */
} ntk_chain_pass;

typedef void (*ntk_chain_function)(const ntk_chain_pass *pass);

/** Where in the chain. */
enum { NTK_CHAIN_FIRST = 1, NTK_CHAIN_LAST = 2, NTK_CHAIN_PLACES = 4 };

typedef struct ntk_chain_engine {
  ntk_chain_function layer[NTK_CHAIN_PLACES][NTK_MODES];
} ntk_chain_engine;

#endif
