/** Per-point tables. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/numbers.h"
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

/* Arrays one after the other, each from a line of the cache on; only counted while there is no memory. */
typedef struct {
  char *memory;
  size_t used;
} arrays;

static void *place(arrays *a, size_t count, size_t size) {
  void *at = a->memory ? a->memory + a->used : NULL;
  a->used += (count * size + NTK_LANES * sizeof(double) - 1) / (NTK_LANES * sizeof(double)) * (NTK_LANES * sizeof(double));
  return at;
}

static size_t place_tables(const ntk_kernel *kernel, ntk_prepared *p, void *memory) {
  size_t n = p->count, d = p->dimension;
  arrays a = {memory, 0};
  p->inputs = p->points = place(&a, n * d, sizeof(double));
  if (kernel->transform) p->inputs = place(&a, n * d, sizeof(double));
  if (kernel->transform) p->factors = place(&a, n * d, sizeof(double));
  if (kernel->centre) p->centred = place(&a, n * d, sizeof(double));
  if (kernel->centre) p->spans = place(&a, 2 * p->stride, sizeof(double));
  if (d <= NTK_DIRECT_DIMENSION && !kernel->image) p->columns = place(&a, d * p->stride, sizeof(double));
  p->variances = place(&a, kernel->evaluator->tables(kernel) * p->stride, sizeof(double));
  if (kernel->chain > 1) p->angles = place(&a, (kernel->chain - 1) * NTK_CHAIN_ANGLES * p->stride, sizeof(double));
  if (kernel->single && kernel->chain) p->singles = place(&a, kernel->chain * NTK_CHAIN_TABLES * p->stride, sizeof(float));
  p->diagonal = place(&a, n, sizeof(double));
  return a.used;
}

static size_t place_features(ntk_prepared *p, void *memory) {
  arrays a = {memory, 0};
  for (size_t i = 0; i < p->operations; i++) {
    ntk_features *f = p->features[i];
    if (f) f->rows = place(&a, ntk_features_rows(f), sizeof(double));
    if (f) f->columns = place(&a, ntk_features_groups(f), sizeof(double));
  }
  return a.used;
}

static void transform_point(const ntk_transform *transform, size_t d, const double *x, double *input, double *factor) {
  for (size_t a = 0; a < d; a++) {
    input[a] = transform->value(x[a]);
    factor[a] = transform->derivative(x[a], input[a]);
  }
}

static double norm_of(const ntk_prepared *p, size_t i) { return squared_norm(p->dimension, p->inputs + i * p->dimension); }

ntk_error *ntk_dense_prepare(const ntk_kernel *kernel, ntk_prepared *p, size_t first, size_t end) {
  for (size_t i = first; i < end; i++) {
    double q = norm_of(p, i) / (double)p->dimension;
    NTK_TRY(ntk_point_recursion(kernel, kernel->octaves, q, p->variances + i, p->stride, &p->diagonal[i]));
  }
  if (kernel->chain) ntk_chain_prepare(kernel, p, first, end);
  return NULL;
}

/* Variances in front of an operation of the dense program. */
static const double *variances_of(const ntk_kernel *kernel, const ntk_prepared *p, size_t operation) {
  return ntk_variance_array(p, kernel->program.ops[operation].before, NTK_V_Q);
}

ntk_error *ntk_dense_cover(const ntk_kernel *kernel, ntk_prepared *p) {
  for (size_t i = 0; i < p->operations; i++)
    if (p->features[i]) NTK_TRY(ntk_features_cover(p->features[i], p->count, variances_of(kernel, p, i)));
  return NULL;
}

/* Lanes behind the last point are read by whole groups: they hold the last point again, so that their results are ordinary numbers. */
static void pad(double *arrays_of, size_t count, size_t n, size_t stride) {
  for (size_t a = 0; n && a < count; a++) {
    for (size_t i = n; i < stride; i++) arrays_of[a * stride + i] = arrays_of[a * stride + n - 1];
  }
}

/* What is read in groups, once the points [first, end) have their tables. */
static void finish_tables(const ntk_kernel *kernel, ntk_prepared *p, size_t first, size_t end) {
  bool last = end == p->count;
  if (last && !kernel->image) pad(p->variances, kernel->evaluator->tables(kernel), p->count, p->stride);
  if (last && p->spans) pad(p->spans, 2, p->count, p->stride);
  if (last && p->columns) pad(p->columns, p->dimension, p->count, p->stride);
  if (last && p->angles) pad(p->angles, (kernel->chain - 1) * NTK_CHAIN_ANGLES, p->count, p->stride);
  if (p->singles) ntk_chain_round(kernel, p, first, last ? p->stride : end);
}

static ntk_error *fill_tables(const ntk_kernel *kernel, const double *x, ntk_prepared *p, size_t first, size_t end) {
  size_t d = p->dimension;
  for (size_t i = first; i < end; i++, x += d) {
    NTK_TRY(check_point(kernel->transform, kernel->single ? LARGEST_SINGLE : LARGEST, i, d, x));
    memcpy(p->points + i * d, x, d * sizeof *x);
    if (kernel->transform) transform_point(kernel->transform, d, x, p->inputs + i * d, p->factors + i * d);
    for (size_t a = 0; p->columns && a < d; a++) p->columns[a * p->stride + i] = p->inputs[i * d + a];
  }
  if (p->centred) ntk_centre_fill(kernel, p, first, end);
  NTK_TRY(kernel->evaluator->prepare(kernel, p, first, end));
  for (size_t i = first; i < end; i++) {
    if (isfinite(p->diagonal[i])) continue;
    return ntk_fail(NTK_E_NONFINITE, "kernel of point %zu with itself is %g (squared norm %g)", i, p->diagonal[i], norm_of(p, i));
  }
  finish_tables(kernel, p, first, end);
  return NULL;
}

/* k(x, x) from the tiles, entry by entry. */
static ntk_error *fill_diagonal(const ntk_kernel *kernel, ntk_prepared *p, size_t first, size_t end) {
  ntk_workspace *workspace = NULL;
  NTK_TRY(ntk_workspace_create(kernel, &workspace));
  for (size_t i = first; i < end; i++) ntk_tile_values(kernel, workspace, (ntk_tile){p, p, i, 1, i, 1}, &p->diagonal[i], 1);
  ntk_workspace_free(&workspace);
  return NULL;
}

/* --- stages --------------------------------------------------------------------------------------------------------------------- */

static ntk_error *create_features(const ntk_kernel *kernel, ntk_prepared *p) {
  p->operations = ntk_kernel_operations(kernel);
  NTK_TRY(NTK_NEW(p->operations, &p->features));
  for (size_t i = 0; i < p->operations; i++) {
    const double *constants = ntk_kernel_series(kernel, i);
    if (constants) NTK_TRY(ntk_features_create(kernel->engine, constants, kernel->octaves[i], &p->features[i]));
  }
  return NULL;
}

ntk_error *ntk_prepared_create(const ntk_kernel *kernel, size_t n, ntk_prepared **out) {
  NTK_TRY(NTK_NEW(1, out));
  ntk_prepared *p = *out;
  p->count = n;
  p->dimension = kernel->dimension;
  p->stride = (n + 2 * NTK_LANES - 1) / NTK_LANES * NTK_LANES;
  ntk_error *err = create_features(kernel, p);
  if (err) ntk_prepared_free(out);
  return err;
}

bool ntk_stage_is_needed(const ntk_kernel *kernel, ntk_stage stage) {
  bool has_series = false;
  for (size_t i = 0; i < ntk_kernel_operations(kernel); i++) has_series = has_series || ntk_kernel_series(kernel, i);
  return stage == NTK_STAGE_TABLES || (stage == NTK_STAGE_FEATURES && has_series) || (stage == NTK_STAGE_DIAGONAL && kernel->has_dropout);
}

ntk_error *ntk_stage_begin(const ntk_kernel *kernel, ntk_prepared *points, ntk_stage stage, size_t *bytes) {
  *bytes = 0;
  if (stage == NTK_STAGE_FEATURES) NTK_TRY(kernel->evaluator->cover(kernel, points));
  if (stage == NTK_STAGE_TABLES) *bytes = place_tables(kernel, points, NULL);
  if (stage == NTK_STAGE_FEATURES) *bytes = place_features(points, NULL);
  return NULL;
}

void ntk_stage_give(const ntk_kernel *kernel, ntk_prepared *points, ntk_stage stage, ntk_area memory) {
  points->memory[stage] = memory;
  if (stage == NTK_STAGE_TABLES) (void)place_tables(kernel, points, memory.start);
  if (stage == NTK_STAGE_FEATURES) (void)place_features(points, memory.start);
}

void ntk_stage_part(size_t count, size_t parts, size_t part, size_t *first, size_t *end) {
  size_t groups = (count + NTK_LANES - 1) / NTK_LANES;
  *first = ntk_min_size(count, groups * part / parts * NTK_LANES);
  *end = ntk_min_size(count, groups * (part + 1) / parts * NTK_LANES);
}

ntk_error *ntk_stage_fill(const ntk_kernel *kernel, ntk_prepared *points, ntk_stage stage, const double *x, size_t first, size_t end) {
  if (first == end) return NULL;
  if (stage == NTK_STAGE_TABLES) return fill_tables(kernel, x, points, first, end);
  if (stage == NTK_STAGE_DIAGONAL) return fill_diagonal(kernel, points, first, end);
  for (size_t i = 0; i < points->operations && !kernel->image; i++)
    if (points->features[i]) ntk_features_tabulate(points->features[i], first, end - first, variances_of(kernel, points, i));
  return NULL;
}

bool ntk_prepared_is_shared(const ntk_prepared *points, ntk_stage stage) {
  return points->memory[stage == NTK_STAGE_DIAGONAL ? NTK_STAGE_TABLES : stage].mapped > 0;
}

/* --- in one process --------------------------------------------------------------------------------------------------------------- */

static ntk_error *do_stage(const ntk_kernel *kernel, ntk_prepared *points, ntk_stage stage, const double *x) {
  size_t bytes;
  ntk_area memory = {0};
  NTK_TRY(ntk_stage_begin(kernel, points, stage, &bytes));
  if (bytes) {
    NTK_TRY(ntk_alloc(bytes, 1, &memory.start));
    ntk_stage_give(kernel, points, stage, memory);
  }
  return ntk_stage_fill(kernel, points, stage, x, 0, points->count);
}

ntk_error *ntk_prepare(const ntk_kernel *kernel, size_t n, const double *x, ntk_prepared **out) {
  ntk_error *err = NULL;
  NTK_TRY(ntk_prepared_create(kernel, n, out));
  for (ntk_stage stage = 0; !err && stage < NTK_STAGES; stage++)
    if (ntk_stage_is_needed(kernel, stage)) err = do_stage(kernel, *out, stage, x);
  if (err) ntk_prepared_free(out);
  return err;
}

bool ntk_prepared_can_move(const ntk_kernel *kernel) { return kernel->chain || kernel->gaussian; }

void ntk_prepared_free(ntk_prepared **points) {
  ntk_prepared *p = *points;
  if (!p) return;
  for (size_t stage = 0; stage < NTK_STAGES; stage++) ntk_area_free(&p->memory[stage]);
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
