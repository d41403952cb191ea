#include "kernel/quadrature.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

/* Largest |x| where a second derivative is looked for, and how small it must be to be none. */
#define FAR 60.0
#define NOTHING 1e-19
/* First length of a panel, and the variance from which on panels need fewer nodes than the trapezoidal rule. */
#define PANEL 1.0
/* Of pairs, to 1e-13 for a pole of phi at pi/2. */
#define PAIR_PANEL 1.8
#define PANELS_FROM 64.0
#define TRAPEZOID_BELOW 4.0

static double normal_density(double z) { return 0.39894228040143267794 * exp(-0.5 * z * z); }

double ntk_quadrature_step(double q) { return q > 1 ? NTK_QUADRATURE_STEP / sqrt(q) : NTK_QUADRATURE_STEP; }

double ntk_function_range(const ntk_function *function) {
  double most = 0, found = FAR, jet[2][3];
  for (int i = 0; i < 16; i++) {
    double x = 0.25 * i;
    ntk_function_jet(function, x, jet[0]);
    ntk_function_jet(function, -x, jet[1]);
    most = fmax(most, fmax(fabs(jet[0][2]), fabs(jet[1][2])));
  }
  for (int i = 0; i < FAR; i++) {
    double x = FAR - i;
    ntk_function_jet(function, x, jet[0]);
    ntk_function_jet(function, -x, jet[1]);
    if (fmax(fabs(jet[0][2]), fabs(jet[1][2])) > NOTHING * most) break;
    found = x;
  }
  return found < FAR ? found : INFINITY;
}

/* Gauss-Legendre nodes x > 0 and weights of a panel [-1, 1]. */
static const struct {
  double x, weight;
} GAUSS[] = {{0.12523340851146891547, 0.249147045813402785},   {0.36783149899818019375, 0.23349253653835480876},
             {0.5873179542866174473, 0.20316742672306592175},  {0.76990267419430468704, 0.16007832854334622633},
             {0.90411725637047485668, 0.10693932599531843096}, {0.98156063424671925069, 0.047175336386511827195}};

enum { GAUSS_HALF = sizeof GAUSS / sizeof *GAUSS };

/* Panels of [at, end], of length `first` where the function bends (|x| <= range), longer further out, never longer than `longest`. */
typedef struct {
  double at, end, first, range, longest;
} panel_walk;

static bool next_panel(panel_walk *w, double *middle, double *half) {
  if (!(w->at < w->end)) return false;
  double out = fabs(w->at) > w->range ? fabs(w->at) - w->range : 0, length = fmin(w->first + 0.4 * out, w->longest);
  /* Towards the bent part the length is that of the panel's other end. */
  if (w->at < -w->range) length = fmin(w->first + 0.28 * out, w->longest);
  *half = 0.5 * fmin(length, w->end - w->at);
  *middle = w->at + *half;
  w->at = *half < 0.5 * length ? w->end : w->at + length;
  return true;
}

/* E phi, E phi', E phi'' of v ~ N(mean, spread^2). */
static void inner_means(const ntk_function *function, double range, double mean, double spread, double out[3]) {
  double middle, half, jet[3];
  panel_walk walk = {mean - NTK_NORMAL_RANGE * spread, mean + NTK_NORMAL_RANGE * spread, PAIR_PANEL, range, 1.5 * spread};
  out[0] = out[1] = out[2] = 0;
  if (!(spread > DBL_MIN)) {
    ntk_function_jet(function, mean, out);
    return;
  }
  /* The trapezoidal rule needs fewer nodes until its step is far below the deviation's. */
  if (spread < TRAPEZOID_BELOW) {
    double step = spread > 0.4 ? NTK_QUADRATURE_STEP / spread : 0.5;
    for (int i = 0; (i + 0.5) * step < NTK_NORMAL_RANGE; i++) {
      double z = (i + 0.5) * step, weight = step * normal_density(z), left[3];
      ntk_function_jet(function, mean + spread * z, jet);
      ntk_function_jet(function, mean - spread * z, left);
      for (int f = 0; f < 3; f++) out[f] += weight * (jet[f] + left[f]);
    }
    return;
  }
  while (next_panel(&walk, &middle, &half)) {
    for (size_t i = 0; i < 2 * GAUSS_HALF; i++) {
      double v = middle + half * (i % 2 ? GAUSS[i / 2].x : -GAUSS[i / 2].x), weight = half * GAUSS[i / 2].weight / spread;
      double density = weight * normal_density((v - mean) / spread);
      ntk_function_jet(function, v, jet);
      for (int f = 0; f < 3; f++) out[f] += density * jet[f];
    }
  }
}

void ntk_means_add(const double jet[3], double weight, ntk_means *m) {
  m->value += weight * jet[0];
  m->slope += weight * jet[1];
  m->value_square += weight * jet[0] * jet[0];
  m->slope_square += weight * jet[1] * jet[1];
  m->curve_square += weight * jet[2] * jet[2];
  m->bend += weight * jet[0] * jet[2];
}

static void add_means(const ntk_function *function, double x, double weight, ntk_means *m) {
  double jet[3];
  ntk_function_jet(function, x, jet);
  ntk_means_add(jet, weight, m);
}

ntk_means ntk_function_means(const ntk_function *function, double q) {
  ntk_means m = {0, 0, 0, 0, 0, 0};
  double root = sqrt(q), step = ntk_quadrature_step(q), middle, half;
  if (q < PANELS_FROM) {
    for (int i = 0; (i + 0.5) * step < NTK_NORMAL_RANGE; i++) {
      double z = (i + 0.5) * step, weight = step * normal_density(z);
      add_means(function, root * z, weight, &m);
      add_means(function, -root * z, weight, &m);
    }
    return m;
  }
  panel_walk walk = {-NTK_NORMAL_RANGE * root, NTK_NORMAL_RANGE * root, PANEL, fmin(ntk_function_range(function), FAR), 1.5 * root};
  while (next_panel(&walk, &middle, &half)) {
    for (size_t i = 0; i < 2 * GAUSS_HALF; i++) {
      double u = middle + half * (i % 2 ? GAUSS[i / 2].x : -GAUSS[i / 2].x);
      add_means(function, u, half * GAUSS[i / 2].weight * normal_density(u / root) / root, &m);
    }
  }
  return m;
}

void ntk_function_pair(const ntk_function *function, double q, double rho, double s, double given[NTK_GIVEN]) {
  double root_q = sqrt(q), root_s = sqrt(s), spread = root_s * sqrt((1 - rho) * (1 + rho)), range = fmin(ntk_function_range(function), FAR);
  double mixed = 0, middle, half, at[3], mean[3];
  /* The inner mean bends where v does, v = 0 at u = 0: as seen by u. */
  double share = root_q / fmax(root_s * fabs(rho), DBL_MIN);
  panel_walk walk = {-NTK_NORMAL_RANGE * root_q, NTK_NORMAL_RANGE * root_q, PAIR_PANEL * fmin(1, share), range * fmax(1, share), 1.5 * root_q};
  memset(given, 0, NTK_GIVEN * sizeof *given);
  if (!(q > 0)) return;
  while (next_panel(&walk, &middle, &half)) {
    for (size_t i = 0; i < 2 * GAUSS_HALF; i++) {
      double u = middle + half * (i % 2 ? GAUSS[i / 2].x : -GAUSS[i / 2].x);
      double weight = half * GAUSS[i / 2].weight * normal_density(u / root_q) / root_q;
      inner_means(function, range, rho * root_s / root_q * u, spread, mean);
      ntk_function_jet(function, u, at);
      given[NTK_GIVEN_V] += weight * at[0] * mean[0];
      given[NTK_GIVEN_DOT] += weight * at[1] * mean[1];
      given[NTK_GIVEN_CURVE] += weight * at[2] * mean[2];
      given[NTK_GIVEN_SLOPE] += weight * 0.5 * at[2] * mean[0];
      mixed += weight * u * at[2] * mean[1];
    }
  }
  /* E[u phi''(u) phi'(v)] = q E[phi'''(u) phi'(v)] + r E[phi''(u) phi''(v)]. */
  given[NTK_GIVEN_MIXED] = 0.5 * (mixed - rho * root_q * root_s * given[NTK_GIVEN_CURVE]) / q;
}
