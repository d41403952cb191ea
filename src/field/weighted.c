#include <cblas.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "field/sum.h"

/* Of a tile, whose gradients are held: they take d times as much room. */
enum { COLUMNS = 256 };

typedef struct {
  const ntk_kernel *kernel;
  const ntk_prepared *x, *z;
  size_t n, m, d, rank;
  const double *left, *right;
  ntk_workspace *workspace;
  ntk_tree_sum tree;
  double *weight, *slope, *term; /* a tile: rows x columns, rows x columns x d; rows x d */
} weighted_job;

static void row_tile(weighted_job *job, size_t row, size_t rows, double *out) {
  size_t d = job->d;
  ntk_tree_sum_start(&job->tree, rows * d);
  for (size_t column = 0; column < job->m; column += COLUMNS) {
    size_t columns = ntk_min_size(COLUMNS, job->m - column);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)columns, (int)job->rank, 1, job->left + row * job->rank, (int)job->rank,
                job->right + column * job->rank, (int)job->rank, 0, job->weight, COLUMNS);
    ntk_tile_gradients(job->kernel, job->workspace, (ntk_tile){job->x, job->z, row, rows, column, columns}, job->slope, COLUMNS);
    memset(job->term, 0, rows * d * sizeof *job->term);
    for (size_t i = 0; i < rows; i++)
      for (size_t j = 0; j < columns; j++)
        for (size_t a = 0; a < d; a++) job->term[i * d + a] += job->weight[i * COLUMNS + j] * job->slope[(i * COLUMNS + j) * d + a];
    ntk_tree_sum_add(&job->tree, job->term);
  }
  ntk_tree_sum_finish(&job->tree, out);
}

static ntk_error *allocate(const ntk_comm *comm, weighted_job *job, size_t **start) {
  size_t rows = ntk_tile_rows(job->n, job->d);
  NTK_TRY(NTK_NEW((size_t)comm->size + 1, start));
  NTK_TRY(ntk_workspace_create(job->kernel, &job->workspace));
  NTK_TRY(ntk_alloc(rows * COLUMNS, sizeof(double), &job->weight));
  NTK_TRY(ntk_alloc(rows * COLUMNS * job->d, sizeof(double), &job->slope));
  NTK_TRY(ntk_alloc(rows * job->d, sizeof(double), &job->term));
  return ntk_tree_sum_create(rows * job->d, job->m / COLUMNS + 1, &job->tree);
}

ntk_error *ntk_field_weighted_gradient(const ntk_comm *comm, const ntk_kernel *kernel, const ntk_prepared *x, const ntk_prepared *z, size_t rank,
                                       const double *left, const double *right, double *out) {
  weighted_job job = {.kernel = kernel,
                      .x = x,
                      .z = z,
                      .n = ntk_prepared_count(x),
                      .m = ntk_prepared_count(z),
                      .d = ntk_kernel_dimension(kernel),
                      .rank = rank,
                      .left = left,
                      .right = right};
  size_t *start = NULL, rows = ntk_tile_rows(job.n, job.d);
  ntk_error *err = ntk_agree(comm, allocate(comm, &job, &start));
  if (!err) ntk_tile_deal(comm, job.n, rows, start);
  for (size_t row = err ? 0 : start[comm->rank]; !err && row < start[comm->rank + 1]; row += rows)
    row_tile(&job, row, ntk_min_size(rows, start[comm->rank + 1] - row), out + row * job.d);
  if (!err) err = ntk_share_rows(comm, start, job.d, out);
  if (!err) err = ntk_check_finite(job.n, job.d, out, "weighted gradient of the kernel");
  ntk_tree_sum_free(&job.tree);
  ntk_workspace_free(&job.workspace);
  void *arrays[] = {job.weight, job.slope, job.term, start};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) free(arrays[i]);
  return err;
}
