#include "kernel/function.h"

#include <math.h>
#include <stddef.h>

/* Central differences of order 8 with this step. */
#define STEP 0.02

static void differences(double (*value)(double x), double x, double out[3]) {
  static const double first[] = {4.0 / 5, -1.0 / 5, 4.0 / 105, -1.0 / 280};
  static const double second[] = {8.0 / 5, -1.0 / 5, 8.0 / 315, -1.0 / 560};
  double middle = value(x), slope = 0, curve = 0;
  for (int k = 0; k < 4; k++) {
    double right = value(x + (k + 1) * STEP), left = value(x - (k + 1) * STEP);
    slope += first[k] * (right - left);
    curve += second[k] * ((right - middle) + (left - middle));
  }
  out[0] = middle;
  out[1] = slope / STEP;
  out[2] = curve / (STEP * STEP);
}

void ntk_function_jet(const ntk_function *function, double x, double out[3]) {
  if (function->jet) {
    function->jet(x, out);
  } else {
    differences(function->value, x, out);
  }
}

static void tanh_jet(double x, double out[3]) {
  double t = tanh(x), slope = (1 - t) * (1 + t);
  out[0] = t;
  out[1] = slope;
  out[2] = -2 * t * slope;
}

/* s = 1/(1 + exp(-x)), s', s''. */
static void sigmoid_jet(double x, double out[3]) {
  double e = exp(-fabs(x)), s = 1 / (1 + e), slope = e * s * s;
  out[0] = x < 0 ? e * s : s;
  out[1] = slope;
  out[2] = slope * (1 - 2 * out[0]);
}
static double sigmoid(double x) { return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x)); }

static double softplus(double x) { return log1p(exp(-fabs(x))) + (x > 0 ? x : 0); }
static void softplus_jet(double x, double out[3]) {
  double s[3];
  sigmoid_jet(x, s);
  out[0] = softplus(x);
  out[1] = s[0];
  out[2] = s[1];
}

static double silu(double x) { return x * sigmoid(x); }
static void silu_jet(double x, double out[3]) {
  double s[3];
  sigmoid_jet(x, s);
  out[0] = x * s[0];
  out[1] = s[0] + x * s[1];
  out[2] = 2 * s[1] + x * s[2];
}

static double mish(double x) { return x * tanh(softplus(x)); }
static void mish_jet(double x, double out[3]) {
  double s[3], t = tanh(softplus(x)), rest = (1 - t) * (1 + t);
  sigmoid_jet(x, s);
  double slope = rest * s[0], curve = rest * (s[1] - 2 * t * s[0] * s[0]);
  out[0] = x * t;
  out[1] = t + x * slope;
  out[2] = 2 * slope + x * curve;
}

const ntk_function ntk_function_tanh = {tanh, tanh_jet, NTK_PARITY_ODD};
const ntk_function ntk_function_sigmoid = {sigmoid, sigmoid_jet, NTK_PARITY_ODD};
const ntk_function ntk_function_softplus = {softplus, softplus_jet, NTK_PARITY_EVEN};
const ntk_function ntk_function_silu = {silu, silu_jet, NTK_PARITY_EVEN};
const ntk_function ntk_function_mish = {mish, mish_jet, NTK_PARITY_NONE};
