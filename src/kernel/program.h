/** A network as a flat list of operations on registers, each holding the state of a pair. Register 0 starts as the input. */
#ifndef NTK_KERNEL_PROGRAM_H
#define NTK_KERNEL_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "kernel/tile/engine.h"

typedef enum {
  NTK_OP_LAYER, /* to <- dense(activation(from)) */
  NTK_OP_NORM,  /* to <- layer normalisation of from */
  NTK_OP_SUM    /* to <- to + from, independent weights */
} ntk_op_kind;

/** The variances of a point are tabulated at stages: `before` in front of the operation, `other` the second summand's (SUM), `middle` behind the
 *  activation (LAYER), `after` behind the operation. Stage 0 is the input. */
typedef struct {
  ntk_op_kind kind;
  size_t from, to;
  ntk_dual_name dual;
  double constants[NTK_CONSTANTS];
  ntk_dense dense;
  double cost;
  size_t before, other, middle, after;
} ntk_op;

static inline bool ntk_op_is_series(const ntk_op *op) { return op->kind == NTK_OP_LAYER && op->dual == NTK_DUAL_SERIES; }

typedef struct {
  ntk_op *ops;
  size_t count, capacity;
  size_t registers, stages;
  size_t result;     /* register of the output */
  size_t last_stage; /* its stage */
  size_t *stage_of;  /* while building: stage of each register */
  size_t stage_capacity;
} ntk_program;

void ntk_program_free(ntk_program *program);

/** Appends an operation; stages are set here. A LAYER without an activation of its own is the identity. */
NTK_CHECKED ntk_error *ntk_program_layer(ntk_program *program, size_t from, size_t to, ntk_dual_name dual, const double *constants, double cost,
                                         ntk_dense dense);
NTK_CHECKED ntk_error *ntk_program_norm(ntk_program *program, size_t from, size_t to);
NTK_CHECKED ntk_error *ntk_program_sum(ntk_program *program, size_t from, size_t to);
/** Ends building: the output is register `result`. */
void ntk_program_finish(ntk_program *program, size_t result);

#endif
