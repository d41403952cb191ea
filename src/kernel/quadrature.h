/** Expectations of a function of one normal variable, or of two. */
#ifndef NTK_KERNEL_QUADRATURE_H
#define NTK_KERNEL_QUADRATURE_H

#include "kernel/function.h"
#include "kernel/tile/engine.h"

/** Step of the trapezoidal rule in the argument of a function: the error is exp(-2 pi d/step), d the distance of the nearest pole from the real axis
 *  (pi/2 for tanh), see Trefethen and Weideman 2014. ntk_quadrature_step: in z = x/sqrt(q), never more than that there either. */
#define NTK_QUADRATURE_STEP 0.2
double ntk_quadrature_step(double q);

/** |x| behind which phi'' is 0 in double precision; infinity where there is no such. */
double ntk_function_range(const ntk_function *function);

/** E phi, E phi', E phi^2, E phi'^2, E phi''^2, E phi phi'' of N(0, q). */
typedef struct {
  double value, slope, value_square, slope_square, curve_square, bend;
} ntk_means;

ntk_means ntk_function_means(const ntk_function *function, double q);

/** What a dual function gives for any pair, by Gauss-Legendre panels in two dimensions: slow (a millisecond), for every variance and rho. */
void ntk_function_pair(const ntk_function *function, double q, double rho, double s, double given[NTK_GIVEN]);

#endif
