/* Which pairs of positions a field has, and which of them an operation brings together. */
#include "kernel/image.h"

ntk_image_classes ntk_image_classes_of(const ntk_image_program *program, size_t segment, size_t value, const long shift[2]) {
  const ntk_image_segment *s = &program->segments[segment];
  ntk_image_classes classes;
  for (size_t i = 0; i < 2; i++) classes.axis[i] = ntk_class_make(program->torus, program->extent[value][i], shift[i] * (long)s->stride[value][i]);
  classes.positions = classes.axis[0].count * classes.axis[1].count;
  classes.displaced = classes.axis[0].shift || classes.axis[1].shift;
  return classes;
}

void ntk_image_taps_of(const ntk_image_run *run, const ntk_image_op *op, const ntk_image_classes *above, const ntk_image_classes *below,
                       bool transposed, ntk_image_taps taps[2]) {
  size_t index = (size_t)(op - run->program->ops);
  for (size_t a = 0; a < 2; a++) {
    ntk_image_axis_taps *t = &run->w->taps[(index * 2 + a) * 2 + transposed];
    const ntk_class *out = &above->axis[a], *in = &below->axis[a];
    if (!t->valid || t->above != out->shift || t->below != in->shift) {
      ntk_class_taps(&op->axis[a], op->kind == NTK_IMAGE_POOL, out, in, transposed, t->start, t->list);
      t->above = out->shift, t->below = in->shift, t->valid = true;
    }
    taps[a] = (ntk_image_taps){t->start, t->list};
  }
}

/* The displacements along one axis are among [first, end). */
static void range_below(bool torus, const ntk_axis *axis, bool pool, long shift, long *first, long *end) {
  long most = pool ? (long)axis->size - 1 : 0, middle = shift * (long)axis->stride, largest = (long)axis->in - 1;
  *first = torus ? 0 : middle - most < -largest ? -largest : middle - most;
  *end = torus ? (long)axis->in : (middle + most > largest ? largest : middle + most) + 1;
}

void ntk_image_each_below(const ntk_image_run *run, const ntk_image_op *op, const long shift[2], ntk_image_below use, void *context) {
  const bool torus = run->program->torus, pool = op->kind == NTK_IMAGE_POOL;
  long first[2], end[2], below[2];
  for (size_t a = 0; a < 2; a++) range_below(torus, &op->axis[a], pool, shift[a], &first[a], &end[a]);
  for (below[0] = first[0]; below[0] < end[0]; below[0]++) {
    if (!ntk_class_reaches(torus, &op->axis[0], pool, shift[0], below[0])) continue;
    for (below[1] = first[1]; below[1] < end[1]; below[1]++)
      if (ntk_class_reaches(torus, &op->axis[1], pool, shift[1], below[1])) use(run, context, below);
  }
}

/* An axis falls into runs in which both positions advance: two around the image. */
typedef struct {
  size_t row, column, element, count;
} axis_run;

static size_t runs_of(const ntk_class *axis, axis_run runs[2]) {
  size_t first = (size_t)axis->first, partner = (size_t)ntk_class_partner(axis, axis->first);
  size_t before = axis->torus && axis->shift ? axis->extent - (size_t)axis->shift : axis->count;
  runs[0] = (axis_run){first, partner, 0, before};
  runs[1] = (axis_run){first + before, 0, before, axis->count - before};
  return before < axis->count ? 2 : 1;
}

void ntk_image_each_patch(const ntk_image_classes *classes, const ntk_image_run *run, ntk_image_use use, void *context) {
  const ntk_class *y = &classes->axis[0], *x = &classes->axis[1];
  axis_run lines[2], columns[2];
  size_t line_runs = runs_of(y, lines), column_runs = runs_of(x, columns);
  for (size_t i = 0; i < line_runs; i++)
    for (size_t j = 0; j < column_runs; j++) {
      ntk_image_patch patch = {.row = lines[i].row * x->extent + columns[j].row,
                               .column = lines[i].column * x->extent + columns[j].column,
                               .element = lines[i].element * x->count + columns[j].element,
                               .lines = lines[i].count,
                               .count = columns[j].count,
                               .step = x->extent,
                               .element_step = x->count};
      if (patch.count == x->extent) { /* whole lines are one */
        patch.count *= patch.lines;
        patch.lines = 1;
      }
      use(run, context, &patch);
    }
}
