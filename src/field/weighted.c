#include <cblas.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "field/deal.h"
#include "field/sum.h"

/* Of a tile, whose gradients are held: they take d times as much room. */
enum { COLUMNS = 256 };

typedef struct {
  const ntk_kernel *kernel;
  const ntk_prepared *x, *z;
  size_t d, rank;
  const double *left, *right;
  ntk_workspace *workspace;
  double *weight, *slope; /* a tile: rows x columns, rows x columns x d */
  double *out;
} weighted_job;

static void fill_term(void *context, size_t row, size_t rows, size_t column, size_t columns, double *out) {
  weighted_job *job = context;
  size_t d = job->d;
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)columns, (int)job->rank, 1, job->left + row * job->rank, (int)job->rank,
              job->right + column * job->rank, (int)job->rank, 0, job->weight, COLUMNS);
  ntk_tile_gradients(job->kernel, job->workspace, (ntk_tile){job->x, job->z, row, rows, column, columns}, job->slope, COLUMNS);
  memset(out, 0, rows * d * sizeof *out);
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < columns; j++)
      for (size_t a = 0; a < d; a++) out[i * d + a] += job->weight[i * COLUMNS + j] * job->slope[(i * COLUMNS + j) * d + a];
}

static void take_sum(void *context, size_t row, size_t rows, double *sum) {
  const weighted_job *job = context;
  memcpy(job->out + row * job->d, sum, rows * job->d * sizeof *sum);
}

static ntk_error *allocate(weighted_job *job, const ntk_deal *deal) {
  NTK_TRY(ntk_workspace_create(job->kernel, &job->workspace));
  NTK_TRY(ntk_alloc(deal->rows * COLUMNS, sizeof(double), &job->weight));
  return ntk_alloc(deal->rows * COLUMNS * job->d, sizeof(double), &job->slope);
}

ntk_error *ntk_field_weighted_gradient(const ntk_comm *comm, const ntk_kernel *kernel, const ntk_prepared *x, const ntk_prepared *z, size_t rank,
                                       const double *left, const double *right, double *out) {
  weighted_job job = {.kernel = kernel, .x = x, .z = z, .d = ntk_kernel_dimension(kernel), .rank = rank, .left = left, .right = right, .out = out};
  ntk_deal deal = {0};
  size_t *start = NULL, n = ntk_prepared_count(x);
  ntk_error *err = NTK_NEW((size_t)comm->size + 1, &start);
  if (!err) err = ntk_deal_create(n, ntk_prepared_count(z), ntk_tile_rows(n, job.d), COLUMNS, (size_t)comm->size, &deal);
  if (!err) err = allocate(&job, &deal);
  err = ntk_agree(comm, err);
  if (!err) ntk_deal_rows(&deal, start);
  memset(out, 0, n * job.d * sizeof *out);
  if (!err) err = ntk_deal_sum(comm, &deal, &(ntk_deal_work){&job, job.d, fill_term, take_sum});
  if (!err) err = ntk_share_rows(comm, start, job.d, out);
  if (!err) err = ntk_check_finite(n, job.d, out, "weighted gradient of the kernel");
  ntk_deal_free(&deal);
  ntk_workspace_free(&job.workspace);
  void *arrays[] = {job.weight, job.slope, start};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) free(arrays[i]);
  return err;
}
