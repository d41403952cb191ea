#include "kernel/octaves.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "kernel/features.h"
#include "kernel/quadrature.h"

/* |z| up to which a standard normal density times an orthonormal Hermite polynomial counts. */
#define HERMITE_RANGE 13.0
/* The trapezoidal rule's step, in the argument of phi'': half of what the means need, since psi_n waves with the frequency sqrt(n); and n/q up to
 * which both resolve that to rounding for a pole of phi at pi/2: (2 pi/step - 23)^2. */
#define STEP (0.5 * NTK_QUADRATURE_STEP)
#define RESOLVED 1500.0

enum { NODES = NTK_OCTAVE_NODES, FIRST_END = -6, FEW_DEGREES = 1000 };

/* Work of making one octave. */
typedef struct {
  const ntk_octaves *octaves;
  double range; /* |x| up to which phi'' counts */
  double left;  /* of E phi''^2 behind the last term, relative */
  size_t most_nodes;
  double *z, *even, *odd, *psi; /* psi: two arrays */
  double *gamma;                /* room for all terms */
} octave_work;

static void free_work(octave_work *w) {
  free(w->z);
  free(w->even);
  free(w->odd);
  free(w->psi);
  free(w->gamma);
}

static size_t degree_of(const ntk_octaves *o, size_t term) { return ntk_sparse_degree(o->first, o->step, term); }

/* Gammas that so many terms need: up to their last degree. */
static size_t count_of(const ntk_octaves *o, size_t terms) { return (terms ? degree_of(o, terms - 1) : o->first) + 1; }

/* A term's share of E phi''^2. */
static double share_of(const octave_work *w, size_t term) {
  double gamma = w->octaves->root[term] * w->gamma[degree_of(w->octaves, term) - 2];
  return gamma * gamma;
}

static ntk_error *allocate_work(octave_work *w, double largest) {
  w->range = ntk_function_range(w->octaves->function);
  w->most_nodes = (size_t)(fmin(HERMITE_RANGE * fmax(1, sqrt(largest)), fmax(w->range, HERMITE_RANGE)) / STEP) + 2;
  NTK_TRY(NTK_NEW(w->most_nodes, &w->z));
  NTK_TRY(NTK_NEW(w->most_nodes, &w->even));
  NTK_TRY(NTK_NEW(w->most_nodes, &w->odd));
  NTK_TRY(NTK_NEW(2 * w->most_nodes, &w->psi));
  return NTK_NEW(count_of(w->octaves, w->octaves->most), &w->gamma);
}

/* Nodes and integrand for one variance: even and odd part of phi'', with the weight and psi_n = he_n exp(-z^2/4) in mind. */
static size_t fill_nodes(octave_work *w, double q, ntk_means *means) {
  const ntk_function *function = w->octaves->function;
  double step = 0.5 * ntk_quadrature_step(q), root = sqrt(q);
  size_t nodes = 0;
  bool here = NTK_NORMAL_RANGE * root <= w->range; /* these nodes do for the means as well */
  *means = here ? (ntk_means){0, 0, 0, 0, 0, 0} : ntk_function_means(function, q);
  while (nodes < w->most_nodes) {
    double z = ((double)nodes + 0.5) * step;
    if (z >= HERMITE_RANGE || root * z > w->range) break;
    double right[3], left[3], normal = exp(-0.25 * z * z), weight = step * 0.39894228040143267794 * normal;
    ntk_function_jet(function, root * z, right);
    ntk_function_jet(function, -root * z, left);
    if (here) ntk_means_add(right, weight * normal, means);
    if (here) ntk_means_add(left, weight * normal, means);
    w->z[nodes] = z;
    w->even[nodes] = weight * (right[2] + left[2]);
    w->odd[nodes] = weight * (right[2] - left[2]);
    w->psi[nodes] = normal;
    nodes++;
  }
  return nodes;
}

/* Fills w->gamma up to `count`. */
static ntk_means fill_gammas(octave_work *w, double q, size_t count) {
  ntk_means means;
  size_t nodes = fill_nodes(w, q, &means);
  /* The arrays of psi follow each other without a gap. */
  ntk_hermite h = {nodes, w->z, w->even, w->odd, w->psi};
  w->octaves->engine->features(&h, count, w->gamma);
  return means;
}

/* Relative sizes of the rest from each chunk on, of V_dot and V_dot_r. */
static void fill_tails(const octave_work *w, size_t terms, double q, const ntk_means *means, double *slope_tail, double *curve_tail) {
  const ntk_octaves *o = w->octaves;
  double squares = 0, left = w->left * means->curve_square;
  /* Where terms end too early, the rest is what they lack. */
  for (size_t n = 0; terms == o->most && n < count_of(o, terms) - 2; n++) squares += w->gamma[n] * w->gamma[n];
  if (terms == o->most) left = fmax(left, means->curve_square - squares);
  double slope_rest = left * q / (double)count_of(o, terms), curve_rest = left;
  for (size_t chunk = ntk_series_chunks(terms) + 1; chunk-- > 0;) {
    for (size_t i = 0; chunk < ntk_series_chunks(terms) && i < NTK_SERIES_CHUNK; i++) {
      size_t term = chunk * NTK_SERIES_CHUNK + i;
      curve_rest += share_of(w, term);
      slope_rest += share_of(w, term) * q / (double)(degree_of(o, term) - 1);
    }
    slope_tail[chunk] = sqrt(slope_rest / fmax(means->slope_square, DBL_MIN));
    curve_tail[chunk] = sqrt(curve_rest / fmax(means->curve_square, DBL_MIN));
  }
}

static void sample_row(octave_work *w, size_t terms, double q, double *row) {
  const ntk_octaves *o = w->octaves;
  ntk_means means = fill_gammas(w, q, count_of(o, terms));
  double *alpha = row + NTK_SERIES_HEAD, *half = alpha + terms, *tails = half + terms;
  double *moments = tails + 2 * (ntk_series_chunks(terms) + 1);
  bool is_odd = o->function->parity == NTK_PARITY_ODD, is_even = o->function->parity == NTK_PARITY_EVEN;
  row[0] = is_odd ? 0 : (means.value - o->origin) / q;
  row[1] = means.slope;
  row[2] = is_odd ? 0 : w->gamma[0];
  row[3] = is_even ? 0 : 0.5 * w->gamma[1] / sqrt(q);
  row[4] = is_odd ? 0 : 0.5 * w->gamma[2] * 0.70710678118654752440 / q;
  for (size_t k = 0; k < terms; k++) {
    size_t degree = degree_of(o, k);
    double n = (double)degree;
    alpha[k] = o->root[k] * w->gamma[degree - 2] / sqrt(n * (n - 1));
    half[k] = 0.5 * o->root[k] * w->gamma[degree];
  }
  fill_tails(w, terms, q, &means, tails, tails + ntk_series_chunks(terms) + 1);
  moments[0] = (means.value_square - o->origin * o->origin) / q;
  moments[1] = means.slope_square + means.bend;
  moments[2] = means.slope_square;
}

/* Terms for variances up to `largest`, in whole chunks, and what they leave: nothing that matters beside any partner where few degrees do, else nothing
 * that matters beside partners of similar variance. */
static size_t choose_terms(octave_work *w, double largest) {
  const ntk_octaves *o = w->octaves;
  double resolved = RESOLVED * fmax(1, largest), rest = 0, tolerance = o->constants[NTK_SERIES_TOLERANCE];
  size_t terms = o->most;
  while (terms > NTK_SERIES_CHUNK && (double)count_of(o, terms) > resolved) terms -= NTK_SERIES_CHUNK;
  double whole = fill_gammas(w, largest, count_of(o, terms)).curve_square;
  w->left = 0;
  for (; terms > NTK_SERIES_CHUNK; terms -= NTK_SERIES_CHUNK) {
    for (size_t i = 1; i <= NTK_SERIES_CHUNK; i++) rest += share_of(w, terms - i);
    bool for_all = count_of(o, terms) <= FEW_DEGREES && rest > 0.01 * tolerance * tolerance * whole;
    if (for_all || rest > 1e-8 * tolerance * whole) break;
    w->left = rest / whole;
  }
  return terms;
}

/* Ends of an octave in sqrt(q). */
static void ends_of(size_t index, double *low, double *high) {
  int end = (int)index + FIRST_END;
  *low = index ? sqrt(ldexp(1, end - 1)) : 0;
  *high = sqrt(ldexp(1, end));
}

static size_t index_of(double q) {
  int end;
  if (!(q >= 0x1p-6 && q < INFINITY)) return 0;
  (void)frexp(q, &end);
  return (size_t)(end - FIRST_END);
}

static ntk_error *fill_octave(octave_work *w, size_t index, ntk_octave *octave) {
  const double pi = 3.14159265358979323846;
  double low, high, *row = NULL;
  ends_of(index, &low, &high);
  octave->middle = 0.5 * (low + high);
  octave->scale = 2 / (high - low);
  octave->terms = choose_terms(w, high * high);
  octave->size = ntk_series_row_size(octave->terms);
  NTK_TRY(NTK_NEW(NODES * octave->size, &octave->coefficients));
  NTK_TRY(NTK_NEW(octave->size, &row));
  for (int node = 0; node < NODES; node++) {
    double angle = pi * (node + 0.5) / NODES, root = 0.5 * (low + high) + 0.5 * (high - low) * cos(angle);
    sample_row(w, octave->terms, root * root, row);
    for (int k = 0; k < NODES; k++) {
      double weight = (k ? 2.0 : 1.0) / NODES * cos(k * angle), *to = octave->coefficients + (size_t)k * octave->size;
      for (size_t e = 0; e < octave->size; e++) to[e] += weight * row[e];
    }
  }
  free(row);
  return NULL;
}

static void free_octave(ntk_octave *octave) {
  if (octave) free(octave->coefficients);
  free(octave);
}

static ntk_error *make_octave(ntk_octaves *o, size_t index) {
  double low, high;
  octave_work w = {.octaves = o};
  ends_of(index, &low, &high);
  ntk_octave *octave, *none = NULL;
  NTK_TRY(NTK_NEW(1, &octave));
  ntk_error *err = allocate_work(&w, high * high);
  if (!err) err = fill_octave(&w, index, octave);
  /* The first of several threads keeps its own. */
  if (err || !atomic_compare_exchange_strong(&o->octaves[index], &none, octave)) free_octave(octave);
  free_work(&w);
  return err;
}

ntk_error *ntk_octaves_create(const ntk_engine *engine, const double *constants, ntk_octaves **out) {
  NTK_TRY(NTK_NEW(1, out));
  ntk_octaves *o = *out;
  o->engine = engine;
  o->constants = constants;
  o->first = 3;
  o->step = 1;
  o->function = ntk_activation_at((size_t)constants[NTK_SERIES_KIND])->function;
  o->origin = o->function->value(0);
  if (o->function->parity != NTK_PARITY_NONE) o->step = 2;
  if (o->function->parity == NTK_PARITY_EVEN) o->first = 4;
  o->most = ntk_sparse_most(o->step);
  ntk_sparse_roots(o->step, o->root);
  return NULL;
}

void ntk_octaves_free(ntk_octaves **octaves) {
  if (!*octaves) return;
  for (size_t i = 0; i < NTK_OCTAVE_COUNT; i++) free_octave((*octaves)->octaves[i]);
  free(*octaves);
  *octaves = NULL;
}

ntk_error *ntk_octaves_cover(ntk_octaves *octaves, size_t count, const double *q) {
  for (size_t i = 0; i < count; i++) {
    size_t index = index_of(q[i]);
    if (!octaves->octaves[index]) NTK_TRY(make_octave(octaves, index));
  }
  return NULL;
}

const ntk_octave *ntk_octaves_find(const ntk_octaves *octaves, double q, double *position) {
  const ntk_octave *octave = octaves->octaves[index_of(q)];
  double at = (sqrt(q) - octave->middle) * octave->scale;
  *position = at > 1 ? 1 : at < -1 ? -1 : at;
  return octave;
}

ntk_moments ntk_octaves_moments(const ntk_octaves *octaves, double q) {
  double position, m[3];
  const ntk_octave *octave = ntk_octaves_find(octaves, q, &position);
  ntk_octave_run run = {octave->coefficients + octave->size - 3, octave->size, 3};
  octaves->engine->feature_row(&run, position, 1, m);
  return (ntk_moments){octaves->origin * octaves->origin + q * m[0], m[1], m[2]};
}
