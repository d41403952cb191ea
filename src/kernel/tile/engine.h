/** The contract between the tile driver (src/kernel/tiles.c) and the loops in src/kernel/tile/, which are compiled once per instruction set.
 *
 *  A pass works on one row of a tile against a block of at most NTK_BLOCK columns. The state of a block is NTK_STATES arrays of NTK_BLOCK
 *  doubles; a register is one such state. Lane counts are rounded up to NTK_LANES, so every array that a pass reads must be readable (and
 *  finite) up to the next multiple.
 *
 *  State of a pair (x, x'), q = Cov(x, x), s = Cov(x', x') being tabulated per point:
 *    r = Cov(x, x'), S2 = q s - r^2 >= 0, delta = q + s - 2 r >= 0, p = q - s, T = the NTK so far.
 *  Tangents, for input gradients (Novak et al. 2020 differentiate the same recursion automatically):
 *    A: along q of the input at fixed delta of the input; B: along r of the input at fixed q. s is constant in both.
 *    delta_A = d delta/dA (delta has no derivative along B but -2 r_B), r_B = dr/dB, T_A, T_B. dr/dA = (dq - delta_A)/2.
 *  Then dk/dx = [2 k_A x + k_B (x' - x)]/d, which does not cancel for close points.
 */
#ifndef NTK_KERNEL_TILE_ENGINE_H
#define NTK_KERNEL_TILE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>

enum { NTK_BLOCK = 256, NTK_LANES = 8, NTK_DIRECT_DIMENSION = 16, NTK_CONSTANTS = 20 };

/** Arrays of a register. NNGP kernels leave the T ones unused, values the tangents. */
enum { NTK_R, NTK_S2, NTK_DELTA, NTK_P, NTK_T, NTK_DELTA_A, NTK_R_B, NTK_T_A, NTK_T_B, NTK_STATES };

/** What a pass computes: bits. */
enum { NTK_MODE_NTK = 1, NTK_MODE_GRADIENT = 2, NTK_MODES = 4 };

/** Dual activation functions that loops exist for. Several names of the activation table may share one. */
typedef enum {
  NTK_DUAL_IDENTITY,
  NTK_DUAL_AB_RELU,
  NTK_DUAL_ERF,
  NTK_DUAL_GELU,
  NTK_DUAL_SIN,
  NTK_DUAL_RBF,
  NTK_DUAL_EXP,
  NTK_DUAL_GAUSSIAN,
  NTK_DUAL_SIGN,
  NTK_DUAL_STEP,
  NTK_DUAL_RECTIFIED_SQUARE,
  NTK_DUAL_RECTIFIED_CUBE,
  NTK_DUAL_ELU,
  NTK_DUAL_DROPOUT,
  NTK_DUAL_SERIES,
  NTK_DUAL_COUNT
} ntk_dual_name;

/** Dense layer behind an activation: r <- weight r + bias, T <- nngp_factor r + constant + weight T (r before the layer).
 *  No dense layer at all is {1, 0, 0, 0}. */
typedef struct {
  double weight, bias, nngp_factor, constant;
} ntk_dense;

/** A variance of one point somewhere in the network, with what the passes need of it. */
typedef struct {
  double q, root, inverse; /* sqrt(q); 1/sqrt(q), 0 where q is 0 */
  double tangent;          /* dq/dq of the input */
  double slope;            /* V'(q) of the activation that gave this variance */
} ntk_variance;

/** The same for the columns of a block: arrays. */
typedef struct {
  const double *q, *root, *inverse;
} ntk_variances;

/** What a dual function gives that is computed ahead of the loop over a block: V, V_dot, V_dot_r, V_q, V_dot_q. */
enum { NTK_GIVEN_V, NTK_GIVEN_DOT, NTK_GIVEN_CURVE, NTK_GIVEN_SLOPE, NTK_GIVEN_MIXED, NTK_GIVEN };

/** Hermite features of an activation without closed form (src/kernel/features.h). Term k < terms, a multiple of NTK_SERIES_CHUNK, is that of degree
 *  n = degrees[k]: alpha_n = E[phi(sqrt(q) z) he_n(z)] times the root of its weight; phi_m is the m-th derivative. Degrees rise by 2; or (`paired`)
 *  by 1 from each even term to the next and by 2 from one pair to the next. These steps double in front of chunk `lead` and then every `run` chunks
 *  (run = 0: never). tail[c]: relative size of what is left from chunk c on, of V_dot and (second array) V_dot_r: the product of row's and column's,
 *  times |rho|^(n-2), bounds the error.
 *    row: alpha_0, E phi_1, E phi_2, E phi_3 / 2, E phi_4 / 4 | alpha_n, row_terms | E[phi_2 he_n] / 2 likewise, row_terms | two tails
 *    columns: alpha_0, E phi_1, E phi_2 | alpha_n, column_terms | two tails; entry e of lane l of group g is columns[g*group + e*NTK_LANES + l] */
enum { NTK_SERIES_HEAD = 5, NTK_SERIES_COLUMN_HEAD = 3, NTK_SERIES_CHUNK = 8, NTK_SERIES_TERMS = 1024 };

typedef struct {
  const double *degrees;
  bool paired;
  size_t lead, run;
  const double *row, *columns;
  size_t row_terms, column_terms, group;
  double tolerance;
  void (*quadrature)(const double *constants, double q, double rho, double s, double given[NTK_GIVEN]); /* any pair, slowly */
} ntk_series;

/** Nodes of an interpolant of features, see src/kernel/octaves.h. */
enum { NTK_OCTAVE_NODES = 16 };

/** `count` entries of an interpolant: coefficients[k*size + entry] of the Chebyshev polynomial T_k. */
typedef struct {
  const double *coefficients;
  size_t size, count;
} ntk_octave_run;

/** Nodes z > 0 of a quadrature, even and odd part of the integrand with its weights; see ntk_engine.features. */
typedef struct {
  size_t nodes;
  const double *z, *even, *odd;
  double *work;
} ntk_hermite;

/** Arguments of a pass over one block. `groups` x NTK_LANES columns. `before`: in front of the activation; `after`: behind the activation, in front
 *  of its dense layer; rows by value, columns by array. */
typedef struct {
  size_t groups;
  const double *in;
  double *out; /* may be `in` */
  ntk_variance row_before, row_after;
  ntk_variances before, after;
  const double *constants;
  ntk_dense dense;
  const ntk_series *series; /* NTK_DUAL_SERIES only */
  const double *given;      /* inside a pass that computes ahead: NTK_GIVEN arrays of NTK_BLOCK */
} ntk_pass;

/** out += in, for two branches with independent weights: row_before/before belong to `in`, row_after/after to `out`. */
typedef void (*ntk_pass_function)(const ntk_pass *pass);

/** Input state of a row against a block, from the points. */
typedef struct {
  size_t groups, dimension;
  const double *x; /* the row's coordinates */
  const double *z; /* coordinate a of the block's column j at z[a*stride + j] */
  size_t stride;
  const double *dot; /* x.z_j, for ntk_engine.input_products */
  ntk_variance row;  /* of the input: q = |x|^2/d */
  ntk_variances columns;
  /* Where `dot` is (x - c).(z_j - c), c the same for all points: |x - c|^2/d and 2 c.(x - c)/d of the row, and of the columns (else NULL). */
  double row_size, row_lean;
  const double *sizes, *leans;
  double *scratch; /* 4 NTK_BLOCK */
  double *out;
} ntk_input;

/** Sums over a block for one row's gradient: with B_j = w_j b_j, returns sum_j w_j (offset + scale a_j), and adds sum_j B_j (z_aj - x_a) to
 *  gradient[a] for the coordinates given (none when z is NULL). `weighted` (groups x NTK_LANES) is room for B, and receives it where z is NULL. */
typedef struct {
  size_t groups, dimension;
  const double *weights, *a, *b;
  double offset, scale;
  const double *x, *z;
  size_t stride;
  double *weighted, *gradient;
} ntk_reduction;

/** The same for gradients in both points, for few coordinates: returns the row's sum_j w_j (offset + scale a_j) and adds what the row gives to the
 *  columns: left (offset + scale s_j) to radial[j], left b_j (x_a - z_aj) to other[a*other_stride + j]. */
typedef struct {
  ntk_reduction row;
  const double *s;
  double left;
  double *radial, *other;
  size_t other_stride;
} ntk_both_reduction;

/** What is left of a point's gradient where sum[a] = sum_j B_j (z_aj - c_a), and `pull` the sum of B: gradient[a] += scale (sum[a] - pull (x_a - c_a) +
 *  radial x_a), times factors[a] unless that is NULL. */
typedef struct {
  size_t dimension;
  double scale, pull, radial;
  const double *sum, *centred, *x, *factors;
  double *gradient;
} ntk_finish;

typedef struct {
  void (*input)(const ntk_input *input); /* dimension <= NTK_DIRECT_DIMENSION, direct differences */
  /* From x.z. Returns how many columns are so close to x or to its line that rounding shows; they have scratch[j] = 1, else 0. The caller puts
   * them right by direct differences. */
  size_t (*input_products)(const ntk_input *input);
  void (*input_pair)(size_t dimension, const double *x, const double *z, double *state); /* of one pair, to arrays of NTK_BLOCK */
  void (*seed)(size_t groups, int mode, double *out);
  const ntk_pass_function *layer[NTK_DUAL_COUNT]; /* each indexed by mode */
  const ntk_pass_function *norm, *sum;
  double (*dot)(size_t groups, const double *a, const double *b);
  void (*add)(size_t groups, double factor, const double *a, double *sum);                            /* sum += factor a */
  void (*add_difference)(size_t count, double factor, const double *a, const double *b, double *sum); /* sum += factor (a - b) */
  double (*reduce)(const ntk_reduction *reduction);
  double (*reduce_both)(const ntk_both_reduction *both);
  void (*finish)(const ntk_finish *finish);
  void (*features)(const ntk_hermite *h, size_t count, double *gamma);
  /* out[entry] = scale times the interpolant at a position; for NTK_LANES of each to (or `add`: added to) out[entry*stride + lane]. */
  void (*feature_row)(const ntk_octave_run *run, double position, double scale, double *out);
  void (*feature_lanes)(const ntk_octave_run *run, const double *position, const double *scale, bool add, double *out, size_t stride);
  const struct ntk_chain_engine *chain, *chain_single;          /* tile/chain.h */
  const struct ntk_gaussian_engine *gaussian, *gaussian_single; /* tile/gaussian.h */
  const struct ntk_image_engine *image;                         /* tile/image.h */
} ntk_engine;

/** Name of a symbol of this instruction set's build. */
#define NTK_TILE_JOIN(name, isa) name##_##isa
#define NTK_TILE_EXPAND(name, isa) NTK_TILE_JOIN(name, isa)
#define NTK_TILE(name) NTK_TILE_EXPAND(name, NTK_ISA)

/** sin^2 of an input angle that is rounding: such points count as collinear (the symmetric derivative is due there, see ntkgan/kernel.h). */
#define NTK_COLLINEAR 1e-30

/** The epsilon of layer normalisation. */
#define NTK_NORM_EPSILON 1e-12

#endif
