/** Going through the tiles: shares, steps, being watched; saving and going on. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "field/pair_object.h"
#include "field/tiles.h"

enum { STOP = 1, SAVE = 2, FAILED = 4 };
static const double STEP_NANOSECONDS = 2e8;

/* Tiles between two looks at the watch: about 0.2 s at most, the same on every rank. */
static size_t tiles_of_step(const ntk_pairs *p) {
  double side = (double)p->triangle.side, pair = 2 * ntk_kernel_cost(p->kernel, 0) + 0.02 * (double)p->request.columns;
  double tiles = STEP_NANOSECONDS / (side * side * pair);
  return tiles < 1 ? 1 : tiles > 1e6 ? 1000000 : (size_t)tiles;
}

static size_t share(const ntk_pairs *p, int rank) {
  size_t ranks = (size_t)p->comm->size, r = (size_t)rank;
  return p->left / ranks * r + p->left % ranks * r / ranks;
}

/* Tile number of the place `at` in what was left. */
static size_t tile_at(const ntk_pairs *p, size_t at) {
  size_t i = 0;
  for (; at >= (size_t)(p->ranges[2 * i + 1] - p->ranges[2 * i]); i++) at -= (size_t)(p->ranges[2 * i + 1] - p->ranges[2 * i]);
  return (size_t)p->ranges[2 * i] + at;
}

static ntk_error *work(ntk_pairs *p, size_t tiles) {
  size_t end = ntk_min_size(p->at + tiles, p->end);
  for (; p->at < end; p->at++) NTK_TRY(ntk_pair_tile(p, tile_at(p, p->at)));
  return NULL;
}

/* What all ranks said a step ago: nobody waits for a rank that is slower by less than a step. */
typedef struct {
  int mine, all;
  MPI_Request request;
} consensus;

static ntk_error *agree_later(const ntk_comm *comm, consensus *c, int flags, int *before) {
  NTK_TRY(ntk_mpi(MPI_Wait(&c->request, MPI_STATUS_IGNORE), "MPI_Wait"));
  *before = c->all;
  c->mine = flags;
  return ntk_mpi(MPI_Iallreduce(&c->mine, &c->all, 1, MPI_INT, MPI_BOR, comm->mpi, &c->request), "MPI_Iallreduce");
}

static int look(const ntk_pairs *p, const ntk_pair_watch *watch, bool failed) {
  int flags = failed ? FAILED : 0;
  if (!watch) return flags;
  if (watch->stop && watch->stop(watch->context)) flags |= STOP;
  if (p->comm->rank) return flags;
  if (watch->progress) {
    double total = (double)p->triangle.count, before = 1 - (double)p->left / total,
           share_done = (double)(p->at - p->begin) / (double)(p->end - p->begin + !p->end);
    watch->progress(watch->context, before + (1 - before) * share_done, before);
  }
  if (watch->due && watch->due(watch->context)) flags |= SAVE;
  return flags;
}

/* All ranks take the same steps, so that their messages meet. */
static ntk_error *steps(ntk_pairs *p, const ntk_pair_watch *watch, int *said) {
  size_t most = (p->left + (size_t)p->comm->size - 1) / (size_t)p->comm->size, each = watch ? ntk_min_size(tiles_of_step(p), most / 16 + 1) : most;
  consensus c = {.request = MPI_REQUEST_NULL};
  ntk_error *failure = NULL, *err = NULL;
  for (size_t step = 0; step * each < most && !err && !(*said & (STOP | FAILED)); step++) {
    if (!failure) failure = work(p, each);
    err = agree_later(p->comm, &c, look(p, watch, failure != NULL), said);
    if (!err && (*said & SAVE) && !(*said & (STOP | FAILED)) && watch->save) err = watch->save(watch->context, p, false);
  }
  if (!err) err = ntk_mpi(MPI_Wait(&c.request, MPI_STATUS_IGNORE), "MPI_Wait");
  if (err) {
    ntk_error_free(&failure);
    return err;
  }
  return ntk_agree(p->comm, failure);
}

/* Sum over the ranks on rank 0 alone, which has room for it beside its own part. */
static ntk_error *collect(const ntk_comm *comm, const long long *in, long long *out, size_t count) {
  enum { PIECE = 1 << 26 };
  for (size_t i = 0; i < count; i += PIECE) {
    int here = (int)ntk_min_size(PIECE, count - i);
    NTK_TRY(ntk_mpi(MPI_Reduce(in + i, out ? out + i : NULL, here, MPI_LONG_LONG, MPI_SUM, 0, comm->mpi), "MPI_Reduce"));
  }
  return NULL;
}

ntk_error *ntk_pairs_run(ntk_pairs *p, const ntk_pair_watch *watch) {
  int said = 0;
  p->begin = p->at = share(p, p->comm->rank);
  p->end = share(p, p->comm->rank + 1);
  NTK_TRY(steps(p, watch, &said));
  if (said & STOP) {
    if (watch->save) NTK_TRY(watch->save(watch->context, p, true));
    return ntk_fail(NTK_E_STOPPED, "stopped");
  }
  NTK_TRY(ntk_comm_sum_integers(p->comm, p->sum_count, p->sums));
  p->left = p->begin = p->at = p->end = 0;
  p->range_count = 0;
  return NULL;
}

/* The ranges that are left: of each rank's share what it has not done. done: how many tiles each rank did. */
static ntk_error *remaining(const ntk_pairs *p, const long long *done, ntk_pair_state *out) {
  NTK_TRY(NTK_NEW(2 * (p->range_count + (size_t)p->comm->size), &out->ranges));
  for (int r = 0; r < p->comm->size; r++) {
    size_t from = share(p, r) + (size_t)done[r], end = share(p, r + 1), first = 0;
    for (size_t i = 0; i < p->range_count && from < end; i++) {
      size_t length = (size_t)(p->ranges[2 * i + 1] - p->ranges[2 * i]);
      if (from < first + length) {
        size_t to = ntk_min_size(end, first + length);
        out->ranges[2 * out->range_count] = p->ranges[2 * i] + (long long)(from - first);
        out->ranges[2 * out->range_count + 1] = p->ranges[2 * i] + (long long)(to - first);
        out->range_count++;
        from = to;
      }
      first += length;
    }
  }
  return NULL;
}

void ntk_pair_state_free(ntk_pair_state *state) {
  free(state->sums);
  free(state->ranges);
  *state = (ntk_pair_state){0};
}

ntk_error *ntk_pairs_export(ntk_pairs *p, ntk_pair_state *out) {
  bool root = p->comm->rank == 0;
  long long mine = (long long)(p->at - p->begin), *done = NULL;
  *out = (ntk_pair_state){.sum_count = root ? p->sum_count : 0};
  ntk_error *err = NULL;
  if (root) {
    err = NTK_NEW((size_t)p->comm->size, &done);
    if (!err) err = NTK_NEW(p->sum_count, &out->sums);
  }
  NTK_TRY_OUT(ntk_agree(p->comm, err));
  NTK_TRY_OUT(ntk_mpi(MPI_Gather(&mine, 1, MPI_LONG_LONG, done, 1, MPI_LONG_LONG, 0, p->comm->mpi), "MPI_Gather"));
  NTK_TRY_OUT(collect(p->comm, p->sums, out->sums, p->sum_count));
  NTK_TRY_OUT(ntk_agree(p->comm, root ? remaining(p, done, out) : NULL));
out:
  free(done);
  if (err) ntk_pair_state_free(out);
  return err;
}

static ntk_error *check_state(const ntk_pairs *p, const ntk_pair_state *state) {
  if (state->sum_count != p->sum_count) return ntk_fail(NTK_E_INPUT, "it has %zu sums, this evaluation %zu", state->sum_count, p->sum_count);
  for (size_t i = 0; i < state->range_count; i++) {
    long long before = i ? state->ranges[2 * i - 1] : 0, from = state->ranges[2 * i], to = state->ranges[2 * i + 1];
    if (from < before || to <= from || (size_t)to > p->triangle.count)
      return ntk_fail(NTK_E_INPUT, "the tiles it leaves are not those of this evaluation");
  }
  return NULL;
}

ntk_error *ntk_pairs_import(ntk_pairs *p, ntk_pair_state *state) {
  bool root = p->comm->rank == 0;
  NTK_TRY_ALL(p->comm, root ? check_state(p, state) : NULL);
  size_t ranges = state->range_count;
  long long *received = NULL;
  NTK_TRY(ntk_comm_bcast(p->comm, &ranges, sizeof ranges, 0));
  NTK_TRY_ALL(p->comm, NTK_NEW(2 * ranges, &received));
  if (root) {
    memcpy(received, state->ranges, 2 * ranges * sizeof *received);
    free(p->sums);
    p->sums = state->sums;
    state->sums = NULL;
  }
  free(p->ranges);
  p->ranges = received;
  p->range_count = ranges;
  NTK_TRY(ntk_comm_bcast(p->comm, received, 2 * ranges * sizeof *received, 0));
  p->left = 0;
  for (size_t i = 0; i < ranges; i++) p->left += (size_t)(received[2 * i + 1] - received[2 * i]);
  ntk_pair_state_free(state);
  return NULL;
}
