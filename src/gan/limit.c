/* Training for ever: the limit of f as t -> infinity, where there is one. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "field/krylov.h"
#include "gan/trainers.h"

/* With a ridge the flow contracts at least as e^(-ridge t): what is left of the way at this many times 1/ridge is below rounding. */
static const double settled = 40;
/* Longer than any motion of points with hinge loss takes; at rest their speeds are exactly 0. */
static const double for_ever = 1e300, sane = 1e100;

static ntk_error *no_limit(const char *why) { return ntk_fail(NTK_E_NUMERIC, "no limit for infinite time: %s", why); }

static double pseudo_inverse(double s, const void *context) {
  (void)context;
  return s > 0 ? 1 / s : 0;
}

/* w = D^1/2 A^+ b, A = D^1/2 K D^1/2 with its numerical rank. */
static ntk_error *project(const ntk_training *training, const ntk_prepared *points, const double *mass, const double *b, double *w, size_t *rank) {
  ntk_operator *op = NULL;
  ntk_krylov_job job = {pseudo_inverse, NULL, w};
  NTK_TRY(ntk_operator_create(training->comm, training->kernel, points, mass, training->budget, &op));
  ntk_error *err = ntk_dense_functions(op, b, 1, &job, 1, rank);
  for (size_t j = 0; !err && mass && j < ntk_operator_size(op); j++) w[j] *= sqrt(mass[j]);
  ntk_operator_free(&op);
  return err;
}

static ntk_error *limit_of_squares(const ntk_training *training, const ntk_loss *loss, double *w) {
  double *b = NULL;
  NTK_TRY_ALL(training->comm, NTK_NEW(training->n, &b));
  for (size_t j = 0; j < training->n; j++)
    b[j] = sqrt(training->mass[j]) * (loss->parameters[j < training->fakes ? 0 : 1] - ntk_training_start(training, 1, j));
  ntk_error *err = project(training, training->points, training->mass, b, w, training->rank);
  free(b);
  return err;
}

static ntk_error *limit_of_hinge(const ntk_training *training, const ntk_loss *loss, double *w) {
  ntk_training longer = *training;
  longer.time = training->ridge > 0 ? settled / training->ridge : for_ever;
  NTK_TRY(ntk_train_hinge(&longer, loss, w));
  for (size_t j = 0; j < training->n; j++)
    if (!(fabs(w[j]) < sane)) return no_limit("the points do not come to rest at their margins");
  return NULL;
}

/* --- losses with a smallest value at every atom: there f goes, if the kernel can tell all atoms apart ---------------------------------------- */

typedef struct {
  const double *x;
  size_t d, index;
} place;

static int by_place(const void *a, const void *b) {
  const place *p = a, *q = b;
  for (size_t k = 0; k < p->d; k++)
    if (p->x[k] != q->x[k]) return p->x[k] < q->x[k] ? -1 : 1;
  return p->index < q->index ? -1 : p->index > q->index;
}

static bool same_place(const place *p, const place *q) { return !memcmp(p->x, q->x, p->d * sizeof *p->x); }

static double slope_at(const ntk_loss *loss, double fake, double real, double f) {
  return (fake > 0 ? fake * ntk_loss_term(loss, true, f).slope : 0) + (real > 0 ? real * ntk_loss_term(loss, false, f).slope : 0);
}

/* Where fake l_fake + real l_real is smallest: bisection of its increasing slope. False: nowhere. */
static bool smallest(const ntk_loss *loss, double fake, double real, double *f) {
  double low = -1, high = 1;
  const double widest = 512;
  while (low > -widest && !(slope_at(loss, fake, real, low) < 0)) low *= 2;
  while (high < widest && !(slope_at(loss, fake, real, high) > 0)) high *= 2;
  if (!(slope_at(loss, fake, real, low) < 0) || !(slope_at(loss, fake, real, high) > 0)) return false;
  for (;;) {
    *f = low + (high - low) / 2;
    if (*f <= low || *f >= high) return true;
    if (slope_at(loss, fake, real, *f) < 0)
      low = *f;
    else
      high = *f;
  }
}

typedef struct {
  size_t count, *index; /* atoms and a point of each */
  double *x, *gap, *w;  /* coordinates, limit of f minus its start, weights */
} atoms;

static ntk_error *find_atoms(const ntk_training *training, const ntk_loss *loss, place *sorted, atoms *a) {
  size_t d = ntk_kernel_dimension(training->kernel);
  for (size_t j = 0; j < training->n; j++) sorted[j] = (place){ntk_prepared_points(training->points) + j * d, d, j};
  qsort(sorted, training->n, sizeof *sorted, by_place);
  for (size_t j = 0; j < training->n;) {
    double half[2] = {0, 0}, f;
    size_t first = j, index = sorted[first].index;
    for (; j < training->n && same_place(&sorted[first], &sorted[j]); j++) half[sorted[j].index < training->fakes] += training->mass[sorted[j].index];
    if (!smallest(loss, half[1], half[0], &f))
      return ntk_fail(NTK_E_NUMERIC, "no limit for infinite time: at point %zu, with mass %.3g fake and %.3g real, the loss is smallest nowhere",
                      index, half[1], half[0]);
    a->index[a->count] = index;
    memcpy(a->x + a->count * d, sorted[first].x, d * sizeof *a->x);
    a->gap[a->count++] = f - ntk_training_start(training, 1, index);
  }
  return NULL;
}

static ntk_error *limit_at_atoms(const ntk_training *training, const ntk_loss *loss, double *w) {
  atoms a = {0};
  place *sorted = NULL;
  ntk_prepared *points = NULL;
  size_t n = training->n;
  ntk_error *err = NTK_NEW(n, &sorted);
  if (!err) err = NTK_NEW(n, &a.index);
  if (!err) err = NTK_NEW(n * ntk_kernel_dimension(training->kernel), &a.x);
  if (!err) err = NTK_NEW(n, &a.gap);
  if (!err) err = NTK_NEW(n, &a.w);
  if (!err) err = find_atoms(training, loss, sorted, &a);
  err = ntk_agree(training->comm, err);
  if (!err) err = ntk_field_prepare(training->comm, training->kernel, a.count, a.x, &points);
  if (!err) err = project(training, points, NULL, a.gap, a.w, training->rank);
  if (!err && *training->rank < a.count)
    err = ntk_fail(NTK_E_NUMERIC, "no limit for infinite time: the kernel's matrix on %zu atoms has numerical rank %zu", a.count, *training->rank);
  memset(w, 0, n * sizeof *w);
  for (size_t k = 0; !err && k < a.count; k++) w[a.index[k]] = a.w[k];
  ntk_prepared_free(&points);
  void *arrays[] = {sorted, a.index, a.x, a.gap, a.w};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) free(arrays[i]);
  return err;
}

const char *ntk_no_limit(const ntk_loss *loss, bool undamped, bool has_ridge) {
  if (undamped) return "with momentum 1 nothing damps the motion";
  if (loss->train == ntk_train_linear && !has_ridge) return "f grows with the time; a ridge would stop it";
  if (loss->train == ntk_train_vanilla_closed_form) return "f grows as the logarithm of the time";
  return NULL;
}

ntk_error *ntk_train_for_ever(const ntk_training *training, const ntk_loss *loss, double *w) {
  ntk_training longer = *training;
  const char *why = ntk_no_limit(loss, training->heavy && !(training->damping > 0), training->ridge > 0);
  if (why) return no_limit(why);
  longer.heavy = false; /* the way is another, its end is not */
  if (loss->train == ntk_train_linear) {
    longer.time = INFINITY;
    return ntk_train_linear(&longer, loss, w);
  }
  if (loss->train == ntk_train_hinge) return limit_of_hinge(&longer, loss, w);
  if (!(training->ridge > 0)) return loss->train == ntk_train_lsgan ? limit_of_squares(&longer, loss, w) : limit_at_atoms(&longer, loss, w);
  longer.time = settled / training->ridge;
  return loss->train == ntk_train_lsgan ? ntk_train_lsgan(&longer, loss, w) : ntk_train_ode(&longer, loss, w);
}
