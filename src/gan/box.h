/** Private to gan/: small convex quadratic programs with variables between 0 and 1. */
#ifndef NTK_GAN_BOX_H
#define NTK_GAN_BOX_H

#include <stddef.h>

#include "base/err.h"

/** Minimises 1/2 x'Hx + c'x over 0 <= x <= 1 by an active-set method from the feasible x given. H (m x m, symmetric) is positive definite.
 *  At the end every slope Hx + c is that of a minimum within `slack`. NTK_E_NUMERIC when it does not get there. */
NTK_CHECKED ntk_error *ntk_box_minimise(size_t m, const double *h, const double *c, double slack, double *x);

#endif
