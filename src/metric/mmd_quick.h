/** Estimators of MMD^2 that look at few of the pairs: independent terms, so that their mean has a standard error also under equal laws. */
#ifndef NTK_METRIC_MMD_QUICK_H
#define NTK_METRIC_MMD_QUICK_H

#include "field/pairs.h"

typedef struct {
  double value, standard_error; /* mean of the terms, their standard deviation / terms^1/2 (NAN for one term) */
  size_t terms;
} ntk_mmd_quick;

/** block >= 2: U-statistics of `block` points of each set, in the order given (Zaremba, Gretton, Blaschko, NeurIPS 2013); block 0: the linear-time
 *  estimator k(x1,x2) + k(y1,y2) - k(x1,y2) - k(x2,y1) of pairs of points (Gretton et al., JMLR 2012, section 6). Points in excess of the smaller
 *  set and of the last full block are not looked at. NTK_E_INPUT when there is no full block. Collective, same bits on any number of ranks. */
NTK_CHECKED ntk_error *ntk_mmd_quick_evaluate(const ntk_comm *comm, const ntk_kernel *kernel, const ntk_pair_points *sample, size_t block,
                                              ntk_mmd_quick *out);

#endif
