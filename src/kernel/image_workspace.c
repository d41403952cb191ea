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

/* Doubles a lane. */
static size_t lane_size(const ntk_kernel *kernel) {
  const ntk_image_program *program = kernel->image;
  size_t size = kernel->dimension + most_columns(program);
  for (size_t v = 0; v <= program->count; v++) {
    size += ntk_image_positions(program, v);
    for (size_t s = 0; s < program->segment_count; s++)
      if (program->segments[s].member[v]) size += 5 * ntk_image_positions(program, v);
  }
  return program->has_pool ? size + kernel->dimension + program->tables : size;
}

static size_t lanes_of(size_t lane) {
  size_t lanes = NTK_IMAGE_BUDGET / (lane * sizeof(double)) / NTK_LANES * NTK_LANES;
  return lanes < NTK_LANES ? NTK_LANES : lanes > NTK_IMAGE_LANES ? NTK_IMAGE_LANES : lanes;
}

/* The next `positions` x lanes doubles. */
static double *cut(double **free_memory, size_t positions, size_t lanes) {
  double *field = *free_memory;
  *free_memory += positions * lanes;
  return field;
}

static void cut_fields(const ntk_kernel *kernel, ntk_image_workspace *w) {
  const ntk_image_program *program = kernel->image;
  double *memory = w->memory, *diagonals = w->diagonals;
  size_t values = program->count + 1;
  w->gradient = cut(&memory, kernel->dimension, w->lanes);
  w->scratch = cut(&memory, most_columns(program), w->lanes);
  for (size_t v = 0; v < values; v++) {
    size_t positions = ntk_image_positions(program, v);
    w->alpha[v] = cut(&memory, positions, w->lanes);
    w->q[v] = cut(&diagonals, positions, 1);
    w->t[v] = cut(&diagonals, positions, 1);
    for (size_t s = 0; s < program->segment_count; s++) {
      if (!program->segments[s].member[v]) continue;
      ntk_image_slot *slot = &w->slots[s * values + v];
      double **const fields[] = {&slot->r, &slot->delta, &slot->t, &slot->beta, &slot->tau};
      for (size_t f = 0; f < sizeof fields / sizeof *fields; f++) *fields[f] = cut(&memory, positions, w->lanes);
    }
  }
  if (!program->has_pool) return;
  w->view.columns = cut(&memory, kernel->dimension, w->lanes);
  w->view.variances = cut(&memory, program->tables, w->lanes);
}

static bool has_series(const ntk_image_program *program) {
  for (size_t i = 0; i < program->count; i++)
    if (ntk_image_is_series(&program->ops[i])) return true;
  return false;
}

static ntk_error *allocate(const ntk_kernel *kernel, ntk_image_workspace *w) {
  const ntk_image_program *program = kernel->image;
  size_t values = program->count + 1, most = program->height > program->width ? program->height : program->width, lane = lane_size(kernel);
  w->lanes = lanes_of(lane);
  NTK_TRY(NTK_NEW(lane * w->lanes, &w->memory));
  NTK_TRY(NTK_NEW(values * program->segment_count, &w->slots));
  NTK_TRY(NTK_NEW(values, &w->alpha));
  NTK_TRY(NTK_NEW((size_t)NTK_STATES * NTK_BLOCK, &w->in));
  NTK_TRY(NTK_NEW((size_t)NTK_STATES * NTK_BLOCK, &w->out));
  if (has_series(program)) NTK_TRY(NTK_NEW(NTK_FEATURES_SCRATCH(w->lanes / NTK_LANES), &w->features));
  for (size_t j = 0; j < NTK_BLOCK; j++) w->in[NTK_R_B * NTK_BLOCK + j] = 1;
  for (size_t i = 0; i < 2; i++) NTK_TRY(NTK_NEW(most * (program->most_taps + 1), &w->taps[i]));
  NTK_TRY(NTK_NEW(program->tables, &w->row));
  NTK_TRY(NTK_NEW(values, &w->q));
  NTK_TRY(NTK_NEW(values, &w->t));
  NTK_TRY(NTK_NEW(2 * all_positions(program), &w->diagonals));
  w->view.count = 1, w->view.dimension = kernel->dimension, w->view.stride = w->lanes;
  NTK_TRY(NTK_NEW(kernel->dimension, &w->view.inputs));
  cut_fields(kernel, w);
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
  free(w->alpha);
  free(w->row);
  free(w->features);
  free(w->in);
  free(w->out);
  free(w->taps[0]);
  free(w->taps[1]);
  free(w->view.inputs);
  free(w);
  *workspace = NULL;
}
