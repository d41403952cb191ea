#include <stdlib.h>

#include "base/mem.h"
#include "kernel/chain.h"
#include "kernel/image.h"

static ntk_error *allocate_packed(const ntk_kernel *kernel, ntk_workspace *w) {
  NTK_TRY(NTK_NEW(kernel->program.count, &w->packed));
  NTK_TRY(NTK_NEW(kernel->program.count, &w->columns_of));
  w->operations = kernel->program.count;
  for (size_t i = 0; i < w->operations; i++) {
    const ntk_op *op = &kernel->program.ops[i];
    if (ntk_op_is_series(op)) NTK_TRY(NTK_NEW(NTK_BLOCK * ntk_features_most(op->constants), &w->packed[i]));
  }
  return NULL;
}

/* Not zeroed: what is never used takes no time, workspaces are made for every sum. */
static ntk_error *make_room(size_t count, double **out) {
  *out = aligned_alloc(64, (count * sizeof **out + 63) / 64 * 64);
  return *out ? NULL : ntk_fail(NTK_E_MEMORY, "out of memory: %zu numbers asked for", count);
}

ntk_error *ntk_dense_workspace(const ntk_kernel *kernel, ntk_workspace *w) {
  size_t panel = (size_t)NTK_PANEL_ROWS * NTK_PANEL_COLUMNS;
  NTK_TRY(NTK_NEW((kernel->program.registers + 2) * NTK_STATES * NTK_BLOCK, &w->registers));
  NTK_TRY(NTK_NEW(4 * NTK_BLOCK, &w->scratch));
  if (kernel->chain) NTK_TRY(NTK_NEW(kernel->chain, &w->chain));
  NTK_TRY(NTK_NEW(NTK_PANEL_COLUMNS, &w->weights));
  NTK_TRY(NTK_NEW(NTK_PANEL_COLUMNS, &w->columns));
  NTK_TRY(NTK_NEW(NTK_BLOCK, &w->ones));
  for (size_t j = 0; j < NTK_BLOCK; j++) w->ones[j] = 1;
  NTK_TRY(make_room(panel, &w->values));
  NTK_TRY(NTK_NEW(NTK_PANEL_ROWS * kernel->dimension, &w->gradient));
  NTK_TRY(NTK_NEW(NTK_PANEL_ROWS, &w->radial));
  NTK_TRY(allocate_packed(kernel, w));
  if (kernel->chain) NTK_TRY(make_room((2 + kernel->dimension) * NTK_PANEL_COLUMNS, &w->across));
  if (kernel->dimension <= NTK_DIRECT_DIMENSION) return NULL;
  NTK_TRY(NTK_NEW(NTK_PANEL_ROWS, &w->pull));
  NTK_TRY(make_room(panel, &w->products));
  return make_room(panel, &w->weighted);
}

ntk_error *ntk_workspace_create(const ntk_kernel *kernel, ntk_workspace **out) {
  ntk_workspace *w;
  *out = NULL;
  NTK_TRY(NTK_NEW(1, &w));
  ntk_error *err = kernel->evaluator->workspace(kernel, w);
  if (err) ntk_workspace_free(&w);
  *out = w;
  return err;
}

void ntk_workspace_free(ntk_workspace **workspace) {
  ntk_workspace *w = *workspace;
  if (!w) return;
  free(w->registers);
  free(w->scratch);
  free(w->chain);
  free(w->weights);
  free(w->products);
  free(w->columns);
  free(w->across);
  free(w->ones);
  free(w->values);
  free(w->weighted);
  free(w->gradient);
  free(w->radial);
  free(w->pull);
  for (size_t i = 0; w->packed && i < w->operations; i++) free(w->packed[i]);
  free(w->packed);
  free(w->columns_of);
  ntk_image_workspace_free(&w->image);
  free(w);
  *workspace = NULL;
}
