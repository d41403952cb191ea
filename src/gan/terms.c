#include "gan/terms.h"

#include <math.h>
#include <string.h>

static double sigmoid(double x) { return x > 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x)); }
static double softplus(double x) { return fmax(x, 0) + log1p(exp(-fabs(x))); }

ntk_jet ntk_term_zero(const double *parameters, double f) {
  (void)parameters, (void)f;
  return (ntk_jet){0, 0, 0};
}

ntk_jet ntk_term_linear(const double *parameters, double f) {
  (void)parameters;
  return (ntk_jet){f, 1, 0};
}

ntk_jet ntk_term_opposite(const double *parameters, double f) {
  (void)parameters;
  return (ntk_jet){-f, -1, 0};
}

static ntk_jet square(double x) { return (ntk_jet){x * x, 2 * x, 2}; }
ntk_jet ntk_term_square_fake(const double *parameters, double f) { return square(f - parameters[0]); }
ntk_jet ntk_term_square_real(const double *parameters, double f) { return square(f - parameters[1]); }
ntk_jet ntk_term_square_generator(const double *parameters, double f) { return square(f - parameters[2]); }

ntk_jet ntk_term_softplus(const double *parameters, double f) {
  (void)parameters;
  return (ntk_jet){softplus(f), sigmoid(f), sigmoid(f) * sigmoid(-f)};
}

ntk_jet ntk_term_softplus_opposite(const double *parameters, double f) {
  (void)parameters;
  return (ntk_jet){softplus(-f), -sigmoid(-f), sigmoid(f) * sigmoid(-f)};
}

ntk_jet ntk_term_hinge_fake(const double *parameters, double f) {
  (void)parameters;
  return f > -1 ? (ntk_jet){1 + f, 1, 0} : (ntk_jet){0, 0, 0};
}

ntk_jet ntk_term_hinge_real(const double *parameters, double f) {
  (void)parameters;
  return f < 1 ? (ntk_jet){1 - f, -1, 0} : (ntk_jet){0, 0, 0};
}

/* --- f-GAN ---------------------------------------------------------------------------------------------------------------------- */

/* phi = u log u, T = f, phi* = e^(T - 1) */
static ntk_jet kl_fake(const double *parameters, double f) {
  (void)parameters;
  double e = exp(f - 1);
  return (ntk_jet){e, e, e};
}

/* phi = -log u, T = -e^-f, phi* = -1 - log(-T) */
static ntk_jet reverse_kl_fake(const double *parameters, double f) {
  (void)parameters;
  return (ntk_jet){f - 1, 1, 0};
}

static ntk_jet reverse_kl_real(const double *parameters, double f) {
  (void)parameters;
  double e = exp(-f);
  return (ntk_jet){e, -e, e};
}

/* phi = (u - 1)^2, T = f, phi* = T^2/4 + T */
static ntk_jet pearson_fake(const double *parameters, double f) {
  (void)parameters;
  return (ntk_jet){f * (f / 4 + 1), f / 2 + 1, 0.5};
}

/* phi = (sqrt u - 1)^2, T = 1 - e^-f, phi* = T / (1 - T) */
static ntk_jet hellinger_fake(const double *parameters, double f) {
  (void)parameters;
  return (ntk_jet){expm1(f), exp(f), exp(f)};
}

static ntk_jet hellinger_real(const double *parameters, double f) {
  (void)parameters;
  return (ntk_jet){expm1(-f), -exp(-f), exp(-f)};
}

/* phi = u log u - (u + 1) log((u + 1)/2), T = log 2 - softplus(-f), phi* = -log(2 - e^T) */
static ntk_jet js_fake(const double *parameters, double f) {
  ntk_jet jet = ntk_term_softplus(parameters, f);
  jet.value -= log(2);
  return jet;
}

static ntk_jet js_real(const double *parameters, double f) {
  ntk_jet jet = ntk_term_softplus_opposite(parameters, f);
  jet.value -= log(2);
  return jet;
}

/* phi = |u - 1|/2, T = tanh(f)/2, phi* = T */
static ntk_jet tv_fake(const double *parameters, double f) {
  (void)parameters;
  double h = tanh(f), c = cosh(f), s = isfinite(c) ? 1 / (c * c) : 0;
  return (ntk_jet){h / 2, s / 2, -h * s};
}

static ntk_jet tv_real(const double *parameters, double f) {
  ntk_jet jet = tv_fake(parameters, f);
  return (ntk_jet){-jet.value, -jet.slope, -jet.curvature};
}

/* phi* = (b^(a/(a-1)) - 1)/a with b = max(0, 1 + (a - 1) T); T = f */
static ntk_jet alpha_above_fake(const double *parameters, double f) {
  double a = parameters[0], b = 1 + (a - 1) * f;
  if (b <= 0) return (ntk_jet){-1 / a, 0, 0};
  return (ntk_jet){(pow(b, a / (a - 1)) - 1) / a, pow(b, 1 / (a - 1)), pow(b, (2 - a) / (a - 1))};
}

/* T = 1/(1 - a) - softplus(-f), so b = (1 - a) softplus(-f) */
static ntk_jet alpha_below_fake(const double *parameters, double f) {
  double a = parameters[0], b = (1 - a) * softplus(-f), first = pow(b, 1 / (a - 1)), second = pow(b, (2 - a) / (a - 1));
  double slope = sigmoid(-f);
  return (ntk_jet){(pow(b, a / (a - 1)) - 1) / a, first * slope, second * slope * slope - first * slope * sigmoid(f)};
}

static ntk_jet alpha_below_real(const double *parameters, double f) {
  ntk_jet jet = ntk_term_softplus_opposite(parameters, f);
  jet.value -= 1 / (1 - parameters[0]);
  return jet;
}

static const ntk_divergence divergences[] = {
    {"kl", kl_fake, ntk_term_opposite},
    {"reverse_kl", reverse_kl_fake, reverse_kl_real},
    {"pearson", pearson_fake, ntk_term_opposite},
    {"hellinger", hellinger_fake, hellinger_real},
    {"js", js_fake, js_real},
    {"tv", tv_fake, tv_real},
    {"alpha", alpha_below_fake, alpha_below_real},
};
static const ntk_divergence alpha_above = {"alpha", alpha_above_fake, ntk_term_opposite};

const ntk_divergence *ntk_divergence_find(const char *name, double alpha) {
  for (size_t i = 0; i < sizeof divergences / sizeof *divergences; i++)
    if (!strcmp(divergences[i].name, name)) return !strcmp(name, "alpha") && alpha > 1 ? &alpha_above : &divergences[i];
  return NULL;
}
