#include "metric/permutation.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "field/field.h"

enum { PASS_NUMBERS = 1 << 23, FEWEST_COLUMNS = 8, MOST_COLUMNS = 128 };

/* Labellings of one pass over the kernel matrix. */
static size_t columns_of_pass(size_t points, size_t permutations) {
  size_t columns = PASS_NUMBERS / points;
  columns = columns < FEWEST_COLUMNS ? FEWEST_COLUMNS : columns > MOST_COLUMNS ? MOST_COLUMNS : columns;
  return columns < permutations ? columns : permutations;
}

/* A uniformly random choice of the smaller set's members (Fisher-Yates, stopped early): column e[i*stride] = 1/n for fake, -1/m for real. */
static void draw_labels(const ntk_pooled_sums *s, ntk_rng rng, uint64_t permutation, size_t *order, double *e, size_t stride) {
  size_t p = s->n + s->m, chosen = s->n < s->m ? s->n : s->m;
  double fake = 1 / (double)s->n, real = -1 / (double)s->m;
  for (size_t i = 0; i < p; i++) order[i] = i;
  for (size_t i = 0; i < p; i++) e[i * stride] = s->n < s->m ? real : fake;
  for (size_t i = 0; i < chosen; i++) {
    size_t j = i + (size_t)ntk_integer(rng, permutation * p + i, p - i), taken = order[j];
    order[j] = order[i];
    order[i] = taken;
    e[taken * stride] = s->n < s->m ? fake : real;
  }
}

/* U-statistic of the labelling e from y = K e. With sums over fake-fake XX, fake-real XY, real-real YY: e'y = XX/n^2 + YY/m^2 - 2 XY/(nm) has the
 * cancellation behind it; the small corrections for the diagonal need XX and YY, from XX/n^2 - XY/(nm) and XX + XY. */
static double statistic(const ntk_pooled_sums *s, const double *e, const double *y, size_t stride, double *terms) {
  size_t p = s->n + s->m;
  double n = (double)s->n, m = (double)s->m;
  double *v = terms, *own = terms + p, *sum = terms + 2 * p, *diagonal = terms + 3 * p;
  for (size_t i = 0; i < p; i++) {
    int fake = e[i * stride] > 0;
    v[i] = e[i * stride] * y[i * stride];
    own[i] = fake ? v[i] : 0;
    sum[i] = fake ? s->sums[i] : 0;
    diagonal[i] = fake ? s->diagonal[i] : 0;
  }
  double dx = ntk_sum(p, diagonal), dy = ntk_sum(p, s->diagonal) - dx, c = ntk_sum(p, sum);
  double xy = (c / (n * n) - ntk_sum(p, own)) / (1 / (n * n) + 1 / (n * m)), xx = c - xy, yy = ntk_sum(p, s->sums) - xx - 2 * xy;
  return ntk_sum(p, v) + (xx / (n * n) - dx / n) / (n - 1) + (yy / (m * m) - dy / m) / (m - 1);
}

typedef struct {
  size_t *order;
  double *e, *y, *terms;
} workspace;

static ntk_error *allocate(size_t p, size_t columns, workspace *w) {
  NTK_TRY(NTK_NEW(p, &w->order));
  NTK_TRY(ntk_alloc(p, columns * sizeof(double), &w->e));
  NTK_TRY(ntk_alloc(p, columns * sizeof(double), &w->y));
  return ntk_alloc(p, 4 * sizeof(double), &w->terms);
}

ntk_error *ntk_permutation_test(const ntk_comm *comm, const ntk_kernel *kernel, const ntk_pooled_sums *s, size_t permutations, ntk_rng rng,
                                double *p_value) {
  size_t p = s->n + s->m, columns = columns_of_pass(p, permutations), at_least = 0;
  workspace w = {0};
  ntk_error *err = ntk_agree(comm, allocate(p, columns, &w));
  if (err) goto out;
  for (size_t i = 0; i < p; i++) w.e[i] = i < s->n ? 1 / (double)s->n : -1 / (double)s->m;
  double observed = statistic(s, w.e, s->signed_sums, 1, w.terms);
  for (size_t first = 0; first < permutations; first += columns) {
    size_t here = columns < permutations - first ? columns : permutations - first;
    for (size_t b = 0; b < here; b++) draw_labels(s, rng, first + b, w.order, w.e + b, here);
    NTK_TRY_OUT(ntk_field_sum(comm, kernel, s->points, s->points, here, w.e, w.y, NULL));
    for (size_t b = 0; b < here; b++) at_least += statistic(s, w.e + b, w.y + b, here, w.terms) >= observed - s->tie;
  }
  *p_value = (1 + (double)at_least) / (1 + (double)permutations);
out:
  free(w.order);
  free(w.e);
  free(w.y);
  free(w.terms);
  return err;
}
