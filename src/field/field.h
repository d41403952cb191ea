/** The hot operation over the ranks of a group: sums of kernels and their gradients, never storing k(X, Z).
 *
 *  Rows (queries) are cut into tiles with boundaries that depend on n only; whole tiles are dealt to ranks; each row's sum runs over
 *  column tiles in a fixed tree. So every result is the same to the last bit on any number of ranks. All functions are collective over `comm`;
 *  point sets and weights are the same on every rank (replicated), and so are the results.
 */
#ifndef NTK_FIELD_FIELD_H
#define NTK_FIELD_FIELD_H

#include <stdbool.h>

#include "base/comm.h"
#include "kernel/kernel.h"

/** n points, row-major n x d (the kernel's dimension); borrowed. */
typedef struct {
  size_t n;
  const double *x;
} ntk_point_array;

/** ntk_prepare() by all ranks together: a node's ranks prepare a part of the points each, in memory that they share (few points: each rank all of them, in
 *  its own). x is the same on every rank. Release with ntk_prepared_free(), each rank by itself; errors leave *out NULL. */
NTK_CHECKED ntk_error *ntk_field_prepare(const ntk_comm *comm, const ntk_kernel *kernel, size_t n, const double *x, ntk_prepared **out);
/** The same for two sets, one behind the other. */
NTK_CHECKED ntk_error *ntk_field_prepare_both(const ntk_comm *comm, const ntk_kernel *kernel, const ntk_point_array sets[2], ntk_prepared **out);
/** New coordinates (count x d) for the first `count` of such points, where ntk_prepared_can_move(). */
NTK_CHECKED ntk_error *ntk_field_move(const ntk_comm *comm, const ntk_kernel *kernel, size_t count, const double *x, ntk_prepared *points);

/** value (n x c row-major, or NULL) = k(X, Z) W, gradient (n x d, or NULL) = grad_x sum_j k(x, z_j) w_j0 at every x; W is m x c row-major.
 *  NTK_E_NONFINITE if a result is not finite. */
NTK_CHECKED ntk_error *ntk_field_sum(const ntk_comm *comm, const ntk_kernel *kernel, const ntk_prepared *x, const ntk_prepared *z, size_t c,
                                     const double *w, double *value, double *gradient);
/** The same at the first n points of x alone. */
NTK_CHECKED ntk_error *ntk_field_sum_first(const ntk_comm *comm, const ntk_kernel *kernel, const ntk_prepared *x, size_t n, const ntk_prepared *z,
                                           size_t c, const double *w, double *value, double *gradient);

/** The same from points that are too many to be prepared whole: each rank prepares its own queries, and centres piece by piece. Memory a rank is that
 *  of the results and of one piece (of a million numbers); the points may sit in memory that ranks share. The order of the sums is another one than
 *  ntk_field_sum's beyond 65536 centres (fewer in many dimensions). */
NTK_CHECKED ntk_error *ntk_field_sum_points(const ntk_comm *comm, const ntk_kernel *kernel, const ntk_point_array *x, const ntk_point_array *z,
                                            size_t c, const double *w, double *value, double *gradient);

/** out_i = sum_j (left_i . right_j) grad_x k(x_i, z_j) (n x d), a matrix of weights of low rank: left n x rank, right m x rank, a row a point. */
NTK_CHECKED ntk_error *ntk_field_weighted_gradient(const ntk_comm *comm, const ntk_kernel *kernel, const ntk_prepared *x, const ntk_prepared *z,
                                                   size_t rank, const double *left, const double *right, double *out);

/** A symmetric positive semi-definite operator y = D^1/2 K D^1/2 x on R^n, K = k(Z, Z), D = diag(mass) (all ones when mass is NULL).
 *  Tiles of K's upper triangle are dealt to the ranks, each evaluated once for both halves, and stored where `budget` bytes a rank allow it, else
 *  recomputed at every product; the bits are the same either way. |k_ij| <= (k_ii k_jj)^1/2 is relied upon within a factor 4. */
typedef struct ntk_operator ntk_operator;
NTK_CHECKED ntk_error *ntk_operator_create(const ntk_comm *comm, const ntk_kernel *kernel, const ntk_prepared *z, const double *mass, size_t budget,
                                           ntk_operator **out);
/** Whether it will be stored, for n points: sizes and declared memory decide, so that runs can be repeated. Not collective. */
bool ntk_operator_stores(const ntk_comm *comm, size_t n, size_t budget);
void ntk_operator_free(ntk_operator **op);
size_t ntk_operator_size(const ntk_operator *op);
NTK_CHECKED ntk_error *ntk_operator_apply(ntk_operator *op, const double *x, double *y);

/** The whole matrix D^1/2 K D^1/2 on every rank, row-major n x n: for small n. Collective. */
NTK_CHECKED ntk_error *ntk_operator_matrix(ntk_operator *op, double *out);
const ntk_comm *ntk_operator_comm(const ntk_operator *op);

/** Sum of n numbers by fixed pairwise halving. */
double ntk_sum(size_t n, const double *values);
double ntk_dot(size_t n, const double *a, const double *b);

#endif
