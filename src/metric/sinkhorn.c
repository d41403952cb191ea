#include "metric/sinkhorn.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "field/field.h"
#include "metric/rows.h"

enum { STORED_BYTES = 128 << 20 }; /* costs of a rank's rows are kept up to this, else recomputed at every temperature: the same bits */

/* The four potentials: of point i against its own set (p on fake, q on real) at [2i], against the other set (f on fake, g on real) at [2i + 1]. */
typedef struct {
  const ntk_comm *comm;
  ntk_cloud cloud;
  size_t points, *start, *start2; /* rows of each rank; the same in numbers of the state */
  double *state, *next;
  double *log_mass;             /* by place; padding -inf */
  double *own, *cross;          /* by place: eps log(mass_j) + potential */
  double *cost, *row, *scratch; /* own rows' costs (NULL: recomputed into row) */
} sinkhorn;

static double diameter_of(const ntk_cloud *cloud) {
  double squared = 0;
  for (size_t a = 0; a < cloud->d; a++) {
    const double *x = cloud->x + a * cloud->stride;
    double low = x[0], high = x[0];
    for (size_t i = 1; i < cloud->n + cloud->m; i++) {
      low = fmin(low, x[ntk_cloud_place(cloud, i)]);
      high = fmax(high, x[ntk_cloud_place(cloud, i)]);
    }
    squared += (high - low) * (high - low);
  }
  return sqrt(squared);
}

ntk_error *ntk_sinkhorn_schedule(double diameter, double blur, double scaling, size_t *count, double **eps) {
  double start = 2 * log(diameter), step = 2 * log(scaling), terms = ceil((2 * log(blur) - start) / step);
  size_t middle = terms > 0 ? (size_t)terms : 0;
  NTK_TRY(NTK_NEW(middle + 2, eps));
  *count = middle + 2;
  (*eps)[0] = diameter * diameter;
  double delta = (start + step) - start; /* numpy's arange adds multiples of this difference */
  for (size_t k = 0; k < middle; k++) (*eps)[1 + k] = exp(start + (double)k * delta);
  (*eps)[middle + 1] = blur * blur;
  return NULL;
}

static void cost_row(sinkhorn *s, size_t i, double *out) {
  ntk_cloud_distances(&s->cloud, i, out);
  for (size_t j = 0; j < s->cloud.stride; j++) out[j] *= 0.5;
}

static ntk_error *allocate(sinkhorn *s, const ntk_measure *fake, const ntk_measure *real) {
  size_t ranks = (size_t)s->comm->size, points = s->points;
  NTK_TRY(ntk_cloud_create(fake, real, &s->cloud));
  size_t stride = s->cloud.stride;
  NTK_TRY(NTK_NEW(ranks + 1, &s->start));
  NTK_TRY(NTK_NEW(ranks + 1, &s->start2));
  ntk_rows_deal(s->comm, points, s->start);
  for (size_t r = 0; r <= ranks; r++) s->start2[r] = 2 * s->start[r];
  double **state[] = {&s->state, &s->next}, **rows[] = {&s->log_mass, &s->own, &s->cross, &s->row, &s->scratch};
  for (size_t i = 0; i < sizeof state / sizeof *state; i++) NTK_TRY(ntk_alloc(2 * points, sizeof(double), state[i]));
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) NTK_TRY(ntk_alloc(stride, sizeof(double), rows[i]));
  for (size_t j = 0; j < stride; j++) s->log_mass[j] = s->cloud.mass[j] > 0 ? log(s->cloud.mass[j]) : -INFINITY;
  size_t mine = s->start[s->comm->rank + 1] - s->start[s->comm->rank];
  if (mine > STORED_BYTES / sizeof(double) / stride) return NULL;
  NTK_TRY(ntk_alloc(mine * stride, sizeof(double), &s->cost));
  for (size_t i = 0; i < mine; i++) cost_row(s, s->start[s->comm->rank] + i, s->cost + i * stride);
  return NULL;
}

static ntk_error *begin(const ntk_comm *comm, const ntk_measure *fake, const ntk_measure *real, sinkhorn *s) {
  *s = (sinkhorn){.comm = comm, .points = fake->n + real->n};
  return ntk_agree(comm, allocate(s, fake, real));
}

static void finish(sinkhorn *s) {
  void *blocks[] = {s->start, s->start2, s->state, s->next, s->log_mass, s->own, s->cross, s->row, s->scratch, s->cost};
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) free(blocks[i]);
  ntk_cloud_free(&s->cloud);
}

/* All four softmins at temperature eps from the state (weight 0: from the masses alone); the state becomes `keep` of the old
 * plus the rest of the new. */
static ntk_error *update(sinkhorn *s, double eps, double weight, double keep) {
  const ntk_cloud *cloud = &s->cloud;
  size_t n = cloud->n, m = cloud->m, real = cloud->real_start, stride = cloud->stride, begin_row = s->start[s->comm->rank];
  for (size_t j = 0; j < stride; j++) s->own[j] = s->cross[j] = eps * s->log_mass[j];
  for (size_t i = 0; i < s->points; i++) {
    s->own[ntk_cloud_place(cloud, i)] += weight * s->state[2 * i];
    s->cross[ntk_cloud_place(cloud, i)] += weight * s->state[2 * i + 1];
  }
  for (size_t i = begin_row; i < s->start[s->comm->rank + 1]; i++) {
    const double *cost = s->cost ? s->cost + (i - begin_row) * stride : s->row;
    if (!s->cost) cost_row(s, i, s->row);
    int is_fake = i < n;
    double to_fake = ntk_row_softmin(n, is_fake ? s->own : s->cross, cost, eps, s->scratch);
    double to_real = ntk_row_softmin(m, (is_fake ? s->cross : s->own) + real, cost + real, eps, s->scratch);
    double own = is_fake ? to_fake : to_real, cross = is_fake ? to_real : to_fake;
    s->next[2 * i] = keep * s->state[2 * i] + (1 - keep) * own;
    s->next[2 * i + 1] = keep * s->state[2 * i + 1] + (1 - keep) * cross;
  }
  NTK_TRY(ntk_comm_gather_all(s->comm, s->next, s->start2));
  double *old = s->state;
  s->state = s->next;
  s->next = old;
  return NULL;
}

static ntk_error *anneal(sinkhorn *s, double diameter, double blur, double scaling) {
  size_t count = 0;
  double *eps = NULL;
  if (!isfinite(diameter * diameter)) return ntk_fail(NTK_E_NONFINITE, "squared distances overflow: the points span %.3g", diameter);
  NTK_TRY_ALL(s->comm, ntk_sinkhorn_schedule(diameter, blur, scaling, &count, &eps));
  ntk_error *err = update(s, eps[0], 0, 0);
  for (size_t k = 0; k < count && !err; k++) err = update(s, eps[k], 1, 0.5);
  free(eps);
  return err;
}

/* sum_i a_i (f_i - p_i) + sum_j b_j (g_j - q_j). */
static ntk_error *divergence(sinkhorn *s, double *out) {
  for (size_t i = 0; i < s->points; i++) s->next[i] = s->cloud.mass[ntk_cloud_place(&s->cloud, i)] * (s->state[2 * i + 1] - s->state[2 * i]);
  *out = ntk_sum(s->points, s->next);
  return isfinite(*out) ? NULL : ntk_fail(NTK_E_NONFINITE, "Sinkhorn divergence is not finite");
}

ntk_error *ntk_sinkhorn_peer(const ntk_comm *comm, const ntk_measure *fake, const ntk_measure *real, double blur, double scaling, double *out) {
  sinkhorn s;
  *out = 0;
  ntk_error *err = begin(comm, fake, real, &s);
  double diameter = err ? 0 : diameter_of(&s.cloud);
  if (err || diameter == 0) goto out;
  NTK_TRY_OUT(anneal(&s, diameter, blur, scaling));
  NTK_TRY_OUT(update(&s, blur * blur, 1, 0));
  err = divergence(&s, out);
out:
  finish(&s);
  return err;
}

static double largest_change(const sinkhorn *s) {
  double largest = 0;
  for (size_t i = 0; i < 2 * s->points; i++) largest = fmax(largest, fabs(s->state[i] - s->next[i]));
  return largest;
}

ntk_error *ntk_sinkhorn_converged(const ntk_comm *comm, const ntk_measure *fake, const ntk_measure *real, double blur, double scaling,
                                  double tolerance, size_t limit, double *out) {
  sinkhorn s;
  *out = 0;
  ntk_error *err = begin(comm, fake, real, &s);
  double diameter = err ? 0 : diameter_of(&s.cloud);
  if (err || diameter == 0) goto out;
  NTK_TRY_OUT(anneal(&s, diameter, blur, scaling));
  double change = INFINITY, goal = tolerance * diameter * diameter;
  for (size_t k = 0; k < limit && change > goal; k++) {
    NTK_TRY_OUT(update(&s, blur * blur, 1, 0.5));
    change = largest_change(&s);
  }
  if (change > goal)
    err = ntk_fail(NTK_E_NUMERIC, "Sinkhorn iteration not converged after %zu steps: potentials still move by %.1e (wanted %.1e); use a larger blur",
                   limit, change, goal);
  else
    err = divergence(&s, out);
out:
  finish(&s);
  return err;
}
