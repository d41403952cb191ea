/* Memory of the image evaluator: one array, cut into fields. */
#include <stdlib.h>

#include "base/mem.h"
#include "kernel/image.h"

static size_t most_columns(const ntk_image_program *program) {
  size_t most = program->width;
  for (size_t v = 0; v <= program->count; v++) most = program->extent[v][1] > most ? program->extent[v][1] : most;
  return most;
}

static size_t all_positions(const ntk_image_program *program) {
  size_t sum = 0;
  for (size_t v = 0; v <= program->count; v++) sum += ntk_image_positions(program, v);
  return sum;
}

/* The next `positions` x lanes doubles; only counts them while there is no memory. */
typedef struct {
  double *memory;
  size_t used, lanes;
} cutter;

static double *cut(cutter *c, size_t positions) {
  double *field = c->memory ? c->memory + c->used : NULL;
  c->used += positions * c->lanes;
  return field;
}

static void cut_segment(const ntk_kernel *kernel, ntk_image_workspace *w, size_t index, cutter *c) {
  const ntk_image_program *program = kernel->image;
  const ntk_image_segment *segment = &program->segments[index];
  const size_t values = program->count + 1;
  for (size_t b = 0; b < segment->buffers; b++) {
    double *r = cut(c, segment->sizes[b]), *delta = cut(c, segment->sizes[b]), *t = cut(c, segment->sizes[b]);
    for (size_t v = 0; c->memory && v < values; v++)
      if (segment->member[v] && segment->buffer[v] == b)
        w->slots[index * values + v] = (ntk_image_slot){.r = r, .delta = delta, .t = kernel->mode & NTK_MODE_NTK && !program->still[v] ? t : NULL};
  }
  for (size_t v = 1; v < values; v++) {
    if (!segment->member[v] || program->ops[v - 1].kind != NTK_IMAGE_POINTWISE) continue;
    for (size_t s = 0; s < NTK_IMAGE_SLOPES; s++) {
      double *slopes = cut(c, ntk_image_positions(program, v));
      if (c->memory) w->slots[index * values + v].slopes[s] = slopes;
    }
  }
}

static void cut_fields(const ntk_kernel *kernel, ntk_image_workspace *w, cutter *c) {
  const ntk_image_program *program = kernel->image;
  w->gradient = cut(c, kernel->dimension);
  w->scratch = cut(c, 3 * most_columns(program));
  for (size_t v = 0; v <= program->count; v++) {
    double *alpha = cut(c, ntk_image_positions(program, v));
    if (c->memory) w->alpha[v] = alpha;
  }
  for (size_t s = 0; s < program->segment_count; s++) cut_segment(kernel, w, s, c);
  for (size_t v = 1; program->ends_linear && v <= program->count; v++) {
    if (!program->segments[0].member[v] || !program->ops[v - 1].child) continue;
    double *r = cut(c, ntk_image_positions(program, v)), *t = cut(c, ntk_image_positions(program, v));
    if (c->memory) w->sums[v] = (ntk_image_slot){.r = r, .t = w->slots[v].t ? t : NULL};
  }
  if (program->has_pool) w->view = cut(c, program->tables + kernel->dimension);
}

/* Fields that a value's evaluation goes through, doubles a lane; more than none. */
static size_t field_size(const ntk_image_program *program) {
  size_t size = 1;
  for (size_t s = 0; s < program->segment_count; s++)
    for (size_t b = 0; b < program->segments[s].buffers; b++) size += 3 * program->segments[s].sizes[b];
  return size;
}

static size_t series_positions(const ntk_image_program *program) {
  size_t sum = 0;
  for (size_t i = 0; i < program->count; i++)
    if (ntk_image_is_series(&program->ops[i])) sum += ntk_image_positions(program, program->ops[i].from);
  return sum;
}

static bool has_passes(const ntk_kernel *kernel) {
  for (size_t i = 0; i < kernel->image->count; i++) {
    const ntk_image_op *op = &kernel->image->ops[i];
    if (op->kind == NTK_IMAGE_POINTWISE && !op->norm && !kernel->engine->image->layer[op->dual]) return true;
  }
  return false;
}

static size_t whole_groups(size_t lanes, size_t most) {
  lanes = lanes / NTK_LANES * NTK_LANES;
  return lanes < NTK_LANES ? NTK_LANES : lanes > most ? most : lanes;
}

static ntk_error *make_taps(const ntk_image_program *program, ntk_image_workspace *w) {
  size_t used = 0;
  NTK_TRY(NTK_NEW(4 * program->count, &w->taps));
  for (int round = 0; round < 2; round++) {
    if (round) NTK_TRY(NTK_NEW(used, &w->tap_memory));
    used = 0;
    for (size_t i = 0; i < 4 * program->count; i++) {
      const ntk_axis *axis = &program->ops[i / 4].axis[i / 2 % 2];
      size_t starts = (axis->in > axis->out ? axis->in : axis->out) + 1,
             entries = ntk_class_most_taps(axis, program->ops[i / 4].kind == NTK_IMAGE_POOL);
      if (round) w->taps[i] = (ntk_image_axis_taps){.start = w->tap_memory + used, .list = w->tap_memory + used + starts};
      used += starts + entries;
    }
  }
  return NULL;
}

static ntk_error *make_kept(const ntk_image_program *program, size_t size, ntk_image_kept *kept) {
  kept->size = size;
  kept->stamp = 1;
  NTK_TRY(NTK_NEW(program->tables, &kept->entries));
  return NTK_NEW(size, &kept->memory);
}

static ntk_error *make_features(const ntk_image_program *program, ntk_image_workspace *w) {
  NTK_TRY(NTK_NEW(NTK_FEATURES_SCRATCH(w->lanes / NTK_LANES) + NTK_SERIES_ROW_MOST, &w->features));
  const size_t often = 2 * series_positions(program) * NTK_IMAGE_POSITION_FEATURES, columns = often * w->lanes;
  NTK_TRY(make_kept(program, 2 * often, &w->row_features)); /* rows have every number twice */
  return make_kept(program, columns < NTK_IMAGE_COLUMN_FEATURES ? columns : NTK_IMAGE_COLUMN_FEATURES, &w->column_features);
}

static void free_kept(ntk_image_kept *kept) {
  free(kept->entries);
  free(kept->memory);
}

static ntk_error *allocate(const ntk_kernel *kernel, ntk_image_workspace *w) {
  const ntk_image_program *program = kernel->image;
  size_t values = program->count + 1, budget = has_passes(kernel) ? NTK_IMAGE_PASS_FIELDS : NTK_IMAGE_FIELDS;
  size_t column = program->tables + kernel->dimension;
  w->lanes = whole_groups(budget / (field_size(program) * sizeof(double)), NTK_IMAGE_LANES);
  w->panel_lanes = whole_groups(NTK_IMAGE_PANEL / (column * sizeof(double)), NTK_IMAGE_PANEL_LANES);
  size_t series = series_positions(program);
  if (series) w->lanes = whole_groups(NTK_IMAGE_COLUMN_FEATURES / (series * NTK_IMAGE_POSITION_FEATURES), w->lanes);
  /* Features are kept for one block. */
  if (series || w->panel_lanes < w->lanes) w->panel_lanes = w->lanes;
  NTK_TRY(NTK_NEW(w->panel_lanes * column, &w->panel));
  NTK_TRY(NTK_NEW(values * program->segment_count, &w->slots));
  NTK_TRY(NTK_NEW(values, &w->sums));
  NTK_TRY(NTK_NEW(values, &w->alpha));
  NTK_TRY(NTK_NEW((size_t)NTK_STATES * NTK_BLOCK, &w->in));
  NTK_TRY(NTK_NEW((size_t)NTK_STATES * NTK_BLOCK, &w->out));
  if (series_positions(program)) NTK_TRY(make_features(program, w));
  for (size_t j = 0; j < NTK_BLOCK; j++) w->in[NTK_R_B * NTK_BLOCK + j] = 1;
  NTK_TRY(make_taps(program, w));
  NTK_TRY(NTK_NEW(values, &w->q));
  NTK_TRY(NTK_NEW(values, &w->t));
  NTK_TRY(NTK_NEW(2 * all_positions(program), &w->diagonals));
  cutter c = {.memory = w->diagonals, .lanes = 1};
  for (size_t v = 0; v < values; v++) {
    w->q[v] = cut(&c, ntk_image_positions(program, v));
    w->t[v] = cut(&c, ntk_image_positions(program, v));
  }
  c = (cutter){.lanes = w->lanes};
  cut_fields(kernel, w, &c);
  NTK_TRY(NTK_NEW(c.used, &w->memory));
  c = (cutter){.memory = w->memory, .lanes = w->lanes};
  cut_fields(kernel, w, &c);
  return NULL;
}

ntk_error *ntk_image_workspace_create(const ntk_kernel *kernel, ntk_image_workspace **out) {
  *out = NULL;
  NTK_TRY(NTK_NEW(1, out));
  ntk_error *err = allocate(kernel, *out);
  if (err) ntk_image_workspace_free(out);
  return err;
}

void ntk_image_workspace_free(ntk_image_workspace **workspace) {
  ntk_image_workspace *w = *workspace;
  if (!w) return;
  free(w->diagonals);
  free(w->q);
  free(w->t);
  free(w->memory);
  free(w->slots);
  free(w->sums);
  free(w->alpha);
  free(w->panel);
  free(w->features);
  free_kept(&w->row_features);
  free_kept(&w->column_features);
  free(w->in);
  free(w->out);
  free(w->taps);
  free(w->tap_memory);
  free(w);
  *workspace = NULL;
}
