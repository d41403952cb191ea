// ranks: 1
#include "kernel/kernel.h"
#include "unit/kernel_fixture.h"

enum { HEIGHT = 4, WIDTH = 5, CHANNELS = 2, D = HEIGHT * WIDTH * CHANNELS };

#define IMAGE "{type: layers, image: {height: 4, width: 5, channels: 2}, layers: "

/* Between them every layer, padding, order of pooling and parameterization. */
static const char *const IMAGE_NETWORKS[] = {
    IMAGE "[{conv: {size: 3, bias_stddev: 0.2}}, activation: relu, flatten, dense]}",
    IMAGE "[{conv: {size: [3, 2], stride: [2, 1], padding: valid}}, activation: erf, {conv: {size: 2}}, layer_norm, activation: gelu, flatten]}",
    IMAGE
    "[{conv: {size: 3, padding: circular, bias_stddev: 0.1}}, activation: relu, {conv: {size: [2, 3], stride: 2, padding: circular}}, flatten]}",
    IMAGE
    "[{conv: {size: 3, bias_stddev: 0.3}}, activation: relu, {conv: {size: 3, weight_stddev: 1.4}}, activation: relu, "
    "global_average_pool, dense]}",
    IMAGE
    "[{conv: {size: 3, padding: circular, bias_stddev: 0.2}}, {activation: relu}, {conv: {size: [2, 3], padding: circular}}, "
    "activation: {sin: {c: 0.4}}, global_average_pool, {dense: {bias_stddev: 0.2}}, activation: relu, dense]}",
    IMAGE "[{conv: {size: 2, stride: [2, 1], bias_stddev: 0.2, padding: circular}}, activation: relu, global_average_pool, dense]}",
    IMAGE
    "[{conv: {size: 3, bias_stddev: 0.2}}, activation: relu, {average_pool: {size: 2}}, {conv: {size: 2, bias_stddev: 0.1}}, layer_norm, "
    "activation: relu, global_average_pool, layer_norm, dense]}",
    IMAGE "[{average_pool: {size: [3, 2], stride: 2, padding: same}}, {conv: {size: 2}}, activation: gelu, flatten]}",
    IMAGE
    "[{conv: {size: 2}}, activation: relu, {average_pool: {size: 2, stride: 1, padding: same}}, activation: erf, "
    "{average_pool: {size: 2, stride: [1, 2]}}, {conv: {size: 2, bias_stddev: 0.5}}, activation: relu, flatten, dense]}",
    IMAGE
    "[{conv: {size: 3}}, {residual: [activation: relu, {conv: {size: 3, bias_stddev: 0.2}}]}, layer_norm, {parallel: [[activation: relu, "
    "{conv: {size: 2}}], [activation: erf, {conv: {size: 3, bias_stddev: 0.3}}], [{conv: {size: 1}}]]}, activation: relu, flatten]}",
    IMAGE
    "[{conv: {size: 3}}, {residual: [activation: relu, {conv: {size: 3, bias_stddev: 0.2}}, {average_pool: {size: 3, stride: 1, "
    "padding: same}}]}, {parallel: [[activation: relu, {conv: {size: 2, stride: 2}}], [{average_pool: {size: 2, padding: same}}]]}, "
    "global_average_pool, dense]}",
    IMAGE
    "[{conv: {size: 3, parameterization: standard, width: 8, bias_stddev: 0.2}}, activation: abs, {conv: {size: 2, parameterization: standard, "
    "width: 4, bias_stddev: null}}, activation: relu, flatten, {dense: {parameterization: standard, bias_stddev: 0.0}}], "
    "input_transform: tanh}",
    IMAGE
    "[{conv: {size: 3, parameterization: standard, width: 8}}, activation: relu, {average_pool: {size: 2}}, {conv: {size: 2, "
    "parameterization: standard, width: 4, bias_stddev: 0.1}}, activation: relu, global_average_pool, {dense: {parameterization: standard}}]}",
    IMAGE "[flatten, {dense: {bias_stddev: 0.2}}, activation: relu, dense]}",
    IMAGE
    "[{conv: {size: 3, bias_stddev: 0.2, weight_stddev: 1.5}}, activation: tanh, {conv: {size: 2, bias_stddev: 0.1}}, activation: silu, "
    "flatten, dense]}",
    IMAGE
    "[{conv: {size: 2, padding: circular}}, activation: softplus, {conv: {size: [3, 1], padding: circular, bias_stddev: 0.1}}, "
    "layer_norm, activation: mish, global_average_pool, {dense: {bias_stddev: 0.1}}, activation: sigmoid, dense]}",
    IMAGE
    "[{conv: {size: 3}}, activation: {polynomial: {coefficients: [0.1, 0.7, -0.2]}}, {average_pool: {size: 2}}, {conv: {size: 2}}, layer_norm, "
    "activation: {hermite: {degree: 4}}, flatten]}",
};

enum { IMAGE_NETWORK_COUNT = sizeof IMAGE_NETWORKS / sizeof *IMAGE_NETWORKS };

static void gradients_are_derivatives(void **state) {
  (void)state;
  const double h = 1e-5;
  double x[D], z[D], gradient[D];
  for (size_t i = 0; i < IMAGE_NETWORK_COUNT; i++)
    for (size_t k = 0; k < 2; k++) {
      fill_points(D, x, (unsigned)(i + 1));
      fill_points(D, z, (unsigned)(i + 50));
      kernel_at(IMAGE_NETWORKS[i], KINDS[k], D, x, z, gradient);
      for (size_t a = 0; a < D; a += 3) {
        double at = x[a];
        x[a] = at + h;
        double above = kernel_at(IMAGE_NETWORKS[i], KINDS[k], D, x, z, NULL);
        x[a] = at - h;
        double below = kernel_at(IMAGE_NETWORKS[i], KINDS[k], D, x, z, NULL);
        x[a] = at;
        double slope = (above - below) / (2 * h);
        if (!(fabs(slope - gradient[a]) <= 1e-7 * (largest(D, gradient) + 1e-3)))
          fail_msg("%s %s: gradient[%zu] = %.10g, by differences %.10g", IMAGE_NETWORKS[i], KINDS[k], a, gradient[a], slope);
      }
    }
}

/* More columns than lanes, two tiles, several weight columns: k(x, z) = k(z, x), and the sums are those of the entries. */
static void tiles_agree_and_are_symmetric(void **state) {
  (void)state;
  enum { N = 3, M = 71, C = 2, SPLIT = 40 };
  static double x[N * D], z[M * D], k[N * M], other[M * N], w[M * C], gradients[N * M * D], value[N * C], gradient[N * D];
  fill_points(N * D, x, 3);
  fill_points(M * D, z, 4);
  fill_points(M * C, w, 5);
  for (size_t i = 0; i < IMAGE_NETWORK_COUNT; i++) {
    pairing p = pairing_make(IMAGE_NETWORKS[i], "ntk", D, N, x, M, z);
    ntk_tile_values(p.kernel, p.workspace, pairing_tile(&p), k, M);
    ntk_tile_values(p.kernel, p.workspace, (ntk_tile){p.z, p.x, 0, M, 0, N}, other, N);
    ntk_tile_gradients(p.kernel, p.workspace, pairing_tile(&p), gradients, M);
    memset(value, 0, sizeof value);
    memset(gradient, 0, sizeof gradient);
    ntk_tile_apply(p.kernel, p.workspace, (ntk_tile){p.x, p.z, 0, N, 0, SPLIT}, C, w, value, gradient);
    ntk_tile_apply(p.kernel, p.workspace, (ntk_tile){p.x, p.z, 0, N, SPLIT, M - SPLIT}, C, w + SPLIT * C, value, gradient);
    pairing_free(&p);
    for (size_t r = 0; r < N; r++)
      for (size_t j = 0; j < M; j++) {
        CLOSE(k[r * M + j], other[j * N + r], 5e-13 * largest(N * M, k));
        for (size_t b = 0; b < C; b++) value[r * C + b] -= k[r * M + j] * w[j * C + b];
        for (size_t a = 0; a < D; a++) gradient[r * D + a] -= gradients[(r * M + j) * D + a] * w[j * C];
      }
    /* Series end earlier where no gradient is wanted. */
    assert_true(largest(N * C, value) < (100 * value_accuracy(IMAGE_NETWORKS[i]) < 1e-11 ? 1e-12 : 1e-10) * largest(N * M, k));
    assert_true(largest(N * D, gradient) < 1e-11 * largest(N * M * D, gradients));
  }
}

/* Coincident, opposite, scaled and black images, and ones close to each other: finite, and at x = z the documented value and gradient. */
static void special_images_are_finite(void **state) {
  (void)state;
  /* Large variances of activations by series take milliseconds a pair of pixels: ten times is enough for them here. */
  const char *const slow[] = {"tanh", "silu", "softplus", "mish"};
  enum { N = 6 };
  double x[D], z[N * D], k[N], gradients[N * D], ends[2 * D], diagonal[3];
  const double h = 1e-5;
  for (size_t i = 0; i < IMAGE_NETWORK_COUNT; i++) {
    double most = 1e4;
    for (size_t s = 0; s < sizeof slow / sizeof *slow; s++) most = strstr(IMAGE_NETWORKS[i], slow[s]) ? 10 : most;
    fill_points(D, x, (unsigned)(i + 9));
    for (size_t a = 0; a < D; a++) {
      const double values[N] = {x[a], -x[a], 2 * x[a], 0, x[a] * (1 + 1e-8 * (double)(a % 3)), most * x[a]};
      for (size_t j = 0; j < N; j++) z[j * D + a] = values[j];
    }
    pairing p = pairing_make(IMAGE_NETWORKS[i], "ntk", D, 1, x, N, z);
    ntk_tile_values(p.kernel, p.workspace, pairing_tile(&p), k, N);
    ntk_tile_gradients(p.kernel, p.workspace, pairing_tile(&p), gradients, N);
    ntk_prepared_diagonal(p.kernel, p.x, diagonal + 2);
    for (size_t j = 0; j < N; j++) assert_true(isfinite(k[j]));
    for (size_t j = 0; j < N * D; j++) assert_true(isfinite(gradients[j]));
    CLOSE(k[0], diagonal[2], 1e-13 * diagonal[2]);
    CLOSE(k[4], diagonal[2], 1e-6 * diagonal[2]);
    pairing_free(&p);
    for (size_t a = 0; a < D; a += 7) {
      memcpy(ends, x, sizeof x);
      memcpy(ends + D, x, sizeof x);
      ends[a] += h;
      ends[D + a] -= h;
      p = pairing_make(IMAGE_NETWORKS[i], "ntk", D, 2, ends, 1, x);
      ntk_prepared_diagonal(p.kernel, p.x, diagonal);
      pairing_free(&p);
      double half = (diagonal[0] - diagonal[1]) / (4 * h);
      if (!(fabs(half - gradients[a]) <= 1e-7 * (largest(D, gradients) + fabs(diagonal[0]))))
        fail_msg("%s: gradient[%zu] = %.10g at x = z, half of the diagonal's %.10g", IMAGE_NETWORKS[i], a, gradients[a], half);
    }
  }
}

/* A normalised channel that is alone is a sign: behind it pairs of pixels are on a line up to rounding, and nothing depends on their sizes. */
static void sizes_of_a_lone_normalised_channel_do_not_matter(void **state) {
  (void)state;
  enum { N = 40, PIXELS = 6 };
  double x[N * PIXELS], gradients[N * N * PIXELS];
  for (size_t i = 0; i < N * PIXELS; i++) x[i] = (i * 7 % 3 ? 1 : -1) * (0.5 + fmod(0.618 * (double)i, 1));
  pairing p = pairing_make(
      "{type: layers, image: {height: 2, width: 3, channels: 1}, layers: [{conv: {size: 1}}, layer_norm, "
      "activation: {leaky_relu: {slope: 0.2}}, {conv: {size: [1, 2]}}, activation: gelu, flatten, dense]}",
      "ntk", PIXELS, N, x, N, x);
  ntk_tile_gradients(p.kernel, p.workspace, pairing_tile(&p), gradients, N);
  for (size_t j = 0; j < N * N * PIXELS; j++) CLOSE(gradients[j], 0, 1e-10);
  pairing_free(&p);
}

static void assert_same_kernel(const char *a, const char *b, size_t d, double tolerance) {
  double x[64], z[64], slopes[2][64];
  fill_points(d, x, 21);
  fill_points(d, z, 22);
  for (size_t k = 0; k < 2; k++) {
    double values[2] = {kernel_at(a, KINDS[k], d, x, z, slopes[0]), kernel_at(b, KINDS[k], d, x, z, slopes[1])};
    if (!(fabs(values[0] - values[1]) <= tolerance * fabs(values[0]))) fail_msg("%s: %.17g\n%s: %.17g", a, values[0], b, values[1]);
    for (size_t i = 0; i < d; i++) CLOSE(slopes[0][i], slopes[1][i], 10 * tolerance * largest(d, slopes[0]));
  }
}

static void layers_spell_out_a_multilayer_perceptron(void **state) {
  (void)state;
  const char *spelled =
      "{type: layers, layers: [{dense: {bias_stddev: 0.3, weight_stddev: 1.2}}, activation: relu, {dense: {bias_stddev: 0.3, "
      "weight_stddev: 1.2}}, layer_norm, activation: relu, {dense: {weight_stddev: 1.2}}]}";
  assert_same_kernel(spelled, "{type: mlp, depth: 2, activation: relu, bias_stddev: 0.3, weight_stddev: 1.2, layer_norm: true}", 3, 0);
  assert_same_kernel(spelled, "{type: mlp, depth: 2, activation: relu, bias_stddev: 0.3, weight_stddev: 1.2, layer_norm: true}", 40, 0);
  assert_same_kernel(
      "{type: layers, layers: [{dense: {parameterization: standard, width: 16}}, activation: erf, {dense: {bias_stddev: null, "
      "parameterization: standard}}]}",
      "{type: mlp, depth: 1, activation: erf, last_bias_stddev: null, parameterization: standard, width: 16}", 4, 0);
  assert_same_kernel("{type: layers, layers: [dense, {parallel: [[activation: relu, dense], [activation: erf, dense]]}]}",
                     "{type: mlp, depth: 1, activation: [relu, erf]}", 5, 1e-14);
  assert_same_kernel(
      "{type: layers, layers: [{dense: {bias_stddev: 0.4}}, {parallel: [[{dense: {bias_stddev: 0.4}}], [activation: relu, {dense: "
      "{bias_stddev: 0.4}}, activation: relu, {dense: {bias_stddev: 0.4}}]]}, activation: relu, dense]}",
      "{type: resnet, blocks: 1, block_depth: 2, activation: relu, bias_stddev: 0.4}", 5, 1e-14);
}

static void residual_and_parallel_are_sums(void **state) {
  (void)state;
  double x[D], z[D];
  fill_points(D, x, 31);
  fill_points(D, z, 32);
  const char *const pairs[][3] = {
      {"{type: layers, layers: [dense, {residual: [activation: relu, dense]}]}", "{type: layers, layers: [dense]}",
       "{type: layers, layers: [dense, activation: relu, dense]}"},
      {"{type: layers, layers: [dense, {parallel: [[activation: relu, dense], [activation: gelu, layer_norm]]}]}",
       "{type: layers, layers: [dense, activation: relu, dense]}", "{type: layers, layers: [dense, activation: gelu, layer_norm]}"},
      {IMAGE "[{conv: {size: 3}}, {residual: [activation: relu, {conv: {size: 3}}]}, global_average_pool]}",
       IMAGE "[{conv: {size: 3}}, global_average_pool]}", IMAGE "[{conv: {size: 3}}, activation: relu, {conv: {size: 3}}, global_average_pool]}"},
  };
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
    for (size_t k = 0; k < 2; k++) {
      double sum = kernel_at(pairs[i][1], KINDS[k], D, x, z, NULL) + kernel_at(pairs[i][2], KINDS[k], D, x, z, NULL);
      CLOSE(kernel_at(pairs[i][0], KINDS[k], D, x, z, NULL), sum, 1e-14 * (1 + fabs(sum)));
    }
}

static void one_pixel_is_a_vector(void **state) {
  (void)state;
  assert_same_kernel(
      "{type: layers, image: {height: 1, width: 1, channels: 6}, layers: [{conv: {size: 1, bias_stddev: 0.3}}, activation: relu, "
      "{conv: {size: 1, bias_stddev: 0.3}}, activation: erf, global_average_pool, dense]}",
      "{type: layers, layers: [{dense: {bias_stddev: 0.3}}, activation: relu, {dense: {bias_stddev: 0.3}}, activation: erf, dense]}", 6, 1e-13);
  assert_same_kernel(
      "{type: layers, image: {height: 1, width: 1, channels: 6}, layers: [{conv: {size: 1, bias_stddev: 0.3, weight_stddev: 2}}, activation: "
      "tanh, {conv: {size: 1, bias_stddev: 0.3}}, activation: softplus, global_average_pool, dense]}",
      "{type: layers, layers: [{dense: {bias_stddev: 0.3, weight_stddev: 2}}, activation: tanh, {dense: {bias_stddev: 0.3}}, activation: "
      "softplus, dense]}",
      6, 1e-13);
  assert_same_kernel(IMAGE "[flatten, {dense: {bias_stddev: 0.2}}, activation: relu, dense]}",
                     "{type: mlp, depth: 1, activation: relu, bias_stddev: 0.2}", D, 1e-13);
  assert_same_kernel(IMAGE "[{conv: {size: [4, 5], padding: valid, bias_stddev: 0.2}}, activation: gelu, dense]}",
                     "{type: mlp, depth: 1, activation: gelu, bias_stddev: 0.2}", D, 1e-13);
}

/* Loops over images and passes over vectors are different code for most activations. */
static void activations_of_one_pixel_are_those_of_vectors(void **state) {
  (void)state;
  static const char *const names[] = {"identity",
                                      "abs",
                                      "{leaky_relu: {slope: 0.3}}",
                                      "{ab_relu: {a: -0.4, b: 1.1}}",
                                      "erf",
                                      "gelu",
                                      "{sin: {b: 0.8, c: 0.4}}",
                                      "{rbf: {gamma: 0.3}}",
                                      "{exp: {a: 0.4, b: 0.5}}",
                                      "{gaussian: {a: 1.2, b: -0.4}}",
                                      "sign",
                                      "{rectified_monomial: {degree: 0}}",
                                      "{rectified_monomial: {degree: 2}}",
                                      "{rectified_monomial: {degree: 3}}",
                                      "elu",
                                      "tanh"};
  char image[512], vector[512];
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    snprintf(
        image, sizeof image,
        "{type: layers, image: {height: 1, width: 1, channels: 6}, layers: [{conv: {size: 1, bias_stddev: 0.3, weight_stddev: 1.2}}, activation: "
        "%s, {conv: {size: 1, bias_stddev: 0.2}}, layer_norm, activation: relu, flatten, dense]}",
        names[i]);
    snprintf(vector, sizeof vector,
             "{type: layers, layers: [{dense: {bias_stddev: 0.3, weight_stddev: 1.2}}, activation: %s, {dense: {bias_stddev: 0.2}}, layer_norm, "
             "activation: relu, dense]}",
             names[i]);
    assert_same_kernel(image, vector, 6, 1e-12);
  }
}

/* Moved around the image, both or either of the images: global pooling behind circular convolutions does not notice. */
static void pooled_circular_networks_are_invariant(void **state) {
  (void)state;
  const char *network = IMAGE
      "[{conv: {size: 3, padding: circular, bias_stddev: 0.2}}, activation: relu, {conv: {size: 2, padding: circular}}, "
      "activation: relu, global_average_pool, dense]}";
  double x[D], z[D], moved[D];
  fill_points(D, x, 41);
  fill_points(D, z, 42);
  for (size_t y = 0; y < HEIGHT; y++)
    for (size_t c = 0; c < WIDTH; c++)
      memcpy(moved + (((y + 1) % HEIGHT) * WIDTH + (c + 3) % WIDTH) * CHANNELS, z + (y * WIDTH + c) * CHANNELS, CHANNELS * sizeof *z);
  for (size_t k = 0; k < 2; k++) {
    double still = kernel_at(network, KINDS[k], D, x, z, NULL);
    CLOSE(kernel_at(network, KINDS[k], D, x, moved, NULL), still, 1e-13 * fabs(still));
  }
}

static double cost_of(const char *network, size_t d) {
  ntk_kernel *kernel;
  OK(ntk_kernel_parse(network, "ntk", d, &kernel));
  double cost = ntk_kernel_cost(kernel, 0);
  assert_true(ntk_kernel_cost(kernel, 1) > cost);
  ntk_kernel_free(&kernel);
  return cost;
}

/* A plan counts pixels, with pooling pairs of pixels: 2 and 4 times as many with twice the lines. */
static void cost_counts_pairs_of_positions(void **state) {
  (void)state;
#define LINES(lines, end) "{type: layers, image: {height: " lines ", width: 8, channels: 2}, layers: [{conv: {size: 3}}, activation: relu, " end "]}"
  double flat = cost_of(LINES("8", "flatten"), 128), flat_twice = cost_of(LINES("16", "flatten"), 256);
  double pooled = cost_of(LINES("8", "global_average_pool"), 128), pooled_twice = cost_of(LINES("16", "global_average_pool"), 256);
  CLOSE(flat_twice / flat, 2, 0.02);
  CLOSE(pooled_twice / pooled, 4, 0.05);
  assert_true(pooled > 32 * flat && pooled < 128 * flat);
}

static void mistakes_are_placed(void **state) {
  (void)state;
  static const struct {
    const char *network, *message;
  } cases[] = {
      {"{type: layers, layers: [flaten]}", "network:1:25: network.layers: expected dense, conv"},
      {"{type: layers, layers: [flaten]}", "did you mean 'flatten'"},
      {"{type: layers, layers: [{parallel: [[dense], [{activation: rleu}]]}]}", "did you mean 'relu'"},
      {"{type: layers, layers: [{parallel: [dense]}]}", "a list of lists of"},
      {"{type: layers, layers: [dense, residual]}", "required"},
      {"{type: layers, layers: [dense, {conv: {size: 3}}]}", "network:1:32: layers: conv needs images"},
      {IMAGE "[{conv: {size: 3}}]}", "add flatten or global_average_pool"},
      {IMAGE "[{conv: {size: 3}}, dense]}", "a dense layer needs flatten"},
      {IMAGE "[{conv: {size: 9, padding: valid}}, flatten]}", "does not fit"},
      {IMAGE "[{conv: {size: [1, 2, 3]}}, flatten]}", "one integer or two"},
      {IMAGE "[{conv: {sise: 3}}, flatten]}", "did you mean 'size'"},
      {IMAGE "[{parallel: [[{conv: {size: 3}}], [{conv: {size: 3, stride: 2}}]]}, flatten]}", "branches of different size"},
      {"{type: dcgan, image: {height: 16, width: 16, channels: 3}, activation: relu}", "image"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    ntk_kernel *kernel = NULL;
    ntk_error *err = ntk_kernel_parse(cases[i].network, "ntk", D, &kernel);
    assert_non_null(err);
    assert_null(kernel);
    if (!strstr(ntk_error_message(err), cases[i].message)) fail_msg("%s: %s", cases[i].network, ntk_error_message(err));
    ntk_error_free(&err);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gradients_are_derivatives),
      cmocka_unit_test(tiles_agree_and_are_symmetric),
      cmocka_unit_test(special_images_are_finite),
      cmocka_unit_test(sizes_of_a_lone_normalised_channel_do_not_matter),
      cmocka_unit_test(layers_spell_out_a_multilayer_perceptron),
      cmocka_unit_test(residual_and_parallel_are_sums),
      cmocka_unit_test(one_pixel_is_a_vector),
      cmocka_unit_test(activations_of_one_pixel_are_those_of_vectors),
      cmocka_unit_test(pooled_circular_networks_are_invariant),
      cmocka_unit_test(cost_counts_pairs_of_positions),
      cmocka_unit_test(mistakes_are_placed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
