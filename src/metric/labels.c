/** Permutations of every point's label, as columns of bits. */
#include <float.h>
#include <stdlib.h>

#include "base/mem.h"
#include "metric/permutation.h"

static void set(uint64_t *labels, size_t words, size_t point, size_t column) { labels[point * words + column / 64] |= (uint64_t)1 << column % 64; }

static ntk_error *draw_own(const ntk_comm *comm, size_t n, size_t m, size_t permutations, ntk_rng rng, uint64_t *labels) {
  size_t p = n + m, words = ntk_label_words(permutations + 1), *order = NULL;
  unsigned char *mark = NULL;
  ntk_error *err = NULL;
  NTK_TRY_OUT(NTK_NEW(p, &order));
  NTK_TRY_OUT(NTK_NEW(p, &mark));
  for (size_t i = 0; i < n && comm->rank == 0; i++) set(labels, words, i, 0);
  for (size_t b = (size_t)comm->rank; b < permutations; b += (size_t)comm->size) {
    ntk_choose(rng, b, p, n, order, mark);
    for (size_t i = 0; i < p; i++)
      if (mark[i]) set(labels, words, i, b + 1);
  }
out:
  free(order);
  free(mark);
  return err;
}

ntk_error *ntk_labels_draw(const ntk_comm *comm, size_t n, size_t m, size_t permutations, ntk_rng rng, uint64_t **labels) {
  enum { PIECE = 1 << 26 };
  size_t total = (n + m) * ntk_label_words(permutations + 1);
  *labels = NULL;
  NTK_TRY_ALL(comm, NTK_NEW(total, labels));
  NTK_TRY_ALL(comm, draw_own(comm, n, m, permutations, rng, *labels));
  for (size_t i = 0; i < total; i += PIECE) {
    int here = (int)(total - i < PIECE ? total - i : PIECE);
    NTK_TRY(ntk_mpi(MPI_Allreduce(MPI_IN_PLACE, *labels + i, here, MPI_UINT64_T, MPI_BOR, comm->mpi), "MPI_Allreduce"));
  }
  return NULL;
}

/* What single precision may move the statistic by, four times over: roundings of sums of 256 numbers, of which about |K|_F <= trace remains. */
static double single_rounding(const ntk_pairs *pairs, size_t n, size_t m) {
  double trace = 0, a = (double)n, b = (double)m;
  for (size_t i = 0; i < n + m; i++) trace += ntk_pairs_diagonal(pairs, i);
  return 64 * (FLT_EPSILON / 2) * trace * (0.25 / (a * (a - 1)) + 0.25 / (b * (b - 1)) + 0.5 / (a * b));
}

/* From the signs' form q = s'Ks over i < j and rows K1: with XX, YY, XY over ordered pairs, 2q = XX + YY - 2XY, s'K1 = XX - YY. */
static double statistic(const ntk_pairs *pairs, size_t n, size_t m, const uint64_t *labels, size_t words, size_t column, const double *rows,
                        double all) {
  double q = 2 * ntk_pairs_label(pairs, column), difference = 0;
  for (size_t i = 0; i < n + m; i++) difference += labels[i * words + column / 64] >> column % 64 & 1 ? rows[i] : -rows[i];
  return ntk_u_statistic(n, m, (q + all) / 4 + difference / 2, (difference + all) / 2, all);
}

ntk_error *ntk_labels_test(const ntk_comm *comm, const ntk_pairs *pairs, const ntk_pair_points *sample, const uint64_t *labels, size_t permutations,
                           double tie, double *p_value) {
  size_t n = sample->n, m = sample->m, words = ntk_label_words(permutations + 1), hits = 0;
  double *rows = NULL, all = 0;
  NTK_TRY_ALL(comm, NTK_NEW(n + m, &rows));
  for (size_t i = 0; i < n + m; i++) all += rows[i] = (double)n * ntk_pairs_row(pairs, i, 0) + (double)m * ntk_pairs_row(pairs, i, 1);
  double observed = statistic(pairs, n, m, labels, words, 0, rows, all), least = observed - tie - single_rounding(pairs, n, m);
  for (size_t b = (size_t)comm->rank; b < permutations; b += (size_t)comm->size)
    hits += statistic(pairs, n, m, labels, words, b + 1, rows, all) >= least;
  free(rows);
  return ntk_p_value(comm, hits, permutations, p_value);
}
