#include <math.h>

#include "gan/trainers.h"

static const double far = 100; /* beyond it the incomplete gamma functions used here are complete to rounding */

static double relaxation(double rate, double t) { return rate > 0 ? -expm1(-rate * t) / rate : t; }

/* Integral of u^n e^(-a u) from 0 to t, n <= 13: a series of positive terms. */
static double incomplete(int n, double a, double t) {
  if (a * t > far) return tgamma(n + 1) / pow(a, n + 1);
  double term = 1.0 / (n + 1), sum = 0;
  for (int j = 1; term > 1e-18 * sum; j++) {
    sum += term;
    term *= a * t / (n + 1 + j);
  }
  return pow(t, n + 1) * exp(-a * t) * sum;
}

/* Near critical damping: the integral of the impulse response u e^(-a u) sinh(q u)/(q u), q^2 = delta, as a series in delta. */
static double critical(double a, double delta, double t) {
  double sum = 0, factor = 1;
  for (int k = 0; k <= 6; k++) {
    sum += factor * incomplete(2 * k + 1, a, t);
    factor *= delta / ((2 * k + 2) * (2 * k + 3));
  }
  return sum;
}

double ntk_response(const ntk_training *training, double rate) {
  double t = training->time;
  if (!training->heavy) return relaxation(rate, t);
  double a = training->damping / 2, delta = a * a - rate, q = sqrt(fabs(delta));
  if (q * t < 0.5) return critical(a, delta, t);
  if (delta < 0) return (1 - exp(-a * t) * (cos(q * t) + a / q * sin(q * t))) / rate;
  double fast = a + q, slow = rate / fast;
  return (relaxation(slow, t) - relaxation(fast, t)) / (fast - slow);
}
