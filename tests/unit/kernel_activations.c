// ranks: 1
#include "kernel/function.h"
#include "kernel/quadrature.h"
#include "unit/kernel_fixture.h"

/* Expectations under two correlated normal variables by an independent rule: polar coordinates, each of the four sectors between the lines u = 0
 * and v = 0 apart (kinks lie on them), composite Gauss-Legendre rules in radius and angle, finer towards the lines and the origin. */

static const double PI = 3.14159265358979323846;

enum { NODES = 8, RADIAL = 14, ANGULAR = 15 };

static const double NODE[NODES / 2] = {0.18343464249564980494, 0.52553240991632898582, 0.79666647741362673959, 0.96028985649753623168};
static const double WEIGHT[NODES / 2] = {0.36268378337836198297, 0.31370664587788728734, 0.22238103445337447054, 0.10122853629037625915};

typedef double (*function)(double x, double parameter);

typedef struct {
  const char *network;
  function phi, slope;
  double parameter, tolerance;
  double most; /* variance up to which it is tried */
} activation_case;

typedef struct {
  double value, dot, slope_q; /* E phi(u) phi(v), E phi'(u) phi'(v), E u phi'(u) phi(v) */
} expectation;

static double radius(int panel) { return 9.0 * (panel * panel) / (RADIAL * RADIAL); }

static void add_sector(const activation_case *c, double q, double s, double theta, double from, double to, expectation *sum) {
  for (int p = 0; p < RADIAL * ANGULAR; p++) {
    double r0 = radius(p / ANGULAR), outer = radius(p / ANGULAR + 1) - r0, a0 = from + (to - from) * 0.5 * (1 - cos(PI * (p % ANGULAR) / ANGULAR));
    double arc = from + (to - from) * 0.5 * (1 - cos(PI * (p % ANGULAR + 1) / ANGULAR)) - a0;
    for (int i = 0; i < NODES * NODES; i++) {
      int k = i / NODES, l = i % NODES;
      double r = r0 + 0.5 * outer * (1 + (k % 2 ? NODE[k / 2] : -NODE[k / 2])), angle = a0 + 0.5 * arc * (1 + (l % 2 ? NODE[l / 2] : -NODE[l / 2]));
      double weight = 0.25 * outer * arc * WEIGHT[k / 2] * WEIGHT[l / 2] * r * exp(-0.5 * r * r) / (2 * PI);
      double u = sqrt(q) * r * cos(angle), v = sqrt(s) * r * cos(angle - theta), of_v = c->phi(v, c->parameter), of_u = c->slope(u, c->parameter);
      sum->value += weight * c->phi(u, c->parameter) * of_v;
      sum->dot += weight * of_u * c->slope(v, c->parameter);
      sum->slope_q += weight * u * of_u * of_v;
    }
  }
}

static expectation expect(const activation_case *c, double q, double s, double theta) {
  expectation sum = {0, 0, 0};
  const double edge[] = {theta - PI / 2, PI / 2, theta + PI / 2, 1.5 * PI, theta + 1.5 * PI};
  for (int i = 0; i < 4; i++) add_sector(c, q, s, theta, edge[i], edge[i + 1], &sum);
  return sum;
}

static double tanh_slope(double x, double p) { return (void)p, 1 - tanh(x) * tanh(x); }
static double tanh_value(double x, double p) { return (void)p, tanh(x); }
static double logistic(double x, double p) { return (void)p, 0.5 + 0.5 * tanh(0.5 * x); }
static double logistic_slope(double x, double p) { return logistic(x, p) * logistic(-x, p); }
static double softplus(double x, double p) { return (void)p, x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)); }
static double silu(double x, double p) { return x * logistic(x, p); }
static double silu_slope(double x, double p) { return logistic(x, p) * (1 + x * logistic(-x, p)); }
static double mish(double x, double p) { return x * tanh(softplus(x, p)); }
static double mish_slope(double x, double p) {
  double t = tanh(softplus(x, p));
  return t + x * (1 - t * t) * logistic(x, p);
}
static double elu(double x, double alpha) { return x > 0 ? x : alpha * expm1(x); }
static double elu_slope(double x, double alpha) { return x > 0 ? 1 : alpha * exp(x); }
static double selu(double x, double p) { return (void)p, 1.0507009873554804934 * elu(x, 1.6732632423543772848); }
static double selu_slope(double x, double p) { return (void)p, 1.0507009873554804934 * elu_slope(x, 1.6732632423543772848); }
static double gaussian(double x, double b) { return 1.3 * exp(b * x * x); }
static double gaussian_slope(double x, double b) { return 2 * b * x * gaussian(x, b); }
static double exponential(double x, double b) { return 0.7 * exp(b * x); }
static double exponential_slope(double x, double b) { return b * exponential(x, b); }
static double sign(double x, double p) { return (void)p, x > 0 ? 1 : -1; }
static double step(double x, double p) { return (void)p, x > 0 ? 1 : 0; }
static double nothing(double x, double p) { return (void)x, (void)p, 0; }
static double rectified(double x, double k) { return x > 0 ? pow(x, k) : 0; }
static double rectified_slope(double x, double k) { return x > 0 ? k * pow(x, k - 1) : 0; }
static double power(double x, double k) { return pow(x, k); }
static double power_slope(double x, double k) { return k * pow(x, k - 1); }
static double cubic(double x, double p) { return (void)p, 0.1 + 0.7 * x - 0.2 * x * x + 0.05 * x * x * x; }
static double cubic_slope(double x, double p) { return (void)p, 0.7 - 0.4 * x + 0.15 * x * x; }

static const activation_case CASES[] = {
    {"tanh", tanh_value, tanh_slope, 0, 1e-10, 16},
    {"{tanh: {tolerance: 1.0e-13}}", tanh_value, tanh_slope, 0, 1e-12, 4}, /* what the rule here reaches */
    {"{tanh: {tolerance: 1.0e-6}}", tanh_value, tanh_slope, 0, 1e-6, 16},
    {"sigmoid", logistic, logistic_slope, 0, 1e-10, 16},
    {"softplus", softplus, logistic, 0, 1e-10, 16},
    {"silu", silu, silu_slope, 0, 1e-10, 16},
    {"mish", mish, mish_slope, 0, 1e-10, 16},
    {"elu", elu, elu_slope, 1, 2e-12, 16},
    {"{elu: {alpha: 0.3}}", elu, elu_slope, 0.3, 2e-12, 16},
    {"selu", selu, selu_slope, 0, 2e-12, 16},
    {"{gaussian: {a: 1.3, b: -0.6}}", gaussian, gaussian_slope, -0.6, 1e-12, 16},
    {"{exp: {a: 0.7, b: 0.4}}", exponential, exponential_slope, 0.4, 1e-12, 4},
    {"sign", sign, nothing, 0, 1e-13, 16},
    {"step", step, nothing, 0, 1e-13, 16},
    {"{rectified_monomial: {degree: 1}}", rectified, rectified_slope, 1, 4e-13, 16},
    {"{rectified_monomial: {degree: 2}}", rectified, rectified_slope, 2, 4e-13, 16},
    {"{rectified_monomial: {degree: 3}}", rectified, rectified_slope, 3, 4e-13, 16},
    {"{monomial: {degree: 4}}", power, power_slope, 4, 2e-12, 16},
    {"{polynomial: {coefficients: [0.1, 0.7, -0.2, 0.05]}}", cubic, cubic_slope, 0, 6e-13, 16},
};

static double relative(double got, double expected, double scale) { return fabs(got - expected) / scale; }

/* One hidden layer: nngp is V, ntk is V + r V_dot, and the gradient of nngp is (2 V_q x + V_dot x')/d, 2 q V_q = E u phi'(u) phi(v) - r V_dot. */
static void one_pair(const activation_case *c, double q, double s, double theta, expectation of_q, expectation of_s, double worst[3]) {
  char network[256];
  double x[2] = {sqrt(2 * q), 0}, z[2] = {sqrt(2 * s) * cos(theta), sqrt(2 * s) * sin(theta)}, r = sqrt(q * s) * cos(theta), gradient[2];
  if (theta == PI) z[1] = 0;
  snprintf(network, sizeof network, "{type: mlp, depth: 1, activation: %s}", c->network);
  expectation e = expect(c, q, s, theta);
  double scale = sqrt(of_q.value * of_s.value), dot_scale = sqrt(of_q.dot * of_s.dot);
  double value = kernel_at(network, "nngp", 2, x, z, gradient), ntk = kernel_at(network, "ntk", 2, x, z, NULL);
  double errors[3] = {relative(value, e.value, scale), relative(ntk, e.value + r * e.dot, scale + sqrt(q * s) * dot_scale), 0};
  /* At theta = 0 or pi the derivative of sign and step is not finite. */
  if (c->slope != nothing) {
    double slope = (e.slope_q - r * e.dot) / (2 * q), size = fabs(x[0]) * (fabs(slope) + dot_scale);
    errors[2] = fmax(relative(gradient[0], (2 * slope * x[0] + e.dot * z[0]) / 2, size), relative(gradient[1], e.dot * z[1] / 2, size));
  }
  for (int i = 0; i < 3; i++) worst[i] = fmax(worst[i], isfinite(errors[i]) ? errors[i] : INFINITY);
}

static void activations_are_their_expectations(void **state) {
  (void)state;
  const double variances[][2] = {{0.01, 0.01}, {0.01, 4}, {1, 1}, {4, 2.5}, {16, 16}};
  const double angles[] = {0, 1.4142137e-3, 0.3, 1.8, 3.14159265358979323846};
  int bad = 0;
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    double worst[3] = {0, 0, 0};
    for (size_t k = 0; k < sizeof variances / sizeof *variances; k++) {
      double q = variances[k][0], s = variances[k][1];
      if (fmax(q, s) > CASES[i].most) continue;
      expectation of_q = expect(&CASES[i], q, q, 0), of_s = expect(&CASES[i], s, s, 0);
      for (size_t a = 0; a < sizeof angles / sizeof *angles; a++) one_pair(&CASES[i], q, s, angles[a], of_q, of_s, worst);
    }
    print_message("%-54s V %.1e, NTK %.1e, gradient %.1e\n", CASES[i].network, worst[0], worst[1], worst[2]);
    for (int f = 0; f < 3; f++) bad += !(worst[f] <= CASES[i].tolerance);
  }
  assert_int_equal(bad, 0);
}

/* Series end late for large variances and rho = 1, and are summed at few degrees only: V and V_dot are then means of one variable. */
static void long_series_are_whole(void **state) {
  (void)state;
  const char *const names[] = {"tanh", "sigmoid", "softplus", "silu", "mish"};
  const ntk_function *const functions[] = {&ntk_function_tanh, &ntk_function_sigmoid, &ntk_function_softplus, &ntk_function_silu, &ntk_function_mish};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char network[128];
    snprintf(network, sizeof network, "{type: mlp, depth: 1, activation: {%s: {tolerance: 1.0e-14}}}", names[i]);
    for (double q = 0.7; q < 90; q *= 2.3) {
      ntk_means exact = ntk_function_means(functions[i], q);
      double x[1] = {sqrt(q)}, z[1] = {-sqrt(q)}, value = kernel_at(network, "nngp", 1, x, x, NULL), ntk = kernel_at(network, "ntk", 1, x, x, NULL);
      CLOSE(value / exact.value_square, 1, 1e-13);
      CLOSE((ntk - value) / (q * exact.slope_square), 1, 1e-13);
      /* The same without the signs: x = -x' is as far from convergence. */
      double even = 0.5 * (value + kernel_at(network, "nngp", 1, x, z, NULL)), mean = exact.value * exact.value;
      if (functions[i]->parity == NTK_PARITY_ODD) CLOSE(even / exact.value_square, mean / exact.value_square, 1e-13);
    }
  }
}

/* A function may be given by its values only. */
static void derivatives_by_differences(void **state) {
  (void)state;
  const ntk_function *known[] = {&ntk_function_tanh, &ntk_function_sigmoid, &ntk_function_softplus, &ntk_function_silu, &ntk_function_mish};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    ntk_function values = {known[i]->value, NULL, known[i]->parity};
    for (double x = -30; x < 30; x += 0.37) {
      double exact[3], found[3];
      ntk_function_jet(known[i], x, exact);
      ntk_function_jet(&values, x, found);
      CLOSE(found[0], exact[0], 1e-15 * (1 + fabs(x)));
      CLOSE(found[1], exact[1], 1e-12 * (1 + fabs(x)));
      CLOSE(found[2], exact[2], 5e-11 * (1 + fabs(x)));
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(derivatives_by_differences), cmocka_unit_test(long_series_are_whole),
                                     cmocka_unit_test(activations_are_their_expectations)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
