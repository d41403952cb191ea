/* Tables of one image: variances at every position, and k(x, x). */
#include <math.h>
#include <string.h>

#include "kernel/activation.h"
#include "kernel/image.h"

/* Smaller variances count as 0, as for vectors. */
#define SMALLEST 1e-290

static const long NONE[2] = {0, 0};

static void broadcast(size_t lanes, double value, double *out) {
  for (size_t j = 0; j < lanes; j++) out[j] = value;
}

void ntk_image_fill_view(const ntk_image_run *run, size_t i) {
  ntk_prepared *view = &run->w->view;
  size_t d = run->x->dimension;
  view->features = run->x->features;
  for (size_t a = 0; a < d; a++) {
    view->inputs[a] = run->x->inputs[i * d + a];
    broadcast(run->w->lanes, view->inputs[a], view->columns + a * view->stride);
  }
  for (size_t t = 0; t < run->program->tables; t++) broadcast(run->w->lanes, run->w->row[t], view->variances + t * view->stride);
}

/* The tables of a point while they are made: its own in the prepared points, and (for pooling layers) the view's. */
typedef struct {
  const ntk_image_run *run;
  ntk_prepared *points;
  size_t i;
} point_tables;

static void put(const point_tables *tables, const ntk_image_stage *stage, size_t field, size_t position, double value) {
  size_t at = stage->offset + field * stage->positions + position;
  const ntk_prepared *view = &tables->run->w->view;
  tables->points->variances[at * tables->points->stride + tables->i] = value;
  tables->run->w->row[at] = value;
  if (tables->run->program->has_pool) broadcast(NTK_LANES, value, view->variances + at * view->stride);
}

static void put_variance(const point_tables *tables, const ntk_image_stage *stage, bool in_front) {
  const double *q = tables->run->w->q[stage->value];
  for (size_t a = 0; a < stage->positions; a++) {
    put(tables, stage, 0, a, q[a]);
    put(tables, stage, 1, a, sqrt(q[a]));
    if (in_front) put(tables, stage, 2, a, q[a] > SMALLEST ? 1 / sqrt(q[a]) : 0);
  }
}

static void pixels(const ntk_image_run *run, const double *x) {
  size_t channels = run->program->channels;
  for (size_t a = 0; a < run->program->height * run->program->width; a++) {
    double sum = 0;
    for (size_t c = 0; c < channels; c++) sum += x[a * channels + c] * x[a * channels + c];
    run->w->q[0][a] = sum / (double)channels;
    run->w->t[0][a] = 0;
  }
}

static ntk_moments moments_of(const point_tables *tables, const ntk_image_op *op, double q) {
  double scale = 1 / (q + NTK_NORM_EPSILON);
  if (op->norm) return (ntk_moments){q * scale, NTK_NORM_EPSILON * scale * scale, scale};
  const ntk_octaves *octaves = tables->run->kernel->octaves[op - tables->run->program->ops];
  if (octaves) return ntk_octaves_moments(octaves, q);
  return ntk_dual_moments(op->dual, op->constants, q);
}

static ntk_error *pointwise(const point_tables *tables, const ntk_image_op *op, size_t value) {
  const ntk_image_workspace *w = tables->run->w;
  const ntk_image_stage *after = &tables->run->program->stages[op->after];
  put_variance(tables, &tables->run->program->stages[op->before], true);
  ntk_octaves *octaves = tables->run->kernel->octaves[value - 1];
  if (octaves) NTK_TRY(ntk_octaves_cover(octaves, after->positions, w->q[op->from]));
  for (size_t a = 0; a < after->positions; a++) {
    ntk_moments m = moments_of(tables, op, w->q[op->from][a]);
    w->q[value][a] = m.value;
    w->t[value][a] = m.dot * w->t[op->from][a];
    put(tables, after, 2, a, m.slope);
  }
  put_variance(tables, after, false);
  return NULL;
}

/* A mean over a window of one image's own diagonal. */
static double window_mean(const ntk_image_op *op, const double *values, size_t row, size_t column) {
  double sum = 0;
  for (size_t i = 0; i < op->axis[0].size; i++)
    for (size_t j = 0; j < op->axis[1].size; j++) {
      long y = (long)(row * op->axis[0].stride + i) - (long)op->axis[0].before,
           x = (long)(column * op->axis[1].stride + j) - (long)op->axis[1].before;
      long height = (long)op->axis[0].in, width = (long)op->axis[1].in;
      if (op->axis[0].circular) y = (y + height) % height, x = (x + width) % width;
      if (y >= 0 && y < height && x >= 0 && x < width) sum += values[y * width + x];
    }
  return sum * op->share;
}

static void window(const ntk_image_workspace *w, const ntk_image_op *op, size_t value) {
  const ntk_dense *dense = &op->dense;
  for (size_t y = 0; y < op->axis[0].out; y++)
    for (size_t x = 0; x < op->axis[1].out; x++) {
      size_t a = y * op->axis[1].out + x;
      double q = window_mean(op, w->q[op->from], y, x);
      w->q[value][a] = dense->weight * q + dense->bias;
      w->t[value][a] = dense->nngp_factor * q + dense->constant + dense->weight * window_mean(op, w->t[op->from], y, x);
    }
}

/* The variance of a pooled position is that of pairs of positions of the image with itself. */
static void pool(const ntk_image_run *run, size_t value) {
  size_t segment = 0, lanes = run->w->lanes;
  while (!run->program->segments[segment].member[value]) segment++;
  ntk_image_forward_op(run, segment, value, NONE);
  const ntk_image_slot *slot = ntk_image_slot_of(run, segment, value);
  for (size_t a = 0; a < ntk_image_positions(run->program, value); a++) {
    run->w->q[value][a] = slot->r[a * lanes];
    run->w->t[value][a] = run->ntk ? slot->t[a * lanes] : 0;
  }
}

static ntk_error *fill_point(const point_tables *tables) {
  const ntk_image_run *run = tables->run;
  const ntk_image_program *program = run->program;
  ntk_image_workspace *w = run->w;
  size_t d = tables->points->dimension;
  const double *x = tables->points->inputs + tables->i * d;
  if (program->has_pool) {
    memcpy(w->view.inputs, x, d * sizeof *x);
    for (size_t a = 0; a < d; a++) broadcast(NTK_LANES, x[a], w->view.columns + a * w->view.stride);
  }
  pixels(run, x);
  for (size_t value = 1; value <= program->count; value++) {
    const ntk_image_op *op = &program->ops[value - 1];
    if (!program->used[value]) continue;
    if (op->kind == NTK_IMAGE_POOL) {
      pool(run, value);
    } else if (op->kind == NTK_IMAGE_WINDOW) {
      window(w, op, value);
    } else if (op->kind == NTK_IMAGE_POINTWISE) {
      NTK_TRY(pointwise(tables, op, value));
    } else {
      for (size_t a = 0; a < ntk_image_positions(program, value); a++) {
        w->q[value][a] = w->q[op->from][a] + w->q[op->other][a];
        w->t[value][a] = w->t[op->from][a] + w->t[op->other][a];
      }
    }
  }
  size_t result = program->segments[0].root;
  tables->points->diagonal[tables->i] = run->ntk ? w->t[result][0] : w->q[result][0];
  return NULL;
}

ntk_error *ntk_image_prepare(const ntk_kernel *kernel, ntk_prepared *points) {
  ntk_image_workspace *w;
  NTK_TRY(ntk_image_workspace_create(kernel, &w));
  ntk_image_run run = {.kernel = kernel, .program = kernel->image, .w = w, .x = &w->view, .z = &w->view, .groups = 1};
  run.ntk = kernel->mode & NTK_MODE_NTK;
  w->view.features = points->features;
  ntk_error *err = NULL;
  for (size_t i = 0; !err && i < kernel->image->count; i++)
    if (ntk_image_is_series(&kernel->image->ops[i]))
      err = ntk_features_create(kernel->engine, kernel->image->ops[i].constants, kernel->octaves[i], &points->features[i]);
  for (size_t i = 0; !err && i < points->count; i++) err = fill_point(&(point_tables){&run, points, i});
  ntk_image_workspace_free(&w);
  return err;
}
