/** The table of activations: names and parameters for users, constants for the loops, moments of one variable for the per-point tables. */
#ifndef NTK_KERNEL_ACTIVATION_H
#define NTK_KERNEL_ACTIVATION_H

#include "config/schema.h"
#include "config/value.h"
#include "kernel/tile/engine.h"

/** E[phi(u)^2], its derivative in q, and E[phi'(u)^2], u ~ N(0, q). */
typedef struct {
  double value, slope, dot;
} ntk_moments;

/** One activation. `constants` fills what its dual function and its moments read, from the checked parameters. */
typedef struct {
  ntk_choice choice;
  ntk_dual_name dual;
  void (*constants)(const ntk_value *parameters, double out[NTK_CONSTANTS]);
  double cost; /* of its value loop, in those of relu */
} ntk_activation;

/** The row called `name` (a checked name), or NULL. */
const ntk_activation *ntk_activation_find(const char *name);

/** Moments of a dual function with its constants. */
ntk_moments ntk_dual_moments(ntk_dual_name dual, const double *constants, double q);

/** Constants of the dual function a^2 exp(-gamma delta), for kernels that are one. */
void ntk_rbf_constants(double a, double gamma, double out[NTK_CONSTANTS]);

#endif
