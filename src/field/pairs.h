/** Sums over the pairs i < j of one pooled point set: the kernel is symmetric, so every pair is evaluated once.
 *
 *  The pairs are square tiles of a triangle, with boundaries that depend on the sizes only; the tiles are dealt evenly to the ranks. What a tile
 *  gives is added in fixed point (64-bit integers, scaled by powers of two from bounds of the sums), where no order matters: results have the
 *  same bits on any number of ranks, also when they were interrupted and went on on another number. Memory a rank: 40 bytes a point beside the
 *  points themselves, and what is asked for.
 *
 *  The kernel is taken as seen from the point c that is nearest to the mean, k~(x,y) = k(x,y) - k(x,c) - k(c,y) + k(c,c). Sums with weights of
 *  total zero are the same, without the rounding of what all entries have in common.
 */
#ifndef NTK_FIELD_PAIRS_H
#define NTK_FIELD_PAIRS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/comm.h"
#include "kernel/kernel.h"

/** Two sets, the first one's points first. Borrowed, the same on every rank (in one memory where ranks share a node, for instance). */
typedef struct {
  size_t n, m, d;
  const double *x;    /* (n + m) x d */
  const double *mass; /* n + m, >= 0; NULL: 1/n and 1/m */
} ntk_pair_points;

/** What is summed beside the rows. Borrowed. */
typedef struct {
  size_t bins;            /* 0: no bin sums */
  const uint32_t *bin;    /* of every point, < bins, not decreasing */
  size_t columns;         /* 0: no labels */
  const uint64_t *labels; /* (n + m) x ntk_label_words(columns): bit c of a point is set where its sign in column c is +1, clear for -1 */
} ntk_pair_request;

static inline size_t ntk_label_words(size_t columns) { return (columns + 63) / 64; }

typedef struct ntk_pairs ntk_pairs;

/** Looks at every point once: k~_ii and bounds. NTK_E_NONFINITE for a bad point. Collective. */
NTK_CHECKED ntk_error *ntk_pairs_create(const ntk_comm *comm, const ntk_kernel *kernel, const ntk_pair_points *points,
                                        const ntk_pair_request *request, ntk_pairs **out);
void ntk_pairs_free(ntk_pairs **pairs);

/** Who looks after a long evaluation; every member may be NULL. */
typedef struct {
  void *context;
  bool (*stop)(void *context);                                    /* asked on every rank, a few times a second */
  void (*progress)(void *context, double done, double before);    /* on rank 0: shares of the whole done, and done by earlier evaluations */
  bool (*due)(void *context);                                     /* asked on rank 0: is it time to save? */
  ntk_error *(*save)(void *context, ntk_pairs *pairs, bool last); /* collective; last: before NTK_E_STOPPED is returned */
} ntk_pair_watch;

/** Evaluates what is left. NTK_E_STOPPED when `stop` said so on any rank, NTK_E_NONFINITE when a sum is not finite. Collective; watch may be NULL. */
NTK_CHECKED ntk_error *ntk_pairs_run(ntk_pairs *pairs, const ntk_pair_watch *watch);

/** What an evaluation needs to go on: sums, and the tiles that are left as ranges [2i], [2i+1). */
typedef struct {
  size_t sum_count, range_count;
  long long *sums;
  long long *ranges; /* 2 x range_count */
} ntk_pair_state;

/** The state on rank 0 (empty on others; release with ntk_pair_state_free). Collective. */
NTK_CHECKED ntk_error *ntk_pairs_export(ntk_pairs *pairs, ntk_pair_state *out);
/** Goes on from rank 0's state, which it empties. NTK_E_INPUT if it cannot be of this evaluation. Collective; before ntk_pairs_run. */
NTK_CHECKED ntk_error *ntk_pairs_import(ntk_pairs *pairs, ntk_pair_state *state);
void ntk_pair_state_free(ntk_pair_state *state);

/** Results, on every rank once ntk_pairs_run is through. */
/** sum of w_j k~_ij over the points j != i of a set (0, 1). */
double ntk_pairs_row(const ntk_pairs *pairs, size_t i, size_t set);
/** k~_ii, at once after creation. */
double ntk_pairs_diagonal(const ntk_pairs *pairs, size_t i);
/** sum_i w_i k_ii^1/2 and sum_i w_i k~_ii^1/2 over both sets: errors of entries and of sums are in proportion to their squares. At once. */
void ntk_pairs_sizes(const ntk_pairs *pairs, double *entries, double *sums);
/** sum of k~_ij over the pairs of points with one in bin a, the other in bin b >= a (a = b: pairs inside the bin). */
double ntk_pairs_bin(const ntk_pairs *pairs, size_t a, size_t b);
/** sum over i < j of s_i s_j k~_ij, s the signs of a column, products in single precision. */
double ntk_pairs_label(const ntk_pairs *pairs, size_t column);

#endif
