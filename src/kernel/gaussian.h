/** The Gaussian kernel on points with few coordinates: tile/gaussian.h in place of input and layers. */
#ifndef NTK_KERNEL_GAUSSIAN_H
#define NTK_KERNEL_GAUSSIAN_H

#include "kernel/evaluate.h"
#include "kernel/tile/gaussian.h"

/** Whether the kernel is a^2 exp(-gamma delta) of the input itself. */
bool ntk_gaussian_fits(const ntk_kernel *kernel);

/** The values of a block. */
void ntk_gaussian_values(const ntk_kernel *kernel, ntk_workspace *workspace, const ntk_tile *tile, ntk_block block, double *k);

/** See ntk_tile_apply; value is NULL or c is 1. */
void ntk_gaussian_apply(const ntk_kernel *kernel, ntk_workspace *workspace, const ntk_tile *tile, size_t c, const double *w, double *value,
                        double *gradient);

#endif
