#include "kernel/activation.h"

#include <math.h>
#include <string.h>

#include "kernel/kernel.h"

static const double PI = 3.14159265358979323846;

static void ab_relu(double a, double b, double out[NTK_CONSTANTS]) {
  double f = (a - b) * (a - b) / (2 * PI), g = (a * a + b * b) / 2;
  out[0] = f;
  out[1] = g;
  out[2] = g > 0 ? f / g : 0;
  out[3] = sqrt(g);
  out[4] = a == -b;
}

static void relu_constants(const ntk_value *v, double out[NTK_CONSTANTS]) {
  (void)v;
  ab_relu(0, 1, out);
}
static void leaky_relu_constants(const ntk_value *v, double out[NTK_CONSTANTS]) { ab_relu(ntk_get_number(v, "slope"), 1, out); }
static void abs_constants(const ntk_value *v, double out[NTK_CONSTANTS]) {
  (void)v;
  ab_relu(-1, 1, out);
}
static void ab_relu_constants(const ntk_value *v, double out[NTK_CONSTANTS]) { ab_relu(ntk_get_number(v, "a"), ntk_get_number(v, "b"), out); }

static void erf_abc(double a, double b, double c, double out[NTK_CONSTANTS]) {
  out[0] = b * b;
  out[1] = 2 * a * a / PI;
  out[2] = c * c;
}
static void erf_constants(const ntk_value *v, double out[NTK_CONSTANTS]) {
  erf_abc(ntk_get_number(v, "a"), ntk_get_number(v, "b"), ntk_get_number(v, "c"), out);
}
static void sigmoid_like_constants(const ntk_value *v, double out[NTK_CONSTANTS]) {
  (void)v;
  erf_abc(0.5, 1 / 2.4020563531719796, 0.5, out);
}

static void sin_constants(const ntk_value *v, double out[NTK_CONSTANTS]) {
  double a = ntk_get_number(v, "a"), b = ntk_get_number(v, "b");
  out[0] = b * b;
  out[1] = a * a;
  out[2] = cos(2 * ntk_get_number(v, "c"));
}
static void cos_constants(const ntk_value *v, double out[NTK_CONSTANTS]) {
  sin_constants(v, out);
  out[2] = -out[2];
}
void ntk_rbf_constants(double a, double gamma, double out[NTK_CONSTANTS]) {
  out[0] = gamma;
  out[1] = a * a;
}
static void rbf_constants(const ntk_value *v, double out[NTK_CONSTANTS]) { ntk_rbf_constants(1, ntk_get_number(v, "gamma"), out); }
static void arbf_constants(const ntk_value *v, double out[NTK_CONSTANTS]) {
  ntk_rbf_constants(ntk_get_number(v, "a"), ntk_get_number(v, "gamma"), out);
}

static void no_constants(const ntk_value *v, double out[NTK_CONSTANTS]) {
  (void)v;
  (void)out;
}

#define NUMBER(name, fallback, help) \
  { name, NTK_T_NUMBER, 0, 0, 0, NULL, NULL, NULL, fallback, NULL, help }
#define POSITIVE(name, fallback, help) \
  { name, NTK_T_NUMBER, NTK_KEY_OPEN_MIN, 0, 1e300, NULL, NULL, NULL, fallback, NULL, help }

static const ntk_key slope_keys[] = {NUMBER("slope", "0.01", "slope for x < 0"), NTK_KEYS_END};
static const ntk_key ab_keys[] = {NUMBER("a", "1.0", "slope for x < 0"), NUMBER("b", "1.0", "slope for x > 0"), NTK_KEYS_END};
static const ntk_key abc_keys[] = {NUMBER("a", "1.0", "factor of the function"), NUMBER("b", "1.0", "factor of its argument"),
                                   NUMBER("c", "0.0", "added constant"), NTK_KEYS_END};
static const ntk_key wave_keys[] = {NUMBER("a", "1.0", "factor of the function"), NUMBER("b", "1.0", "factor of its argument"),
                                    NUMBER("c", "0.0", "phase"), NTK_KEYS_END};
static const ntk_key gamma_keys[] = {POSITIVE("gamma", "1.0", "decay with the squared distance"), NTK_KEYS_END};
static const ntk_key arbf_keys[] = {NUMBER("a", "1.0", "factor of the function"), POSITIVE("gamma", "1.0", "decay with the squared distance"),
                                    NTK_KEYS_END};

#define RELU_SOURCE "Cho and Saul 2009, degree 1; Tsuchida et al. 2018"
#define FEATURES_SOURCE "Rahimi and Recht 2007; Han et al. 2022"

static const ntk_activation TABLE[] = {
    {{"relu", NULL, "max(x, 0)", "rectifier", RELU_SOURCE, NULL}, NTK_DUAL_AB_RELU, relu_constants, 1.0},
    {{"leaky_relu", slope_keys, "slope min(x, 0) + max(x, 0)", "rectifier with a slope on the left", RELU_SOURCE, NULL},
     NTK_DUAL_AB_RELU,
     leaky_relu_constants,
     1.0},
    {{"abs", NULL, "|x|", "absolute value", RELU_SOURCE, NULL}, NTK_DUAL_AB_RELU, abs_constants, 1.0},
    {{"ab_relu", ab_keys, "a min(x, 0) + b max(x, 0)", "any function linear on each side of 0", RELU_SOURCE, NULL},
     NTK_DUAL_AB_RELU,
     ab_relu_constants,
     1.0},
    {{"erf", abc_keys, "a erf(b x) + c", "error function", "Williams 1997, equation 11", NULL}, NTK_DUAL_ERF, erf_constants, 1.0},
    {{"sigmoid_like", NULL, "(1 + erf(x / 2.4020563531719796)) / 2", "error function close to the logistic sigmoid", "Williams 1997, equation 11",
      NULL},
     NTK_DUAL_ERF,
     sigmoid_like_constants,
     1.0},
    {{"gelu", NULL, "x Phi(x)", "Gaussian error linear unit", "Tsuchida et al. 2021", NULL}, NTK_DUAL_GELU, no_constants, 1.5},
    {{"sin", wave_keys, "a sin(b x + c)", "sine", "Daniely, Frostig, Singer 2016", NULL}, NTK_DUAL_SIN, sin_constants, 1.2},
    {{"cos", wave_keys, "a cos(b x + c)", "cosine", "Daniely, Frostig, Singer 2016", NULL}, NTK_DUAL_SIN, cos_constants, 1.2},
    {{"rbf", gamma_keys, "sqrt(2) sin(sqrt(2 gamma) x + pi/4)", "sine whose kernel is exp(-gamma delta), delta = q + s - 2r", FEATURES_SOURCE, NULL},
     NTK_DUAL_RBF,
     rbf_constants,
     0.7},
    {{"arbf", arbf_keys, "sqrt(2) a sin(sqrt(2 gamma) x + pi/4)", "sine whose kernel is a^2 exp(-gamma delta)", FEATURES_SOURCE, NULL},
     NTK_DUAL_RBF,
     arbf_constants,
     0.7},
    {{"identity", NULL, "x", "no activation", "Jacot, Gabriel, Hongler 2018", NULL}, NTK_DUAL_IDENTITY, no_constants, 0.3},
};

enum { COUNT = sizeof TABLE / sizeof *TABLE };

static const ntk_choice *activation_at(size_t i) { return &TABLE[i].choice; }

const ntk_choices *ntk_activation_choices(void) {
  static const ntk_choices choices = {"activations", "activations of a layer: their dual functions in closed form", COUNT, activation_at};
  return &choices;
}

const ntk_activation *ntk_activation_find(const char *name) {
  for (size_t i = 0; i < COUNT; i++) {
    if (!strcmp(TABLE[i].choice.name, name)) return &TABLE[i];
  }
  return NULL;
}
