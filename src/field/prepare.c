/** Points that the ranks of a node prepare together and keep once. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/numbers.h"
#include "field/field.h"

/* Sharing costs some synchronisations: it is for tables of some size, or (images) of some work, a millisecond of it. */
static const double fewest_bytes = 0x1p20, least_work = 5e5;

static bool is_worth_it(const ntk_comm *comm, const ntk_kernel *kernel, size_t n) {
  return comm->size > 1 && ((double)n * ntk_kernel_point_bytes(kernel) >= fewest_bytes || (double)n * ntk_kernel_cost(kernel, 0) >= least_work);
}

/* Points [first, end) of two sets, one behind the other. */
static ntk_error *fill_both(const ntk_kernel *kernel, const ntk_point_array sets[2], ntk_prepared *points, size_t first, size_t end) {
  const size_t d = ntk_kernel_dimension(kernel), middle = sets[0].n;
  if (first < middle) NTK_TRY(ntk_stage_fill(kernel, points, NTK_STAGE_TABLES, sets[0].x + first * d, first, ntk_min_size(end, middle)));
  if (first < middle) first = middle;
  return first < end ? ntk_stage_fill(kernel, points, NTK_STAGE_TABLES, sets[1].x + (first - middle) * d, first, end) : NULL;
}

/* The part of the sets' points that this rank fills: all where the memory is its own. */
static ntk_error *fill(const ntk_comm *comm, const ntk_kernel *kernel, ntk_stage stage, const ntk_point_array sets[2], ntk_prepared *points) {
  size_t first, end;
  bool is_shared = ntk_prepared_is_shared(points, stage);
  ntk_stage_part(sets[0].n + sets[1].n, is_shared ? (size_t)comm->node_size : 1, is_shared ? (size_t)comm->node_rank : 0, &first, &end);
  return ntk_comm_publish(
      comm, stage == NTK_STAGE_TABLES ? fill_both(kernel, sets, points, first, end) : ntk_stage_fill(kernel, points, stage, NULL, first, end));
}

static ntk_error *do_stage(const ntk_comm *comm, const ntk_kernel *kernel, ntk_stage stage, const ntk_point_array sets[2], ntk_prepared *points) {
  size_t bytes;
  ntk_area memory;
  NTK_TRY_ALL(comm, ntk_stage_begin(kernel, points, stage, &bytes));
  if (bytes) {
    NTK_TRY(ntk_comm_share(comm, bytes, &memory));
    ntk_stage_give(kernel, points, stage, memory);
  }
  return fill(comm, kernel, stage, sets, points);
}

static ntk_error *prepare_together(const ntk_comm *comm, const ntk_kernel *kernel, const ntk_point_array sets[2], ntk_prepared **out) {
  ntk_error *err = ntk_agree(comm, ntk_prepared_create(kernel, sets[0].n + sets[1].n, out));
  for (ntk_stage stage = 0; !err && stage < NTK_STAGES; stage++)
    if (ntk_stage_is_needed(kernel, stage)) err = do_stage(comm, kernel, stage, sets, *out);
  return err;
}

/* Each rank all of them. */
static ntk_error *prepare_alone(const ntk_kernel *kernel, const ntk_point_array sets[2], ntk_prepared **out) {
  size_t d = ntk_kernel_dimension(kernel), n = sets[0].n + sets[1].n;
  double *x = NULL;
  if (!sets[1].n) return ntk_prepare(kernel, n, sets[0].x, out);
  NTK_TRY(NTK_NEW(n * d, &x));
  memcpy(x, sets[0].x, sets[0].n * d * sizeof *x);
  memcpy(x + sets[0].n * d, sets[1].x, sets[1].n * d * sizeof *x);
  ntk_error *err = ntk_prepare(kernel, n, x, out);
  free(x);
  return err;
}

ntk_error *ntk_field_prepare_both(const ntk_comm *comm, const ntk_kernel *kernel, const ntk_point_array sets[2], ntk_prepared **out) {
  *out = NULL;
  bool together = is_worth_it(comm, kernel, sets[0].n + sets[1].n);
  ntk_error *err = together ? prepare_together(comm, kernel, sets, out) : ntk_agree(comm, prepare_alone(kernel, sets, out));
  if (err) ntk_prepared_free(out);
  return err;
}

ntk_error *ntk_field_prepare(const ntk_comm *comm, const ntk_kernel *kernel, size_t n, const double *x, ntk_prepared **out) {
  return ntk_field_prepare_both(comm, kernel, (ntk_point_array[2]){{n, x}, {0, NULL}}, out);
}

ntk_error *ntk_field_move(const ntk_comm *comm, const ntk_kernel *kernel, size_t count, const double *x, ntk_prepared *points) {
  if (ntk_prepared_is_shared(points, NTK_STAGE_TABLES)) NTK_TRY(ntk_comm_wait_node(comm));
  return fill(comm, kernel, NTK_STAGE_TABLES, (ntk_point_array[2]){{count, x}, {0, NULL}}, points);
}
