#include "metric/subsample.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "field/field.h"

/* Selection sampling (Knuth, TAOCP 2, algorithm 3.4.2 S): every subset is equally likely and its points come in order. */
static void select_points(const ntk_measure *m, size_t points, ntk_rng rng, uint64_t side, ntk_measure *out) {
  for (size_t i = 0, taken = 0; i < m->n && taken < points; i++) {
    if (ntk_integer(rng, (side << 48) + i, m->n - i) >= points - taken) continue;
    memcpy(out->x + taken * m->d, m->x + i * m->d, m->d * sizeof *m->x);
    out->mass[taken++] = m->mass[i];
  }
}

ntk_error *ntk_subsample(const ntk_measure *m, size_t points, ntk_rng rng, uint64_t side, ntk_measure *out) {
  *out = (ntk_measure){0};
  if (!points || points >= m->n) return NULL;
  *out = (ntk_measure){.n = points, .d = m->d};
  NTK_TRY(ntk_alloc(points, m->d * sizeof(double), &out->x));
  NTK_TRY(NTK_NEW(points, &out->mass));
  select_points(m, points, rng, side, out);
  double total = ntk_sum(points, out->mass);
  if (!(total > 0)) return ntk_fail(NTK_E_NUMERIC, "the %zu points chosen for a metric have no mass", points);
  for (size_t i = 0; i < points; i++) out->mass[i] /= total;
  return NULL;
}
