#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "field/field.h"
#include "field/tiles.h"

/* One sum over the ranks: what a row tile needs. */
typedef struct {
  const ntk_kernel *kernel;
  const ntk_prepared *x, *z;
  size_t n, m, d, c;
  const double *w;
  double *value, *gradient;
  ntk_workspace *workspace;
  ntk_tree_sum tree;
  double *term; /* rows x (c + d): value part, then gradient part, of one column tile */
} sum_job;

static void row_tile(sum_job *job, size_t row, size_t rows) {
  size_t values = job->value ? rows * job->c : 0, gradients = job->gradient ? rows * job->d : 0;
  ntk_tree_sum_start(&job->tree, values + gradients);
  for (size_t column = 0; column < job->m; column += NTK_TILE_COLUMNS) {
    ntk_tile tile = {job->x, job->z, row, rows, column, ntk_min_size(NTK_TILE_COLUMNS, job->m - column)};
    memset(job->term, 0, (values + gradients) * sizeof *job->term);
    ntk_tile_apply(job->kernel, job->workspace, tile, job->c, job->w + column * job->c, values ? job->term : NULL,
                   gradients ? job->term + values : NULL);
    ntk_tree_sum_add(&job->tree, job->term);
  }
  ntk_tree_sum_finish(&job->tree, job->term);
  if (values) memcpy(job->value + row * job->c, job->term, values * sizeof *job->term);
  if (gradients) memcpy(job->gradient + row * job->d, job->term + values, gradients * sizeof *job->term);
}

static ntk_error *prepare_job(const ntk_comm *comm, sum_job *job, size_t **start) {
  size_t rows = ntk_tile_rows(job->n);
  NTK_TRY(NTK_NEW((size_t)comm->size + 1, start));
  NTK_TRY(ntk_workspace_create(job->kernel, &job->workspace));
  size_t length = rows * ((job->value ? job->c : 0) + (job->gradient ? job->d : 0));
  NTK_TRY(ntk_alloc(length, sizeof(double), &job->term));
  return ntk_tree_sum_create(length, job->m / NTK_TILE_COLUMNS + 1, &job->tree);
}

/* Completes a replicated n x width array of which each rank holds its own rows. */
static ntk_error *share(const ntk_comm *comm, const size_t *start, size_t width, double *values, size_t *scaled) {
  for (int r = 0; r <= comm->size; r++) scaled[r] = start[r] * width;
  return ntk_comm_gather_all(comm, values, scaled);
}

static ntk_error *check_finite(size_t count, size_t width, const double *values, const char *what) {
  for (size_t i = 0; i < count; i++)
    if (!isfinite(values[i])) return ntk_fail(NTK_E_NONFINITE, "%s at point %zu is not finite", what, i / width);
  return NULL;
}

ntk_error *ntk_field_sum(const ntk_comm *comm, const ntk_kernel *kernel, const ntk_prepared *x, const ntk_prepared *z, size_t c, const double *w,
                         double *value, double *gradient) {
  sum_job job = {.kernel = kernel,
                 .x = x,
                 .z = z,
                 .n = ntk_prepared_count(x),
                 .m = ntk_prepared_count(z),
                 .d = ntk_kernel_dimension(kernel),
                 .c = c,
                 .w = w,
                 .value = value,
                 .gradient = gradient};
  size_t *start = NULL, *scaled = NULL;
  ntk_error *err = prepare_job(comm, &job, &start);
  err = err ? err : NTK_NEW((size_t)comm->size + 1, &scaled);
  err = ntk_agree(comm, err);
  if (err) goto out;
  ntk_tile_deal(comm, job.n, start);
  size_t rows = ntk_tile_rows(job.n), end = start[comm->rank + 1];
  for (size_t row = start[comm->rank]; row < end; row += rows) row_tile(&job, row, ntk_min_size(rows, end - row));
  if (value) NTK_TRY_OUT(share(comm, start, c, value, scaled));
  if (gradient) NTK_TRY_OUT(share(comm, start, job.d, gradient, scaled));
  if (value) NTK_TRY_OUT(check_finite(job.n * c, c, value, "kernel sum"));
  if (gradient) err = check_finite(job.n * job.d, job.d, gradient, "gradient of the kernel sum");
out:
  ntk_tree_sum_free(&job.tree);
  ntk_workspace_free(&job.workspace);
  free(job.term);
  free(scaled);
  free(start);
  return err;
}
