/** Private to net/: activations as functions of one number. */
#ifndef NTK_NET_ACTIVATION_H
#define NTK_NET_ACTIVATION_H

#include <stddef.h>

#include "config/value.h"

enum { NTK_NET_CONSTANTS = 20 };

typedef struct ntk_net_unit ntk_net_unit;

/** value[i] = phi(x[i]); slope (or NULL) gets phi'(x[i]), at a kink the mean of both sides. */
typedef void (*ntk_net_function)(const double *constants, size_t n, const double *x, double *value, double *slope);

struct ntk_net_unit {
  ntk_net_function apply;
  double constants[NTK_NET_CONSTANTS];
};

/** sqrt 2 sin x. */
ntk_net_unit ntk_net_wave(void);

/** Of a checked activation ({relu: {}}). NTK_E_CONFIG where the table has none. */
NTK_CHECKED ntk_error *ntk_net_unit_of(const ntk_value *activation, ntk_net_unit *out);

#endif
