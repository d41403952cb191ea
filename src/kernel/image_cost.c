/* What a pair of images costs, in entries of a dense layer: the pairs of positions that every operation goes through, class by class. */
#include "kernel/image.h"

typedef struct {
  const ntk_image_run *run;
  size_t segment;
  double sum;
} tally;

/* Measured, a pair of positions: by loops over planes, and by passes. Where the two positions are
 * one, delta is carried too. */
static double op_cost(const ntk_image_run *run, const ntk_image_op *op, bool displaced) {
  const ntk_image_engine *engine = run->kernel->engine->image;
  if (!op) return 0.08 + 0.03 * (double)run->program->channels;
  if (op->kind == NTK_IMAGE_SUM) return 0.1;
  if (op->kind == NTK_IMAGE_WINDOW) return displaced ? 0.2 : 0.4;
  if (op->kind == NTK_IMAGE_POOL) return 0;
  if (ntk_image_is_rectified(op)) return displaced ? 0.3 : 0.5;
  if (op->norm || engine->layer[op->dual]) return op->cost;
  return (displaced ? 0.6 : 1.3) * op->cost; /* series of pairs that are less alike end earlier */
}

static void add_segment(const ntk_image_run *run, void *context, const long shift[2]) {
  tally *all = context;
  const ntk_image_program *program = run->program;
  const ntk_image_segment *segment = &program->segments[all->segment];
  for (size_t v = 0; v <= program->count; v++) {
    if (!segment->member[v]) continue;
    const ntk_image_op *op = v ? &program->ops[v - 1] : NULL;
    ntk_image_classes classes = ntk_image_classes_of(program, all->segment, v, shift);
    all->sum += op_cost(run, op, classes.displaced) * (double)classes.positions;
    if (!op || !op->child) continue;
    const long here[2] = {classes.axis[0].shift, classes.axis[1].shift};
    tally below = {run, op->child, 0};
    ntk_image_each_below(run, op, here, add_segment, &below);
    all->sum += below.sum + 0.1 * (double)classes.positions;
  }
}

double ntk_image_cost(const ntk_kernel *kernel) {
  static const long none[2] = {0, 0};
  const ntk_image_run run = {.kernel = kernel, .program = kernel->image};
  tally all = {&run, 0, 0};
  add_segment(&run, &all, none);
  return all.sum;
}
