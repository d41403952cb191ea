/* Points from formulas. Normal number i*d + a of the stream belongs to coordinate a of point i. */
#include <math.h>

#include "data/source.h"

static const double PI = 3.14159265358979323846;

size_t ntk_dimension_given(const ntk_value *parameters) { return (size_t)ntk_get_integer(parameters, "dimension"); }

size_t ntk_dimension_plane(const ntk_value *parameters) {
  (void)parameters;
  return 2;
}

static void add_noise(const ntk_value *parameters, ntk_rng rng, size_t n, size_t d, double *x) {
  double stddev = ntk_get_number(parameters, "stddev");
  for (size_t k = 0; k < n * d; k++) x[k] += stddev * ntk_normal(rng, k);
}

ntk_error *ntk_fill_gaussian(const ntk_value *parameters, ntk_rng rng, size_t n, size_t d, double *x) {
  const ntk_value *mean = ntk_value_get(parameters, "mean");
  size_t count = ntk_value_count(mean);
  if (count != 1 && count != d) return ntk_source_wrong(parameters, "mean", "has %zu numbers, expected 1 or dimension = %zu", count, d);
  for (size_t a = 0; a < d; a++) {
    double center = ntk_value_number(ntk_value_item(mean, count == 1 ? 0 : a));
    for (size_t i = 0; i < n; i++) x[i * d + a] = center;
  }
  add_noise(parameters, rng, n, d, x);
  return NULL;
}

ntk_error *ntk_fill_ring(const ntk_value *parameters, ntk_rng rng, size_t n, size_t d, double *x) {
  size_t modes = (size_t)ntk_get_integer(parameters, "modes");
  double radius = ntk_get_number(parameters, "radius");
  for (size_t i = 0; i < n; i++) {
    double angle = 2 * PI * (double)(i % modes) / (double)modes;
    x[i * d] = radius * cos(angle);
    x[i * d + 1] = radius * sin(angle);
  }
  add_noise(parameters, rng, n, d, x);
  return NULL;
}

ntk_error *ntk_fill_grid(const ntk_value *parameters, ntk_rng rng, size_t n, size_t d, double *x) {
  size_t side = (size_t)ntk_get_integer(parameters, "side");
  double spacing = ntk_get_number(parameters, "spacing"), middle = (double)(side - 1) / 2;
  for (size_t i = 0; i < n; i++) {
    size_t mode = i; /* its digits to the base `side`: further digits are further rounds over all modes */
    for (size_t a = 0; a < d; a++, mode /= side) x[i * d + a] = spacing * ((double)(mode % side) - middle);
  }
  add_noise(parameters, rng, n, d, x);
  return NULL;
}

ntk_error *ntk_fill_uniform(const ntk_value *parameters, ntk_rng rng, size_t n, size_t d, double *x) {
  double low = ntk_get_number(parameters, "low"), high = ntk_get_number(parameters, "high");
  if (!(low < high)) return ntk_source_wrong(parameters, "high", "%g is not above low = %g", high, low);
  for (size_t k = 0; k < n * d; k++) x[k] = low + (high - low) * ntk_uniform(rng, k);
  return NULL;
}

ntk_error *ntk_fill_sphere(const ntk_value *parameters, ntk_rng rng, size_t n, size_t d, double *x) {
  double radius = ntk_get_number(parameters, "radius");
  ntk_rng direction = ntk_rng_part(rng, 0);
  for (size_t i = 0; i < n; i++) {
    double square = 0;
    for (size_t a = 0; a < d; a++) {
      x[i * d + a] = ntk_normal(direction, i * d + a);
      square += x[i * d + a] * x[i * d + a];
    }
    for (size_t a = 0; a < d; a++) x[i * d + a] *= radius / sqrt(square);
  }
  add_noise(parameters, rng, n, d, x);
  return NULL;
}

ntk_error *ntk_fill_spiral(const ntk_value *parameters, ntk_rng rng, size_t n, size_t d, double *x) {
  double turns = ntk_get_number(parameters, "turns"), radius = ntk_get_number(parameters, "radius");
  for (size_t i = 0; i < n; i++) {
    double t = sqrt(ntk_uniform(rng, i)), angle = 2 * PI * turns * t;
    x[i * d] = radius * t * cos(angle);
    x[i * d + 1] = radius * t * sin(angle);
  }
  add_noise(parameters, rng, n, d, x);
  return NULL;
}
