#include "kernel/centre.h"

#include <stdlib.h>

#include "base/mem.h"

/* |c|^2 over the mean of |x - c|^2 from which on a centre is worth its memory: pairs at a tenth of the usual |x - z|^2 are marked by then. */
#define FAR_OFF 10

double ntk_point_dot(size_t d, const double *x, const double *y) {
  enum { SUMS = 8 };
  double part[SUMS] = {0};
  size_t a = 0;
  for (; a + SUMS <= d; a += SUMS)
#pragma omp simd
    for (size_t k = 0; k < SUMS; k++) part[k] += x[a + k] * y[a + k];
  for (; a < d; a++) part[0] += x[a] * y[a];
  return ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
}

static double input_of(const ntk_kernel *kernel, double x) { return kernel->transform ? kernel->transform->value(x) : x; }

/* The mean of the inputs. */
static void find_mean(const ntk_kernel *kernel, size_t n, const double *x, double *mean) {
  size_t d = kernel->dimension;
  for (size_t i = 0; i < n; i++) {
    for (size_t a = 0; a < d; a++) mean[a] += input_of(kernel, x[i * d + a]);
  }
  for (size_t a = 0; a < d; a++) mean[a] /= (double)n;
}

/* Mean of |x - c|^2. */
static double spread(const ntk_kernel *kernel, size_t n, const double *x, const double *centre) {
  size_t d = kernel->dimension;
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    for (size_t a = 0; a < d; a++) {
      double difference = input_of(kernel, x[i * d + a]) - centre[a];
      sum += difference * difference;
    }
  }
  return sum / (double)n;
}

ntk_error *ntk_kernel_set_centre(ntk_kernel *kernel, size_t n, const double *x) {
  size_t d = kernel->dimension;
  double *centre;
  free(kernel->centre);
  kernel->centre = NULL;
  if (kernel->image || d <= NTK_DIRECT_DIMENSION || !n) return NULL;
  NTK_TRY(NTK_NEW(d, &centre));
  find_mean(kernel, n, x, centre);
  if (ntk_point_dot(d, centre, centre) > FAR_OFF * spread(kernel, n, x, centre)) { /* not so for points that are not finite */
    kernel->centre = centre;
  } else {
    free(centre);
  }
  return NULL;
}

void ntk_centre_fill(const ntk_kernel *kernel, ntk_prepared *points, size_t first, size_t end) {
  size_t d = points->dimension;
  double *sizes = points->spans, *leans = points->spans + points->stride;
  for (size_t i = first; i < end; i++) {
    const double *x = points->inputs + i * d;
    double *centred = points->centred + i * d;
    for (size_t a = 0; a < d; a++) centred[a] = x[a] - kernel->centre[a];
    sizes[i] = ntk_point_dot(d, centred, centred) / (double)d;
    leans[i] = 2 * ntk_point_dot(d, kernel->centre, centred) / (double)d;
  }
}

static double mean(size_t count, const double *values) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += values[i];
  return sum / (double)count;
}

/* By that much: from the centre to the origin the distances are the same, and pairs go through differences as they are far from the centre. */
#define CLOSER 4

bool ntk_centre_helps(const ntk_tile *tile) {
  const ntk_prepared *x = tile->x, *z = tile->z;
  if (!x->centred || !tile->rows || !tile->columns) return false;
  double sizes = mean(tile->rows, ntk_centred_sizes(x) + tile->row) + mean(tile->columns, ntk_centred_sizes(z) + tile->column);
  double variances =
      mean(tile->rows, ntk_variance_array(x, 0, NTK_V_Q) + tile->row) + mean(tile->columns, ntk_variance_array(z, 0, NTK_V_Q) + tile->column);
  return CLOSER * sizes < variances;
}
