/** Kernels of infinitely wide networks: NTK and NNGP values and input gradients on blocks of points.
 *
 *  Conventions: points are row-major n x d doubles. k is scaled as by Neural Tangents: the input covariance is x.x'/d, no other normalisation
 *  (Jacot et al. 2018; Lee et al. 2018). Nothing here is collective; objects are immutable after creation and may be shared by threads,
 *  a workspace may not.
 */
#ifndef NTKGAN_KERNEL_H
#define NTKGAN_KERNEL_H

#include <ntkgan/error.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ntk_kernel ntk_kernel;
typedef struct ntk_prepared ntk_prepared;
typedef struct ntk_workspace ntk_workspace;

/** Kernel from a network description in YAML, as in a study: "{type: mlp, depth: 3, activation: relu, bias_stddev: 1}".
 *  @param kind       "ntk" or "nngp" (a direct kernel such as {type: rbf} is the same for both).
 *  @param dimension  d >= 1 of the points.
 *  @return NTK_E_CONFIG with "source:line:col: ..." for a wrong description. Free with ntk_kernel_free(). */
NTK_CHECKED ntk_error *ntk_kernel_parse(const char *network, const char *kind, size_t dimension, ntk_kernel **out);
void ntk_kernel_free(ntk_kernel **kernel);
/** From now on (before any ntk_prepare) tiles are computed in single precision, about 1.7 times as fast, from differences taken in double precision and
 *  with sums of panels added in double precision. Values have a relative error of about 1e-7 and so have gradients, however close the points are; only
 *  without biases, at an angle theta to a common line but apart, gradients have 1e-7/theta. Products of points (d > 16) stay in double precision.
 *  Points need |x|^2 < 1e30; roots of variances below 1e-15 count as 0. NTK_E_CONFIG for a network that has no such loops: those of piecewise linear
 *  activations (relu, leaky_relu, ab_relu) in one chain, and the Gaussian kernel of at most 16 coordinates, have. */
NTK_CHECKED ntk_error *ntk_kernel_use_single(ntk_kernel *kernel);
/** From now on (before any ntk_prepare) the mean of these n points (row-major n x d, not kept) is taken from points of more than 16 coordinates before
 *  they are multiplied, if it is far from the origin compared to their distances from it (more than three times). Results are the same up to
 *  rounding, and so is the rounding; but pairs that are as close as |x|/10 would be recomputed one by one, which takes 10 times as long, and with the
 *  centre only those are that are so close compared to their distances from it. Takes the memory of the points once more. A later call replaces the centre.
 *  Kernels of images and of at most 16 coordinates do not use it. */
NTK_CHECKED ntk_error *ntk_kernel_set_centre(ntk_kernel *kernel, size_t n, const double *x);
size_t ntk_kernel_dimension(const ntk_kernel *kernel);

/** Per-point quantities of n points (layer variances and their derivatives, computed once). Copies x (row-major n x d).
 *  NTK_E_NONFINITE names the first point that is not finite. Memory O(n (d + layers)); for networks over images (points row-major height x width x
 *  channels) O(n d + n pixels layers). */
NTK_CHECKED ntk_error *ntk_prepare(const ntk_kernel *kernel, size_t n, const double *x, ntk_prepared **out);
void ntk_prepared_free(ntk_prepared **points);
size_t ntk_prepared_count(const ntk_prepared *points);
/** The copied points, row-major n x d; borrowed. */
const double *ntk_prepared_points(const ntk_prepared *points);

/** Scratch for one thread; every tile function takes it. Sizes follow the kernel; tiles may have any size. */
NTK_CHECKED ntk_error *ntk_workspace_create(const ntk_kernel *kernel, ntk_workspace **out);
void ntk_workspace_free(ntk_workspace **workspace);

/** A tile: rows [row, row + rows) of `x` against columns [column, column + columns) of `z`. The bits of an entry depend on the tile
 *  boundaries (d > 16 goes through GEMM), so callers use global boundaries, and may differ in the last place between calls that ask for gradients
 *  and calls that do not. Nothing else enters. */
typedef struct {
  const ntk_prepared *x, *z;
  size_t row, rows, column, columns;
} ntk_tile;

/** out[i*ld + j] = k(x_{row+i}, z_{column+j}). ld >= columns. */
void ntk_tile_values(const ntk_kernel *kernel, ntk_workspace *workspace, ntk_tile tile, double *out, size_t ld);

/** out[(i*ld + j)*d + a] = d k(x_{row+i}, z_{column+j}) / d x_a. At points of the kernel where it has a cusp (x = z for ReLU-type NTKs) the
 *  symmetric derivative, (1/2) grad_x k(x,x). */
void ntk_tile_gradients(const ntk_kernel *kernel, ntk_workspace *workspace, ntk_tile tile, double *out, size_t ld);

/** The hot operation on one tile, adding to the results:
 *    value[i*c + b]    += sum_j k(x_{row+i}, z_{column+j}) w[j*c + b]          (rows x c; skipped when value is NULL)
 *    gradient[i*d + a] += sum_j d k(x_{row+i}, z_{column+j})/dx_a w[j*c + 0]   (rows x d; skipped when gradient is NULL)
 *  w: columns x c row-major, the tile's own rows only (w[0] belongs to z_column). The gradient is that of weight column 0. */
void ntk_tile_apply(const ntk_kernel *kernel, ntk_workspace *workspace, ntk_tile tile, size_t c, const double *w, double *value, double *gradient);

/** What ntk_tile_apply_both() sums: a tile once for its rows as queries and once for its columns. Unwanted results are NULL. */
typedef struct {
  const double *right;    /* columns x c: weights of the columns */
  const double *left;     /* rows x c: weights of the rows */
  double *value;          /* rows x c,    value[i*c + b]           += sum_j k(x_{row+i}, z_{column+j}) right[j*c + b] */
  double *gradient;       /* rows x d,    gradient[i*d + a]        += sum_j d k(x_{row+i}, z_{column+j})/dx_a right[j*c] */
  double *other_value;    /* columns x c, other_value[j*c + b]     += sum_i k(x_{row+i}, z_{column+j}) left[i*c + b] */
  double *other_gradient; /* columns x d, other_gradient[j*d + a]  += sum_i d k(x_{row+i}, z_{column+j})/dz_a left[i*c] */
} ntk_both;

/** Both directions of a tile: for x and z the same points a caller needs only tiles above the diagonal (and ntk_tile_apply() for those on it). Without
 *  gradients each pair is evaluated once; with both gradients too for chains of piecewise linear activations and c = 1; else it costs what two calls of
 *  ntk_tile_apply() do. Results as those of ntk_tile_apply() for the tile and for the transposed tile, up to rounding. */
void ntk_tile_apply_both(const ntk_kernel *kernel, ntk_workspace *workspace, ntk_tile tile, size_t c, const ntk_both *both);

/** k(x_i, x_i) for all prepared points (n values). */
void ntk_prepared_diagonal(const ntk_kernel *kernel, const ntk_prepared *x, double *out);

/** Why this kernel is not characteristic (a homogeneous one cannot see mass at the origin, theory of MMD), or NULL. Static text. */
const char *ntk_kernel_warning(const ntk_kernel *kernel);

#ifdef __cplusplus
}
#endif
#endif
