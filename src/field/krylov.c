#include "field/krylov.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "field/lapack.h"

enum { DENSE_LIMIT = 4096, SMALL = 64, FIRST_TEST = 6, TEST_LAG = 4 };

/* A Lanczos factorisation A V = V T + beta v e^T with fully reorthogonalised V. */
typedef struct {
  ntk_operator *op;
  size_t n, steps, capacity;
  double norm;          /* |b| */
  double *v;            /* basis vectors, one after another: (capacity + 1) x n */
  double *alpha, *beta; /* T: diagonal; beta[j] couples j and j+1 */
  double *overlap;
  double *y, *last_y; /* coefficients of f(A) b / |b| now and at the test before */
  size_t last_steps;
  double *eigenvectors, *diagonal, *coupling, *work; /* of T */
} lanczos;

static ntk_error *grow(lanczos *l, size_t capacity) {
  double *longer = NULL;
  NTK_TRY(ntk_alloc((capacity + 1) * l->n, sizeof(double), &longer));
  if (l->v) memcpy(longer, l->v, (l->capacity + 1) * l->n * sizeof *longer);
  free(l->v);
  l->v = longer;
  l->capacity = capacity;
  return NULL;
}

static ntk_error *begin(lanczos *l, const double *b, size_t limit) {
  NTK_TRY(grow(l, limit < 32 ? limit : 32));
  double **vectors[] = {&l->alpha, &l->beta, &l->overlap, &l->y, &l->last_y, &l->diagonal, &l->coupling};
  for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) NTK_TRY(ntk_alloc(limit + 1, sizeof(double), vectors[i]));
  NTK_TRY(ntk_alloc(2 * limit + 2, sizeof(double), &l->work));
  for (size_t i = 0; i < l->n; i++) l->v[i] = b[i] / l->norm;
  return NULL;
}

static void finish(lanczos *l) {
  double *vectors[] = {l->v, l->alpha, l->beta, l->overlap, l->y, l->last_y, l->diagonal, l->coupling, l->work, l->eigenvectors};
  for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) free(vectors[i]);
}

/* w -= V V^T w, twice ("twice is enough", Giraud et al. 2005); the first overlap with the last vector is alpha's correction. */
static void orthogonalise(lanczos *l, double *w) {
  int n = (int)l->n, m = (int)l->steps + 1;
  for (int sweep = 0; sweep < 2; sweep++) {
    cblas_dgemv(CblasRowMajor, CblasNoTrans, m, n, 1, l->v, n, w, 1, 0, l->overlap, 1);
    cblas_dgemv(CblasRowMajor, CblasTrans, m, n, -1, l->v, n, l->overlap, 1, 1, w, 1);
  }
}

static ntk_error *step(lanczos *l, size_t limit) {
  if (l->steps == l->capacity) NTK_TRY_ALL(ntk_operator_comm(l->op), grow(l, 2 * l->capacity < limit ? 2 * l->capacity : limit));
  double *v = l->v + l->steps * l->n, *w = v + l->n;
  NTK_TRY(ntk_operator_apply(l->op, v, w));
  l->alpha[l->steps] = ntk_dot(l->n, v, w);
  orthogonalise(l, w);
  double beta = sqrt(ntk_dot(l->n, w, w));
  l->beta[l->steps] = beta;
  if (beta > 0)
    for (size_t i = 0; i < l->n; i++) w[i] /= beta;
  l->steps++;
  return NULL;
}

/* y = f(T) e1. */
static ntk_error *coefficients(lanczos *l, ntk_scalar_function f, const void *context) {
  int m = (int)l->steps, info = 0;
  free(l->eigenvectors);
  NTK_TRY(ntk_alloc(l->steps * l->steps, sizeof(double), &l->eigenvectors));
  memcpy(l->diagonal, l->alpha, l->steps * sizeof *l->diagonal);
  memcpy(l->coupling, l->beta, l->steps * sizeof *l->coupling);
  dstev_("V", &m, l->diagonal, l->coupling, l->eigenvectors, &m, l->work, &info, 1);
  if (info) return ntk_fail(NTK_E_NUMERIC, "tridiagonal eigenproblem failed (dstev info %d)", info);
  memset(l->y, 0, l->steps * sizeof *l->y);
  for (size_t k = 0; k < l->steps; k++) {
    const double *q = l->eigenvectors + k * l->steps;
    double s = l->diagonal[k] > 0 ? l->diagonal[k] : 0, weight = f(s, context) * q[0];
    for (size_t i = 0; i < l->steps; i++) l->y[i] += weight * q[i];
  }
  return NULL;
}

/* Estimated relative error: the larger of the change since the last test and of the residual of w' = b - A w, beta |y_m|, times f's largest value
 * (the time for which such a residual acts). The change alone stagnates when a tiny component of b carries the result. */
static double estimate(lanczos *l, ntk_scalar_function f, const void *context) {
  double norm = 0, change = 0;
  for (size_t i = 0; i < l->steps; i++) {
    double before = i < l->last_steps ? l->last_y[i] : 0;
    norm += l->y[i] * l->y[i];
    change += (l->y[i] - before) * (l->y[i] - before);
  }
  norm = sqrt(norm);
  double residual = fabs(f(0, context)) * l->beta[l->steps - 1] * fabs(l->y[l->steps - 1]);
  memcpy(l->last_y, l->y, l->steps * sizeof *l->y);
  l->last_steps = l->steps;
  return norm > 0 ? fmax(sqrt(change), residual) / norm : 0;
}

/* Runs until the estimate is below the tolerance (*done) or `limit` products were used. All ranks hold the same numbers; rank 0's verdict counts. */
static ntk_error *iterate(lanczos *l, ntk_scalar_function f, const void *context, double tolerance, size_t limit, ntk_krylov_report *report,
                          int *done) {
  const ntk_comm *comm = ntk_operator_comm(l->op);
  size_t next_test = FIRST_TEST;
  *done = 0;
  while (!*done && l->steps < limit) {
    NTK_TRY(step(l, limit));
    double scale = fabs(l->alpha[0]) + l->beta[0];
    int invariant = l->beta[l->steps - 1] <= 1e-15 * scale; /* the Krylov space is complete: the result is exact */
    if (!invariant && l->steps < next_test && l->steps < limit) continue;
    NTK_TRY_ALL(comm, coefficients(l, f, context));
    report->residual = estimate(l, f, context);
    *done = invariant || report->residual <= tolerance;
    next_test = l->steps + TEST_LAG + l->steps / 16;
    NTK_TRY(ntk_comm_bcast(comm, done, sizeof *done, 0));
  }
  report->iterations = l->steps;
  return NULL;
}

ntk_error *ntk_krylov_function(ntk_operator *op, const double *b, ntk_scalar_function f, const void *context, double tolerance, double *result,
                               ntk_krylov_report *report) {
  const ntk_comm *comm = ntk_operator_comm(op);
  lanczos l = {.op = op, .n = ntk_operator_size(op)};
  *report = (ntk_krylov_report){0};
  l.norm = sqrt(ntk_dot(l.n, b, b));
  memset(result, 0, l.n * sizeof *result);
  if (l.norm == 0) return NULL;
  size_t limit = l.n <= SMALL ? 0 : l.n <= DENSE_LIMIT ? l.n / 3 : l.n < 2000 ? l.n : 2000;
  int done = 0;
  ntk_error *err = limit ? begin(&l, b, limit) : NULL;
  err = ntk_agree(comm, err);
  if (!err && limit) err = iterate(&l, f, context, tolerance, limit, report, &done);
  if (!err && done) {
    cblas_dgemv(CblasRowMajor, CblasTrans, (int)l.steps, (int)l.n, l.norm, l.v, (int)l.n, l.y, 1, 0, result, 1);
    err = ntk_comm_bcast(comm, result, l.n * sizeof *result, 0);
  } else if (!err && l.n <= DENSE_LIMIT) {
    report->dense = 1;
    err = ntk_dense_function(op, b, f, context, result);
  } else if (!err) {
    err = ntk_fail(NTK_E_NUMERIC, "the matrix function did not converge in %zu products (estimated relative error %.1e, wanted %.1e)", l.steps,
                   report->residual, tolerance);
  }
  finish(&l);
  return err;
}
