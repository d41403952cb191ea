#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "data/data.h"
#include "data/source.h"
#include "io/points.h"

void ntk_measure_free(ntk_measure *m) {
  ntk_area_free(&(ntk_area){m->x, m->mapped});
  free(m->mass);
  *m = (ntk_measure){0};
}

/* Equal masses for points that are there. */
static ntk_error *equal_masses(ntk_measure *m) {
  NTK_TRY(NTK_NEW(m->n, &m->mass));
  for (size_t i = 0; i < m->n; i++) m->mass[i] = 1 / (double)m->n;
  return NULL;
}

ntk_error *ntk_measure_uniform(size_t n, size_t d, const double *x, ntk_measure *out) {
  *out = (ntk_measure){.n = n, .d = d};
  ntk_error *err = NTK_NEW(n * d, &out->x);
  if (!err && n > 0) memcpy(out->x, x, n * d * sizeof *x);
  if (!err) err = equal_masses(out);
  if (err) ntk_measure_free(out);
  return err;
}

ntk_error *ntk_measure_read(const char *path, ntk_measure *out) {
  *out = (ntk_measure){0};
  NTK_TRY(ntk_points_read(path, &out->n, &out->d, &out->x));
  ntk_error *err = equal_masses(out);
  if (err) ntk_measure_free(out);
  return err;
}

/* How many of `n` points a key leaves; null leaves all. */
static ntk_error *limit(const ntk_value *parameters, const char *key, size_t *n) {
  if (!ntk_has(parameters, key)) return NULL;
  size_t asked = (size_t)ntk_get_integer(parameters, key);
  if (asked > *n) return ntk_source_wrong(parameters, key, "%zu asked for, there are %zu points", asked, *n);
  *n = asked;
  return NULL;
}

/* `points` is what a formula draws, and what is kept of given points. */
static ntk_error *keep(const ntk_source *source, const ntk_value *parameters, size_t *n) {
  NTK_TRY(limit(parameters, "subset", n));
  return source->fill ? NULL : limit(parameters, "points", n);
}

/* Points and dimension of a formula; that they fit in an address space. */
static ntk_error *formula_size(const ntk_source *source, const ntk_value *parameters, size_t *n, size_t *d) {
  *d = source->dimension(parameters);
  *n = (size_t)ntk_get_integer(parameters, "points");
  if (*n > SIZE_MAX / 16 / *d) return ntk_source_wrong(parameters, "points", "%zu points in %zu dimensions fit in no memory", *n, *d);
  return source->fill(parameters, (ntk_rng){0}, 0, *d, NULL); /* refuses what it would refuse for any number of points */
}

/* The weights of so many points, as they are in the file. */
static ntk_error *read_weights(const ntk_value *parameters, size_t points, double **mass) {
  const char *path = ntk_get_text(parameters, "weights");
  size_t n = 0, d = 0;
  NTK_TRY(ntk_points_read(path, &n, &d, mass));
  if (n != points || d != 1) return ntk_fail(NTK_E_INPUT, "%s: holds %zu x %zu numbers, expected %zu x 1 weights", path, n, d, points);
  for (size_t i = 0; i < n; i++)
    if ((*mass)[i] < 0) return ntk_fail(NTK_E_INPUT, "%s: weight %zu (from 0) is negative", path, i);
  return NULL;
}

static ntk_error *check_weights(const ntk_value *parameters, size_t points) {
  double *mass = NULL;
  if (!ntk_has(parameters, "weights")) return NULL;
  ntk_error *err = read_weights(parameters, points, &mass);
  free(mass);
  return err;
}

ntk_error *ntk_measure_size(const ntk_value *entry, size_t *n, size_t *d) {
  const ntk_source *source = ntk_source_of(entry);
  const ntk_value *parameters = ntk_choice_parameters(entry);
  NTK_TRY(source->fill ? formula_size(source, parameters, n, d) : source->size(parameters, n, d));
  NTK_TRY(check_weights(parameters, *n));
  return keep(source, parameters, n);
}

static ntk_error *load(const ntk_source *source, const ntk_value *parameters, ntk_rng rng, ntk_measure *m) {
  if (!source->fill) return source->read(parameters, &m->n, &m->d, &m->x);
  NTK_TRY(formula_size(source, parameters, &m->n, &m->d));
  NTK_TRY(NTK_NEW(m->n * m->d, &m->x));
  return source->fill(parameters, rng, m->n, m->d, m->x);
}

/* Weights as they are in the file; they are scaled once the points that stay are known. */
static ntk_error *load_weights(const ntk_value *parameters, ntk_measure *m) {
  return ntk_has(parameters, "weights") ? read_weights(parameters, m->n, &m->mass) : equal_masses(m);
}

static void swap(double *a, double *b, size_t count) {
  for (size_t k = 0; k < count; k++) {
    double kept = a[k];
    a[k] = b[k];
    b[k] = kept;
  }
}

/* Fisher and Yates' shuffle from the front: the first points of the result do not depend on how many are kept. */
static void shuffle(ntk_rng rng, ntk_measure *m) {
  ntk_rng order = ntk_rng_part((ntk_rng){rng.seed, rng.repetition, NTK_STREAM_SUBSET}, rng.stream & 0xff);
  for (size_t i = 0; i + 1 < m->n; i++) {
    size_t j = i + (size_t)ntk_integer(order, i, m->n - i);
    if (j == i) continue;
    swap(m->x + i * m->d, m->x + j * m->d, m->d);
    swap(m->mass + i, m->mass + j, 1);
  }
}

static ntk_error *scale_masses(const ntk_value *parameters, ntk_measure *m) {
  if (!ntk_has(parameters, "weights")) {
    for (size_t i = 0; i < m->n; i++) m->mass[i] = 1 / (double)m->n;
    return NULL;
  }
  double largest = 0, sum = 0;
  for (size_t i = 0; i < m->n; i++) largest = fmax(largest, m->mass[i]);
  if (!(largest > 0)) return ntk_fail(NTK_E_INPUT, "%s: all weights of the points used are zero", ntk_get_text(parameters, "weights"));
  for (size_t i = 0; i < m->n; i++) sum += m->mass[i] / largest; /* no overflow, no underflow */
  for (size_t i = 0; i < m->n; i++) m->mass[i] = m->mass[i] / largest / sum;
  return NULL;
}

/* Center and unit of coordinate `a`: weighted mean and standard deviation, or least value and range. A constant coordinate keeps its unit. */
static void coordinate_frame(const ntk_measure *m, size_t a, bool standardize, double *center, double *unit) {
  double low = m->x[a], high = m->x[a], mean = 0, variance = 0;
  for (size_t i = 0; i < m->n; i++) {
    double value = m->x[i * m->d + a];
    low = fmin(low, value);
    high = fmax(high, value);
    mean += m->mass[i] * value;
  }
  for (size_t i = 0; i < m->n; i++) variance += m->mass[i] * (m->x[i * m->d + a] - mean) * (m->x[i * m->d + a] - mean);
  *center = standardize && high > low ? mean : low;
  *unit = standardize ? sqrt(variance) : high - low;
  if (!(high > low) || !(*unit > 0)) *unit = 1;
}

static ntk_error *transform(const ntk_value *parameters, ntk_measure *m) {
  const char *word = ntk_get_text(parameters, "transform");
  double scale = ntk_get_number(parameters, "scale"), shift = ntk_get_number(parameters, "shift");
  for (size_t a = 0; a < m->d; a++) {
    double center = 0, unit = 1;
    if (strcmp(word, "none") != 0) coordinate_frame(m, a, strcmp(word, "standardize") == 0, &center, &unit);
    for (size_t i = 0; i < m->n; i++) {
      double *value = &m->x[i * m->d + a];
      *value = scale * ((*value - center) / unit) + shift;
      if (!isfinite(*value)) return ntk_source_wrong(parameters, "transform", "coordinate %zu of point %zu (from 0) is not finite", a, i);
    }
  }
  return NULL;
}

ntk_error *ntk_measure_create(const ntk_value *entry, ntk_rng rng, ntk_measure *out) {
  const ntk_source *source = ntk_source_of(entry);
  const ntk_value *parameters = ntk_choice_parameters(entry);
  ntk_error *err = NULL;
  *out = (ntk_measure){0};
  NTK_TRY_OUT(load(source, parameters, rng, out));
  NTK_TRY_OUT(load_weights(parameters, out));
  if (ntk_get_bool(parameters, "shuffle")) shuffle(rng, out);
  NTK_TRY_OUT(keep(source, parameters, &out->n));
  NTK_TRY_OUT(scale_masses(parameters, out));
  NTK_TRY_OUT(transform(parameters, out));
out:
  if (err) ntk_measure_free(out);
  return err;
}
