#include "field/krylov.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "field/lapack.h"

enum { DENSE_LIMIT = 4096, SMALL = 64, FIRST_TEST = 6, TEST_LAG = 1 };

/* A Lanczos factorisation A V = V T + beta v e^T with fully reorthogonalised V. */
typedef struct {
  ntk_operator *op;
  size_t n, steps, capacity;
  double norm;          /* |b| */
  double *v;            /* basis vectors, one after another: (capacity + 1) x n */
  double *alpha, *beta; /* T: diagonal; beta[j] couples j and j+1 */
  double *overlap;
  size_t count; /* functions */
  const ntk_krylov_job *jobs;
  double *y, *last_y;  /* count x (limit + 1): coefficients of f(A) b / |b| now and at the test before */
  double *last_change; /* count */
  size_t last_steps, limit;
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
  l->limit = limit;
  NTK_TRY(grow(l, limit < 32 ? limit : 32));
  double **vectors[] = {&l->alpha, &l->beta, &l->overlap, &l->diagonal, &l->coupling};
  for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) NTK_TRY(ntk_alloc(limit + 1, sizeof(double), vectors[i]));
  NTK_TRY(ntk_alloc(l->count * (limit + 1), sizeof(double), &l->y));
  NTK_TRY(ntk_alloc(l->count * (limit + 1), sizeof(double), &l->last_y));
  NTK_TRY(ntk_alloc(l->count, sizeof(double), &l->last_change));
  NTK_TRY(ntk_alloc(2 * limit + 2, sizeof(double), &l->work));
  for (size_t i = 0; i < l->n; i++) l->v[i] = b[i] / l->norm;
  return NULL;
}

static void finish(lanczos *l) {
  double *vectors[] = {l->v, l->alpha, l->beta, l->overlap, l->y, l->last_y, l->last_change, l->diagonal, l->coupling, l->work, l->eigenvectors};
  for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) free(vectors[i]);
}

static const double kept_share = 0.7;

/* w -= V V^T w after the three-term recurrence, which leaves rounding only: again where that took a good part of w (Daniel et al. 1976; "twice is
 * enough", Giraud et al. 2005). Returns |w|. */
static double orthogonalise(lanczos *l, double *w) {
  int n = (int)l->n, m = (int)l->steps + 1;
  const double *v = l->v + l->steps * l->n, alpha = l->alpha[l->steps], beta = l->steps ? l->beta[l->steps - 1] : 0;
  for (size_t i = 0; i < l->n; i++) w[i] -= alpha * v[i] + (beta > 0 ? beta * v[i - l->n] : 0);
  double before = sqrt(ntk_dot(l->n, w, w)), after = before;
  for (int sweep = 0; sweep < 2; sweep++) {
    cblas_dgemv(CblasRowMajor, CblasNoTrans, m, n, 1, l->v, n, w, 1, 0, l->overlap, 1);
    cblas_dgemv(CblasRowMajor, CblasTrans, m, n, -1, l->v, n, l->overlap, 1, 1, w, 1);
    after = sqrt(ntk_dot(l->n, w, w));
    if (after > kept_share * before) break;
  }
  return after;
}

static ntk_error *step(lanczos *l, size_t limit) {
  if (l->steps == l->capacity) NTK_TRY_ALL(ntk_operator_comm(l->op), grow(l, 2 * l->capacity < limit ? 2 * l->capacity : limit));
  double *v = l->v + l->steps * l->n, *w = v + l->n;
  NTK_TRY(ntk_operator_apply(l->op, v, w));
  l->alpha[l->steps] = ntk_dot(l->n, v, w);
  double beta = orthogonalise(l, w);
  l->beta[l->steps] = beta;
  if (beta > 0)
    for (size_t i = 0; i < l->n; i++) w[i] /= beta;
  l->steps++;
  return NULL;
}

/* y = f(T) e1 for every function. */
static ntk_error *coefficients(lanczos *l) {
  int m = (int)l->steps, info = 0;
  free(l->eigenvectors);
  NTK_TRY(ntk_alloc(l->steps * l->steps, sizeof(double), &l->eigenvectors));
  memcpy(l->diagonal, l->alpha, l->steps * sizeof *l->diagonal);
  memcpy(l->coupling, l->beta, l->steps * sizeof *l->coupling);
  dstev_("V", &m, l->diagonal, l->coupling, l->eigenvectors, &m, l->work, &info, 1);
  if (info) return ntk_fail(NTK_E_NUMERIC, "tridiagonal eigenproblem failed (dstev info %d)", info);
  for (size_t c = 0; c < l->count; c++) {
    double *y = l->y + c * (l->limit + 1);
    memset(y, 0, l->steps * sizeof *y);
    for (size_t k = 0; k < l->steps; k++) {
      const double *q = l->eigenvectors + k * l->steps;
      double s = l->diagonal[k] > 0 ? l->diagonal[k] : 0, weight = l->jobs[c].f(s, l->jobs[c].context) * q[0];
      for (size_t i = 0; i < l->steps; i++) y[i] += weight * q[i];
    }
  }
  return NULL;
}

/* Estimated relative error of one function: the larger of the residual of w' = b - A w, beta |y_m|, times f's largest value (the time for which such a
 * residual acts) and of the change since the last test, times how much that fell since the test before. The change alone stagnates when a tiny
 * component of b carries the result. */
static double estimate(lanczos *l, size_t c) {
  const double *y = l->y + c * (l->limit + 1), *last = l->last_y + c * (l->limit + 1);
  double norm = 0, change = 0;
  for (size_t i = 0; i < l->steps; i++) {
    double before = i < l->last_steps ? last[i] : 0;
    norm += y[i] * y[i];
    change += (y[i] - before) * (y[i] - before);
  }
  norm = sqrt(norm);
  change = sqrt(change);
  double residual = fabs(l->jobs[c].f(0, l->jobs[c].context)) * l->beta[l->steps - 1] * fabs(y[l->steps - 1]);
  double rest = l->last_change[c] > change ? change * (change / l->last_change[c]) : change;
  l->last_change[c] = change;
  return norm > 0 ? fmax(rest, residual) / norm : 0;
}

/* The largest of all; they are the ones to compare with from now on. */
static double estimate_all(lanczos *l) {
  double largest = 0;
  for (size_t c = 0; c < l->count; c++) largest = fmax(largest, estimate(l, c));
  memcpy(l->last_y, l->y, l->count * (l->limit + 1) * sizeof *l->y);
  l->last_steps = l->steps;
  return largest;
}

/* Runs until the estimate is below the tolerance (*done) or `limit` products were used. All ranks hold the same numbers; rank 0's verdict counts. */
static ntk_error *iterate(lanczos *l, double tolerance, ntk_krylov_report *report, int *done) {
  const ntk_comm *comm = ntk_operator_comm(l->op);
  size_t next_test = FIRST_TEST;
  *done = 0;
  while (!*done && l->steps < l->limit) {
    NTK_TRY(step(l, l->limit));
    double scale = fabs(l->alpha[0]) + l->beta[0];
    int invariant = l->beta[l->steps - 1] <= 1e-15 * scale; /* the Krylov space is complete: the result is exact */
    if (!invariant && l->steps < next_test && l->steps < l->limit) continue;
    NTK_TRY_ALL(comm, coefficients(l));
    report->residual = estimate_all(l);
    *done = invariant || report->residual <= tolerance;
    next_test = l->steps + TEST_LAG + l->steps / 12;
    NTK_TRY(ntk_comm_bcast(comm, done, sizeof *done, 0));
  }
  report->iterations = l->steps;
  return NULL;
}

static ntk_error *form_results(lanczos *l) {
  for (size_t c = 0; c < l->count; c++) {
    const double *y = l->y + c * (l->limit + 1);
    cblas_dgemv(CblasRowMajor, CblasTrans, (int)l->steps, (int)l->n, l->norm, l->v, (int)l->n, y, 1, 0, l->jobs[c].result, 1);
    NTK_TRY(ntk_comm_bcast(ntk_operator_comm(l->op), l->jobs[c].result, l->n * sizeof *y, 0));
  }
  return NULL;
}

ntk_error *ntk_krylov_functions(ntk_operator *op, const double *b, size_t count, const ntk_krylov_job *jobs, double tolerance,
                                ntk_krylov_report *report) {
  const ntk_comm *comm = ntk_operator_comm(op);
  lanczos l = {.op = op, .n = ntk_operator_size(op), .count = count, .jobs = jobs};
  *report = (ntk_krylov_report){0};
  l.norm = sqrt(ntk_dot(l.n, b, b));
  for (size_t c = 0; c < count; c++) memset(jobs[c].result, 0, l.n * sizeof *jobs[c].result);
  if (l.norm == 0 || !count) return NULL;
  size_t limit = l.n <= SMALL ? 0 : l.n <= DENSE_LIMIT ? l.n / 3 : l.n < 2000 ? l.n : 2000;
  int done = 0;
  ntk_error *err = limit ? begin(&l, b, limit) : NULL;
  err = ntk_agree(comm, err);
  if (!err && limit) err = iterate(&l, tolerance, report, &done);
  if (!err && done) {
    err = form_results(&l);
  } else if (!err && l.n <= DENSE_LIMIT) {
    report->dense = 1;
    err = ntk_dense_functions(op, b, count, jobs, 0, NULL);
  } else if (!err) {
    err = ntk_fail(NTK_E_NUMERIC, "the matrix function did not converge in %zu products (estimated relative error %.1e, wanted %.1e)", l.steps,
                   report->residual, tolerance);
  }
  finish(&l);
  return err;
}

ntk_error *ntk_krylov_function(ntk_operator *op, const double *b, ntk_scalar_function f, const void *context, double tolerance, double *result,
                               ntk_krylov_report *report) {
  ntk_krylov_job job = {f, context, result};
  return ntk_krylov_functions(op, b, 1, &job, tolerance, report);
}
