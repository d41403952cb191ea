/** Moments of the dual functions on the diagonal q = r = s. */
#include <math.h>

#include "kernel/activation.h"
#include "kernel/features.h"
#include "kernel/tile/mills.h"

static const double PI = 3.14159265358979323846;

static ntk_moments identity(const double *c, double q) {
  (void)c;
  return (ntk_moments){q, 1, 1};
}

static ntk_moments ab_relu(const double *c, double q) { return (ntk_moments){c[1] * q, c[1], c[1]}; }

static ntk_moments error_function(const double *c, double q) {
  double q2 = 2 * c[0] * q, root = sqrt(1 + 2 * q2), slope = 2 * c[0] * c[1];
  return (ntk_moments){c[1] * atan2(q2, root) + c[2], slope / ((1 + q2) * root), slope / root};
}

static ntk_moments gelu(const double *c, double q) {
  (void)c;
  double d = sqrt(1 + 2 * q), t = 1 + q, w = atan2(q, d);
  double value = q / 4 + q * w / (2 * PI) + q * q / (PI * t * d);
  double slope = 0.25 + (w + q / (d * t)) / (2 * PI) + (2 * q - q * q / t - q * q / (d * d)) / (PI * t * d);
  double dot = 0.25 + (w + q / d * (1 / (d * d) + (1 - q) / t + 1)) / (2 * PI);
  return (ntk_moments){value, slope, dot};
}

static ntk_moments sine(const double *c, double q) {
  double decay = c[2] * exp(-2 * c[0] * q);
  return (ntk_moments){0.5 * c[1] * (1 - decay), c[1] * c[0] * decay, 0.5 * c[1] * c[0] * (1 + decay)};
}

static ntk_moments rbf(const double *c, double q) {
  (void)q;
  return (ntk_moments){c[1], 0, 2 * c[0] * c[1]};
}

static ntk_moments exponential(const double *c, double q) {
  double value = c[1] * exp(2 * c[0] * q);
  return (ntk_moments){value, 2 * c[0] * value, c[0] * value};
}

static ntk_moments gaussian(const double *c, double q) {
  double b = c[0], square = 1 - 4 * b * q, value = c[1] / sqrt(square);
  return (ntk_moments){value, 2 * b * value / square, 4 * b * b * q * value / square};
}

static ntk_moments sign(const double *c, double q) {
  (void)c;
  return (ntk_moments){q > 0 ? 1 : 0, 0, 0};
}

/* At 0 half of the jump, as between the origin and any other point. */
static ntk_moments step(const double *c, double q) {
  (void)c;
  return (ntk_moments){q > 0 ? 0.5 : 0.25, 0, 0};
}

static ntk_moments rectified_square(const double *c, double q) {
  (void)c;
  return (ntk_moments){1.5 * q * q, 3 * q, 2 * q};
}

static ntk_moments rectified_cube(const double *c, double q) {
  (void)c;
  return (ntk_moments){7.5 * q * q * q, 22.5 * q * q, 13.5 * q * q};
}

/* E[exp(k u) [u < 0]] = 1/2 + k x slope(k x)/sqrt(2 pi), x = sqrt(q). */
static ntk_moments elu(const double *c, double q) {
  const double scale = 0.39894228040143267794;
  double x = sqrt(q), once = scale * x * ntk_mills_slope(x), twice = 2 * scale * x * ntk_mills_slope(2 * x), square = c[1] * c[1];
  return (ntk_moments){c[0] * (0.5 * q + square * (twice - 2 * once)), c[0] * (0.5 + square * (0.5 + 2 * twice - once)),
                       c[0] * (0.5 + square * (0.5 + twice))};
}

typedef ntk_moments (*moments_function)(const double *constants, double q);

static const moments_function MOMENTS[NTK_DUAL_COUNT] = {
    [NTK_DUAL_IDENTITY] = identity,
    [NTK_DUAL_AB_RELU] = ab_relu,
    [NTK_DUAL_ERF] = error_function,
    [NTK_DUAL_GELU] = gelu,
    [NTK_DUAL_SIN] = sine,
    [NTK_DUAL_RBF] = rbf,
    [NTK_DUAL_EXP] = exponential,
    [NTK_DUAL_GAUSSIAN] = gaussian,
    [NTK_DUAL_SIGN] = sign,
    [NTK_DUAL_STEP] = step,
    [NTK_DUAL_RECTIFIED_SQUARE] = rectified_square,
    [NTK_DUAL_RECTIFIED_CUBE] = rectified_cube,
    [NTK_DUAL_ELU] = elu,
    [NTK_DUAL_SERIES] = ntk_series_moments,
};

ntk_moments ntk_dual_moments(ntk_dual_name dual, const double *constants, double q) { return MOMENTS[dual](constants, q); }
