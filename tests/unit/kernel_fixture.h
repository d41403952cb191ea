/** Kernels, points and tiles for the tests of kernel/. */
#ifndef NTK_TESTS_KERNEL_FIXTURE_H
#define NTK_TESTS_KERNEL_FIXTURE_H

#include <math.h>
#include "kernel/kernel.h"

#include "check.h"

/** Networks that between them use every operation and activation. */
static const char *const NETWORKS[] = {
    "{type: mlp, depth: 1, activation: relu, bias_stddev: 0}",
    "{type: mlp, depth: 3, activation: relu, bias_stddev: 1, weight_stddev: 1.4}",
    "{type: mlp, depth: 2, activation: {leaky_relu: {slope: 0.2}}, bias_stddev: 0.2, last_bias_stddev: 0.5}",
    "{type: mlp, depth: 2, activation: abs, bias_stddev: 0.3}",
    "{type: mlp, depth: 2, activation: {ab_relu: {a: -0.3, b: 1.2}}, bias_stddev: 0.2, parameterization: standard, width: 32}",
    "{type: mlp, depth: 2, activation: {erf: {a: 1.3, b: 0.7, c: 0.4}}, bias_stddev: 0.2}",
    "{type: mlp, depth: 3, activation: sigmoid_like, bias_stddev: 0.2, parameterization: standard, width: 16, last_bias_stddev: null}",
    "{type: mlp, depth: 2, activation: gelu, bias_stddev: 0.2, weight_stddev: 1.3}",
    "{type: mlp, depth: 2, activation: {sin: {a: 1.5, b: 0.8, c: 1.0}}, bias_stddev: 0.3}",
    "{type: mlp, depth: 1, activation: {cos: {a: 0.7, b: 1.3, c: 0.2}}, bias_stddev: 0.3}",
    "{type: mlp, depth: 2, activation: {rbf: {gamma: 0.4}}, bias_stddev: 0.3}",
    "{type: mlp, depth: 1, activation: {arbf: {a: 1.4, gamma: 0.6}}, bias_stddev: 0.1}",
    "{type: mlp, depth: 2, activation: {gaussian: {a: 1.2, b: -0.7}}, bias_stddev: 0.3}",
    "{type: mlp, depth: 2, activation: {exp: {a: 0.5, b: 0.4}}, bias_stddev: 0.1, weight_stddev: 0.8}",
    "{type: mlp, depth: 2, activation: {rectified_monomial: {degree: 2}}, bias_stddev: 0.3}",
    "{type: mlp, depth: 1, activation: {rectified_monomial: {degree: 3}}, bias_stddev: 0}",
    "{type: mlp, depth: 1, activation: {monomial: {degree: 3}}, bias_stddev: 0.2}",
    "{type: mlp, depth: 2, activation: {polynomial: {coefficients: [0.1, 0.7, -0.2, 0.05, 0.02]}}, bias_stddev: 0}",
    "{type: mlp, depth: 2, activation: {hermite: {degree: 4}}, bias_stddev: 0.2}",
    "{type: mlp, depth: 2, activation: tanh, bias_stddev: 0.2, weight_stddev: 1.5}",
    "{type: mlp, depth: 1, activation: tanh, bias_stddev: 0}",
    "{type: mlp, depth: 2, activation: sigmoid, bias_stddev: 0.2, parameterization: standard, width: 16}",
    "{type: mlp, depth: 2, activation: softplus, bias_stddev: 0.2}",
    "{type: mlp, depth: 2, activation: {silu: {tolerance: 1.0e-12}}, bias_stddev: 0}",
    "{type: mlp, depth: 2, activation: mish, bias_stddev: 0.2, layer_norm: true}",
    "{type: mlp, depth: 2, activation: elu, bias_stddev: 0.2}",
    "{type: mlp, depth: 1, activation: {elu: {alpha: 0.5}}, bias_stddev: 0.3}",
    "{type: mlp, depth: 1, activation: selu, bias_stddev: 0.2}",
    "{type: resnet, blocks: 1, activation: [tanh, sigmoid], bias_stddev: 0.3}",
    "{type: mlp, depth: 2, activation: identity, bias_stddev: 0.3}",
    "{type: mlp, depth: 3, activation: relu, bias_stddev: 0.2, layer_norm: true}",
    "{type: mlp, depth: 2, activation: [relu, {sin: {c: 0.5}}, gelu], bias_stddev: 0.4}",
    "{type: mlp, depth: 2, activation: [erf, abs], bias_stddev: null, last_bias_stddev: null, layer_norm: true}",
    "{type: mlp, depth: 2, activation: relu, bias_stddev: 1, input_transform: tanh}",
    "{type: mlp, depth: 1, activation: erf, bias_stddev: 0.5, input_transform: atanh}",
    "{type: resnet, blocks: 2, block_depth: 2, activation: relu, bias_stddev: 0.3}",
    "{type: resnet, blocks: 1, activation: [relu, sigmoid_like], bias_stddev: 0.3}",
    "{type: rbf, bandwidth: 1.4}",
};

enum { NETWORK_COUNT = sizeof NETWORKS / sizeof *NETWORKS };

/** Relative error of a value: rounding, but for the functions by series (their tolerance, here 1e-10 or less), and where a kink follows a sum with a
 *  smooth branch: sin^2 of its angle is then a difference, whose rounding the kink magnifies near 0 (1e-13 seen without optimisation). */
static inline double value_accuracy(const char *network) {
  const char *const series[] = {"tanh,", "tanh}", "sigmoid,", "softplus", "silu", "mish"};
  if (strstr(network, "input_transform")) return 1e-14;
  if (strstr(network, "[erf, abs]")) return 6e-12;
  for (size_t i = 0; i < sizeof series / sizeof *series; i++) {
    if (strstr(network, series[i])) return 2e-10;
  }
  return strstr(network, "elu: {") || strstr(network, "activation: elu") || strstr(network, "selu") ? 1e-11 : 1e-14;
}

static const char *const KINDS[] = {"ntk", "nngp"};

/** Numbers in (-1, 1) that look random; the same everywhere. */
static inline void fill_points(size_t count, double *x, unsigned seed) {
  uint32_t state = seed * 2654435761u + 1u;
  for (size_t i = 0; i < count; i++) {
    state = state * 1664525u + 1013904223u;
    x[i] = ((double)(state >> 8) / 8388608.0 - 1.0) * 0.98;
  }
}

typedef struct {
  ntk_kernel *kernel;
  ntk_workspace *workspace;
  ntk_prepared *x, *z;
} pairing;

static inline pairing pairing_make(const char *network, const char *kind, size_t d, size_t n, const double *x, size_t m, const double *z) {
  pairing p;
  OK(ntk_kernel_parse(network, kind, d, &p.kernel));
  OK(ntk_workspace_create(p.kernel, &p.workspace));
  OK(ntk_prepare(p.kernel, n, x, &p.x));
  OK(ntk_prepare(p.kernel, m, z, &p.z));
  return p;
}

static inline void pairing_free(pairing *p) {
  ntk_prepared_free(&p->x);
  ntk_prepared_free(&p->z);
  ntk_workspace_free(&p->workspace);
  ntk_kernel_free(&p->kernel);
}

static inline ntk_tile pairing_tile(const pairing *p) { return (ntk_tile){p->x, p->z, 0, ntk_prepared_count(p->x), 0, ntk_prepared_count(p->z)}; }

/** k(x, z) and (unless gradient is NULL) its gradient for one pair. */
static inline double kernel_at(const char *network, const char *kind, size_t d, const double *x, const double *z, double *gradient) {
  double k;
  pairing p = pairing_make(network, kind, d, 1, x, 1, z);
  ntk_tile_values(p.kernel, p.workspace, pairing_tile(&p), &k, 1);
  if (gradient) ntk_tile_gradients(p.kernel, p.workspace, pairing_tile(&p), gradient, 1);
  pairing_free(&p);
  return k;
}

static inline double largest(size_t count, const double *values) {
  double most = 0;
  for (size_t i = 0; i < count; i++) most = fabs(values[i]) > most ? fabs(values[i]) : most;
  return most;
}

#endif
