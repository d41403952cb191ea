#include "field/sum.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "field/deal.h"
#include "field/mirror.h"

/* Sums of rows over the columns z. */
typedef struct {
  const ntk_kernel *kernel;
  const ntk_prepared *x, *z;
  size_t first;             /* row that x begins with */
  size_t d, c, rows;        /* rows: the most of a tile */
  const double *w;          /* c a column */
  double *value, *gradient; /* NULL: not wanted */
  ntk_workspace *workspace;
} row_sum;

/* Numbers of a row: its values, its gradient. */
static size_t width_of(const row_sum *job) { return (job->value ? job->c : 0) + (job->gradient ? job->d : 0); }

/* A tile's values, then its gradients. */
static void fill_term(void *context, size_t row, size_t rows, size_t column, size_t columns, double *out) {
  const row_sum *job = context;
  size_t values = job->value ? rows * job->c : 0;
  memset(out, 0, rows * width_of(job) * sizeof *out);
  ntk_tile_apply(job->kernel, job->workspace, (ntk_tile){job->x, job->z, row - job->first, rows, column, columns}, job->c, job->w + column * job->c,
                 values ? out : NULL, job->gradient ? out + values : NULL);
}

static void take_sum(void *context, size_t row, size_t rows, double *sum) {
  const row_sum *job = context;
  size_t values = job->value ? rows * job->c : 0;
  if (job->value) memcpy(job->value + row * job->c, sum, values * sizeof *sum);
  if (job->gradient) memcpy(job->gradient + row * job->d, sum + values, rows * job->d * sizeof *sum);
}

ntk_error *ntk_share_rows(const ntk_comm *comm, const size_t *start, size_t width, double *values) {
  size_t *scaled = NULL;
  NTK_TRY_ALL(comm, NTK_NEW((size_t)comm->size + 1, &scaled));
  for (int r = 0; r <= comm->size; r++) scaled[r] = start[r] * width;
  ntk_error *err = ntk_comm_gather_all(comm, values, scaled);
  free(scaled);
  return err;
}

ntk_error *ntk_check_finite(size_t count, size_t width, const double *values, const char *what) {
  for (size_t i = 0; i < count * width; i++)
    if (!isfinite(values[i])) return ntk_fail(NTK_E_NONFINITE, "%s at point %zu is not finite", what, i / width);
  return NULL;
}

static ntk_error *check_results(size_t n, size_t c, size_t d, const double *value, const double *gradient) {
  if (value) NTK_TRY(ntk_check_finite(n, c, value, "kernel sum"));
  return gradient ? ntk_check_finite(n, d, gradient, "gradient of the kernel sum") : NULL;
}

static void clear(size_t n, size_t c, size_t d, double *value, double *gradient) {
  if (value) memset(value, 0, n * c * sizeof *value);
  if (gradient) memset(gradient, 0, n * d * sizeof *gradient);
}

/* Makes the results of all rows known to every rank. */
static ntk_error *share(const ntk_comm *comm, const size_t *start, size_t c, size_t d, double *value, double *gradient) {
  if (value) NTK_TRY(ntk_share_rows(comm, start, c, value));
  return gradient ? ntk_share_rows(comm, start, d, gradient) : NULL;
}

ntk_error *ntk_field_sum(const ntk_comm *comm, const ntk_kernel *kernel, const ntk_prepared *x, const ntk_prepared *z, size_t c, const double *w,
                         double *value, double *gradient) {
  return ntk_field_sum_first(comm, kernel, x, ntk_prepared_count(x), z, c, w, value, gradient);
}

ntk_error *ntk_field_sum_first(const ntk_comm *comm, const ntk_kernel *kernel, const ntk_prepared *x, size_t n, const ntk_prepared *z, size_t c,
                               const double *w, double *value, double *gradient) {
  size_t d = ntk_kernel_dimension(kernel), rows = ntk_tile_rows(n, d), *start = NULL;
  if (x == z && c == 1 && gradient && ntk_mirror_fits(kernel, n, ntk_prepared_count(z))) {
    bool done;
    NTK_TRY(ntk_mirror_sum(comm, kernel, z, n, w, value, gradient, &done));
    if (done) return check_results(n, c, d, value, gradient);
  }
  row_sum job = {.kernel = kernel, .x = x, .z = z, .d = d, .c = c, .rows = rows, .w = w, .value = value, .gradient = gradient};
  ntk_deal deal = {0};
  ntk_error *err = NTK_NEW((size_t)comm->size + 1, &start);
  if (!err) err = ntk_deal_create(n, ntk_prepared_count(z), rows, NTK_TILE_COLUMNS, (size_t)comm->size, &deal);
  if (!err) err = ntk_workspace_create(kernel, &job.workspace);
  NTK_TRY_OUT(ntk_agree(comm, err));
  ntk_deal_rows(&deal, start);
  clear(n, c, d, value, gradient);
  NTK_TRY_OUT(ntk_deal_sum(comm, &deal, &(ntk_deal_work){&job, width_of(&job), fill_term, take_sum}));
  NTK_TRY_OUT(share(comm, start, c, d, value, gradient));
  err = check_results(n, c, d, value, gradient);
out:
  ntk_deal_free(&deal);
  ntk_workspace_free(&job.workspace);
  free(start);
  return err;
}

/* --- points that are too many to be prepared whole ----------------------------------------------------------------------------------- */

enum { PIECE_NUMBERS = 1 << 20, PIECE_BYTES = 1 << 26, LARGEST_PIECE = 1 << 16 };

/* Points prepared at a time: whole tiles, few enough that they take little memory. */
static size_t piece_of(const ntk_kernel *kernel, size_t tile) {
  size_t points = ntk_min_size(PIECE_NUMBERS / ntk_kernel_dimension(kernel), (size_t)(PIECE_BYTES / ntk_kernel_point_bytes(kernel)));
  points = ntk_min_size(points, LARGEST_PIECE);
  return points < tile ? tile : points / tile * tile;
}

/* Adds to the results what a piece of centres gives. */
static void add_sum(void *context, size_t row, size_t rows, double *sum) {
  const row_sum *job = context;
  size_t values = job->value ? rows * job->c : 0;
  for (size_t k = 0; k < values; k++) job->value[row * job->c + k] += sum[k];
  for (size_t k = 0; job->gradient && k < rows * job->d; k++) job->gradient[row * job->d + k] += sum[values + k];
}

/* The next piece of centres, in the memory of the one before where that can be. */
static ntk_error *next_centres(const ntk_comm *comm, const ntk_kernel *kernel, size_t m, const double *z, ntk_prepared **centres) {
  if (*centres && ntk_prepared_can_move(kernel)) return ntk_field_move(comm, kernel, m, z, *centres);
  ntk_prepared_free(centres);
  return ntk_field_prepare(comm, kernel, m, z, centres);
}

/* n rows against all centres, piece by piece: each rank prepares its own rows, and all of a node the centres. */
static ntk_error *sum_block(const ntk_comm *comm, row_sum *job, size_t n, const double *x, const ntk_point_array *z, const double *w, size_t *start) {
  size_t piece = piece_of(job->kernel, NTK_TILE_COLUMNS), end;
  ntk_prepared *rows = NULL, *centres = NULL;
  ntk_deal deal = {0};
  ntk_error *err = ntk_deal_create(n, ntk_min_size(piece, z->n), job->rows, NTK_TILE_COLUMNS, (size_t)comm->size, &deal);
  if (!err) {
    ntk_deal_span(&deal, (size_t)comm->rank, &job->first, &end);
    ntk_deal_rows(&deal, start);
    err = ntk_prepare(job->kernel, end - job->first, x + job->first * job->d, &rows);
  }
  err = ntk_agree(comm, err);
  job->x = rows;
  for (size_t j = 0, m; !err && j < z->n; j += m) {
    m = ntk_min_size(piece, z->n - j);
    err = next_centres(comm, job->kernel, m, z->x + j * job->d, &centres);
    job->z = centres;
    job->w = w + j * job->c;
    if (!err && m < deal.m) ntk_deal_narrow(&deal, m);
    if (!err) err = ntk_deal_sum(comm, &deal, &(ntk_deal_work){job, width_of(job), fill_term, add_sum});
  }
  ntk_deal_free(&deal);
  ntk_prepared_free(&centres);
  ntk_prepared_free(&rows);
  return err;
}

ntk_error *ntk_field_sum_points(const ntk_comm *comm, const ntk_kernel *kernel, const ntk_point_array *x, const ntk_point_array *z, size_t c,
                                const double *w, double *value, double *gradient) {
  size_t n = x->n, d = ntk_kernel_dimension(kernel), rows = ntk_tile_rows(n, d), block = piece_of(kernel, rows) * (size_t)comm->size, *start = NULL;
  row_sum job = {.kernel = kernel, .d = d, .c = c, .rows = rows};
  ntk_error *err = NTK_NEW((size_t)comm->size + 1, &start);
  if (!err) err = ntk_workspace_create(kernel, &job.workspace);
  err = ntk_agree(comm, err);
  clear(n, c, d, value, gradient);
  for (size_t row = 0; !err && row < n; row += block) {
    size_t here = ntk_min_size(block, n - row);
    job.value = value ? value + row * c : NULL;
    job.gradient = gradient ? gradient + row * d : NULL;
    err = sum_block(comm, &job, here, x->x + row * d, z, w, start);
    if (!err) err = share(comm, start, c, d, job.value, job.gradient);
  }
  if (!err) err = check_results(n, c, d, value, gradient);
  ntk_workspace_free(&job.workspace);
  free(start);
  return err;
}
