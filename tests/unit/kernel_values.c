// ranks: 1
#include "kernel/kernel.h"
#include "unit/kernel_fixture.h"

static const double PI = 3.14159265358979323846;

static void rbf_is_the_gaussian(void **state) {
  (void)state;
  double x[20], z[20], gradient[20];
  for (size_t d = 1; d <= 20; d += 19) {
    fill_points(d, x, 1);
    fill_points(d, z, 2);
    double square = 0, h = 0.9;
    for (size_t a = 0; a < d; a++) square += (x[a] - z[a]) * (x[a] - z[a]);
    double expected = exp(-square / (2 * h * h));
    for (size_t k = 0; k < 2; k++) {
      CLOSE(kernel_at("{type: rbf, bandwidth: 0.9}", KINDS[k], d, x, z, gradient), expected, 1e-15);
      for (size_t a = 0; a < d; a++) CLOSE(gradient[a], expected * (z[a] - x[a]) / (h * h), 1e-14);
    }
  }
}

/* One hidden ReLU layer: arc-cosine kernels of degree 0 and 1 (Cho and Saul 2009). */
static void one_relu_layer_is_the_arc_cosine_kernel(void **state) {
  (void)state;
  const char *network = "{type: mlp, depth: 1, activation: relu, weight_stddev: 1.5, bias_stddev: 0.4}";
  double x[3], z[3], w2 = 2.25, b2 = 0.16;
  for (unsigned i = 0; i < 10; i++) {
    fill_points(3, x, i);
    fill_points(3, z, i + 100);
    double q = b2, s = b2, r = b2;
    for (size_t a = 0; a < 3; a++) {
      q += w2 * x[a] * x[a] / 3;
      s += w2 * z[a] * z[a] / 3;
      r += w2 * x[a] * z[a] / 3;
    }
    double theta = acos(r / sqrt(q * s)), value = sqrt(q * s) * (sin(theta) + (PI - theta) * cos(theta)) / (2 * PI);
    double slope = (PI - theta) / (2 * PI);
    CLOSE(kernel_at(network, "nngp", 3, x, z, NULL), w2 * value, 1e-14);
    CLOSE(kernel_at(network, "ntk", 3, x, z, NULL), w2 * value + w2 * r * slope, 1e-14);
  }
}

static void matrices_are_symmetric_with_the_diagonal(void **state) {
  (void)state;
  enum { N = 37, MOST = 20 };
  const size_t dimensions[] = {1, 2, 3, 6, MOST};
  double x[N * MOST], k[N * N], diagonal[N];
  for (size_t i = 0; i < NETWORK_COUNT; i++) {
    for (size_t c = 0; c < sizeof dimensions / sizeof *dimensions; c++) {
      fill_points(N * dimensions[c], x, 5);
      pairing p = pairing_make(NETWORKS[i], KINDS[i % 2], dimensions[c], N, x, N, x);
      ntk_tile_values(p.kernel, p.workspace, pairing_tile(&p), k, N);
      ntk_prepared_diagonal(p.kernel, p.x, diagonal);
      double scale = largest(N * N, k) * value_accuracy(NETWORKS[i]);
      for (size_t a = 0; a < N; a++) {
        CLOSE(k[a * N + a], diagonal[a], scale);
        for (size_t b = 0; b < a; b++) CLOSE(k[a * N + b], k[b * N + a], scale);
      }
      pairing_free(&p);
    }
  }
}

/* From 1e-100 to 1e4, with the origin, coincident and opposite points: numbers, and a Cauchy-Schwarz inequality. */
static void no_point_gives_nan(void **state) {
  (void)state;
  enum { N = 9 };
  double x[N * 20], k[N * N], gradient[N * N * 20];
  for (size_t i = 0; i < NETWORK_COUNT; i++) {
    /* Points must be below 1 for atanh; exp overflows. */
    if (strstr(NETWORKS[i], "atanh") || strstr(NETWORKS[i], "exp:")) continue;
    for (size_t d = 1; d <= 20; d += d == 1 ? 1 : 18) {
      fill_points(d, x, 9);
      for (size_t j = 1; j < N; j++) {
        const double factors[N] = {1, 1, -1, 0, 1e4, 1e-4, 1e-100, -1e4, 1.0000001};
        for (size_t a = 0; a < d; a++) x[j * d + a] = factors[j] * x[a];
      }
      for (size_t kind = 0; kind < 2; kind++) {
        pairing p = pairing_make(NETWORKS[i], KINDS[kind], d, N, x, N, x);
        ntk_tile_values(p.kernel, p.workspace, pairing_tile(&p), k, N);
        ntk_tile_gradients(p.kernel, p.workspace, pairing_tile(&p), gradient, N);
        const double slack = 2 * value_accuracy(NETWORKS[i]);
        for (size_t j = 0; j < N * N; j++) {
          if (!isfinite(k[j])) fail_msg("%s %s d=%zu: k(%zu,%zu) = %g", NETWORKS[i], KINDS[kind], d, j / N, j % N, k[j]);
          if (k[j] * k[j] > k[j / N * (N + 1)] * k[j % N * (N + 1)] * (1 + slack))
            fail_msg("%s d=%zu: k(%zu,%zu) = %.17g exceeds its bound, diagonal %g, %g", NETWORKS[i], d, j / N, j % N, k[j], k[j / N * (N + 1)],
                     k[j % N * (N + 1)]);
        }
        for (size_t j = 0; j < N * N * d; j++) {
          if (!isfinite(gradient[j])) fail_msg("%s %s d=%zu: gradient %zu of (%zu,%zu)", NETWORKS[i], KINDS[kind], d, j % d, j / d / N, j / d % N);
        }
        pairing_free(&p);
      }
    }
  }
}

static void instruction_sets_agree(void **state) {
  (void)state;
  enum { N = 13, D = 3 };
  const char *sets[] = {"x86-64-v4", "x86-64-v3", "x86-64", "generic"};
  double x[N * D], k[N * N], gradient[N * N * D], other_k[N * N], other_gradient[N * N * D];
  fill_points(N * D, x, 21);
  for (size_t i = 0; i < NETWORK_COUNT; i++) {
    bool first = true;
    for (size_t s = 0; s < 4; s++) {
      setenv("NTKGAN_ISA", sets[s], 1);
      if (strcmp(ntk_kernel_isa(), sets[s])) continue;
      pairing p = pairing_make(NETWORKS[i], "ntk", D, N, x, N, x);
      ntk_tile_values(p.kernel, p.workspace, pairing_tile(&p), first ? k : other_k, N);
      ntk_tile_gradients(p.kernel, p.workspace, pairing_tile(&p), first ? gradient : other_gradient, N);
      for (size_t j = 0; !first && j < N * N; j++) CLOSE(other_k[j], k[j], 10 * value_accuracy(NETWORKS[i]) * largest(N * N, k));
      for (size_t j = 0; !first && j < N * N * D; j++)
        CLOSE(other_gradient[j], gradient[j], 10 * value_accuracy(NETWORKS[i]) * largest(N * N * D, gradient));
      pairing_free(&p);
      first = false;
    }
    unsetenv("NTKGAN_ISA");
    assert_false(first);
  }
}

/* Single precision beside double, on every instruction set, with the origin, coincident, collinear, tiny and large points (close ones:
 * tests/command/test_accuracy.py); networks without such loops refuse. */
static void single_precision_is_close(void **state) {
  (void)state;
  enum { N = 9, MOST = 20 };
  const size_t dimensions[] = {1, 2, 3, 4, 9, MOST};
  const double factors[N] = {1, 1, -1, 0, 1e2, 1e-4, 1e-100, -2, 1.0000001};
  const char *sets[] = {"x86-64-v4", "x86-64-v3", "x86-64", "generic"};
  double x[N * MOST], k[N * N], gradient[N * N * MOST], single_k[N * N], single_gradient[N * N * MOST];
  size_t able = 0;
  for (size_t i = 0; i < NETWORK_COUNT * 6 * 4; i++) {
    const char *network = NETWORKS[i / 24], *kind = KINDS[i / 24 % 2];
    size_t d = dimensions[i / 4 % 6];
    setenv("NTKGAN_ISA", sets[i % 4], 1);
    if (strcmp(ntk_kernel_isa(), sets[i % 4]) || strstr(network, "atanh") || strstr(network, "exp:")) continue;
    fill_points(d, x, 9);
    for (size_t j = N * d; j-- > 0;) x[j] = factors[j / d] * x[j % d] + (j / d == 8 && j % d == 0 ? 0.01 : 0);
    pairing p, q = {.kernel = NULL};
    OK(ntk_kernel_parse(network, kind, d, &q.kernel));
    ntk_error *err = ntk_kernel_use_single(q.kernel);
    if (err) {
      assert_int_equal(ntk_error_code(err), NTK_E_CONFIG);
      ntk_error_free(&err);
    } else {
      able++;
      p = pairing_make(network, kind, d, N, x, N, x);
      OK(ntk_workspace_create(q.kernel, &q.workspace));
      OK(ntk_prepare(q.kernel, N, x, &q.x));
      OK(ntk_prepare(q.kernel, N, x, &q.z));
      ntk_tile_values(p.kernel, p.workspace, pairing_tile(&p), k, N);
      ntk_tile_values(q.kernel, q.workspace, pairing_tile(&q), single_k, N);
      ntk_tile_gradients(p.kernel, p.workspace, pairing_tile(&p), gradient, N);
      ntk_tile_gradients(q.kernel, q.workspace, pairing_tile(&q), single_gradient, N);
      for (size_t j = 0; j < N * N; j++) CLOSE(single_k[j], k[j], 2e-6 * largest(N * N, k));
      for (size_t j = 0; j < N * N * d; j++) {
        bool tiny = j / d / N == 6 || j / d % N == 6; /* as good as the origin, where the gradient is that of both sides */
        if (!isfinite(single_gradient[j])) fail_msg("%s %s d=%zu: gradient (%zu,%zu)", network, kind, d, j / d / N, j / d % N);
        if (!tiny) CLOSE(single_gradient[j], gradient[j], 1e-5 * largest(N * N * d, gradient));
      }
      pairing_free(&p);
    }
    pairing_free(&q);
  }
  unsetenv("NTKGAN_ISA");
  assert_true(able >= 24);
}

static void wrong_requests_are_errors(void **state) {
  (void)state;
  ntk_kernel *kernel;
  ntk_prepared *points;
  double x[4] = {0, 0.5, NAN, 0};
  FAILS(ntk_kernel_parse("{type: mlp, depth: 1, activation: rleu}", "ntk", 2, &kernel), NTK_E_CONFIG, "relu");
  FAILS(ntk_kernel_parse("{type: mlp, depth: 1, activation: []}", "ntk", 2, &kernel), NTK_E_CONFIG, "activation");
  FAILS(ntk_kernel_parse("{type: mlp, activation: relu}", "ntk", 2, &kernel), NTK_E_CONFIG, "depth");
  FAILS(ntk_kernel_parse("{type: rbf}", "nkt", 2, &kernel), NTK_E_CONFIG, "nngp");
  OK(ntk_kernel_parse("{type: mlp, depth: 1, activation: erf, input_transform: atanh}", "ntk", 2, &kernel));
  FAILS(ntk_prepare(kernel, 2, x, &points), NTK_E_NONFINITE, "point 1");
  x[2] = 1;
  FAILS(ntk_prepare(kernel, 2, x, &points), NTK_E_INPUT, "atanh");
  ntk_kernel_free(&kernel);
  OK(ntk_kernel_parse("{type: mlp, depth: 1, activation: relu}", "ntk", 2, &kernel));
  x[2] = 1e200;
  FAILS(ntk_prepare(kernel, 2, x, &points), NTK_E_NONFINITE, "point 1");
  assert_non_null(strstr(ntk_kernel_warning(kernel), "origin"));
  ntk_kernel_free(&kernel);
  OK(ntk_kernel_parse("{type: mlp, depth: 1, activation: relu, bias_stddev: 1}", "ntk", 2, &kernel));
  assert_null(ntk_kernel_warning(kernel));
  ntk_kernel_free(&kernel);
  static const char *const polynomials[] = {"identity", "{monomial: {degree: 2}}", "{polynomial: {coefficients: [1, 0, 2]}}",
                                            "{hermite: {degree: 3}}"};
  for (size_t i = 0; i < sizeof polynomials / sizeof *polynomials; i++) {
    char network[128];
    snprintf(network, sizeof network, "{type: mlp, depth: 2, activation: %s, bias_stddev: 1}", polynomials[i]);
    OK(ntk_kernel_parse(network, "ntk", 2, &kernel));
    assert_non_null(strstr(ntk_kernel_warning(kernel), "moments"));
    ntk_kernel_free(&kernel);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rbf_is_the_gaussian),
      cmocka_unit_test(one_relu_layer_is_the_arc_cosine_kernel),
      cmocka_unit_test(matrices_are_symmetric_with_the_diagonal),
      cmocka_unit_test(no_point_gives_nan),
      cmocka_unit_test(instruction_sets_agree),
      cmocka_unit_test(single_precision_is_close),
      cmocka_unit_test(wrong_requests_are_errors),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
