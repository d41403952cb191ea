/** Private to net/: a network as a list of operations, each making a new array (rows x width) out of earlier ones. */
#ifndef NTK_NET_TAPE_H
#define NTK_NET_TAPE_H

#include "base/rng.h"
#include "net/activation.h"

typedef enum {
  NTK_NET_DENSE, /* weights x + bias */
  NTK_NET_UNIT,  /* activation */
  NTK_NET_NORM,  /* (x - mean)/stddev over the units */
  NTK_NET_SUM    /* array `from` + array `other` */
} ntk_net_kind;

/** Array 0 is the input; operation i makes array i + 1. */
typedef struct {
  ntk_net_kind kind;
  size_t from, other;
  size_t width;    /* of its result */
  double *weights; /* DENSE: width x inputs, row-major; owned */
  double *bias;    /* DENSE: width, or NULL; owned */
  ntk_net_unit unit;
} ntk_net_op;

typedef struct {
  size_t inputs; /* width of array 0 */
  size_t count, capacity;
  ntk_net_op *ops;
} ntk_net_tape;

void ntk_net_tape_free(ntk_net_tape *tape);

/** Width of an array. */
size_t ntk_net_tape_width(const ntk_net_tape *tape, size_t array);

/** Append an operation; *to is the number of its array. Weights are stddev times normal numbers of `rng`'s part number `count`, biases follow them. */
NTK_CHECKED ntk_error *ntk_net_tape_dense(ntk_net_tape *tape, size_t from, size_t width, double stddev, double bias_stddev, ntk_rng rng, size_t *to);
NTK_CHECKED ntk_error *ntk_net_tape_unit(ntk_net_tape *tape, size_t from, ntk_net_unit unit, size_t *to);
NTK_CHECKED ntk_error *ntk_net_tape_norm(ntk_net_tape *tape, size_t from, size_t *to);
NTK_CHECKED ntk_error *ntk_net_tape_sum(ntk_net_tape *tape, size_t from, size_t other, size_t *to);

/** Arrays of all operations for a block of rows, and their adjoints. */
typedef struct {
  const ntk_net_tape *tape;
  double **value, **adjoint; /* [count + 1] arrays; adjoints only with a gradient */
  double *spare;
} ntk_net_block;
NTK_CHECKED ntk_error *ntk_net_block_create(const ntk_net_tape *tape, size_t rows, bool gradient, ntk_net_block *out);
void ntk_net_block_free(ntk_net_block *block);

/** From value[0] (rows x inputs) to value[count]. */
void ntk_net_forward(ntk_net_block *block, size_t rows);
/** From value (after forward) to adjoint[0], the gradient of the first output in the input. */
void ntk_net_backward(ntk_net_block *block, size_t rows);

#endif
