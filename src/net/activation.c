/* The table of activations by value and slope; formulas as `ntkgan list activations` has them. */
#include "net/activation.h"

#include <math.h>
#include <string.h>

#define PI 3.14159265358979323846

/* A loop over the points of a function that gives its value and sets *d, the slope. */
#define LOOP(name, function)                                                                   \
  static void name(const double *c, size_t n, const double *x, double *value, double *slope) { \
    for (size_t i = 0; i < n; i++) {                                                           \
      double d;                                                                                \
      value[i] = function(c, x[i], &d);                                                        \
      if (slope) slope[i] = d;                                                                 \
    }                                                                                          \
  }

static double two_sided(const double *c, double x, double *d) {
  *d = x > 0 ? c[1] : x < 0 ? c[0] : (c[0] + c[1]) / 2;
  return x > 0 ? c[1] * x : c[0] * x;
}

/* c[0] erf(c[1] x) + c[2] */
static double error_function(const double *c, double x, double *d) {
  double u = c[1] * x;
  *d = c[0] * c[1] * 2 / sqrt(PI) * exp(-u * u);
  return c[0] * erf(u) + c[2];
}

static double gelu(const double *c, double x, double *d) {
  (void)c;
  double area = erfc(-x / sqrt(2)) / 2;
  *d = area + x * exp(-x * x / 2) / sqrt(2 * PI);
  return x * area;
}

/* c[0] sin(c[1] x + c[2]) */
static double sine(const double *c, double x, double *d) {
  *d = c[0] * c[1] * cos(c[1] * x + c[2]);
  return c[0] * sin(c[1] * x + c[2]);
}

/* c[0] exp(c[1] x^2) */
static double bump(const double *c, double x, double *d) {
  double y = c[0] * exp(c[1] * x * x);
  *d = 2 * c[1] * x * y;
  return y;
}

/* c[0] exp(c[1] x) */
static double exponential(const double *c, double x, double *d) {
  double y = c[0] * exp(c[1] * x);
  *d = c[1] * y;
  return y;
}

static double sign(const double *c, double x, double *d) {
  (void)c;
  *d = 0;
  return x > 0 ? 1 : x < 0 ? -1 : 0;
}

/* [x >= 0] x^c[0] */
static double rectified_power(const double *c, double x, double *d) {
  double degree = c[0];
  *d = 0;
  if (x < 0) return 0;
  if (degree > 0) *d = x > 0 ? degree * pow(x, degree - 1) : degree > 1 ? 0 : 0.5;
  return pow(x, degree);
}

/* c[0]: degree, c[1 + m]: coefficient of x^m */
static double polynomial(const double *c, double x, double *d) {
  double value = 0, slope = 0;
  for (size_t m = (size_t)c[0] + 1; m-- > 0;) {
    slope = slope * x + value;
    value = value * x + c[1 + m];
  }
  *d = slope;
  return value;
}

/* c[0]: degree; h_k = He_k / sqrt(k!), h_k' = sqrt(k) h_(k-1) */
static double hermite(const double *c, double x, double *d) {
  double before = 0, now = 1;
  for (int k = 1; k <= (int)c[0]; k++) {
    double next = (x * now - sqrt((double)k - 1) * before) / sqrt((double)k);
    before = now;
    now = next;
  }
  *d = sqrt(c[0]) * before;
  return now;
}

/* c[0] (x, or c[1] (e^x - 1) on the left) */
static double elu(const double *c, double x, double *d) {
  *d = c[0] * (x > 0 ? 1 : x < 0 ? c[1] * exp(x) : (1 + c[1]) / 2);
  return c[0] * (x > 0 ? x : c[1] * expm1(x));
}

static double hyperbolic_tangent(const double *c, double x, double *d) {
  (void)c;
  double t = tanh(x);
  *d = (1 - t) * (1 + t);
  return t;
}

static double logistic(double x) { return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x)); }
static double soft(double x) { return fmax(x, 0) + log1p(exp(-fabs(x))); }

static double sigmoid(const double *c, double x, double *d) {
  (void)c;
  *d = logistic(x) * logistic(-x);
  return logistic(x);
}

static double softplus(const double *c, double x, double *d) {
  (void)c;
  *d = logistic(x);
  return soft(x);
}

static double silu(const double *c, double x, double *d) {
  (void)c;
  double s = logistic(x);
  *d = s + x * s * logistic(-x);
  return x * s;
}

static double mish(const double *c, double x, double *d) {
  (void)c;
  double t = tanh(soft(x));
  *d = t + x * (1 - t) * (1 + t) * logistic(x);
  return x * t;
}

LOOP(apply_two_sided, two_sided)
LOOP(apply_error_function, error_function)
LOOP(apply_gelu, gelu)
LOOP(apply_sine, sine)
LOOP(apply_bump, bump)
LOOP(apply_exponential, exponential)
LOOP(apply_sign, sign)
LOOP(apply_rectified_power, rectified_power)
LOOP(apply_polynomial, polynomial)
LOOP(apply_hermite, hermite)
LOOP(apply_elu, elu)
LOOP(apply_tanh, hyperbolic_tangent)
LOOP(apply_sigmoid, sigmoid)
LOOP(apply_softplus, softplus)
LOOP(apply_silu, silu)
LOOP(apply_mish, mish)

/* `keys`: parameters that are the constants, in their order, separated by blanks; the constants they start from are `fixed`. */
typedef struct {
  const char *name, *keys;
  double fixed[3];
  ntk_net_function apply;
} unit_row;

static const unit_row TABLE[] = {
    {"relu", "", {0, 1, 0}, apply_two_sided},
    {"leaky_relu", "slope", {0, 1, 0}, apply_two_sided},
    {"abs", "", {-1, 1, 0}, apply_two_sided},
    {"ab_relu", "a b", {0, 0, 0}, apply_two_sided},
    {"identity", "", {1, 1, 0}, apply_two_sided},
    {"erf", "a b c", {0, 0, 0}, apply_error_function},
    {"sigmoid_like", "", {0.5, 1 / 2.4020563531719796, 0.5}, apply_error_function},
    {"gelu", "", {0, 0, 0}, apply_gelu},
    {"sin", "a b c", {0, 0, 0}, apply_sine},
    {"cos", "a b c", {0, 0, 0}, apply_sine},
    {"rbf", "gamma", {0, 0, 0}, apply_sine},
    {"arbf", "a gamma", {0, 0, 0}, apply_sine},
    {"gaussian", "a b", {0, 0, 0}, apply_bump},
    {"exp", "a b", {0, 0, 0}, apply_exponential},
    {"sign", "", {0, 0, 0}, apply_sign},
    {"step", "", {0, 0, 0}, apply_rectified_power},
    {"rectified_monomial", "degree", {0, 0, 0}, apply_rectified_power},
    {"monomial", "degree", {0, 0, 0}, apply_polynomial},
    {"polynomial", "", {0, 0, 0}, apply_polynomial},
    {"hermite", "degree", {0, 0, 0}, apply_hermite},
    {"elu", "", {1, 1, 0}, apply_elu},
    {"selu", "", {1.0507009873554804934, 1.6732632423543772848, 0}, apply_elu},
    {"tanh", "", {0, 0, 0}, apply_tanh},
    {"sigmoid", "", {0, 0, 0}, apply_sigmoid},
    {"softplus", "", {0, 0, 0}, apply_softplus},
    {"silu", "", {0, 0, 0}, apply_silu},
    {"mish", "", {0, 0, 0}, apply_mish},
};

static void read_keys(const char *keys, const ntk_value *parameters, double *constants) {
  for (size_t i = 0; *keys; i++) {
    char key[16] = {0};
    size_t length = strcspn(keys, " ");
    memcpy(key, keys, length);
    constants[i] = ntk_get_number(parameters, key);
    keys += length + (keys[length] == ' ');
  }
}

/* Sines that are written in other parameters. */
static void set_wave(const char *name, double *c) {
  if (!strcmp(name, "cos")) c[2] += PI / 2;
  bool plain = !strcmp(name, "rbf"), scaled = !strcmp(name, "arbf");
  if (!plain && !scaled) return;
  double amplitude = scaled ? c[0] : 1, gamma = scaled ? c[1] : c[0];
  c[0] = sqrt(2) * amplitude;
  c[1] = sqrt(2 * gamma);
  c[2] = PI / 4;
}

static ntk_error *set_polynomial(const char *name, const ntk_value *parameters, double *c) {
  if (!strcmp(name, "monomial")) c[1 + (size_t)c[0]] = 1;
  if (strcmp(name, "polynomial")) return NULL;
  const ntk_value *list = ntk_value_get(parameters, "coefficients");
  size_t count = ntk_value_count(list);
  if (!count || count + 1 > NTK_NET_CONSTANTS)
    return ntk_fail(NTK_E_CONFIG, "coefficients: expected 1 to %d numbers, found %zu", NTK_NET_CONSTANTS - 1, count);
  c[0] = (double)count - 1;
  for (size_t m = 0; m < count; m++) c[1 + m] = ntk_value_number(ntk_value_item(list, m));
  return NULL;
}

ntk_net_unit ntk_net_wave(void) { return (ntk_net_unit){apply_sine, {sqrt(2), 1, 0}}; }

ntk_error *ntk_net_unit_of(const ntk_value *activation, ntk_net_unit *out) {
  const char *name = ntk_choice_name(activation);
  const ntk_value *parameters = ntk_choice_parameters(activation);
  for (size_t i = 0; i < sizeof TABLE / sizeof *TABLE; i++) {
    if (strcmp(TABLE[i].name, name)) continue;
    *out = (ntk_net_unit){TABLE[i].apply, {TABLE[i].fixed[0], TABLE[i].fixed[1], TABLE[i].fixed[2]}};
    read_keys(TABLE[i].keys, parameters, out->constants);
    if (out->apply == apply_polynomial) return set_polynomial(name, parameters, out->constants);
    if (!strcmp(name, "elu")) out->constants[1] = ntk_get_number(parameters, "alpha");
    set_wave(name, out->constants);
    return NULL;
  }
  return ntk_fail(NTK_E_CONFIG, "activation %s: finite networks do not have it", name);
}
