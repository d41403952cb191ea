/** Per-point tables. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kernel/centre.h"
#include "kernel/chain.h"

/* |x|^2 that the loops can square again. */
#define LARGEST 1e150
#define LARGEST_SINGLE 1e30

static double squared_norm(size_t d, const double *x) { return ntk_point_dot(d, x, x); }

/* Why a point is no input, once that is suspected. */
static ntk_error *name_mistake(const ntk_transform *transform, size_t i, size_t d, const double *x) {
  for (size_t a = 0; a < d; a++) {
    if (!isfinite(x[a])) return ntk_fail(NTK_E_NONFINITE, "point %zu, coordinate %zu is %g", i, a, x[a]);
    if (transform && transform->limit > 0 && !(fabs(x[a]) < transform->limit))
      return ntk_fail(NTK_E_INPUT, "point %zu, coordinate %zu is %.17g: input_transform %s needs values between -%g and %g", i, a, x[a],
                      transform->name, transform->limit, transform->limit);
  }
  return NULL;
}

static ntk_error *check_point(const ntk_transform *transform, double most, size_t i, size_t d, const double *x) {
  double norm = squared_norm(d, x);
  if (!(norm < most) || (transform && transform->limit > 0)) NTK_TRY(name_mistake(transform, i, d, x));
  return norm < most ? NULL : ntk_fail(NTK_E_NONFINITE, "point %zu is too large for the kernel: squared norm %g", i, norm);
}

static ntk_error *allocate(const ntk_kernel *kernel, ntk_prepared *p) {
  size_t n = p->count, d = p->dimension;
  NTK_TRY(NTK_NEW(n * d, &p->points));
  p->inputs = p->points;
  if (kernel->transform) {
    p->inputs = NULL;
    NTK_TRY(NTK_NEW(n * d, &p->inputs));
    NTK_TRY(NTK_NEW(n * d, &p->factors));
  }
  if (kernel->centre) {
    NTK_TRY(NTK_NEW(n * d, &p->centred));
    NTK_TRY(NTK_NEW(2 * p->stride, &p->spans));
  }
  if (d <= NTK_DIRECT_DIMENSION && !kernel->image) NTK_TRY(NTK_NEW(d * p->stride, &p->columns));
  NTK_TRY(NTK_NEW(kernel->evaluator->tables(kernel) * p->stride, &p->variances));
  if (kernel->chain > 1) NTK_TRY(NTK_NEW((kernel->chain - 1) * NTK_CHAIN_ANGLES * p->stride, &p->angles));
  if (kernel->single && kernel->chain) NTK_TRY(NTK_NEW(kernel->chain * NTK_CHAIN_TABLES * p->stride, &p->singles));
  p->operations = kernel->image ? kernel->image->count : kernel->program.count;
  NTK_TRY(NTK_NEW(p->operations, &p->features));
  return NTK_NEW(n, &p->diagonal);
}

static void transform_point(const ntk_transform *transform, size_t d, const double *x, double *input, double *factor) {
  for (size_t a = 0; a < d; a++) {
    input[a] = transform->value(x[a]);
    factor[a] = transform->derivative(x[a], input[a]);
  }
}

static double norm_of(const ntk_prepared *p, size_t i) { return squared_norm(p->dimension, p->inputs + i * p->dimension); }

ntk_error *ntk_dense_prepare(const ntk_kernel *kernel, ntk_prepared *p) {
  for (size_t i = 0; i < p->count; i++) {
    double q = norm_of(p, i) / (double)p->dimension;
    NTK_TRY(ntk_point_recursion(kernel, kernel->octaves, q, p->variances + i, p->stride, &p->diagonal[i]));
  }
  if (kernel->chain) ntk_chain_prepare(kernel, p);
  return NULL;
}

static ntk_error *fill(const ntk_kernel *kernel, const double *x, ntk_prepared *p) {
  size_t d = p->dimension;
  for (size_t i = 0; i < p->count; i++) {
    NTK_TRY(check_point(kernel->transform, kernel->single ? LARGEST_SINGLE : LARGEST, i, d, x + i * d));
    memcpy(p->points + i * d, x + i * d, d * sizeof *x);
    if (kernel->transform) transform_point(kernel->transform, d, x + i * d, p->inputs + i * d, p->factors + i * d);
    for (size_t a = 0; p->columns && a < d; a++) p->columns[a * p->stride + i] = p->inputs[i * d + a];
  }
  if (p->centred) ntk_centre_fill(kernel, p);
  NTK_TRY(kernel->evaluator->prepare(kernel, p));
  for (size_t i = 0; i < p->count; i++) {
    if (isfinite(p->diagonal[i])) continue;
    return ntk_fail(NTK_E_NONFINITE, "kernel of point %zu with itself is %g (squared norm %g)", i, p->diagonal[i], norm_of(p, i));
  }
  return NULL;
}

/* Lanes behind the last point are read by whole groups: they hold the last point again, so that their results are ordinary numbers. */
static void pad(double *arrays, size_t count, size_t n, size_t stride) {
  for (size_t a = 0; n && a < count; a++) {
    for (size_t i = n; i < stride; i++) arrays[a * stride + i] = arrays[a * stride + n - 1];
  }
}

static ntk_error *fill_features(const ntk_kernel *kernel, ntk_prepared *p) {
  for (size_t i = 0; i < kernel->program.count; i++) {
    const ntk_op *op = &kernel->program.ops[i];
    if (!ntk_op_is_series(op)) continue;
    const double *q = ntk_variance_array(p, op->before, NTK_V_Q);
    NTK_TRY(ntk_features_create(kernel->engine, op->constants, kernel->octaves[i], &p->features[i]));
    NTK_TRY(ntk_features_tabulate(p->features[i], p->count, q));
  }
  return NULL;
}

/* k(x, x) from the tiles, entry by entry. */
static ntk_error *evaluate_diagonal(const ntk_kernel *kernel, ntk_prepared *p) {
  ntk_workspace *workspace = NULL;
  NTK_TRY(ntk_workspace_create(kernel, &workspace));
  for (size_t i = 0; i < p->count; i++) ntk_tile_values(kernel, workspace, (ntk_tile){p, p, i, 1, i, 1}, &p->diagonal[i], 1);
  ntk_workspace_free(&workspace);
  return NULL;
}

static void pad_tables(const ntk_kernel *kernel, ntk_prepared *p) {
  if (!kernel->image) pad(p->variances, kernel->evaluator->tables(kernel), p->count, p->stride);
  if (p->spans) pad(p->spans, 2, p->count, p->stride);
  if (p->columns) pad(p->columns, p->dimension, p->count, p->stride);
  if (p->angles) pad(p->angles, (kernel->chain - 1) * NTK_CHAIN_ANGLES, p->count, p->stride);
  if (p->singles) ntk_chain_round(kernel, p);
}

bool ntk_prepared_can_move(const ntk_kernel *kernel) { return kernel->chain || kernel->gaussian; }

ntk_error *ntk_prepared_move(const ntk_kernel *kernel, size_t count, const double *x, ntk_prepared *points) {
  size_t all = points->count;
  points->count = count;
  ntk_error *err = fill(kernel, x, points);
  points->count = all;
  if (!err) pad_tables(kernel, points);
  return err;
}

ntk_error *ntk_prepare(const ntk_kernel *kernel, size_t n, const double *x, ntk_prepared **out) {
  ntk_error *err = NULL;
  ntk_prepared *p;
  *out = NULL;
  NTK_TRY(NTK_NEW(1, &p));
  p->count = n;
  p->dimension = kernel->dimension;
  p->stride = (n + 2 * NTK_LANES - 1) / NTK_LANES * NTK_LANES;
  NTK_TRY_OUT(allocate(kernel, p));
  NTK_TRY_OUT(fill(kernel, x, p));
  NTK_TRY_OUT(fill_features(kernel, p));
  pad_tables(kernel, p);
  if (kernel->has_dropout) NTK_TRY_OUT(evaluate_diagonal(kernel, p));
  *out = p;
  p = NULL;
out:
  ntk_prepared_free(&p);
  return err;
}

void ntk_prepared_free(ntk_prepared **points) {
  ntk_prepared *p = *points;
  if (!p) return;
  if (p->inputs != p->points) free(p->inputs);
  free(p->points);
  free(p->factors);
  free(p->centred);
  free(p->spans);
  free(p->columns);
  free(p->variances);
  free(p->angles);
  free(p->singles);
  free(p->diagonal);
  for (size_t i = 0; p->features && i < p->operations; i++) ntk_features_free(&p->features[i]);
  free(p->features);
  free(p);
  *points = NULL;
}

size_t ntk_prepared_count(const ntk_prepared *points) { return points->count; }

const double *ntk_prepared_points(const ntk_prepared *points) { return points->points; }

void ntk_prepared_diagonal(const ntk_kernel *kernel, const ntk_prepared *x, double *out) {
  (void)kernel;
  memcpy(out, x->diagonal, x->count * sizeof *out);
}
