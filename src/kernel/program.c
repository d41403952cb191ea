#include "kernel/program.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void ntk_program_free(ntk_program *program) {
  free(program->ops);
  free(program->stage_of);
  *program = (ntk_program){0};
}

/* Makes room for one more operation and for registers up to `highest`. */
static ntk_error *reserve(ntk_program *program, size_t highest) {
  if (program->count == program->capacity) {
    size_t capacity = program->capacity ? 2 * program->capacity : 16;
    ntk_op *ops;
    NTK_TRY(NTK_NEW(capacity, &ops));
    if (program->count) memcpy(ops, program->ops, program->count * sizeof *ops);
    free(program->ops);
    program->ops = ops;
    program->capacity = capacity;
  }
  if (highest >= program->stage_capacity) {
    size_t capacity = 2 * highest + 8, *stages;
    NTK_TRY(NTK_NEW(capacity, &stages));
    if (program->stage_of) memcpy(stages, program->stage_of, program->stage_capacity * sizeof *stages);
    free(program->stage_of);
    program->stage_of = stages;
    program->stage_capacity = capacity;
  }
  if (highest >= program->registers) program->registers = highest + 1;
  if (!program->stages) program->stages = 1;
  return NULL;
}

static ntk_error *append(ntk_program *program, ntk_op op) {
  NTK_TRY(reserve(program, op.from > op.to ? op.from : op.to));
  op.before = program->stage_of[op.from];
  op.other = program->stage_of[op.to];
  op.middle = op.before;
  if (op.kind == NTK_OP_LAYER) op.middle = program->stages++;
  op.after = program->stages++;
  program->stage_of[op.to] = op.after;
  program->ops[program->count++] = op;
  return NULL;
}

ntk_error *ntk_program_layer(ntk_program *program, size_t from, size_t to, ntk_dual_name dual, const double *constants, double cost,
                             ntk_dense dense) {
  ntk_op op = {.kind = NTK_OP_LAYER, .from = from, .to = to, .dual = dual, .cost = cost, .dense = dense};
  if (constants) memcpy(op.constants, constants, sizeof op.constants);
  return append(program, op);
}

ntk_error *ntk_program_norm(ntk_program *program, size_t from, size_t to) {
  return append(program, (ntk_op){.kind = NTK_OP_NORM, .from = from, .to = to, .cost = 0.7, .dense = {1, 0, 0, 0}});
}

ntk_error *ntk_program_sum(ntk_program *program, size_t from, size_t to) {
  return append(program, (ntk_op){.kind = NTK_OP_SUM, .from = from, .to = to, .cost = 0.7});
}

void ntk_program_finish(ntk_program *program, size_t result) {
  program->result = result;
  program->last_stage = program->stage_of[result];
}
