#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "metric/distances.h"

typedef struct {
  double x, mass; /* mass < 0: of the real measure */
} atom;

static int by_place(const void *a, const void *b) {
  const atom *p = a, *q = b;
  if (p->x != q->x) return p->x < q->x ? -1 : 1;
  return (p->mass > q->mass) - (p->mass < q->mass); /* so that the order, and with it the rounding, is defined */
}

ntk_error *ntk_wasserstein_line(const ntk_measure *fake, const ntk_measure *real, double *out) {
  size_t count = fake->n + real->n;
  atom *atoms = NULL;
  *out = NAN;
  if (fake->d != 1 || real->d != 1) return ntk_fail(NTK_E_CONFIG, "w1_1d is for points on the line, these have %zu coordinates", fake->d);
  NTK_TRY(NTK_NEW(count, &atoms));
  for (size_t i = 0; i < fake->n; i++) atoms[i] = (atom){fake->x[i], fake->mass[i]};
  for (size_t j = 0; j < real->n; j++) atoms[fake->n + j] = (atom){real->x[j], -real->mass[j]};
  qsort(atoms, count, sizeof *atoms, by_place);
  double difference = 0, sum = 0, lost = 0; /* of the distribution functions; the integral so far, compensated (Neumaier 1974) */
  for (size_t i = 0; i + 1 < count; i++) {
    difference += atoms[i].mass;
    double piece = fabs(difference) * (atoms[i + 1].x - atoms[i].x), total = sum + piece;
    lost += sum >= piece ? (sum - total) + piece : (piece - total) + sum;
    sum = total;
  }
  free(atoms);
  *out = sum + lost;
  return isfinite(*out) ? NULL : ntk_fail(NTK_E_NONFINITE, "w1_1d is not finite");
}
