/** Making kernels, and what can be said about one before any point is seen. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kernel/chain.h"
#include "kernel/gaussian.h"
#include "kernel/networks.h"
#include "kernel/object.h"

static const char BLIND[] = "not characteristic: k(0, x) = 0 for every x, so mass at the origin is not seen (give the network biases)";

static const char POLYNOMIAL[] = "not characteristic: every activation is a polynomial, so only finitely many moments of the points are seen";

static bool is_polynomial(const ntk_op *op) {
  if (op->kind != NTK_OP_LAYER) return op->kind == NTK_OP_SUM;
  if (op->dual == NTK_DUAL_SERIES)
    return op->constants[NTK_SERIES_KIND] == NTK_SERIES_POLYNOMIAL || op->constants[NTK_SERIES_KIND] == NTK_SERIES_HERMITE;
  return op->dual == NTK_DUAL_IDENTITY || op->dual == NTK_DUAL_DROPOUT;
}

static bool all_polynomials(const ntk_program *program) {
  for (size_t i = 0; i < program->count; i++)
    if (!is_polynomial(&program->ops[i])) return false;
  return true;
}

static ntk_error *find_image_warning(ntk_kernel *kernel) {
  ntk_error *err = NULL;
  ntk_prepared *points = NULL;
  double *black, k;
  NTK_TRY(NTK_NEW(kernel->dimension, &black));
  NTK_TRY_OUT(ntk_prepare(kernel, 1, black, &points));
  ntk_prepared_diagonal(kernel, points, &k);
  if (k == 0) kernel->warning = BLIND;
out:
  ntk_prepared_free(&points);
  free(black);
  return err;
}

/* A kernel with k(0, 0) = 0 has k(0, x) = 0 for every x. */
static ntk_error *find_warning(ntk_kernel *kernel) {
  if (kernel->image) return find_image_warning(kernel);
  double *entry, diagonal;
  NTK_TRY(NTK_NEW(kernel->program.stages * NTK_V_FIELDS, &entry));
  ntk_error *err = ntk_point_recursion(kernel, NULL, 0, entry, 1, &diagonal);
  free(entry);
  NTK_TRY(err);
  if (diagonal == 0) {
    kernel->warning = BLIND;
  } else if (all_polynomials(&kernel->program)) {
    kernel->warning = POLYNOMIAL;
  }
  return NULL;
}

size_t ntk_kernel_operations(const ntk_kernel *kernel) { return kernel->image ? kernel->image->count : kernel->program.count; }

const double *ntk_kernel_series(const ntk_kernel *kernel, size_t i) {
  if (kernel->image) return ntk_image_is_series(&kernel->image->ops[i]) ? kernel->image->ops[i].constants : NULL;
  return ntk_op_is_series(&kernel->program.ops[i]) ? kernel->program.ops[i].constants : NULL;
}

/* Constants of an operation that is a sampled series, else NULL. */
static const double *sampled_constants(const ntk_kernel *kernel, size_t i) {
  const double *constants = ntk_kernel_series(kernel, i);
  return constants && ntk_series_is_sampled(constants) ? constants : NULL;
}

static bool are_equal(const double *constants, const double *other) {
  for (size_t i = 0; i < NTK_CONSTANTS; i++)
    if (constants[i] != other[i]) return false;
  return true;
}

static ntk_error *create_octaves(ntk_kernel *kernel) {
  NTK_TRY(NTK_NEW(ntk_kernel_operations(kernel), &kernel->octaves));
  for (size_t i = 0; i < ntk_kernel_operations(kernel); i++) {
    const double *constants = sampled_constants(kernel, i);
    for (size_t j = 0; constants && j < i && !kernel->octaves[i]; j++) {
      const double *other = sampled_constants(kernel, j);
      if (other && are_equal(other, constants)) kernel->octaves[i] = kernel->octaves[j];
    }
    if (constants && !kernel->octaves[i]) NTK_TRY(ntk_octaves_create(kernel->engine, constants, &kernel->octaves[i]));
  }
  return NULL;
}

static void free_octaves(ntk_kernel *kernel) {
  for (size_t i = 0; kernel->octaves && i < ntk_kernel_operations(kernel); i++) {
    for (size_t j = i + 1; j < ntk_kernel_operations(kernel); j++)
      if (kernel->octaves[j] == kernel->octaves[i]) kernel->octaves[j] = NULL;
    ntk_octaves_free(&kernel->octaves[i]);
  }
  free(kernel->octaves);
}

ntk_error *ntk_kernel_create(const ntk_value *network, const char *kind, size_t dimension, ntk_kernel **out) {
  ntk_error *err = NULL;
  *out = NULL;
  if (strcmp(kind, "ntk") && strcmp(kind, "nngp")) return ntk_fail(NTK_E_CONFIG, "kernel: expected ntk or nngp, found '%.60s'", kind);
  if (!dimension) return ntk_fail(NTK_E_INPUT, "points have no coordinates");
  ntk_kernel *kernel;
  NTK_TRY(NTK_NEW(1, &kernel));
  kernel->dimension = dimension;
  kernel->mode = strcmp(kind, "ntk") ? 0 : NTK_MODE_NTK;
  kernel->engine = ntk_engine_choose(NULL);
  kernel->evaluator = &ntk_dense_evaluator;
  NTK_TRY_OUT(ntk_network_build(network, kernel));
  if (kernel->image) kernel->evaluator = &ntk_image_evaluator;
  if (!kernel->image) kernel->chain = ntk_chain_length(&kernel->program);
  if (!kernel->image) kernel->gaussian = ntk_gaussian_fits(kernel);
  NTK_TRY_OUT(create_octaves(kernel));
  NTK_TRY_OUT(find_warning(kernel));
  *out = kernel;
  kernel = NULL;
out:
  ntk_kernel_free(&kernel);
  return err;
}

static ntk_error *parse(ntk_arena *arena, const char *text, const char *kind, size_t dimension, ntk_kernel **out) {
  static const ntk_key key = {"network", NTK_T_TYPED, NTK_KEY_REQUIRED, 0, 0, NULL, "networks", NULL, NULL, NULL, "architecture"};
  ntk_choices kinds[] = {*ntk_network_choices(), *ntk_activation_choices(), *ntk_layer_choices()};
  ntk_catalog catalog = {sizeof kinds / sizeof *kinds, kinds};
  ntk_schema schema = {arena, &catalog, NULL};
  const ntk_value *raw, *checked;
  NTK_TRY(ntk_value_parse(arena, "network", text, strlen(text), &raw));
  NTK_TRY(ntk_schema_check_one(&schema, &key, raw, &checked));
  return ntk_kernel_create(checked, kind, dimension, out);
}

ntk_error *ntk_kernel_parse(const char *network, const char *kind, size_t dimension, ntk_kernel **out) {
  ntk_arena *arena;
  *out = NULL;
  NTK_TRY(ntk_arena_create(&arena));
  ntk_error *err = parse(arena, network, kind, dimension, out);
  ntk_arena_free(&arena);
  return err;
}

void ntk_kernel_free(ntk_kernel **kernel) {
  if (!*kernel) return;
  free_octaves(*kernel);
  ntk_program_free(&(*kernel)->program);
  if ((*kernel)->image) ntk_image_program_free((*kernel)->image);
  free((*kernel)->image);
  free((*kernel)->centre);
  free(*kernel);
  *kernel = NULL;
}

ntk_error *ntk_kernel_use_single(ntk_kernel *kernel) {
  if (!kernel->chain && !kernel->gaussian) {
    return ntk_fail(NTK_E_CONFIG,
                    "precision: single is for networks of relu, leaky_relu or ab_relu one behind the other, and for rbf of at most %d coordinates",
                    NTK_DIRECT_DIMENSION);
  }
  kernel->single = true;
  return NULL;
}

ntk_error *ntk_kernel_set_precision(ntk_kernel *kernel, const char *precision) {
  if (!strcmp(precision, "double")) return NULL;
  if (strcmp(precision, "single")) return ntk_fail(NTK_E_CONFIG, "precision: expected double or single, found '%.60s'", precision);
  return ntk_kernel_use_single(kernel);
}

double ntk_kernel_roundoff(const ntk_kernel *kernel) { return kernel->single ? 0x1p-24 : 0x1p-53; }

size_t ntk_kernel_dimension(const ntk_kernel *kernel) { return kernel->dimension; }

const char *ntk_kernel_warning(const ntk_kernel *kernel) { return kernel->warning; }

double ntk_kernel_cost(const ntk_kernel *kernel, int with_gradient) {
  return kernel->evaluator->cost(kernel) * (with_gradient ? kernel->evaluator->gradient_factor : 1);
}

double ntk_kernel_point_bytes(const ntk_kernel *kernel) {
  enum { TERMS = 64, ARRAYS = 4 }; /* rows and columns of features: values, halves, tails */
  size_t numbers = 2 * kernel->dimension + kernel->evaluator->tables(kernel) + kernel->chain * NTK_CHAIN_ANGLES;
  for (size_t i = 0; i < kernel->program.count; i++)
    if (kernel->program.ops[i].kind == NTK_OP_LAYER && kernel->program.ops[i].dual == NTK_DUAL_SERIES) numbers += ARRAYS * TERMS;
  return (double)numbers * sizeof(double);
}
