#include "field/sum.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "field/mirror.h"

ntk_error *ntk_row_sum_create(ntk_row_sum *job) {
  size_t length = job->rows * ((job->values ? job->c : 0) + (job->gradients ? job->d : 0));
  NTK_TRY(ntk_workspace_create(job->kernel, &job->workspace));
  NTK_TRY(ntk_alloc(length, sizeof(double), &job->term));
  return ntk_tree_sum_create(length, job->m / NTK_TILE_COLUMNS + 1, &job->tree);
}

void ntk_row_sum_free(ntk_row_sum *job) {
  ntk_tree_sum_free(&job->tree);
  ntk_workspace_free(&job->workspace);
  free(job->term);
  job->term = NULL;
}

void ntk_row_sum_tile(ntk_row_sum *job, size_t row, size_t rows) {
  size_t values = job->values ? rows * job->c : 0, gradients = job->gradients ? rows * job->d : 0;
  ntk_tree_sum_start(&job->tree, values + gradients);
  for (size_t column = 0; column < job->m; column += NTK_TILE_COLUMNS) {
    ntk_tile tile = {job->x, job->z, row, rows, column, ntk_min_size(NTK_TILE_COLUMNS, job->m - column)};
    memset(job->term, 0, (values + gradients) * sizeof *job->term);
    ntk_tile_apply(job->kernel, job->workspace, tile, job->c, job->w + column * job->c, values ? job->term : NULL,
                   gradients ? job->term + values : NULL);
    ntk_tree_sum_add(&job->tree, job->term);
  }
  ntk_tree_sum_finish(&job->tree, job->term);
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

/* Makes the results of all rows known to every rank. */
static ntk_error *finish(const ntk_comm *comm, const size_t *start, size_t n, size_t c, size_t d, double *value, double *gradient) {
  if (value) NTK_TRY(ntk_share_rows(comm, start, c, value));
  if (gradient) NTK_TRY(ntk_share_rows(comm, start, d, gradient));
  return check_results(n, c, d, value, gradient);
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
  ntk_row_sum job = {
      .kernel = kernel, .x = x, .z = z, .m = ntk_prepared_count(z), .d = d, .c = c, .rows = rows, .w = w, .values = value, .gradients = gradient};
  ntk_error *err = NTK_NEW((size_t)comm->size + 1, &start);
  if (!err) err = ntk_row_sum_create(&job);
  NTK_TRY_OUT(ntk_agree(comm, err));
  ntk_tile_deal(comm, n, rows, start);
  for (size_t row = start[comm->rank], end = start[comm->rank + 1]; row < end; row += rows) {
    size_t here = ntk_min_size(rows, end - row), values = value ? here * c : 0;
    ntk_row_sum_tile(&job, row, here);
    if (value) memcpy(value + row * c, job.term, values * sizeof *value);
    if (gradient) memcpy(gradient + row * d, job.term + values, here * d * sizeof *gradient);
  }
  err = finish(comm, start, n, c, d, value, gradient);
out:
  ntk_row_sum_free(&job);
  free(start);
  return err;
}

enum { PIECE_NUMBERS = 1 << 20, LARGEST_PIECE = 1 << 16 };

/* Points prepared at a time: whole tiles, few enough that they take little memory. */
static size_t piece_of(size_t d, size_t tile) {
  size_t points = PIECE_NUMBERS / d;
  points = points > LARGEST_PIECE ? LARGEST_PIECE : points;
  return points < tile ? tile : points / tile * tile;
}

/* Adds what the centres of job->z give to rows [row, row + count), which are prepared in job->x. */
static void add_piece(ntk_row_sum *job, size_t row, size_t count, double *value, double *gradient) {
  for (size_t i = 0; i < count; i += job->rows) {
    size_t here = ntk_min_size(job->rows, count - i), values = value ? here * job->c : 0;
    ntk_row_sum_tile(job, i, here);
    for (size_t k = 0; k < values; k++) value[(row + i) * job->c + k] += job->term[k];
    for (size_t k = 0; gradient && k < here * job->d; k++) gradient[(row + i) * job->d + k] += job->term[values + k];
  }
}

/* Rows [row, row + count) against all centres, piece by piece. */
static ntk_error *add_rows(ntk_row_sum *job, const ntk_point_array *x, const ntk_point_array *z, const double *w, size_t row, size_t count,
                           double *value, double *gradient) {
  size_t piece = piece_of(job->d, NTK_TILE_COLUMNS);
  ntk_prepared *rows = NULL, *centres = NULL;
  ntk_error *err = ntk_prepare(job->kernel, count, x->x + row * job->d, &rows);
  for (size_t j = 0; !err && j < z->n; j += piece) {
    job->m = ntk_min_size(piece, z->n - j);
    job->w = w + j * job->c;
    err = ntk_prepare(job->kernel, job->m, z->x + j * job->d, &centres);
    job->x = rows;
    job->z = centres;
    if (!err) add_piece(job, row, count, value, gradient);
    ntk_prepared_free(&centres);
  }
  ntk_prepared_free(&rows);
  return err;
}

ntk_error *ntk_field_sum_points(const ntk_comm *comm, const ntk_kernel *kernel, const ntk_point_array *x, const ntk_point_array *z, size_t c,
                                const double *w, double *value, double *gradient) {
  size_t n = x->n, d = ntk_kernel_dimension(kernel), rows = ntk_tile_rows(n, d), piece = piece_of(d, rows), *start = NULL;
  ntk_row_sum job = {
      .kernel = kernel, .m = ntk_min_size(z->n, piece_of(d, NTK_TILE_COLUMNS)), .d = d, .c = c, .rows = rows, .values = value, .gradients = gradient};
  ntk_error *err = NTK_NEW((size_t)comm->size + 1, &start);
  if (!err) err = ntk_row_sum_create(&job);
  NTK_TRY_OUT(ntk_agree(comm, err));
  ntk_tile_deal(comm, n, rows, start);
  if (value) memset(value, 0, n * c * sizeof *value);
  if (gradient) memset(gradient, 0, n * d * sizeof *gradient);
  for (size_t row = start[comm->rank], end = start[comm->rank + 1]; !err && row < end; row += piece)
    err = add_rows(&job, x, z, w, row, ntk_min_size(piece, end - row), value, gradient);
  NTK_TRY_OUT(ntk_agree(comm, err));
  err = finish(comm, start, n, c, d, value, gradient);
out:
  ntk_row_sum_free(&job);
  free(start);
  return err;
}
