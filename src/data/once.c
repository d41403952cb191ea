/** A measure whose points a node holds once. */
#include <string.h>

#include "base/comm.h"
#include "base/mem.h"
#include "data/data.h"

enum { FEWEST_BYTES = 1 << 20 }; /* to be shared */

/* Gives the points of the node's first rank to the others, which have none yet: in one memory, or each its own where they are few. */
static ntk_error *hand_out(const ntk_comm *comm, const ntk_comm *node, ntk_measure *m) {
  size_t shape[2] = {m->n, m->d}, bytes;
  ntk_area area = {0};
  NTK_TRY(ntk_comm_bcast(node, shape, sizeof shape, 0));
  bytes = shape[0] * shape[1] * sizeof(double);
  if (bytes >= FEWEST_BYTES) {
    NTK_TRY(ntk_comm_share(comm, bytes, &area));
  } else {
    NTK_TRY_ALL(comm, ntk_alloc(bytes, 1, &area.start));
  }
  if (!node->rank) memcpy(area.start, m->x, bytes);
  ntk_area_free(&(ntk_area){m->x, m->mapped});
  m->n = shape[0], m->d = shape[1];
  m->x = area.start, m->mapped = area.mapped;
  NTK_TRY_ALL(comm, node->rank ? NTK_NEW(m->n, &m->mass) : NULL);
  NTK_TRY(ntk_comm_bcast(node, m->mass, m->n * sizeof *m->mass, 0));
  if (!m->mapped) NTK_TRY(ntk_comm_bcast(node, m->x, bytes, 0));
  return ntk_comm_publish(comm, NULL);
}

ntk_error *ntk_measure_create_once(const ntk_comm *comm, const ntk_value *entry, ntk_rng rng, ntk_measure *out) {
  *out = (ntk_measure){0};
  const ntk_comm node = {.mpi = comm->node, .rank = comm->node_rank, .size = comm->node_size, .node = MPI_COMM_NULL, .node_size = 1};
  ntk_error *err = ntk_agree(comm, node.rank ? NULL : ntk_measure_create(entry, rng, out));
  if (!err && comm->size > 1) err = hand_out(comm, &node, out);
  if (err) ntk_measure_free(out);
  return err;
}
