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

ntk_image_run ntk_image_with_itself(const ntk_image_run *run) {
  ntk_image_run self = *run;
  double *view = run->w->view;
  size_t d = run->kernel->dimension, tables = run->program->tables, lanes = run->lanes;
  for (size_t t = 0; t < tables; t++) broadcast(lanes, run->row_tables[t], view + t * lanes);
  for (size_t a = 0; a < d; a++) broadcast(lanes, run->row_pixels[a], view + (tables + a) * lanes);
  self.columns = (ntk_image_columns){view, view + tables * lanes};
  self.column_features = run->row_features;
  self.w->block = (size_t)-1;
  ntk_image_forget(&self.w->column_features);
  self.ntk = false, self.self = true, self.sums = false;
  return self;
}

/* The tables of a point while they are made: its own, and (for pooling layers) the view's, which the run's columns are. */
typedef struct {
  ntk_image_run run;
  double *tables;
} point_tables;

static void put(const point_tables *p, const ntk_image_op *op, size_t field, size_t position, double value) {
  if (field >= op->fields) return;
  size_t at = op->table + field * ntk_image_positions(p->run.program, op->from) + position;
  p->tables[at] = value;
  if (p->run.program->has_pool) broadcast(p->run.lanes, value, p->run.w->view + at * p->run.lanes);
}

static void pixels(const ntk_image_run *run) {
  const double *x = run->row_pixels;
  size_t channels = run->program->channels;
  for (size_t a = 0; a < run->program->height * run->program->width; a++) {
    double sum = 0;
    for (size_t c = 0; c < channels; c++) sum += x[a * channels + c] * x[a * channels + c];
    run->w->q[0][a] = sum / (double)channels;
    run->w->t[0][a] = 0;
  }
}

static ntk_moments moments_of(const ntk_image_run *run, const ntk_image_op *op, double q) {
  double scale = 1 / (q + NTK_NORM_EPSILON);
  if (op->norm) return (ntk_moments){q * scale, NTK_NORM_EPSILON * scale * scale, scale};
  const ntk_octaves *octaves = run->kernel->octaves[op - run->program->ops];
  if (octaves) return ntk_octaves_moments(octaves, q);
  return ntk_dual_moments(op->dual, op->constants, q);
}

static ntk_error *pointwise(const point_tables *p, const ntk_image_op *op, size_t value) {
  const ntk_image_workspace *w = p->run.w;
  const double *q = w->q[op->from];
  const size_t positions = ntk_image_positions(p->run.program, value);
  ntk_octaves *octaves = p->run.kernel->octaves[value - 1];
  if (octaves) NTK_TRY(ntk_octaves_cover(octaves, positions, q));
  for (size_t a = 0; a < positions; a++) {
    ntk_moments m = moments_of(&p->run, op, q[a]);
    w->q[value][a] = m.value;
    w->t[value][a] = m.dot * w->t[op->from][a];
    put(p, op, NTK_IMAGE_Q, a, q[a]);
    put(p, op, NTK_IMAGE_ROOT, a, sqrt(q[a]));
    put(p, op, NTK_IMAGE_INVERSE, a, q[a] > SMALLEST ? 1 / sqrt(q[a]) : 0);
    put(p, op, NTK_IMAGE_Q_AFTER, a, m.value);
    put(p, op, NTK_IMAGE_ROOT_AFTER, a, sqrt(m.value));
    put(p, op, NTK_IMAGE_SLOPE, a, m.slope);
  }
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
      if (op->axis[0].circular) y = ntk_wrapped(y, height), x = ntk_wrapped(x, width);
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
  size_t segment = 0;
  while (!run->program->segments[segment].member[value]) segment++;
  ntk_image_forward_op(run, segment, value, NONE, false);
  const ntk_image_slot *slot = ntk_image_slot_of(run, segment, value);
  const double *t = ntk_image_t(run, slot);
  for (size_t a = 0; a < ntk_image_positions(run->program, value); a++) {
    run->w->q[value][a] = slot->r[a * run->lanes];
    run->w->t[value][a] = t ? t[a * run->lanes] : 0;
  }
}

static ntk_error *fill_point(point_tables *p, ntk_prepared *points, size_t i) {
  const ntk_image_program *program = p->run.program;
  const ntk_image_workspace *w = p->run.w;
  const size_t lanes = p->run.lanes, d = points->dimension;
  p->run.row_pixels = points->inputs + i * d;
  ntk_image_forget(&p->run.w->row_features);
  ntk_image_forget(&p->run.w->column_features);
  p->run.row_tables = p->tables = ntk_image_tables_of(p->run.kernel, points, i);
  for (size_t a = 0; program->has_pool && a < d; a++) broadcast(lanes, p->run.row_pixels[a], w->view + (program->tables + a) * lanes);
  pixels(&p->run);
  for (size_t value = 1; value <= program->count; value++) {
    const ntk_image_op *op = &program->ops[value - 1];
    if (!program->used[value]) continue;
    if (op->kind == NTK_IMAGE_POOL) {
      pool(&p->run, value);
    } else if (op->kind == NTK_IMAGE_WINDOW) {
      window(w, op, value);
    } else if (op->kind == NTK_IMAGE_POINTWISE) {
      NTK_TRY(pointwise(p, op, value));
    } else {
      for (size_t a = 0; a < ntk_image_positions(program, value); a++) {
        w->q[value][a] = w->q[op->from][a] + w->q[op->other][a];
        w->t[value][a] = w->t[op->from][a] + w->t[op->other][a];
      }
    }
  }
  size_t result = program->segments[0].root;
  points->diagonal[i] = p->run.ntk ? w->t[result][0] : w->q[result][0];
  return NULL;
}

ntk_error *ntk_image_prepare(const ntk_kernel *kernel, ntk_prepared *points, size_t first, size_t end) {
  const ntk_image_program *program = kernel->image;
  ntk_image_workspace *w;
  NTK_TRY(ntk_image_workspace_create(kernel, &w));
  point_tables p = {.run = {.kernel = kernel, .program = program, .w = w, .row_features = points->features, .column_features = points->features}};
  p.run.lanes = NTK_LANES;
  p.run.ntk = kernel->mode & NTK_MODE_NTK;
  p.run.columns = (ntk_image_columns){w->view, w->view ? w->view + program->tables * NTK_LANES : NULL};
  ntk_error *err = NULL;
  for (size_t i = first; !err && i < end; i++) err = fill_point(&p, points, i);
  ntk_image_workspace_free(&w);
  return err;
}

/* Features have no tables here: they are made from the octaves while tiles are evaluated. */
ntk_error *ntk_image_cover(const ntk_kernel *kernel, ntk_prepared *points) {
  const ntk_image_program *program = kernel->image;
  for (size_t value = 1; value <= program->count; value++) {
    const ntk_image_op *op = &program->ops[value - 1];
    ntk_octaves *octaves = kernel->octaves[value - 1];
    if (!octaves || !program->used[value]) continue;
    size_t at = op->table + NTK_IMAGE_Q * ntk_image_positions(program, op->from);
    for (size_t i = 0; i < points->count; i++)
      NTK_TRY(ntk_octaves_cover(octaves, ntk_image_positions(program, value), ntk_image_tables_of(kernel, points, i) + at));
  }
  return NULL;
}
