#include "run/field_record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "run/datasets.h"

ntk_error *ntk_field_record_allocate(ntk_field_record *r) {
  size_t n = r->lattice.n;
  NTK_TRY(NTK_NEW(r->capacity, &r->iteration));
  NTK_TRY(ntk_alloc(r->capacity * n, sizeof(double), &r->value));
  NTK_TRY(ntk_alloc(r->capacity * n, sizeof(double), &r->objective));
  NTK_TRY(ntk_alloc(r->capacity * n, sizeof(double), &r->slope));
  return r->gradients ? ntk_alloc(r->capacity * n * r->gradients, sizeof(double), &r->gradient) : NULL;
}

void ntk_field_record_free(ntk_field_record *r) {
  ntk_lattice_free(&r->lattice);
  ntk_schedule_free(&r->schedule);
  double *arrays[] = {r->iteration, r->value, r->objective, r->slope, r->gradient};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) free(arrays[i]);
  *r = (ntk_field_record){0};
}

static void keep_along_axes(const ntk_field_record *r, const double *gradient, double *out) {
  size_t d = r->lattice.d, axes = r->lattice.axes;
  for (size_t p = 0; p < r->lattice.n; p++)
    for (size_t a = 0; a < axes; a++) {
      double along = 0;
      for (size_t k = 0; k < d; k++) along += gradient[p * d + k] * r->lattice.direction[a * d + k];
      out[p * axes + a] = along;
    }
}

void ntk_field_record_put(ntk_field_record *r, size_t index, long long iteration, const double *value, const double *objective, const double *slope,
                          const double *gradient) {
  size_t n = r->lattice.n;
  r->iteration[index] = (double)iteration;
  memcpy(r->value + index * n, value, n * sizeof *value);
  memcpy(r->objective + index * n, objective, n * sizeof *objective);
  memcpy(r->slope + index * n, slope, n * sizeof *slope);
  if (r->gradients && r->along_axes)
    keep_along_axes(r, gradient, r->gradient + index * n * r->gradients);
  else if (r->gradients)
    memcpy(r->gradient + index * n * r->gradients, gradient, n * r->gradients * sizeof *gradient);
  r->count = index + 1;
}

enum { DATASETS = 12, PATH = 160 };

typedef struct {
  char path[DATASETS][PATH];
  ntk_dataset table[DATASETS];
  size_t count;
} group;

/* A dataset /fields/NAME/<name>; its shape and scales are filled in by the caller. */
static ntk_dataset *add(group *g, const ntk_field_record *r, const char *name, double *values, const char *units, const char *long_name) {
  char *path = g->path[g->count];
  ntk_dataset *dataset = &g->table[g->count++];
  snprintf(path, PATH, "/fields/%s/%s", r->name, name);
  *dataset = (ntk_dataset){.info = {.path = path, .units = units, .long_name = long_name}, .values = values};
  return dataset;
}

static void add_axis(ntk_dataset *dataset, size_t length, const char *scale) {
  ntk_h5_info *info = &dataset->info;
  info->shape[info->rank] = length;
  info->scale[info->rank++] = scale;
}

static void add_lattice_axes(ntk_dataset *dataset, const ntk_lattice *l) {
  for (size_t a = 0; a < l->axes; a++) add_axis(dataset, l->shape[a], l->name[a]);
}

/* What was recorded: first axis the records. */
static void add_series(group *g, const ntk_field_record *r, const char *name, double *values, const char *long_name) {
  ntk_dataset *dataset = add(g, r, name, values, NULL, long_name);
  add_axis(dataset, r->count, "iteration");
  add_lattice_axes(dataset, &r->lattice);
}

/* Everything of the group, scales first. */
static void describe(const ntk_field_record *r, group *g) {
  const ntk_lattice *l = &r->lattice;
  g->count = 0;
  add_axis(add(g, r, "iteration", r->iteration, NULL, "number of generator steps done"), r->count, "iteration");
  for (size_t a = 0; a < l->axes; a++)
    add_axis(add(g, r, l->name[a], l->position[a], "data units", "position along this axis"), l->shape[a], l->name[a]);
  ntk_dataset *direction =
      add(g, r, "direction", l->direction, NULL, "unit vectors of the axes: a point is origin + sum of position times direction");
  add_axis(direction, l->axes, "axis");
  add_axis(direction, l->d, "coordinate");
  add_axis(add(g, r, "origin", l->origin, "data units", "where all positions are 0"), l->d, "coordinate");
  add_series(g, r, "value", r->value, r->alone ? "f at each point, trained with that point as the only fake one" : "the trained discriminator f");
  add_series(g, r, "objective", r->objective, "c(f), what the generator minimises");
  add_series(g, r, "objective_slope", r->slope, "c'(f): times the gradient of f it is the gradient of c o f");
  if (!r->gradients) return;
  add_series(g, r, "gradient", r->gradient, r->along_axes ? "gradient of f, its parts along the directions" : "gradient of f");
  add_axis(&g->table[g->count - 1], r->gradients, r->along_axes ? "axis" : "coordinate");
}

ntk_error *ntk_field_record_write(const ntk_field_record *r, ntk_h5 *file) {
  group g;
  if (!r->count) return NULL;
  describe(r, &g);
  return ntk_datasets_write(g.table, g.count, file);
}

ntk_error *ntk_field_record_read(ntk_field_record *r, ntk_h5 *file) {
  group g;
  char path[PATH];
  snprintf(path, sizeof path, "/fields/%s/iteration", r->name);
  NTK_TRY(ntk_datasets_length(file, path, r->capacity, &r->count));
  if (!r->count) return NULL;
  describe(r, &g);
  return ntk_datasets_read(g.table, g.count, file);
}
