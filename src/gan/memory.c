/* What a discriminator that is carried over remembers: the weights stay on the points where it was trained. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "field/krylov.h"
#include "gan/inside.h"

void ntk_memory_clear(ntk_memory *memory) {
  free(memory->x);
  free(memory->w);
  free(memory->real_w);
  ntk_prepared_free(&memory->prepared);
  *memory = (ntk_memory){0};
}

/* Appends points with their weights. */
static ntk_error *append(ntk_memory *memory, size_t d, size_t n, const double *x, const double *w) {
  size_t count = memory->count + n;
  double *all_x = NULL, *all_w = NULL;
  ntk_error *err = NTK_NEW(count * d, &all_x);
  if (!err) err = NTK_NEW(count, &all_w);
  if (err) {
    free(all_x);
    return err;
  }
  if (memory->count) memcpy(all_x, memory->x, memory->count * d * sizeof *x);
  if (memory->count) memcpy(all_w, memory->w, memory->count * sizeof *w);
  memcpy(all_x + memory->count * d, x, n * d * sizeof *x);
  memcpy(all_w + memory->count, w, n * sizeof *w);
  free(memory->x);
  free(memory->w);
  memory->x = all_x;
  memory->w = all_w;
  memory->count = count;
  ntk_prepared_free(&memory->prepared);
  return NULL;
}

ntk_error *ntk_memory_put(ntk_discriminator *d) {
  if (!d->points) return NULL;
  ntk_memory *memory = &d->old;
  size_t reals = d->n - d->fakes;
  free(memory->real_w);
  memory->real_w = NULL;
  NTK_TRY(NTK_NEW(reals, &memory->real_w));
  memory->reals = reals;
  memcpy(memory->real_w, d->w + d->fakes, reals * sizeof(double));
  return append(memory, d->d, d->fakes, ntk_prepared_points(d->points), d->w);
}

ntk_error *ntk_memory_prepare(ntk_discriminator *d) {
  if (d->old.prepared || !d->old.count) return NULL;
  return ntk_field_prepare(d->comm, d->kernel, d->old.count, d->old.x, &d->old.prepared);
}

static const double projection_ridge = 1e-10; /* of the largest diagonal entry times the points: the projection's cut-off */

static double inverse(double s, const void *context) { return 1 / (s + *(const double *)context); }

/* v: weights on the points of now of the function nearest, in the kernel's space, to that of the `count` oldest centres. */
static ntk_error *project(ntk_discriminator *d, const ntk_prepared *oldest, double *v) {
  ntk_operator *op = NULL;
  ntk_krylov_report report;
  double *diagonal = NULL, *values = NULL, cut = 0;
  ntk_error *err = NTK_NEW(d->n, &diagonal);
  if (!err) err = NTK_NEW(d->n, &values);
  err = ntk_agree(d->comm, err);
  if (!err) {
    ntk_prepared_diagonal(d->kernel, d->points, diagonal);
    for (size_t j = 0; j < d->n; j++) cut = fmax(cut, projection_ridge * (double)d->n * diagonal[j]);
    err = ntk_field_sum(d->comm, d->kernel, d->points, oldest, 1, d->old.w, values, NULL);
  }
  if (!err) err = ntk_operator_create(d->comm, d->kernel, d->points, NULL, d->budget, &op);
  if (!err) err = ntk_krylov_function(op, values, inverse, &cut, 1e-6, v, &report);
  ntk_operator_free(&op);
  free(diagonal);
  free(values);
  return err;
}

/* Norm of the function with weights w on the oldest centres and -v on the points of now. */
static ntk_error *norm_of_rest(ntk_discriminator *d, size_t count, const double *v, double *norm) {
  size_t n = count + d->n;
  ntk_prepared *all = NULL;
  double *w = NULL, *f = NULL;
  ntk_error *err = NTK_NEW(n, &w);
  if (!err) err = NTK_NEW(n, &f);
  err = ntk_agree(d->comm, err);
  if (!err) {
    memcpy(w, d->old.w, count * sizeof *w);
    for (size_t j = 0; j < d->n; j++) w[count + j] = -v[j];
    err = ntk_field_prepare_both(d->comm, d->kernel, (ntk_point_array[2]){{count, d->old.x}, {d->n, ntk_prepared_points(d->points)}}, &all);
  }
  if (!err) err = ntk_field_sum(d->comm, d->kernel, all, all, 1, w, f, NULL);
  if (!err) *norm = sqrt(fmax(ntk_dot(n, w, f), 0));
  ntk_prepared_free(&all);
  free(w);
  free(f);
  return err;
}

static void drop(ntk_memory *memory, size_t d, size_t count) {
  memory->count -= count;
  memmove(memory->x, memory->x + count * d, memory->count * d * sizeof *memory->x);
  memmove(memory->w, memory->w + count, memory->count * sizeof *memory->w);
  ntk_prepared_free(&memory->prepared);
}

ntk_error *ntk_memory_shorten(ntk_discriminator *d) {
  if (!d->centers || d->old.count <= d->centers) return NULL;
  size_t count = d->old.count - d->centers;
  ntk_prepared *oldest = NULL;
  double *v = NULL, norm = 0;
  ntk_error *err = ntk_agree(d->comm, NTK_NEW(d->n, &v));
  if (!err) err = ntk_field_prepare(d->comm, d->kernel, count, d->old.x, &oldest);
  if (!err) err = project(d, oldest, v);
  if (!err) err = norm_of_rest(d, count, v, &norm);
  if (!err) {
    for (size_t j = 0; j < d->n; j++) d->w[j] += v[j];
    d->old.lost += norm;
    drop(&d->old, d->d, count);
  }
  ntk_prepared_free(&oldest);
  free(v);
  return ntk_error_prefix(err, "forgetting the oldest centers");
}

double ntk_discriminator_lost(const ntk_discriminator *d) { return d->old.lost; }

/* --- for checkpoints: trainings, lost, the numbers of old centres and of real points with weights; then these ------------------------------ */

enum { HEAD = 4 };

ntk_error *ntk_discriminator_save(const ntk_discriminator *d, size_t *count, double **values) {
  bool has_last = d->carry_over && d->points;
  size_t fakes = has_last ? d->fakes : 0, old = d->old.count + fakes;
  size_t reals = has_last ? d->n - d->fakes : d->old.real_w ? d->old.reals : 0;
  *count = 0;
  *values = NULL;
  if (!d->carry_over && !d->batch) return NULL;
  if (!d->carry_over) old = reals = 0;
  NTK_TRY(ntk_alloc(HEAD + old * (d->d + 1) + reals, sizeof(double), values));
  *count = HEAD + old * (d->d + 1) + reals;
  double *head = *values, *x = head + HEAD, *w = x + old * d->d, *real_w = w + old;
  head[0] = (double)d->trainings;
  head[1] = d->old.lost;
  head[2] = (double)old;
  head[3] = (double)reals;
  if (!d->carry_over) return NULL;
  size_t before = d->old.count;
  if (before) memcpy(x, d->old.x, before * d->d * sizeof *x);
  if (before) memcpy(w, d->old.w, before * sizeof *w);
  if (fakes) memcpy(x + before * d->d, ntk_prepared_points(d->points), fakes * d->d * sizeof *x);
  if (fakes) memcpy(w + before, d->w, fakes * sizeof *w);
  if (reals) memcpy(real_w, has_last ? d->w + d->fakes : d->old.real_w, reals * sizeof *real_w);
  return NULL;
}

ntk_error *ntk_discriminator_restore(ntk_discriminator *d, size_t count, const double *values) {
  if (!d->carry_over && !d->batch) return NULL;
  if (count < HEAD) return ntk_fail(NTK_E_INPUT, "it has nothing of a discriminator that is carried over or trained on batches");
  size_t old = (size_t)values[2], reals = (size_t)values[3];
  if (count != HEAD + old * (d->d + 1) + reals) return ntk_fail(NTK_E_INPUT, "its discriminator has %zu numbers, not those of this run", count);
  ntk_memory_clear(&d->old);
  ntk_prepared_free(&d->points);
  d->trainings = (long long)values[0];
  const double *x = values + HEAD, *w = x + old * d->d;
  if (old) NTK_TRY(append(&d->old, d->d, old, x, w));
  d->old.lost = values[1];
  if (!reals) return NULL;
  NTK_TRY(NTK_NEW(reals, &d->old.real_w));
  d->old.reals = reals;
  memcpy(d->old.real_w, w + old, reals * sizeof *w);
  return NULL;
}
