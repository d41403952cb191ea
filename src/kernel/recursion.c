/** The recursion for one point: variances of all stages, their derivatives, and k(x, x). */
#include <math.h>

#include "kernel/activation.h"
#include "kernel/object.h"

/* Smaller variances count as 0: 1/sqrt(q)^2 would not be finite. */
#define SMALLEST 1e-290

typedef struct {
  double q, tangent, t, slope;
} point_state;

typedef struct {
  double *entry;
  size_t stride;
} point_table;

static void put(point_table table, size_t stage, point_state state) {
  double *at = table.entry + stage * NTK_V_FIELDS * table.stride;
  at[NTK_V_Q * table.stride] = state.q;
  at[NTK_V_ROOT * table.stride] = sqrt(state.q);
  at[NTK_V_INVERSE * table.stride] = state.q > SMALLEST ? 1 / sqrt(state.q) : 0;
  at[NTK_V_TANGENT * table.stride] = state.tangent;
  at[NTK_V_SLOPE * table.stride] = state.slope;
  at[NTK_V_T * table.stride] = state.t;
}

static point_state get(point_table table, size_t stage) {
  const double *at = table.entry + stage * NTK_V_FIELDS * table.stride;
  return (point_state){.q = at[NTK_V_Q * table.stride], .tangent = at[NTK_V_TANGENT * table.stride], .t = at[NTK_V_T * table.stride]};
}

static ntk_error *layer(const ntk_op *op, ntk_octaves *octaves, point_table table) {
  const ntk_dense *dense = &op->dense;
  point_state in = get(table, op->before);
  if (octaves) NTK_TRY(ntk_octaves_cover(octaves, 1, &in.q));
  ntk_moments m = octaves ? ntk_octaves_moments(octaves, in.q) : ntk_dual_moments(op->dual, op->constants, in.q);
  point_state middle = {.q = m.value, .tangent = m.slope * in.tangent, .t = m.dot * in.t, .slope = m.slope};
  put(table, op->middle, middle);
  put(table, op->after,
      (point_state){.q = dense->weight * middle.q + dense->bias,
                    .tangent = dense->weight * middle.tangent,
                    .t = dense->nngp_factor * middle.q + dense->constant + dense->weight * middle.t});
  return NULL;
}

static void norm(const ntk_op *op, point_table table) {
  point_state in = get(table, op->before);
  double scale = 1 / (in.q + NTK_NORM_EPSILON);
  put(table, op->after, (point_state){.q = in.q * scale, .tangent = NTK_NORM_EPSILON * scale * scale * in.tangent, .t = in.t * scale});
}

static void sum(const ntk_op *op, point_table table) {
  point_state a = get(table, op->before), b = get(table, op->other);
  put(table, op->after, (point_state){.q = a.q + b.q, .tangent = a.tangent + b.tangent, .t = a.t + b.t});
}

ntk_error *ntk_point_recursion(const ntk_kernel *kernel, ntk_octaves *const *octaves, double q, double *entry, size_t stride, double *diagonal) {
  const ntk_program *program = &kernel->program;
  point_table table = {entry, stride};
  put(table, 0, (point_state){.q = q, .tangent = 1});
  for (size_t i = 0; i < program->count; i++) {
    const ntk_op *op = &program->ops[i];
    switch (op->kind) {
      case NTK_OP_LAYER: NTK_TRY(layer(op, octaves ? octaves[i] : NULL, table)); break;
      case NTK_OP_NORM: norm(op, table); break;
      case NTK_OP_SUM: sum(op, table); break;
    }
  }
  point_state last = get(table, program->last_stage);
  *diagonal = kernel->mode & NTK_MODE_NTK ? last.t : last.q;
  return NULL;
}
