/** Private to gan/: the adjoint of the weights' equation, by which C(w(t)) is differentiated in what the equation is made of. */
#ifndef NTK_GAN_ADJOINT_H
#define NTK_GAN_ADJOINT_H

#include "gan/loss.h"
#include "gan/panels.h"

/** p(s) at every node (count x n): p_j = -mass_j l''_j(f(s)) lambda_j(s) with lambda(t) = K g, -dlambda/ds = -K M l'' lambda - ridge lambda; `w` (count x n)
 *  are the weights at the nodes. No momentum. Collective; replicated. NTK_E_NUMERIC, NTK_E_NONFINITE. */
NTK_CHECKED ntk_error *ntk_adjoint_quadratic(const ntk_training *training, const ntk_panels *nodes, const double *g, double *p); /* l'' = 2 */
NTK_CHECKED ntk_error *ntk_adjoint_integrate(const ntk_training *training, const ntk_loss *loss, const ntk_panels *nodes, const double *w,
                                             const double *g, double *p);

#endif
