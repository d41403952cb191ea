#include "data/pool.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/points.h"

/* A file before its points are where they belong. */
typedef struct {
  const char *path;
  size_t n, d;
  double *x; /* NULL where the file is read in pieces */
} part;

static ntk_error *open_part(part *p) {
  return ntk_points_streams(p->path) ? ntk_points_size(p->path, &p->n, &p->d) : ntk_points_read(p->path, &p->n, &p->d, &p->x);
}

static ntk_error *fill_part(part *p, double *x) {
  if (!p->x) return ntk_points_read_into(p->path, p->n, p->d, x);
  memcpy(x, p->x, p->n * p->d * sizeof *x);
  free(p->x);
  p->x = NULL;
  return NULL;
}

static ntk_error *open_parts(part parts[2]) {
  for (size_t i = 0; i < 2; i++) NTK_TRY(open_part(&parts[i]));
  if (parts[0].d == parts[1].d) return NULL;
  return ntk_fail(NTK_E_INPUT, "%s has dimension %zu, %s has %zu", parts[1].path, parts[1].d, parts[0].path, parts[0].d);
}

/* From rank 0 to the other leaders. */
static ntk_error *spread(const ntk_comm *comm, const ntk_pool *pool) {
  ntk_comm leaders;
  NTK_TRY(ntk_comm_split(comm, pool->leads ? 0 : -1, &leaders));
  ntk_error *err = leaders.size ? ntk_comm_bcast(&leaders, pool->x, (pool->n + pool->m) * pool->d * sizeof *pool->x, 0) : NULL;
  ntk_comm_free(&leaders);
  return err;
}

ntk_error *ntk_pool_read(const ntk_comm *comm, const char *first, const char *second, ntk_pool *out) {
  part parts[2] = {{.path = first}, {.path = second}};
  *out = (ntk_pool){0};
  ntk_error *err = NULL;
  NTK_TRY_OUT(ntk_agree(comm, comm->rank ? NULL : open_parts(parts)));
  size_t sizes[3] = {parts[0].n, parts[1].n, parts[0].d};
  NTK_TRY_OUT(ntk_comm_bcast(comm, sizes, sizeof sizes, 0));
  out->n = sizes[0];
  out->m = sizes[1];
  out->d = sizes[2];
  NTK_TRY_OUT(ntk_comm_share(comm, (out->n + out->m) * out->d * sizeof *out->x, &out->memory));
  out->x = out->memory.start;
  out->leads = !out->memory.mapped || comm->node_rank == 0;
  if (comm->rank == 0) err = fill_part(&parts[0], out->x);
  if (comm->rank == 0 && !err) err = fill_part(&parts[1], out->x + out->n * out->d);
  NTK_TRY_OUT(ntk_agree(comm, err));
  NTK_TRY_OUT(spread(comm, out));
  err = ntk_comm_publish(comm, NULL);
out:
  for (size_t i = 0; i < 2; i++) free(parts[i].x);
  if (err) ntk_pool_free(out);
  return err;
}

void ntk_pool_free(ntk_pool *pool) {
  ntk_area_free(&pool->memory);
  pool->x = NULL;
}
