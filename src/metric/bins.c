/** Permutations and wild bootstrap of bins: everything is a quadratic form of the matrix of sums over pairs of bins. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/numbers.h"
#include "metric/permutation.h"

enum { BINS = 1024, FEWEST = 16 };

ntk_error *ntk_bins_create(size_t n, size_t m, ntk_bins *out) {
  size_t sizes[2] = {n, m}, point = 0, most = ntk_min_size(n, m) / FEWEST;
  *out = (ntk_bins){.size = (n + m + BINS - 1) / BINS};
  if (out->size > most) out->size = most ? most : 1;
  NTK_TRY(NTK_NEW(n + m, &out->bin));
  for (size_t s = 0; s < 2; s++) {
    out->count[s] = ntk_min_size(sizes[s] / out->size, BINS);
    for (size_t i = 0; i < sizes[s]; i++) out->bin[point++] = (uint32_t)(out->bins + ntk_min_size(i / out->size, out->count[s]));
    out->bins = out->bin[point - 1] + 1;
  }
  return NULL;
}

void ntk_bins_free(ntk_bins *bins) {
  free(bins->bin);
  bins->bin = NULL;
}

typedef struct {
  const ntk_pair_points *sample;
  const ntk_bins *bins;
  size_t moving;    /* bins whose labels change */
  size_t *place;    /* number of the k-th of them, first set first */
  double *matrix;   /* sums over ordered pairs of different points */
  double *diagonal; /* sums of k_ii over each bin */
  double *size;     /* points of each bin */
  double all;       /* of the matrix */
  double *e, *sums; /* the form's vector; matrix e */
  size_t *order;
  unsigned char *mark;
} bin_test;

static ntk_error *create(const ntk_pairs *pairs, bin_test *t) {
  size_t bins = t->bins->bins, points = t->sample->n + t->sample->m;
  t->moving = t->bins->count[0] + t->bins->count[1];
  NTK_TRY(NTK_NEW(t->moving, &t->place));
  NTK_TRY(NTK_NEW(bins * bins, &t->matrix));
  NTK_TRY(NTK_NEW(bins, &t->diagonal));
  NTK_TRY(NTK_NEW(bins, &t->size));
  NTK_TRY(NTK_NEW(bins, &t->e));
  NTK_TRY(NTK_NEW(bins, &t->sums));
  NTK_TRY(NTK_NEW(bins, &t->order));
  NTK_TRY(NTK_NEW(bins, &t->mark));
  size_t second = t->bins->bin[t->sample->n];
  for (size_t k = 0; k < t->moving; k++) t->place[k] = k < t->bins->count[0] ? k : second + (k - t->bins->count[0]);
  for (size_t a = 0; a < bins; a++)
    for (size_t b = a; b < bins; b++) t->matrix[a * bins + b] = t->matrix[b * bins + a] = (a == b ? 2 : 1) * ntk_pairs_bin(pairs, a, b);
  for (size_t i = 0; i < points; i++) {
    t->diagonal[t->bins->bin[i]] += ntk_pairs_diagonal(pairs, i);
    t->size[t->bins->bin[i]] += 1;
  }
  for (size_t k = 0; k < bins * bins; k++) t->all += t->matrix[k];
  return NULL;
}

static void destroy(bin_test *t) {
  void *blocks[] = {t->place, t->matrix, t->diagonal, t->size, t->e, t->sums, t->order, t->mark};
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) free(blocks[i]);
}

/* sums = matrix e, *row = 1' matrix e; returns e' matrix e. */
static double form(const bin_test *t, double *row) {
  size_t bins = t->bins->bins;
  double own = 0;
  memset(t->sums, 0, bins * sizeof *t->sums);
  for (size_t a = 0; a < bins; a++) {
    double factor = t->e[a];
    const double *line = t->matrix + a * bins;
    if (factor == 0) continue;
#pragma omp simd
    for (size_t b = 0; b < bins; b++) t->sums[b] += factor * line[b];
  }
  *row = 0;
  for (size_t a = 0; a < bins; a++) {
    own += t->e[a] * t->sums[a];
    *row += t->sums[a];
  }
  return own;
}

/* The observed labels: e = 1 on the first set. */
static void observed(const bin_test *t) {
  size_t second = t->bins->bin[t->sample->n];
  for (size_t a = 0; a < t->bins->bins; a++) t->e[a] = a < second;
}

static void permute(const bin_test *t, ntk_rng rng, uint64_t draw) {
  observed(t);
  ntk_choose(rng, draw, t->moving, t->bins->count[0], t->order, t->mark);
  for (size_t k = 0; k < t->moving; k++) t->e[t->place[k]] = t->mark[k];
}

/* n = m: bins of the same number change places with probability 1/2. */
static void swap(const bin_test *t, ntk_rng rng, uint64_t draw) {
  size_t second = t->bins->bin[t->sample->n];
  for (size_t a = 0; a < second; a++) {
    t->e[a] = (double)ntk_integer(rng, draw * second + a, 2);
    t->e[second + a] = 1 - t->e[a];
  }
}

static double u_statistic(const bin_test *t) {
  double row, own = form(t, &row);
  return ntk_u_statistic(t->sample->n, t->sample->m, own, row, t->all);
}

/* e = (sign - its mean over the set)/n on the first set, minus that on the second; draw 0: no signs, e = 1/n and -1/m. */
static double v_statistic(const bin_test *t, ntk_rng rng, uint64_t draw) {
  size_t second = t->bins->bin[t->sample->n], bins = t->bins->bins;
  for (size_t s = 0; s < 2; s++) {
    size_t from = s ? second : 0, to = s ? bins : second;
    double points = (double)(s ? t->sample->m : t->sample->n), mean = 0;
    for (size_t a = from; a < to; a++) {
      t->e[a] = draw ? 2 * (double)ntk_integer(rng, draw * bins + a, 2) - 1 : 1;
      mean += t->e[a] * t->size[a] / points;
    }
    for (size_t a = from; a < to; a++) t->e[a] = (t->e[a] - (draw ? mean : 0)) / (s ? -points : points);
  }
  double row, sum = form(t, &row);
  for (size_t a = 0; a < bins; a++) sum += t->e[a] * t->e[a] * t->diagonal[a];
  return sum;
}

ntk_error *ntk_bins_test(const ntk_comm *comm, const ntk_pairs *pairs, const ntk_pair_points *sample, const ntk_bins *bins, bool wild,
                         size_t permutations, ntk_rng rng, double tie, double *p_value) {
  bin_test t = {.sample = sample, .bins = bins};
  bool centred = wild && sample->n != sample->m;
  size_t hits = 0;
  ntk_error *err = NULL;
  NTK_TRY_OUT(ntk_agree(comm, create(pairs, &t)));
  observed(&t);
  double value = centred ? v_statistic(&t, rng, 0) : u_statistic(&t);
  for (size_t b = (size_t)comm->rank; b < permutations; b += (size_t)comm->size) {
    if (!centred && wild) swap(&t, rng, b);
    if (!centred && !wild) permute(&t, rng, b);
    hits += (centred ? v_statistic(&t, rng, b + 1) : u_statistic(&t)) >= value - tie;
  }
  err = ntk_p_value(comm, hits, permutations, p_value);
out:
  destroy(&t);
  return err;
}
