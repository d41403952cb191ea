#include "kernel/features.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kernel/quadrature.h"

/* A group of lanes: their variances, octaves and positions in them. */
typedef struct {
  double s[NTK_LANES], position[NTK_LANES];
  const ntk_octave *octave[NTK_LANES];
} lane_positions;

static const ntk_function *function_of(const double *constants) { return ntk_activation_at((size_t)constants[NTK_SERIES_KIND])->function; }

/* E p^(l)(u), u ~ N(0, q), of the polynomial. */
static double derivative_mean(const double *constants, size_t l, double q) {
  size_t degree = (size_t)constants[NTK_SERIES_DEGREE];
  double sum = 0;
  for (size_t m = l; m <= degree; m += 2) {
    double term = constants[NTK_SERIES_COEFFICIENTS + m];
    for (size_t i = m - l + 1; i <= m; i++) term *= (double)i;   /* m!/(m-l)! */
    for (size_t i = 1; i < m - l; i += 2) term *= (double)i * q; /* (m-l-1)!! q^((m-l)/2) */
    sum += term;
  }
  return sum;
}

static ntk_moments polynomial_moments(const double *constants, double q) {
  size_t degree = (size_t)constants[NTK_SERIES_DEGREE];
  ntk_moments m = {0, 0, 0};
  double weight = 1; /* q^l/l! */
  for (size_t l = 0; l <= degree; l++) {
    double here = derivative_mean(constants, l, q), next = derivative_mean(constants, l + 1, q), second = derivative_mean(constants, l + 2, q);
    m.value += here * here * weight;
    m.dot += next * next * weight;
    m.slope += (next * next + here * second) * weight;
    weight *= q / ((double)l + 1);
  }
  return m;
}

static ntk_moments hermite_moments(const double *constants, double q) {
  double k = constants[NTK_SERIES_DEGREE], slope = k > 0 ? k * pow(q, k - 1) : 0;
  return (ntk_moments){pow(q, k), slope, slope};
}

ntk_moments ntk_series_moments(const double *constants, double q) {
  if (constants[NTK_SERIES_KIND] == NTK_SERIES_POLYNOMIAL) return polynomial_moments(constants, q);
  if (constants[NTK_SERIES_KIND] == NTK_SERIES_HERMITE) return hermite_moments(constants, q);
  ntk_means m = ntk_function_means(function_of(constants), q);
  return (ntk_moments){m.value_square, m.slope_square + m.bend, m.slope_square};
}

/* Exact: every tail is 1 until the end. */
static void whole_series(size_t terms, double *row) {
  size_t chunks = ntk_series_chunks(terms);
  double *tails = row + NTK_SERIES_HEAD + 2 * terms;
  for (size_t i = 0; i < 2 * (chunks + 1); i++) tails[i] = i % (chunks + 1) < chunks ? 1 : 0;
}

static void polynomial_row(const double *constants, size_t terms, double q, double *row) {
  double *alpha = row + NTK_SERIES_HEAD, *half = alpha + terms, weight = pow(q, 1.5) / sqrt(6.0);
  row[0] = derivative_mean(constants, 0, q);
  row[1] = derivative_mean(constants, 1, q);
  row[2] = derivative_mean(constants, 2, q);
  row[3] = 0.5 * derivative_mean(constants, 3, q);
  row[4] = 0.25 * derivative_mean(constants, 4, q);
  for (size_t k = 0; k < terms; k++) {
    alpha[k] = weight * derivative_mean(constants, k + 3, q);
    half[k] = 0.5 * weight * derivative_mean(constants, k + 5, q);
    weight *= sqrt(q / ((double)k + 4));
  }
  whole_series(terms, row);
}

static void hermite_row(const double *constants, size_t terms, double q, double *row) {
  size_t degree = (size_t)constants[NTK_SERIES_DEGREE];
  memset(row, 0, ntk_series_row_size(terms) * sizeof *row);
  if (degree < 3) row[degree] = degree == 2 ? sqrt(2.0) : 1;
  if (degree >= 3) row[NTK_SERIES_HEAD + degree - 3] = pow(q, 0.5 * (double)degree);
  whole_series(terms, row);
}

/* A run of entries of a row: `count` of an octave's from `from` on, to `to`, repeated or zero up to `wanted`. */
typedef struct {
  size_t from, count, to, wanted;
  bool is_tail, is_scaled; /* interpolated as divided by the variance */
} entry_run;

enum { RUNS = 5 };

/* How the row of an octave's own number of terms becomes one of `terms`. */
static void fill_runs(size_t own, size_t terms, entry_run runs[RUNS]) {
  size_t few = own < terms ? own : terms, chunks = ntk_series_chunks(terms) + 1, own_chunks = ntk_series_chunks(own) + 1;
  size_t few_chunks = own_chunks < chunks ? own_chunks : chunks, tails = NTK_SERIES_HEAD + 2 * terms, own_tails = NTK_SERIES_HEAD + 2 * own;
  runs[0] = (entry_run){0, NTK_SERIES_HEAD, 0, NTK_SERIES_HEAD, false, false};
  runs[1] = (entry_run){NTK_SERIES_HEAD, few, NTK_SERIES_HEAD, terms, false, true};
  runs[2] = (entry_run){NTK_SERIES_HEAD + own, few, NTK_SERIES_HEAD + terms, terms, false, false};
  runs[3] = (entry_run){own_tails, few_chunks, tails, chunks, true, false};
  runs[4] = (entry_run){own_tails + own_chunks, few_chunks, tails + chunks, chunks, true, false};
}

static ntk_octave_run run_of(const ntk_octave *octave, const entry_run *r) {
  return (ntk_octave_run){octave->coefficients + r->from, octave->size, r->count};
}

static void sampled_row(const ntk_features *f, size_t terms, double q, double *row) {
  double position;
  entry_run runs[RUNS];
  const ntk_octave *octave = ntk_octaves_find(f->octaves, q, &position);
  fill_runs(octave->terms, terms, runs);
  for (size_t i = 0; i < RUNS; i++) {
    const entry_run *r = &runs[i];
    ntk_octave_run run = run_of(octave, r);
    f->engine->feature_row(&run, position, r->is_scaled ? q : 1, row + r->to);
    for (size_t e = r->count; e < r->wanted; e++) row[r->to + e] = r->is_tail ? row[r->to + r->count - 1] : 0;
  }
  row[0] = f->octaves->origin + q * row[0];
}

static void fill_row(const ntk_features *f, size_t terms, double q, double *row) {
  if (ntk_series_is_sampled(f->constants)) {
    sampled_row(f, terms, q, row);
  } else if (f->constants[NTK_SERIES_KIND] == NTK_SERIES_POLYNOMIAL) {
    polynomial_row(f->constants, terms, q, row);
  } else {
    hermite_row(f->constants, terms, q, row);
  }
}

/* Entries [from, from + count) of rows side by side as lanes. */
static void copy_entries(const double *const rows[NTK_LANES], size_t from, size_t count, double *out) {
  for (size_t e = 0; e < count; e++)
    for (size_t l = 0; l < NTK_LANES; l++) out[e * NTK_LANES + l] = rows[l][from + e];
}

/* Rows as one group of columns. */
static void copy_rows(size_t terms, const double *const rows[NTK_LANES], double *out) {
  copy_entries(rows, 0, NTK_SERIES_COLUMN_HEAD, out);
  out += NTK_SERIES_COLUMN_HEAD * NTK_LANES;
  copy_entries(rows, NTK_SERIES_HEAD, terms, out);
  copy_entries(rows, NTK_SERIES_HEAD + 2 * terms, 2 * (ntk_series_chunks(terms) + 1), out + terms * NTK_LANES);
}

static size_t rounded(size_t terms) {
  size_t up = (terms + NTK_SERIES_CHUNK - 1) / NTK_SERIES_CHUNK * NTK_SERIES_CHUNK;
  return up < NTK_SERIES_TERMS ? up : NTK_SERIES_TERMS;
}

/* Terms that a variance needs. */
static size_t terms_of(const ntk_features *f, double q) {
  double position;
  return ntk_series_is_sampled(f->constants) ? ntk_octaves_find(f->octaves, q, &position)->terms : f->most;
}

/* Terms that there can be. */
static size_t most_terms(const double *constants) {
  size_t degree = (size_t)constants[NTK_SERIES_DEGREE];
  if (ntk_series_is_sampled(constants)) return ntk_sparse_most(function_of(constants)->parity == NTK_PARITY_NONE ? 1 : 2);
  return rounded(degree < 3 ? 0 : degree - 2);
}

size_t ntk_features_most(const double *constants) { return ntk_series_column_size(most_terms(constants)); }

ntk_error *ntk_features_create(const ntk_engine *engine, const double *constants, ntk_octaves *octaves, ntk_features **out) {
  NTK_TRY(NTK_NEW(1, out));
  ntk_features *f = *out;
  *f = (ntk_features){.engine = engine, .constants = constants, .octaves = octaves, .most = most_terms(constants)};
  ntk_error *err = NTK_NEW(f->most, &f->degrees);
  if (err) {
    ntk_features_free(out);
    return err;
  }
  for (size_t k = 0; k < f->most; k++) f->degrees[k] = (double)(octaves ? ntk_sparse_degree(octaves->first, octaves->step, k) : 3 + k);
  return NULL;
}

static void pack(const ntk_features *f, size_t point, size_t groups, double *out) {
  for (size_t g = 0; g < groups; g++) {
    const double *rows[NTK_LANES];
    for (size_t l = 0; l < NTK_LANES; l++) {
      size_t i = point + g * NTK_LANES + l;
      rows[l] = f->rows + (i < f->count ? i : f->count - 1) * f->row_size;
    }
    copy_rows(f->terms, rows, out + g * ntk_series_column_size(f->terms) * NTK_LANES);
  }
}

static size_t groups_of(size_t count) { return (count + NTK_LANES - 1) / NTK_LANES; }

ntk_error *ntk_features_cover(ntk_features *f, size_t count, const double *q) {
  if (f->octaves) NTK_TRY(ntk_octaves_cover(f->octaves, count, q));
  for (size_t i = 0; i < count; i++) f->terms = terms_of(f, q[i]) > f->terms ? terms_of(f, q[i]) : f->terms;
  f->count = count;
  f->row_size = ntk_series_row_size(f->terms);
  return NULL;
}

size_t ntk_features_rows(const ntk_features *f) { return f->count * f->row_size; }

size_t ntk_features_groups(const ntk_features *f) { return groups_of(f->count) * NTK_LANES * ntk_series_column_size(f->terms); }

void ntk_features_tabulate(const ntk_features *f, size_t first, size_t count, const double *q) {
  for (size_t i = first; i < first + count; i++) fill_row(f, f->terms, q[i], f->rows + i * f->row_size);
  pack(f, first, groups_of(count), f->columns + first * ntk_series_column_size(f->terms));
}

const double *ntk_features_columns(const ntk_features *f, size_t point, size_t groups, double *room) {
  if (point % NTK_LANES == 0) return f->columns + point * ntk_series_column_size(f->terms);
  pack(f, point, groups, room);
  return room;
}

void ntk_features_free(ntk_features **features) {
  if (!*features) return;
  free((*features)->degrees);
  free(*features);
  *features = NULL;
}

static void pair_quadrature(const double *constants, double q, double rho, double s, double given[NTK_GIVEN]) {
  ntk_function_pair(function_of(constants), q, rho, s, given);
}

static ntk_series series_of(const ntk_features *f, size_t row_terms, const double *row, size_t column_terms, const double *columns) {
  bool sampled = ntk_series_is_sampled(f->constants), paired = !sampled || f->octaves->step == 1;
  size_t nodes = paired ? NTK_SERIES_CHUNK / 2 : NTK_SERIES_CHUNK;
  return (ntk_series){.degrees = f->degrees,
                      .paired = paired,
                      .lead = sampled ? NTK_SPARSE_LEAD / nodes : 0,
                      .run = sampled ? NTK_SPARSE_RUN / nodes : 0,
                      .row = row,
                      .columns = columns,
                      .row_terms = row_terms,
                      .column_terms = column_terms,
                      .group = ntk_series_column_size(column_terms) * NTK_LANES,
                      .tolerance = sampled ? f->constants[NTK_SERIES_TOLERANCE] : 0,
                      .quadrature = pair_quadrature};
}

ntk_series ntk_features_pair(const ntk_features *x, size_t row, const ntk_features *z, const double *columns) {
  return series_of(x, x->terms, x->rows + row * x->row_size, z->terms, columns);
}

/* Features of those lanes of a group that are in one octave; without `add` the others' become 0. */
static void octave_lanes(const ntk_features *f, const ntk_octave *octave, size_t terms, const lane_positions *p, bool add, double *columns) {
  entry_run runs[RUNS];
  double here[NTK_LANES], scaled[NTK_LANES];
  for (size_t l = 0; l < NTK_LANES; l++) {
    here[l] = p->octave[l] == octave;
    scaled[l] = here[l] > 0 ? p->s[l] : 0;
  }
  fill_runs(octave->terms, terms, runs);
  runs[0].count = runs[0].wanted = NTK_SERIES_COLUMN_HEAD;
  for (size_t i = 0; i < RUNS; i++) {
    const entry_run *r = &runs[i];
    if (i == 2) continue; /* of rows only */
    ntk_octave_run run = run_of(octave, r);
    f->engine->feature_lanes(&run, p->position, r->is_scaled ? scaled : here, add, columns, NTK_LANES);
    for (size_t e = r->count; e < r->wanted; e++)
      for (size_t l = 0; l < NTK_LANES; l++) {
        double *to = &columns[e * NTK_LANES + l], last = r->is_tail && here[l] > 0 ? columns[(r->count - 1) * NTK_LANES + l] : 0;
        *to = add ? *to + last : last;
      }
    columns += r->wanted * NTK_LANES;
  }
}

static void sampled_lanes(const ntk_features *f, size_t terms, const lane_positions *p, double *columns) {
  for (size_t l = 0; l < NTK_LANES; l++) {
    bool is_done = false;
    for (size_t k = 0; k < l; k++) is_done = is_done || p->octave[k] == p->octave[l];
    /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): place_lanes() has filled p, the same condition leading to both */
    if (!is_done) octave_lanes(f, p->octave[l], terms, p, l > 0, columns);
  }
  for (size_t l = 0; l < NTK_LANES; l++) columns[l] = f->octaves->origin + p->s[l] * columns[l];
}

static void polynomial_lanes(const ntk_features *f, size_t terms, const double *s, double *columns) {
  double row[NTK_LANES][NTK_SERIES_ROW_MOST];
  const double *rows[NTK_LANES];
  for (size_t l = 0; l < NTK_LANES; l++) {
    fill_row(f, terms, s[l], row[l]);
    rows[l] = row[l];
  }
  copy_rows(terms, rows, columns);
}

/* Places the lanes; returns the terms that they need at most. */
static size_t place_lanes(const ntk_features *f, size_t groups, const double *s, lane_positions *p) {
  size_t terms = 0;
  if (!ntk_series_is_sampled(f->constants)) return terms_of(f, 0);
  for (size_t g = 0; g < groups; g++)
    for (size_t l = 0; l < NTK_LANES; l++) {
      p[g].s[l] = s[g * NTK_LANES + l];
      p[g].octave[l] = ntk_octaves_find(f->octaves, p[g].s[l], &p[g].position[l]);
      terms = p[g].octave[l]->terms > terms ? p[g].octave[l]->terms : terms;
    }
  return terms;
}

/* Terms after which the rest beside this row is below the tolerance whatever rho is. */
static size_t needed_terms(const ntk_features *x, const double *row, size_t row_terms, size_t groups, const lane_positions *p, size_t terms) {
  size_t row_chunks = ntk_series_chunks(row_terms) + 1, chunk = 0;
  const double *tails = row + NTK_SERIES_HEAD + 2 * row_terms;
  for (size_t i = 0; i < groups * NTK_LANES; i++) {
    /* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign): place_lanes() has filled p, this being called for sampled series only */
    const ntk_octave *octave = p[i / NTK_LANES].octave[i % NTK_LANES];
    if (i && octave == p[(i - 1) / NTK_LANES].octave[(i - 1) % NTK_LANES]) continue;
    while (chunk < ntk_series_chunks(terms) && chunk < ntk_series_chunks(octave->terms) &&
           fmax(tails[chunk], tails[row_chunks + chunk]) * octave->bounds[chunk] > x->constants[NTK_SERIES_TOLERANCE])
      chunk++;
  }
  return chunk * NTK_SERIES_CHUNK;
}

ntk_series ntk_features_lanes(const ntk_features *x, double q, const ntk_features *z, size_t groups, const double *s, double *scratch) {
  size_t row_terms = terms_of(x, q);
  double *row = scratch, *columns = scratch + ntk_series_row_size(row_terms);
  lane_positions positions[NTK_BLOCK / NTK_LANES];
  fill_row(x, row_terms, q, row);
  size_t terms = place_lanes(z, groups, s, positions);
  terms = terms < row_terms ? terms : row_terms;
  if (ntk_series_is_sampled(z->constants)) terms = needed_terms(x, row, row_terms, groups, positions, terms);
  for (size_t g = 0; g < groups; g++) {
    double *at = columns + g * ntk_series_column_size(terms) * NTK_LANES;
    if (ntk_series_is_sampled(z->constants)) {
      sampled_lanes(z, terms, &positions[g], at);
    } else {
      polynomial_lanes(z, terms, s + g * NTK_LANES, at);
    }
  }
  return series_of(x, row_terms, row, terms, columns);
}
