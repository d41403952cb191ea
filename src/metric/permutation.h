/** Private to metric/: tests of equal laws with MMD^2, from sums over pairs. */
#ifndef NTK_METRIC_PERMUTATION_H
#define NTK_METRIC_PERMUTATION_H

#include "metric/mmd.h"

/** Bins in the order of the points: `count[s]` bins of `size` points of set s, then one with the set's rest, if any, whose label stays. */
typedef struct {
  size_t size, count[2], bins;
  uint32_t *bin; /* of every point */
} ntk_bins;

/** About a thousand bins, at least 16 of the smaller set where it has the points. Release with ntk_bins_free. */
NTK_CHECKED ntk_error *ntk_bins_create(size_t n, size_t m, ntk_bins *out);
void ntk_bins_free(ntk_bins *bins);

/** p-value from `pairs` with these bins. tie: values of the statistic that differ by no more are equal, so that rounding does not decide. wild: the
 *  wild bootstrap. Collective. */
NTK_CHECKED ntk_error *ntk_bins_test(const ntk_comm *comm, const ntk_pairs *pairs, const ntk_pair_points *sample, const ntk_bins *bins, bool wild,
                                     size_t permutations, ntk_rng rng, double tie, double *p_value);

/** Label columns: the observed labels, then `permutations` draws (bits as ntk_pair_request wants them; free()). Collective. */
NTK_CHECKED ntk_error *ntk_labels_draw(const ntk_comm *comm, size_t n, size_t m, size_t permutations, ntk_rng rng, uint64_t **labels);
/** p-value from `pairs` with these labels. Collective. */
NTK_CHECKED ntk_error *ntk_labels_test(const ntk_comm *comm, const ntk_pairs *pairs, const ntk_pair_points *sample, const uint64_t *labels,
                                       size_t permutations, double tie, double *p_value);

/** Marks a uniformly random choice of `chosen` of `count` places: mark[i] = 1, the others 0. `order`: count numbers of scratch. Draws the numbers
 *  draw * count, draw * count + 1, ... of rng. */
void ntk_choose(ntk_rng rng, uint64_t draw, size_t count, size_t chosen, size_t *order, unsigned char *mark);

/** The U-statistic from sums over ordered pairs of different points: `own` e'Ke for the first set's indicator e, `row` e'K1, `all` 1'K1. */
double ntk_u_statistic(size_t n, size_t m, double own, double row, double all);

/** (1 + hits of all ranks)/(1 + permutations). Collective. */
NTK_CHECKED ntk_error *ntk_p_value(const ntk_comm *comm, size_t hits, size_t permutations, double *p_value);

#endif
