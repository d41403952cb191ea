#include "kernel/activation.h"

#include <math.h>
#include <string.h>

#include "kernel/features.h"
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

#define DEGREE(most, help) \
  { "degree", NTK_T_INTEGER, 0, 0, most, NULL, NULL, NULL, "2", NULL, help }

static const ntk_key ab_exp_keys[] = {NUMBER("a", "1.0", "factor of the function"), NUMBER("b", "1.0", "factor of its argument"), NTK_KEYS_END};
static const ntk_key gaussian_keys[] = {NUMBER("a", "1.0", "factor of the function"),
                                        {"b", NTK_T_NUMBER, 0, -1e300, 0, NULL, NULL, NULL, "-1.0", NULL, "factor of the square, at most 0"},
                                        NTK_KEYS_END};
static const ntk_key elu_keys[] = {NUMBER("alpha", "1.0", "limit for x -> -infinity, with the other sign"), NTK_KEYS_END};
static const ntk_key degree_keys[] = {DEGREE(NTK_SERIES_MOST_DEGREE, "power of x"), NTK_KEYS_END};
static const ntk_key rectified_keys[] = {DEGREE(3, "power of x"), NTK_KEYS_END};
static const ntk_key hermite_keys[] = {DEGREE(1000, "of the polynomial"), NTK_KEYS_END};
static const ntk_key polynomial_keys[] = {
    {"coefficients", NTK_T_NUMBERS, NTK_KEY_REQUIRED, 0, 0, NULL, NULL, NULL, NULL, NULL, "of 1, x, x^2, ...; at most 17"}, NTK_KEYS_END};
static const ntk_key series_keys[] = {
    {"tolerance", NTK_T_NUMBER, 0, 1e-14, 1e-2, NULL, NULL, NULL, "1e-10", NULL, "relative error of the kernel's layer and its derivatives"},
    NTK_KEYS_END};

static void exp_constants(const ntk_value *v, double out[NTK_CONSTANTS]) {
  double a = ntk_get_number(v, "a"), b = ntk_get_number(v, "b");
  out[0] = b * b;
  out[1] = a * a;
}
static void gaussian_constants(const ntk_value *v, double out[NTK_CONSTANTS]) {
  double a = ntk_get_number(v, "a");
  out[0] = ntk_get_number(v, "b");
  out[1] = a * a;
}

static void scaled_elu(double lambda, double alpha, double out[NTK_CONSTANTS]) {
  out[0] = lambda * lambda;
  out[1] = alpha;
  out[2] = 1 - alpha;
}
static void elu_constants(const ntk_value *v, double out[NTK_CONSTANTS]) { scaled_elu(1, ntk_get_number(v, "alpha"), out); }
static void selu_constants(const ntk_value *v, double out[NTK_CONSTANTS]) {
  (void)v;
  scaled_elu(1.0507009873554804934, 1.6732632423543772848, out);
}

static ntk_error *rectified_monomial(const ntk_value *v, ntk_dual_name *dual, double out[NTK_CONSTANTS]) {
  static const ntk_dual_name duals[] = {NTK_DUAL_STEP, NTK_DUAL_AB_RELU, NTK_DUAL_RECTIFIED_SQUARE, NTK_DUAL_RECTIFIED_CUBE};
  int64_t degree = ntk_get_integer(v, "degree");
  *dual = duals[degree];
  if (degree == 1) ab_relu(0, 1, out);
  return NULL;
}

static void monomial_constants(const ntk_value *v, double out[NTK_CONSTANTS]) {
  int64_t degree = ntk_get_integer(v, "degree");
  out[NTK_SERIES_KIND] = NTK_SERIES_POLYNOMIAL;
  out[NTK_SERIES_DEGREE] = (double)degree;
  out[NTK_SERIES_COEFFICIENTS + degree] = 1;
}
static void hermite_constants(const ntk_value *v, double out[NTK_CONSTANTS]) {
  out[NTK_SERIES_KIND] = NTK_SERIES_HERMITE;
  out[NTK_SERIES_DEGREE] = (double)ntk_get_integer(v, "degree");
}
static ntk_error *polynomial(const ntk_value *v, ntk_dual_name *dual, double out[NTK_CONSTANTS]) {
  const ntk_value *coefficients = ntk_value_get(v, "coefficients");
  size_t count = ntk_value_count(coefficients);
  if (!count || count > NTK_SERIES_MOST_DEGREE + 1) {
    return ntk_fail(NTK_E_CONFIG, "coefficients: expected 1 to %d numbers, found %zu", NTK_SERIES_MOST_DEGREE + 1, count);
  }
  *dual = NTK_DUAL_SERIES;
  out[NTK_SERIES_KIND] = NTK_SERIES_POLYNOMIAL;
  out[NTK_SERIES_DEGREE] = (double)count - 1;
  for (size_t i = 0; i < count; i++) out[NTK_SERIES_COEFFICIENTS + i] = ntk_value_number(ntk_value_item(coefficients, i));
  return NULL;
}

/* A tenth of what is asked for, so that a few layers together stay below it. */
static void sampled_constants(const ntk_value *v, double out[NTK_CONSTANTS]) { out[NTK_SERIES_TOLERANCE] = 0.1 * ntk_get_number(v, "tolerance"); }

#define RELU_SOURCE "Cho and Saul 2009, degree 1; Tsuchida et al. 2018"
#define FEATURES_SOURCE "Rahimi and Recht 2007; Han et al. 2022"
#define ELU_ACCURACY "relative error: V 2e-14, NTK 2e-14, gradient 5e-13 (one layer, any q)"
#define EXACT "closed form: 1e-15, gradient 1e-13 at generic points"

static const ntk_activation TABLE[] = {
    {{"relu", NULL, "max(x, 0)", "rectifier", RELU_SOURCE, EXACT}, NTK_DUAL_AB_RELU, relu_constants, 1.0, NULL, NULL},
    {{"leaky_relu", slope_keys, "slope min(x, 0) + max(x, 0)", "rectifier with a slope on the left", RELU_SOURCE, EXACT},
     NTK_DUAL_AB_RELU,
     leaky_relu_constants,
     1.0,
     NULL,
     NULL},
    {{"abs", NULL, "|x|", "absolute value", RELU_SOURCE, EXACT}, NTK_DUAL_AB_RELU, abs_constants, 1.0, NULL, NULL},
    {{"ab_relu", ab_keys, "a min(x, 0) + b max(x, 0)", "any function linear on each side of 0", RELU_SOURCE, EXACT},
     NTK_DUAL_AB_RELU,
     ab_relu_constants,
     1.0,
     NULL,
     NULL},
    {{"erf", abc_keys, "a erf(b x) + c", "error function", "Williams 1997, equation 11", EXACT}, NTK_DUAL_ERF, erf_constants, 1.0, NULL, NULL},
    {{"sigmoid_like", NULL, "(1 + erf(x / 2.4020563531719796)) / 2", "error function close to the logistic sigmoid", "Williams 1997, equation 11",
      NULL},
     NTK_DUAL_ERF,
     sigmoid_like_constants,
     1.0,
     NULL,
     NULL},
    {{"gelu", NULL, "x Phi(x)", "Gaussian error linear unit", "Tsuchida et al. 2021", EXACT}, NTK_DUAL_GELU, NULL, 1.5, NULL, NULL},
    {{"sin", wave_keys, "a sin(b x + c)", "sine", "Daniely, Frostig, Singer 2016", EXACT}, NTK_DUAL_SIN, sin_constants, 1.2, NULL, NULL},
    {{"cos", wave_keys, "a cos(b x + c)", "cosine", "Daniely, Frostig, Singer 2016", EXACT}, NTK_DUAL_SIN, cos_constants, 1.2, NULL, NULL},
    {{"rbf", gamma_keys, "sqrt(2) sin(sqrt(2 gamma) x + pi/4)", "sine whose kernel is exp(-gamma delta), delta = q + s - 2r", FEATURES_SOURCE, EXACT},
     NTK_DUAL_RBF,
     rbf_constants,
     0.7,
     NULL,
     NULL},
    {{"arbf", arbf_keys, "sqrt(2) a sin(sqrt(2 gamma) x + pi/4)", "sine whose kernel is a^2 exp(-gamma delta)", FEATURES_SOURCE, EXACT},
     NTK_DUAL_RBF,
     arbf_constants,
     0.7,
     NULL,
     NULL},
    {{"gaussian", gaussian_keys, "a exp(b x^2), b <= 0", "Gaussian bump", "Williams 1997, equation 13", EXACT},
     NTK_DUAL_GAUSSIAN,
     gaussian_constants,
     1.0,
     NULL,
     NULL},
    {{"exp", ab_exp_keys, "a exp(b x)", "exponential; the kernel grows doubly exponentially with depth", "Daniely, Frostig, Singer 2016", EXACT},
     NTK_DUAL_EXP,
     exp_constants,
     1.0,
     NULL,
     NULL},
    {{"identity", NULL, "x", "no activation", "Jacot, Gabriel, Hongler 2018", EXACT}, NTK_DUAL_IDENTITY, NULL, 0.3, NULL, NULL},
    {{"sign", NULL, "-1, 0, 1", "sign; its NTK is that of the last layer",
      "Cho and Saul 2009"
      ", degree 0",
      NULL},
     NTK_DUAL_SIGN,
     NULL,
     0.8,
     NULL,
     NULL},
    {{"step", NULL, "[x >= 0]", "Heaviside step; its NTK is that of the last layer",
      "Cho and Saul 2009"
      ", degree 0",
      NULL},
     NTK_DUAL_STEP,
     NULL,
     0.8,
     NULL,
     NULL},
    {{"rectified_monomial", rectified_keys, "[x >= 0] x^degree, degree 0 to 3", "rectified power; 0 is step, 1 is relu", "Cho and Saul 2009", EXACT},
     NTK_DUAL_RECTIFIED_SQUARE,
     NULL,
     1.0,
     NULL,
     rectified_monomial},
    {{"monomial", degree_keys, "x^degree", "power", "Daniely, Frostig, Singer 2016; Han et al. 2022", EXACT},
     NTK_DUAL_SERIES,
     monomial_constants,
     1.0,
     NULL,
     NULL},
    {{"polynomial", polynomial_keys, "sum_m coefficients[m] x^m", "polynomial", "Daniely, Frostig, Singer 2016; Han et al. 2022", EXACT},
     NTK_DUAL_SERIES,
     NULL,
     1.0,
     NULL,
     polynomial},
    {{"hermite", hermite_keys, "normalised Hermite polynomial: k -> r^degree", "for inputs of unit variance (not checked): layer_norm in front",
      "Daniely, Frostig, Singer 2016; Han et al. 2022", EXACT},
     NTK_DUAL_SERIES,
     hermite_constants,
     1.0,
     NULL,
     NULL},
    {{"elu", elu_keys, "x for x > 0, alpha (exp(x) - 1) for x < 0", "exponential linear unit", "Tsuchida et al. 2021", ELU_ACCURACY},
     NTK_DUAL_ELU,
     elu_constants,
     5.0,
     NULL,
     NULL},
    {{"selu", NULL, "1.0507009873554805 elu(x), alpha = 1.6732632423543772", "scaled exponential linear unit",
      "Klambauer et al. 2017; Tsuchida et al. 2021", ELU_ACCURACY},
     NTK_DUAL_ELU,
     selu_constants,
     5.0,
     NULL,
     NULL},
    {{"tanh", series_keys, "tanh(x)", "hyperbolic tangent", "Daniely, Frostig, Singer 2016; Han et al. 2022",
      "relative error below tolerance; by default V 5e-13, NTK 3e-12, gradient 1e-12 (one layer, q <= 16)"},
     NTK_DUAL_SERIES,
     sampled_constants,
     6.0,
     &ntk_function_tanh,
     NULL},
    {{"sigmoid", series_keys, "1 / (1 + exp(-x))", "logistic sigmoid", "Daniely, Frostig, Singer 2016; Han et al. 2022",
      "relative error below tolerance; by default V 5e-13, NTK 3e-12, gradient 1e-12 (one layer, q <= 16)"},
     NTK_DUAL_SERIES,
     sampled_constants,
     3.0,
     &ntk_function_sigmoid,
     NULL},
    {{"softplus", series_keys, "log(1 + exp(x))", "smooth rectifier", "Daniely, Frostig, Singer 2016; Han et al. 2022",
      "relative error below tolerance; by default V 5e-13, NTK 3e-12, gradient 1e-12 (one layer, q <= 16)"},
     NTK_DUAL_SERIES,
     sampled_constants,
     3.0,
     &ntk_function_softplus,
     NULL},
    {{"silu", series_keys, "x / (1 + exp(-x))", "sigmoid linear unit (swish)", "Daniely, Frostig, Singer 2016; Han et al. 2022",
      "relative error below tolerance; by default V 5e-13, NTK 3e-12, gradient 1e-12 (one layer, q <= 16)"},
     NTK_DUAL_SERIES,
     sampled_constants,
     3.0,
     &ntk_function_silu,
     NULL},
    {{"mish", series_keys, "x tanh(log(1 + exp(x)))", "self-regularised smooth rectifier", "Daniely, Frostig, Singer 2016; Han et al. 2022",
      "relative error below tolerance; by default V 5e-13, NTK 3e-12, gradient 1e-12 (one layer, q <= 16)"},
     NTK_DUAL_SERIES,
     sampled_constants,
     7.5,
     &ntk_function_mish,
     NULL},
};

enum { COUNT = sizeof TABLE / sizeof *TABLE };

static const ntk_choice *choice_at(size_t i) { return &TABLE[i].choice; }

const ntk_choices *ntk_activation_choices(void) {
  static const ntk_choices choices = {"activations", "activations of a layer", COUNT, choice_at};
  return &choices;
}

const ntk_activation *ntk_activation_find(const char *name) {
  for (size_t i = 0; i < COUNT; i++) {
    if (!strcmp(TABLE[i].choice.name, name)) return &TABLE[i];
  }
  return NULL;
}

const ntk_activation *ntk_activation_at(size_t row) { return &TABLE[row]; }

ntk_error *ntk_activation_dual(const ntk_activation *activation, const ntk_value *parameters, ntk_dual_name *dual, double out[NTK_CONSTANTS]) {
  *dual = activation->dual;
  if (activation->choose) return activation->choose(parameters, dual, out);
  if (activation->constants) activation->constants(parameters, out);
  if (activation->function) out[NTK_SERIES_KIND] = (double)(activation - TABLE);
  return NULL;
}
