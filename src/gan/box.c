#include "gan/box.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"

/* Solves a x = b for symmetric positive definite a (one triangle); info > 0: it is not. */
void dposv_(const char *uplo, const int *n, const int *columns, double *a, const int *lda, double *b, const int *ldb, int *info, size_t uplo_length);

typedef struct {
  size_t m;
  const double *h, *c;
  double *x, *slope;
  size_t *free; /* variables off their bounds */
  size_t count;
  double *a, *target; /* of the free variables */
} program;

static void slopes(program *p) {
  for (size_t i = 0; i < p->m; i++) {
    p->slope[i] = p->c[i];
    for (size_t j = 0; j < p->m; j++) p->slope[i] += p->h[i * p->m + j] * p->x[j];
  }
}

/* The minimum over the free variables alone, as a step from x. */
static ntk_error *newton(program *p) {
  int n = (int)p->count, one = 1, info = 0;
  slopes(p);
  for (size_t i = 0; i < p->count; i++) {
    p->target[i] = -p->slope[p->free[i]];
    for (size_t j = 0; j < p->count; j++) p->a[i * p->count + j] = p->h[p->free[i] * p->m + p->free[j]];
  }
  dposv_("U", &n, &one, p->a, &n, p->target, &n, &info, 1);
  return info ? ntk_fail(NTK_E_NUMERIC, "points at the margin: their kernel matrix is singular (dposv info %d of %d)", info, n) : NULL;
}

/* Goes towards the target up to the first bound, whose variable is free no more. */
static bool reached(program *p) {
  double length = 1;
  size_t blocking = p->count;
  for (size_t i = 0; i < p->count; i++) {
    double x = p->x[p->free[i]], room = p->target[i] > 0 ? 1 - x : x, step = fabs(p->target[i]);
    if (step * length <= room) continue;
    length = room / step;
    blocking = i;
  }
  for (size_t i = 0; i < p->count; i++) p->x[p->free[i]] = fmin(fmax(p->x[p->free[i]] + length * p->target[i], 0), 1);
  if (blocking == p->count) return true;
  p->x[p->free[blocking]] = p->target[blocking] > 0 ? 1 : 0;
  for (size_t i = blocking + 1; i < p->count; i++) p->free[i - 1] = p->free[i];
  p->count--;
  return false;
}

/* Frees the variable at a bound that would gain most by leaving it; false: none. */
static bool release(program *p, double slack) {
  size_t best = p->m;
  double gain = slack;
  slopes(p);
  for (size_t i = 0; i < p->m; i++) {
    double here = p->x[i] <= 0 ? -p->slope[i] : p->x[i] >= 1 ? p->slope[i] : 0;
    bool is_free = false;
    for (size_t k = 0; k < p->count; k++) is_free = is_free || p->free[k] == i;
    if (is_free || here <= gain) continue;
    gain = here;
    best = i;
  }
  if (best == p->m) return false;
  p->free[p->count++] = best;
  return true;
}

static ntk_error *minimise(program *p, double slack) {
  for (size_t i = 0; i < p->m; i++)
    if (p->x[i] > 0 && p->x[i] < 1) p->free[p->count++] = i;
  for (size_t step = 0; step < 100 + 50 * p->m; step++) {
    if (p->count) NTK_TRY(newton(p));
    if (p->count && !reached(p)) continue;
    if (!release(p, slack)) return NULL;
  }
  return ntk_fail(NTK_E_NUMERIC, "no minimum found for %zu points at the margin", p->m);
}

ntk_error *ntk_box_minimise(size_t m, const double *h, const double *c, double slack, double *x) {
  program p = {.m = m, .h = h, .c = c, .x = x};
  ntk_error *err = NTK_NEW(m, &p.slope);
  if (!err) err = NTK_NEW(m, &p.free);
  if (!err) err = NTK_NEW(m * m, &p.a);
  if (!err) err = NTK_NEW(m, &p.target);
  if (!err) err = minimise(&p, slack);
  free(p.slope);
  free(p.free);
  free(p.a);
  free(p.target);
  return err;
}
