/** Private to gram/: the kernel's values into the processes' arrays. */
#ifndef NTK_GRAM_FILL_H
#define NTK_GRAM_FILL_H

#include "gram/matrix.h"

/** Fills gram->a with diag(mass)^1/2 k(Z, Z) diag(mass)^1/2 (mass NULL = ones), every pair of points being evaluated once: the matrix is symmetric to the
 *  last bit whatever the kernel's rounding does. Collective over the grid's members. NTK_E_NONFINITE names an entry. */
NTK_CHECKED ntk_error *ntk_gram_fill(ntk_gram *gram, const ntk_kernel *kernel, const ntk_prepared *z, const double *mass);

#endif
