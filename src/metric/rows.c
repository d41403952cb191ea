#include "metric/rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { LANES = 8 };

static size_t round_up(size_t n) { return (n + LANES - 1) / LANES * LANES; }

static ntk_error *check_finite(const ntk_measure *m, const char *which) {
  for (size_t i = 0; i < m->n * m->d; i++)
    if (!isfinite(m->x[i])) return ntk_fail(NTK_E_NONFINITE, "%s point %zu is not finite", which, i / m->d);
  return NULL;
}

static void copy_part(ntk_cloud *cloud, const ntk_measure *m, size_t start) {
  for (size_t i = 0; i < m->n; i++) {
    cloud->mass[start + i] = m->mass[i];
    for (size_t a = 0; a < m->d; a++) cloud->x[a * cloud->stride + start + i] = m->x[i * m->d + a];
  }
}

ntk_error *ntk_cloud_create(const ntk_measure *fake, const ntk_measure *real, ntk_cloud *out) {
  *out = (ntk_cloud){.n = fake->n, .m = real->n, .d = fake->d, .real_start = round_up(fake->n)};
  out->stride = out->real_start + round_up(real->n);
  if (fake->d != real->d) return ntk_fail(NTK_E_CONFIG, "fake points have %zu coordinates, real points %zu", fake->d, real->d);
  NTK_TRY(check_finite(fake, "fake"));
  NTK_TRY(check_finite(real, "real"));
  ntk_error *err = NULL;
  NTK_TRY_OUT(ntk_alloc(out->stride, out->d * sizeof(double), &out->x));
  NTK_TRY_OUT(NTK_NEW(out->stride, &out->mass));
  copy_part(out, fake, 0);
  copy_part(out, real, out->real_start);
out:
  if (err) ntk_cloud_free(out);
  return err;
}

void ntk_cloud_free(ntk_cloud *cloud) {
  free(cloud->x);
  free(cloud->mass);
  cloud->x = cloud->mass = NULL;
}

void ntk_rows_deal(const ntk_comm *comm, size_t n, size_t *start) {
  size_t ranks = (size_t)comm->size, each = n / ranks, more = n % ranks;
  for (size_t r = 0; r <= ranks; r++) start[r] = each * r + (r < more ? r : more);
}
