/** A common centre c of points with many coordinates. Their products are then those of x - c: of points far from the origin compared to their distances
 *  x.z keeps nothing of |x - z|. */
#ifndef NTK_KERNEL_CENTRE_H
#define NTK_KERNEL_CENTRE_H

#include "kernel/object.h"

/** x.y, in eight sums that run side by side. */
double ntk_point_dot(size_t d, const double *x, const double *y);

/** Fills points->centred and what goes with it, of the points [first, end), from points->inputs. */
void ntk_centre_fill(const ntk_kernel *kernel, ntk_prepared *points, size_t first, size_t end);

/** Whether the points of the tile are closer to the centre than to the origin: only then it helps. */
bool ntk_centre_helps(const ntk_tile *tile);

/** What matrix products take of the tile's points: those less the centre if it helps. */
static inline const double *ntk_centred(const ntk_workspace *workspace, const ntk_prepared *points) {
  return workspace->centred ? points->centred : points->inputs;
}

/** |x - c|^2/d and 2 c.(x - c)/d of the points, with a centre. */
static inline const double *ntk_centred_sizes(const ntk_prepared *points) { return points->spans; }
static inline const double *ntk_centred_leans(const ntk_prepared *points) { return points->spans + points->stride; }

#endif
