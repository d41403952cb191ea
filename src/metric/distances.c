#include "metric/distances.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "field/field.h"
#include "metric/rows.h"

/* Sums over a row: [0] of point i with the fake points, [1] with the real ones, each weighted by their masses. */
typedef void (*row_function)(const ntk_cloud *cloud, const double *squared, double parameter, double *out);

static void distance_row(const ntk_cloud *cloud, const double *squared, double parameter, double *out) {
  (void)parameter;
  out[0] = ntk_row_distance_sum(cloud->n, cloud->mass, squared);
  out[1] = ntk_row_distance_sum(cloud->m, cloud->mass + cloud->real_start, squared + cloud->real_start);
}

static void gaussian_row(const ntk_cloud *cloud, const double *squared, double factor, double *out) {
  out[0] = ntk_row_gaussian_sum(cloud->n, cloud->mass, squared, factor);
  out[1] = ntk_row_gaussian_sum(cloud->m, cloud->mass + cloud->real_start, squared + cloud->real_start, factor);
}

/* Two numbers a point (fake first) by `f`, replicated in *out for the caller to free(); *cloud too. Collective. */
static ntk_error *all_rows(const ntk_comm *comm, const ntk_measure *fake, const ntk_measure *real, row_function f, double parameter, double **out) {
  ntk_cloud cloud = {0};
  size_t points = fake->n + real->n, *start = NULL;
  double *row = NULL;
  *out = NULL;
  ntk_error *err = ntk_cloud_create(fake, real, &cloud);
  err = err ? err : ntk_alloc(cloud.stride, sizeof(double), &row);
  err = err ? err : ntk_alloc(points, 2 * sizeof(double), out);
  err = err ? err : NTK_NEW((size_t)comm->size + 1, &start);
  NTK_TRY_OUT(ntk_agree(comm, err));
  ntk_rows_deal(comm, points, start);
  for (size_t i = start[comm->rank]; i < start[comm->rank + 1]; i++) {
    ntk_cloud_distances(&cloud, i, row);
    f(&cloud, row, parameter, *out + 2 * i);
  }
  for (int r = 0; r <= comm->size; r++) start[r] *= 2;
  err = ntk_comm_gather_all(comm, *out, start);
out:
  if (err) {
    free(*out);
    *out = NULL;
  }
  ntk_cloud_free(&cloud);
  free(row);
  free(start);
  return err;
}

/* w^T K w for w = (fake masses, -real masses): one signed number a row, so that what cancels does so before the sum over rows. `scratch` has
 * as many entries as there are points. */
static double signed_sum(const ntk_measure *fake, const ntk_measure *real, const double *rows, double *scratch) {
  for (size_t i = 0; i < fake->n; i++) scratch[i] = fake->mass[i] * (rows[2 * i] - rows[2 * i + 1]);
  const double *rest = rows + 2 * fake->n;
  for (size_t j = 0; j < real->n; j++) scratch[fake->n + j] = -real->mass[j] * (rest[2 * j] - rest[2 * j + 1]);
  return ntk_sum(fake->n + real->n, scratch);
}

ntk_error *ntk_energy_distance(const ntk_comm *comm, const ntk_measure *fake, const ntk_measure *real, double *out) {
  double *rows = NULL, *scratch = NULL;
  *out = NAN;
  NTK_TRY(all_rows(comm, fake, real, distance_row, 0, &rows));
  ntk_error *err = ntk_agree(comm, NTK_NEW(fake->n + real->n, &scratch));
  if (!err) *out = 0 - 0.5 * signed_sum(fake, real, rows, scratch);
  if (!err && !isfinite(*out)) err = ntk_fail(NTK_E_NONFINITE, "energy distance is not finite");
  free(rows);
  free(scratch);
  return err;
}

int ntk_masses_uniform(const ntk_measure *m) {
  double even = 1 / (double)m->n;
  for (size_t i = 0; i < m->n; i++)
    if (fabs(m->mass[i] - even) > 1e-12 * even) return 0;
  return 1;
}

/* Mean over a set of its points' sums with their own set (column 0 of the fake rows, 1 of the real ones), weighted by mass. */
static double own_mean(const ntk_measure *m, const double *rows, size_t column, double *scratch) {
  for (size_t i = 0; i < m->n; i++) scratch[i] = m->mass[i] * rows[2 * i + column];
  return ntk_sum(m->n, scratch);
}

ntk_error *ntk_gaussian_mmd2(const ntk_comm *comm, const ntk_measure *fake, const ntk_measure *real, double bandwidth, double *biased,
                             double *unbiased) {
  double *rows = NULL, *scratch = NULL;
  *biased = *unbiased = NAN;
  NTK_TRY(all_rows(comm, fake, real, gaussian_row, -0.5 / (bandwidth * bandwidth), &rows));
  ntk_error *err = ntk_agree(comm, NTK_NEW(fake->n + real->n, &scratch));
  if (err) goto out;
  *biased = signed_sum(fake, real, rows, scratch);
  if (fake->n > 1 && real->n > 1 && ntk_masses_uniform(fake) && ntk_masses_uniform(real)) /* the diagonal is 1 */
    *unbiased = *biased + (own_mean(fake, rows, 0, scratch) - 1) / (double)(fake->n - 1) +
                (own_mean(real, rows + 2 * fake->n, 1, scratch) - 1) / (double)(real->n - 1);
out:
  free(rows);
  free(scratch);
  return err;
}
