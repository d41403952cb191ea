/** Maximum mean discrepancy under a given kernel (Gretton et al., JMLR 2012) and tests of equal laws with it. */
#ifndef NTK_METRIC_MMD_H
#define NTK_METRIC_MMD_H

#include "base/comm.h"
#include "data/data.h"
#include "field/pairs.h"
#include "kernel/kernel.h"

/** How labels are drawn anew. The level of the first two is exact, P(p <= a) <= a for any kernel and any size, and so is the third's for n = m. */
typedef enum {
  NTK_MMD_BINS,   /* each set is cut into bins of equal size, which are permuted (Domingo-Enrich, Dwivedi, Mackey 2025): sums over pairs of bins do;
                     up to about a thousand points a bin is a point */
  NTK_MMD_LABELS, /* every point's label, products in single precision */
  NTK_MMD_WILD    /* wild bootstrap on the bins. n = m: the points x_i and y_i of a pair change places (Fromont et al., COLT 2012); else the
                     V-statistic with signs centred in each set (Chwialkowski et al., NeurIPS 2014), of asymptotic level */
} ntk_mmd_method;

/** Long evaluations; all members may be NULL (context apart). */
typedef struct {
  void *context;
  bool (*stop)(void *context);                                 /* as in ntk_pair_watch */
  void (*progress)(void *context, double done, double before); /* as in ntk_pair_watch */
  const char *checkpoint;                          /* file for the state; goes on from it, removes it at the end. NTK_E_INPUT if it is another's */
  double every;                                    /* seconds between two saves */
  const char *identity;                            /* text that is the same only for the same evaluation */
  void (*resumed)(void *context);                  /* told on rank 0: goes on from the checkpoint */
  void (*unsaved)(void *context, const char *why); /* told on rank 0: a save failed, and the evaluation goes on */
} ntk_mmd_watch;

typedef struct {
  size_t permutations; /* 0: no test */
  ntk_mmd_method method;
  ntk_rng rng;
  const ntk_mmd_watch *watch; /* or NULL */
} ntk_mmd_options;

typedef struct {
  double biased;         /* V-statistic: sum_ij w_i w_j k_ij, w = (fake masses, -real masses); >= 0 but for rounding */
  double unbiased;       /* U-statistic (uniform masses; NAN otherwise or when n or m is 1) */
  double rounding;       /* bound on the rounding error of `biased`, for kernel entries accurate to 8 units of roundoff of (k_ii k_jj)^1/2 */
  double standard_error; /* of `unbiased`: first-order plug-in (Liu et al., ICML 2020, eq. 5), too large near the null; NAN where unbiased is */
  double p_value;        /* (1 + #{drawn statistic >= observed})/(B + 1); NAN when B = 0 or where unbiased is */
  size_t bins, bin_size; /* of the test on bins: how many bins change labels, and points of each; else 0 */
  bool paired;           /* the wild bootstrap's kind */
} ntk_mmd;

/** MMD^2 of the first set (fake) and the second (real). The points stay in their order, which for bins has to be random (ntk_mmd_shuffle).
 *  Collective, replicated, same bits on any number of ranks. */
NTK_CHECKED ntk_error *ntk_mmd_evaluate(const ntk_comm *comm, const ntk_kernel *kernel, const ntk_pair_points *sample, const ntk_mmd_options *options,
                                        ntk_mmd *out);
/** The same for two measures, in a random order of their points when there is a test. */
NTK_CHECKED ntk_error *ntk_mmd_measures(const ntk_comm *comm, const ntk_kernel *kernel, const ntk_measure *fake, const ntk_measure *real,
                                        const ntk_mmd_options *options, ntk_mmd *out);

/** Puts the points of each set (rows of d numbers) into a random order, as a test on bins needs; pairs (x_i, y_i) stay together where n = m. */
void ntk_mmd_shuffle(size_t n, size_t m, size_t d, double *x, ntk_rng rng);

#endif
