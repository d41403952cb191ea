// ranks: 1 2 4
// Finite random networks: gradients by differences, covariance against the NNGP kernel at the rate width^-1/2, the same bits on any number of ranks.
#include <math.h>
#include <stdbool.h>

#include "base/mem.h"
#include "check.h"
#include "kernel/kernel.h"
#include "net/net.h"

enum { POINTS = 3, D = 2 };
static const double at[POINTS * D] = {0.3, -0.7, 1.2, 0.4, -0.5, -1.1};

static const ntk_value *parse(ntk_arena *arena, const char *text) {
  const ntk_value *value = NULL;
  OK(ntk_value_parse(arena, "test", text, strlen(text), &value));
  return value;
}

#define COMMON "weight_stddev: 1.3, bias_stddev: 0.4, last_bias_stddev: 0.2, parameterization: ntk, width: 128, layer_norm: "

#define DENSE "{dense: {weight_stddev: 1.2, bias_stddev: 0.3, parameterization: ntk, width: 128}}"

static const char *const NETWORKS[] = {
    "{type: mlp, depth: 2, activation: [{relu: {}}], " COMMON "false, input_transform: identity}",
    "{type: mlp, depth: 3, activation: [{erf: {a: 1.2, b: 0.8, c: 0.1}}], " COMMON "true, input_transform: tanh}",
    "{type: mlp, depth: 1, activation: [{rbf: {gamma: 0.7}}, {relu: {}}], " COMMON "false, input_transform: identity}",
    "{type: rbf, bandwidth: 1.3}",
    "{type: layers, layers: [" DENSE ", {activation: {erf: {a: 1.2, b: 0.8, c: 0.1}}}, {residual: [" DENSE ", {activation: {relu: {}}}, " DENSE
    "]}, "
    "{layer_norm: {}}, {parallel: [[{activation: {relu: {}}}, " DENSE "], [" DENSE "]]}, {activation: {sin: {a: 1, b: 0.6, c: 0.3}}}, " DENSE
    "], "
    "image: null, input_transform: identity}",
    "{type: resnet, blocks: 2, block_depth: 1, activation: [{sin: {a: 1, b: 0.6, c: 0.3}}], " COMMON "false, input_transform: identity}",
};

static const char *const ACTIVATIONS[] = {"{leaky_relu: {slope: 0.2}}",
                                          "{abs: {}}",
                                          "{ab_relu: {a: -0.3, b: 1.1}}",
                                          "{identity: {}}",
                                          "{sigmoid_like: {}}",
                                          "{gelu: {}}",
                                          "{cos: {a: 1.1, b: 0.7, c: 0.2}}",
                                          "{arbf: {a: 0.8, gamma: 0.3}}",
                                          "{gaussian: {a: 1.5, b: -0.4}}",
                                          "{exp: {a: 0.5, b: 0.3}}",
                                          "{sign: {}}",
                                          "{step: {}}",
                                          "{rectified_monomial: {degree: 2}}",
                                          "{monomial: {degree: 3}}",
                                          "{polynomial: {coefficients: [0.1, 0.5, 0.2]}}",
                                          "{hermite: {degree: 2}}",
                                          "{elu: {alpha: 0.7}}",
                                          "{selu: {}}",
                                          "{tanh: {tolerance: 1e-10}}",
                                          "{sigmoid: {tolerance: 1e-10}}",
                                          "{softplus: {tolerance: 1e-10}}",
                                          "{silu: {tolerance: 1e-10}}",
                                          "{mish: {tolerance: 1e-10}}"};
enum { ACTIVATION_COUNT = sizeof ACTIVATIONS / sizeof *ACTIVATIONS };

static void with_activation(size_t i, char *text, size_t size) {
  snprintf(text, size, "{type: mlp, depth: 1, activation: [%s], " COMMON "%s, input_transform: identity}", ACTIVATIONS[i], "false");
}

static void gradients(const char *text) {
  ntk_arena *arena = NULL;
  ntk_net *net = NULL;
  ntk_comm comm;
  OK(ntk_comm_create(MPI_COMM_WORLD, &comm));
  OK(ntk_arena_create(&arena));
  OK(ntk_net_create(parse(arena, text), D, 32, 1, (ntk_rng){3, 0, NTK_STREAM_INITIAL}, &net));
  const double h = 1e-6;
  double gradient[D], value[2], x[2 * D];
  OK(ntk_net_evaluate(&comm, net, 1, at, NULL, gradient));
  for (int a = 0; a < D; a++) {
    for (int i = 0; i < 2; i++) memcpy(x + i * D, at, D * sizeof *x);
    x[a] -= h;
    x[D + a] += h;
    OK(ntk_net_evaluate(&comm, net, 2, x, value, NULL));
    CLOSE(gradient[a], (value[1] - value[0]) / (2 * h), 1e-8 * (1 + fabs(gradient[a])));
  }
  ntk_net_free(&net);
  ntk_arena_free(&arena);
  ntk_comm_free(&comm);
}

static void gradients_by_differences(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof NETWORKS / sizeof *NETWORKS; i++) gradients(NETWORKS[i]);
  for (size_t i = 0; i < ACTIVATION_COUNT; i++) {
    char text[256];
    with_activation(i, text, sizeof text);
    gradients(text);
  }
}

/* Long statistics once, not at each number of ranks. */
static bool is_alone(void) {
  int size;
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  return size == 1;
}

/* Mean of f(x) f(x') over draws minus the NNGP kernel, over the kernel's diagonal: largest over the pairs. */
static double covariance_gap(const ntk_comm *comm, const char *text, size_t width, int draws, double *bias) {
  ntk_arena *arena = NULL;
  ntk_kernel *kernel = NULL;
  ntk_prepared *points = NULL;
  ntk_workspace *workspace = NULL;
  double k[POINTS * POINTS], mean[POINTS * POINTS] = {0}, f[POINTS], gap = 0;
  OK(ntk_arena_create(&arena));
  const ntk_value *network = parse(arena, text);
  OK(ntk_kernel_create(network, "nngp", D, &kernel));
  OK(ntk_prepare(kernel, POINTS, at, &points));
  OK(ntk_workspace_create(kernel, &workspace));
  ntk_tile_values(kernel, workspace, (ntk_tile){points, points, 0, POINTS, 0, POINTS}, k, POINTS);
  for (int draw = 0; draw < draws; draw++) {
    ntk_net *net = NULL;
    OK(ntk_net_create(network, D, width, 1, (ntk_rng){17, (uint32_t)draw, NTK_STREAM_INITIAL}, &net));
    OK(ntk_net_evaluate(comm, net, POINTS, at, f, NULL));
    for (int i = 0; i < POINTS * POINTS; i++) mean[i] += f[i / POINTS] * f[i % POINTS] / draws;
    ntk_net_free(&net);
  }
  *bias = 0;
  for (int i = 0; i < POINTS * POINTS; i++) {
    double scale = sqrt(k[i / POINTS * (POINTS + 1)] * k[i % POINTS * (POINTS + 1)]);
    gap = fmax(gap, fabs(mean[i] - k[i]) / scale);
    *bias += (mean[i] - k[i]) / scale / (POINTS * POINTS);
  }
  ntk_workspace_free(&workspace);
  ntk_prepared_free(&points);
  ntk_kernel_free(&kernel);
  ntk_arena_free(&arena);
  return gap;
}

/* A mean over 2000 draws of a product of normal numbers has a standard deviation of at most sqrt(2/2000) = 0.032; four of them for nine pairs. The
 * covariance of a network of finite width is off by less than 1/width, which is far smaller at width 64. */
static void covariance_is_the_nngp_kernel(void **state) {
  (void)state;
  if (!is_alone()) skip();
  ntk_comm comm;
  double bias;
  OK(ntk_comm_create(MPI_COMM_SELF, &comm));
  for (size_t i = 0; i < sizeof NETWORKS / sizeof *NETWORKS; i++) assert_true(covariance_gap(&comm, NETWORKS[i], 64, 2000, &bias) < 0.13);
  for (size_t i = 0; i < ACTIVATION_COUNT; i++) {
    char text[256];
    with_activation(i, text, sizeof text);
    double gap = covariance_gap(&comm, text, 64, 1000, &bias); /* polynomials have heavier tails */
    if (!(gap < 0.25)) fail_msg("%s: %g", ACTIVATIONS[i], gap);
  }
  ntk_comm_free(&comm);
}

/* The covariance given one draw of the hidden layers: the mean over many outputs of one network, which all share them. */
static double gap_of_one_draw(const ntk_comm *comm, size_t width, uint32_t draw) {
  enum { OUTPUTS = 512 };
  ntk_arena *arena = NULL;
  ntk_kernel *kernel = NULL;
  ntk_prepared *points = NULL;
  ntk_workspace *workspace = NULL;
  ntk_net *net = NULL;
  static double f[POINTS * OUTPUTS];
  double k[POINTS * POINTS], square = 0;
  OK(ntk_arena_create(&arena));
  const ntk_value *network = parse(arena, NETWORKS[0]);
  OK(ntk_kernel_create(network, "nngp", D, &kernel));
  OK(ntk_prepare(kernel, POINTS, at, &points));
  OK(ntk_workspace_create(kernel, &workspace));
  ntk_tile_values(kernel, workspace, (ntk_tile){points, points, 0, POINTS, 0, POINTS}, k, POINTS);
  OK(ntk_net_create(network, D, width, OUTPUTS, (ntk_rng){23, draw, NTK_STREAM_INITIAL}, &net));
  OK(ntk_net_evaluate(comm, net, POINTS, at, f, NULL));
  for (int i = 0; i < POINTS; i++) {
    double sum = 0;
    for (int o = 0; o < OUTPUTS; o++) sum += f[i * OUTPUTS + o] * f[i * OUTPUTS + o] / OUTPUTS;
    square += pow(sum / k[i * (POINTS + 1)] - 1, 2) - 2.0 / OUTPUTS; /* the outputs' own scatter taken out */
  }
  ntk_net_free(&net);
  ntk_workspace_free(&workspace);
  ntk_prepared_free(&points);
  ntk_kernel_free(&kernel);
  ntk_arena_free(&arena);
  return square / POINTS;
}

/* Root mean square of that gap: from width 8 to 128, sixteen times, it falls four times. */
static void error_falls_as_the_root_of_the_width(void **state) {
  (void)state;
  if (!is_alone()) skip();
  enum { DRAWS = 200 };
  ntk_comm comm;
  double square[2] = {0, 0};
  OK(ntk_comm_create(MPI_COMM_SELF, &comm));
  for (uint32_t draw = 0; draw < DRAWS; draw++) {
    square[0] += gap_of_one_draw(&comm, 8, draw) / DRAWS;
    square[1] += gap_of_one_draw(&comm, 128, draw) / DRAWS;
  }
  double ratio = sqrt(square[0] / square[1]);
  if (!(ratio > 3 && ratio < 5.5)) fail_msg("from width 8 to 128 the error fell %.3g times (%.3g to %.3g)", ratio, sqrt(square[0]), sqrt(square[1]));
  ntk_comm_free(&comm);
}

static void ranks_change_no_bit(void **state) {
  (void)state;
  enum { N = 200 };
  ntk_comm world, self;
  ntk_arena *arena = NULL;
  ntk_net *net = NULL;
  double *x, *f[2], *g[2];
  OK(ntk_comm_create(MPI_COMM_WORLD, &world));
  OK(ntk_comm_create(MPI_COMM_SELF, &self));
  OK(ntk_arena_create(&arena));
  OK(ntk_net_create(parse(arena, NETWORKS[5]), D, 50, 1, (ntk_rng){5, 1, NTK_STREAM_INITIAL}, &net));
  OK(ntk_alloc(N * D, sizeof *x, &x));
  for (size_t i = 0; i < N * D; i++) x[i] = ntk_normal((ntk_rng){1, 0, NTK_STREAM_FAKE}, i);
  for (int i = 0; i < 2; i++) {
    OK(ntk_alloc(N, sizeof(double), &f[i]));
    OK(ntk_alloc(N * D, sizeof(double), &g[i]));
    OK(ntk_net_evaluate(i ? &self : &world, net, N, x, f[i], g[i]));
  }
  assert_memory_equal(f[0], f[1], N * sizeof(double));
  assert_memory_equal(g[0], g[1], N * D * sizeof(double));
  for (int i = 0; i < 2; i++) free(f[i]), free(g[i]);
  free(x);
  ntk_net_free(&net);
  ntk_arena_free(&arena);
  ntk_comm_free(&world);
  ntk_comm_free(&self);
}

static void other_networks_are_refused(void **state) {
  (void)state;
  ntk_arena *arena = NULL;
  OK(ntk_arena_create(&arena));
  FAILS(ntk_net_check(parse(arena, "{type: dcgan}")), NTK_E_CONFIG, "layers over vectors");
  FAILS(ntk_net_check(parse(arena, "{type: layers, layers: [" DENSE ", {activation: {relu: {}}}]}")), NTK_E_CONFIG, "ends with a dense layer");
  FAILS(ntk_net_check(parse(arena, "{type: layers, layers: [{dropout: {rate: 0.5}}, " DENSE "]}")), NTK_E_CONFIG, "layer dropout");
  FAILS(ntk_net_check(parse(arena, "{type: layers, layers: [{residual: [" DENSE "]}, " DENSE "]}")), NTK_E_CONFIG, "cannot be added");
  ntk_arena_free(&arena);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gradients_by_differences),
      cmocka_unit_test(covariance_is_the_nngp_kernel),
      cmocka_unit_test(error_falls_as_the_root_of_the_width),
      cmocka_unit_test(ranks_change_no_bit),
      cmocka_unit_test(other_networks_are_refused),
  };
  MPI_Init(&argc, &argv);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  MPI_Finalize();
  return failed;
}
