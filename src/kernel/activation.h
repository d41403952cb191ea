/** The table of activations: names and parameters for users, constants for the loops, moments of one variable for the per-point tables. */
#ifndef NTK_KERNEL_ACTIVATION_H
#define NTK_KERNEL_ACTIVATION_H

#include "config/schema.h"
#include "config/value.h"
#include "kernel/function.h"
#include "kernel/tile/engine.h"

/** E[phi(u)^2], its derivative in q, and E[phi'(u)^2], u ~ N(0, q). */
typedef struct {
  double value, slope, dot;
} ntk_moments;

/** One activation. `constants` (or NULL: none) fills what its dual function and its moments read, from the checked parameters; `choose` (or NULL)
 *  does so and sets the dual function too. `function`: NTK_DUAL_SERIES only. */
typedef struct {
  ntk_choice choice;
  ntk_dual_name dual;
  void (*constants)(const ntk_value *parameters, double out[NTK_CONSTANTS]);
  double cost; /* of its value loop, in those of relu */
  const ntk_function *function;
  ntk_error *(*choose)(const ntk_value *parameters, ntk_dual_name *dual, double out[NTK_CONSTANTS]);
} ntk_activation;

/** The row called `name` (a checked name), or NULL. */
const ntk_activation *ntk_activation_find(const char *name);

const ntk_activation *ntk_activation_at(size_t row);

/** Dual function and constants (zeroed by the caller) of an activation with checked parameters. */
NTK_CHECKED ntk_error *ntk_activation_dual(const ntk_activation *activation, const ntk_value *parameters, ntk_dual_name *dual,
                                           double out[NTK_CONSTANTS]);

/** Moments of a dual function with its constants. */
ntk_moments ntk_dual_moments(ntk_dual_name dual, const double *constants, double q);

/** Constants of the dual function a^2 exp(-gamma delta), for kernels that are one. */
void ntk_rbf_constants(double a, double gamma, double out[NTK_CONSTANTS]);

#endif
