/** Activation functions known by their values only: what the Hermite series needs of one. */
#ifndef NTK_KERNEL_FUNCTION_H
#define NTK_KERNEL_FUNCTION_H

/** Symmetry, which halves the work: ODD: phi - phi(0) is odd; EVEN: phi(x) - phi'(0) x is even. */
typedef enum { NTK_PARITY_NONE, NTK_PARITY_ODD, NTK_PARITY_EVEN } ntk_parity;

/** phi must be analytic near the real axis (kinks make the series unsmooth in the degree, see sparse.h). `jet` (or NULL): value, first and second derivative at x; without it they are taken by differences
 *  of `value` (errors below 1e-12 and 5e-11). */
typedef struct {
  double (*value)(double x);
  void (*jet)(double x, double out[3]);
  ntk_parity parity;
} ntk_function;

void ntk_function_jet(const ntk_function *function, double x, double out[3]);

extern const ntk_function ntk_function_tanh, ntk_function_sigmoid, ntk_function_softplus, ntk_function_silu, ntk_function_mish;

#endif
