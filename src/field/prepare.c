/** Points that the ranks of a node prepare together and keep once. */
#include "field/field.h"

/* Sharing costs some synchronisations: it is for tables of some size, or (images) of some work, a millisecond of it. */
static const double fewest_bytes = 0x1p20, least_work = 5e5;

static bool is_worth_it(const ntk_comm *comm, const ntk_kernel *kernel, size_t n) {
  return comm->size > 1 && ((double)n * ntk_kernel_point_bytes(kernel) >= fewest_bytes || (double)n * ntk_kernel_cost(kernel, 0) >= least_work);
}

/* The part of the first `count` points that this rank fills: all where the memory is its own. */
static ntk_error *fill(const ntk_comm *comm, const ntk_kernel *kernel, ntk_stage stage, size_t count, const double *x, ntk_prepared *points) {
  size_t first, end;
  bool is_shared = ntk_prepared_is_shared(points, stage);
  ntk_stage_part(count, is_shared ? (size_t)comm->node_size : 1, is_shared ? (size_t)comm->node_rank : 0, &first, &end);
  return ntk_comm_publish(comm, ntk_stage_fill(kernel, points, stage, x, first, end));
}

static ntk_error *do_stage(const ntk_comm *comm, const ntk_kernel *kernel, ntk_stage stage, size_t n, const double *x, ntk_prepared *points) {
  size_t bytes;
  ntk_area memory;
  NTK_TRY_ALL(comm, ntk_stage_begin(kernel, points, stage, &bytes));
  if (bytes) {
    NTK_TRY(ntk_comm_share(comm, bytes, &memory));
    ntk_stage_give(kernel, points, stage, memory);
  }
  return fill(comm, kernel, stage, n, x, points);
}

ntk_error *ntk_field_prepare(const ntk_comm *comm, const ntk_kernel *kernel, size_t n, const double *x, ntk_prepared **out) {
  *out = NULL;
  if (!is_worth_it(comm, kernel, n)) {
    ntk_error *err = ntk_agree(comm, ntk_prepare(kernel, n, x, out));
    if (err) ntk_prepared_free(out);
    return err;
  }
  ntk_error *err = ntk_agree(comm, ntk_prepared_create(kernel, n, out));
  for (ntk_stage stage = 0; !err && stage < NTK_STAGES; stage++)
    if (ntk_stage_is_needed(kernel, stage)) err = do_stage(comm, kernel, stage, n, x, *out);
  if (err) ntk_prepared_free(out);
  return err;
}

ntk_error *ntk_field_move(const ntk_comm *comm, const ntk_kernel *kernel, size_t count, const double *x, ntk_prepared *points) {
  if (ntk_prepared_is_shared(points, NTK_STAGE_TABLES)) NTK_TRY(ntk_comm_wait_node(comm));
  return fill(comm, kernel, NTK_STAGE_TABLES, count, x, points);
}
