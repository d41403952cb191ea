// ranks: 1
#include "kernel/kernel.h"
#include "unit/kernel_fixture.h"

/* elu, alpha = 1: E phi(u) phi(v), E phi'(u) phi'(v), E u phi'(u) phi(v) for variances q, s and the angle theta, of the same plane in polar coordinates:
 * radial integrals in closed form, the angle by adaptive quadrature in 40 digits. The variances reach over the ends of the tables of tile/elu_table.h
 * (sqrt(q), sqrt(s), their sum: 2, 4, 8). */
static const struct {
  double q, s, theta, value, dot, moment;
} CASES[] = {
    {1, 1, 1, 0.34972475099317698, 0.62052856498707166, 0.31430364976710821},
    {1e-6, 1e-6, 0.7, 7.6423258298684128e-7, 0.99920301429436144, 7.639281062915186e-7},
    {1e-8, 4, 2, -5.5602044937410658e-5, 0.6680688038125252, -5.5598383237278914e-5},
    {63, 63, 0.1, 31.761707049605138, 0.5195625651005441, 31.375547914688917},
    {65, 64, 3.1, -6.3073911328511353, 0.09805952835814532, -3.2555368709695588},
    {16, 16, 0.001, 8.3602968706300527, 0.54912215407929735, 8.0613470157695931},
    {64, 0.01, 1.2, 0.1606801779451576, 0.53523005039081875, 0.14834733426503545},
    {300, 1e-6, 1.9, -0.0029253642072192763, 0.52268468727443772, -0.0027975944144597327},
    {1e4, 1e4, 0.01, 5000.2431949115567, 0.50135430177274813, 4999.7527277569177},
    {1e4, 2e4, 3.14, -96.305429618067704, 0.0068123755924514449, -39.903460009357285},
    {1e8, 1e8, 1e-4, 50000000.249931921, 0.50001354326967974, 49999999.750027268},
    {1e8, 1e8, 1.3, 23172935.680594415, 0.29313846897624112, 23174396.209300124},
    {1e8, 3, 2.5, -2509.0756528915213, 0.22973152108315556, -2508.4965003974884},
    {1e8, 1e8, 3.1415926, -7978.8455282401884, 7.9788455283218067e-5, -3989.4228439085455},
};

enum { COUNT = sizeof CASES / sizeof *CASES };

static const char NETWORK[] = "{type: mlp, depth: 1, activation: elu}";

static void points_of(size_t i, double x[2], double z[2]) {
  double q = CASES[i].q, s = CASES[i].s, theta = CASES[i].theta;
  x[0] = sqrt(2 * q), x[1] = 0;
  z[0] = sqrt(2 * s) * cos(theta), z[1] = sqrt(2 * s) * sin(theta);
}

static void expectations_at_all_variances(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT; i++) {
    double x[2], z[2], gradient[2], root = sqrt(CASES[i].q * CASES[i].s), r = root * cos(CASES[i].theta);
    points_of(i, x, z);
    double scale = root, slope = (CASES[i].moment - r * CASES[i].dot) / (2 * CASES[i].q), size = fabs(x[0]) * fabs(slope) + fabs(z[0]) + fabs(z[1]);
    double value = kernel_at(NETWORK, "nngp", 2, x, z, gradient), ntk = kernel_at(NETWORK, "ntk", 2, x, z, NULL);
    /* Rounding of the larger variance's share. */
    double ratio = sqrt(fmax(CASES[i].q / CASES[i].s, CASES[i].s / CASES[i].q));
    CLOSE(value / scale, CASES[i].value / scale, 2e-14 + 5e-17 * ratio);
    CLOSE((ntk - value) / scale, cos(CASES[i].theta) * CASES[i].dot, 2e-13);
    CLOSE(gradient[0] / size, (slope * x[0] + 0.5 * CASES[i].dot * z[0]) / size, 2e-12 + 1e-16 * ratio);
    CLOSE(gradient[1] / size, 0.5 * CASES[i].dot * z[1] / size, 2e-12 + 1e-16 * ratio);
  }
}

/* The gradient of the NTK against differences of order 6. */
static void gradients_at_all_variances(void **state) {
  (void)state;
  const char *const activations[] = {"elu", "{elu: {alpha: 0.3}}", "selu"};
  const double weights[] = {0.75, -0.15, 1.0 / 60};
  for (size_t i = 0; i < 3 * COUNT; i++) {
    char network[80];
    double x[2], z[2], gradient[2], step = 0.004, along[2] = {0, 0};
    if (sin(CASES[i / 3].theta) < 0.04) continue;
    snprintf(network, sizeof network, "{type: mlp, depth: 1, activation: %s}", activations[i % 3]);
    points_of(i / 3, x, z);
    for (int a = 0; a < 2; a++)
      for (int k = 1; k <= 3; k++) {
        double right[2] = {x[0], x[1]}, left[2] = {x[0], x[1]}, h = k * step * x[0];
        right[a] += h, left[a] -= h;
        double gap = kernel_at(network, "ntk", 2, right, z, NULL) - kernel_at(network, "ntk", 2, left, z, NULL);
        along[a] += weights[k - 1] * gap / (step * x[0]);
      }
    kernel_at(network, "ntk", 2, x, z, gradient);
    double size = fabs(z[0]) + fabs(z[1]);
    for (int a = 0; a < 2; a++) CLOSE(gradient[a] / size, along[a] / size, 2e-8);
  }
}

/* The same three of series activations, q = s: phi is its asymptote (sign, relu), whose part is closed or an integral over one variable, and what
 * decays exponentially, integrated over |u|, |v| < 45 by Gauss-Legendre panels. */
static const struct {
  const char *activation;
  double q, theta, value, dot, moment;
} SERIES[] = {
    {"tanh", 900, 1.3, 0.17223298406926693, 0.00073338589113888981, 0.00016111378614639045},
    {"softplus", 900, 1.3, 209.08713530204108, 0.29293785350114987, 208.58281414868711},
    {"tanh", 1e8, 1.3, 0.17239429446855206, 6.6069675538319006e-09, 1.4535920939691295e-09},
    {"softplus", 1e8, 1.3, 23175857.842231248, 0.29309857252694399, 23175857.337713368},
    {"tanh", 1e8, 0.01, 0.99363327872084051, 6.3657802807576338e-07, 5.2352964813926516e-07},
    {"softplus", 1e8, 0.01, 49997505.331181929, 0.49840792709107662, 49997505.325943954},
    {"tanh", 1e8, 3, -0.90985928037097685, 4.5111924113484127e-08, -3.6731757837604286e-08},
    {"softplus", 1e8, 3, 15029.766411846922, 0.022535207456053186, 15029.692521440418},
};

static void series_at_large_variances(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof SERIES / sizeof *SERIES; i++) {
    char network[80];
    double q = SERIES[i].q, theta = SERIES[i].theta, x[2] = {sqrt(2 * q), 0}, z[2] = {sqrt(2 * q) * cos(theta), sqrt(2 * q) * sin(theta)}, of_x[2],
           of_z[2];
    snprintf(network, sizeof network, "{type: mlp, depth: 1, activation: %s}", SERIES[i].activation);
    double value = kernel_at(network, "nngp", 2, x, z, of_x), ntk = kernel_at(network, "ntk", 2, x, z, of_z);
    double size = kernel_at(network, "nngp", 2, x, x, NULL), whole = kernel_at(network, "ntk", 2, x, x, NULL);
    double dot = SERIES[i].dot, slope = (SERIES[i].moment - q * cos(theta) * dot) / (2 * q), dot_size = (whole - size) / q;
    CLOSE(value / size, SERIES[i].value / size, 1e-10);
    CLOSE(ntk / whole, (SERIES[i].value + q * cos(theta) * dot) / whole, 1e-10);
    double most = x[0] * (fabs(slope) + dot_size);
    CLOSE(of_x[0] / most, (slope * x[0] + 0.5 * dot * z[0]) / most, 1e-10);
    CLOSE(of_x[1] / most, 0.5 * dot * z[1] / most, 1e-10);
    assert_true(isfinite(of_z[0]) && isfinite(of_z[1]));
  }
}

/* Points of norm 1e-4 to 1e4 beside each other, coincident, opposite and close ones among them: numbers everywhere. */
static void no_activation_gives_nan(void **state) {
  (void)state;
  const char *const activations[] = {"elu", "selu", "gelu", "erf", "sin", "tanh", "sigmoid", "softplus", "silu", "mish"};
  double x[] = {1e4, 0, 1e4, 1e-4, 1e4, 0, -1e4, 0, -7e3, 7e3, 1e-4, 1e-4, 0, 0, 1, -1};
  enum { POINTS = sizeof x / sizeof *x / 2 };
  for (size_t i = 0; i < sizeof activations / sizeof *activations; i++)
    for (int k = 0; k < 2; k++) {
      char network[100];
      double value[POINTS * POINTS], gradient[2 * POINTS * POINTS];
      snprintf(network, sizeof network, "{type: mlp, depth: %d, activation: %s, bias_stddev: 0.2}", i < 6 ? 2 : 1, activations[i]);
      pairing p = pairing_make(network, KINDS[k], 2, POINTS, x, POINTS, x);
      ntk_tile_values(p.kernel, p.workspace, pairing_tile(&p), value, POINTS);
      ntk_tile_gradients(p.kernel, p.workspace, pairing_tile(&p), gradient, POINTS);
      for (int j = 0; j < POINTS * POINTS; j++) {
        assert_true(isfinite(value[j]) && isfinite(gradient[2 * j]) && isfinite(gradient[2 * j + 1]));
        CLOSE(value[j] / sqrt(value[j / POINTS * (POINTS + 1)] * value[j % POINTS * (POINTS + 1)]), 0, 1 + 1e-9);
      }
      pairing_free(&p);
    }
}

/* Plans weigh runs by these: times of value and gradient of three layers beside relu's, as measured on an AVX-512 machine for variances of 1 to 20. */
static void costs_are_of_the_right_size(void **state) {
  (void)state;
  const struct {
    const char *activation;
    double times;
  } measured[] = {{"erf", 2.4}, {"gelu", 2.5},    {"sin", 2},        {"elu", 11.5}, {"selu", 11.5},
                  {"tanh", 13}, {"sigmoid", 6.5}, {"softplus", 6.5}, {"silu", 7},   {"mish", 17}};
  double relu = 0;
  for (int i = -1; i < (int)(sizeof measured / sizeof *measured); i++) {
    char network[80];
    ntk_kernel *kernel;
    snprintf(network, sizeof network, "{type: mlp, depth: 3, activation: %s}", i < 0 ? "relu" : measured[i].activation);
    OK(ntk_kernel_parse(network, "ntk", 2, &kernel));
    double cost = ntk_kernel_cost(kernel, 1);
    ntk_kernel_free(&kernel);
    if (i < 0) relu = cost;
    if (i >= 0) assert_true(cost / relu > 0.5 * measured[i].times && cost / relu < 2 * measured[i].times);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(expectations_at_all_variances), cmocka_unit_test(gradients_at_all_variances),
                                     cmocka_unit_test(series_at_large_variances), cmocka_unit_test(no_activation_gives_nan),
                                     cmocka_unit_test(costs_are_of_the_right_size)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
