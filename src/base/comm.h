/** Communicator helpers and collective error agreement. The only header below `study/` and `gram/` that shows MPI. */
#ifndef NTK_BASE_COMM_H
#define NTK_BASE_COMM_H

#include <mpi.h>
#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"

/** A group of ranks. MPI errors are returned (MPI_ERRORS_RETURN), never fatal. */
typedef struct {
  MPI_Comm mpi;
  int rank, size;
  MPI_Comm
      node; /* those of its ranks that are on this node, where ntk_comm_create() or ntk_comm_group() made it; else, or if it is one: MPI_COMM_NULL */
  int node_rank, node_size; /* 0, 1 without */
} ntk_comm;

#define NTK_NO_COMM ((ntk_comm){.mpi = MPI_COMM_NULL, .node = MPI_COMM_NULL, .node_size = 1})

/** Duplicates `mpi`. Collective over it. Release with ntk_comm_free (collective). */
NTK_CHECKED ntk_error *ntk_comm_create(MPI_Comm mpi, ntk_comm *out);
/** Sub-groups by `color` (>= 0), ranks in order; color < 0: no group, out->size = 0. Collective over `parent`. */
NTK_CHECKED ntk_error *ntk_comm_split(const ntk_comm *parent, int color, ntk_comm *out);
/** The group of these `count` ranks of `parent`, in that order. Collective over them alone; `tag` keeps groups that form at once apart. */
NTK_CHECKED ntk_error *ntk_comm_group(const ntk_comm *parent, const int *ranks, int count, int tag, ntk_comm *out);
/** The ranks of `parent` that share memory with this one (a node's). Collective over `parent`. */
NTK_CHECKED ntk_error *ntk_comm_split_node(const ntk_comm *parent, ntk_comm *out);
void ntk_comm_free(ntk_comm *comm);

/** Error agreement (collective): if any rank holds an error, every rank returns one with the code and message of the lowest failing rank;
 *  else NULL everywhere. Consumes `mine`. Call before a collective operation that a failed rank would miss. */
NTK_CHECKED ntk_error *ntk_agree(const ntk_comm *comm, ntk_error *mine);
#define NTK_TRY_ALL(comm, expression) NTK_TRY(ntk_agree((comm), (expression)))

/** Zeroed memory, aligned to 64 bytes, that the ranks of a node share (out->mapped > 0), or each rank's own where it is alone or the system does not
 *  let them. Collective; each rank releases it by itself (ntk_area_free), and a killed rank leaves nothing behind. NTK_E_MEMORY. */
NTK_CHECKED ntk_error *ntk_comm_share(const ntk_comm *comm, size_t bytes, ntk_area *out);
/** ntk_agree() behind which every rank sees what the others wrote to shared memory before it. */
NTK_CHECKED ntk_error *ntk_comm_publish(const ntk_comm *comm, ntk_error *mine);
/** Waits for the ranks of the node: shared memory that all of them have read may be written again. Collective over the node's ranks. */
NTK_CHECKED ntk_error *ntk_comm_wait_node(const ntk_comm *comm);

/** Turns an MPI return code into an error. */
NTK_CHECKED ntk_error *ntk_mpi(int code, const char *what);

/** Broadcast of `count` bytes from `root`; any size. Collective. */
NTK_CHECKED ntk_error *ntk_comm_bcast(const ntk_comm *comm, void *bytes, size_t count, int root);
/** Broadcast of a NUL-terminated text from `root`: others receive a fresh copy in *text (free()). Collective. */
NTK_CHECKED ntk_error *ntk_comm_bcast_text(const ntk_comm *comm, char **text, int root);

/** Completes a replicated array in place: rank r holds elements [start[r], start[r+1]) of `values` (start has size+1 entries),
 *  afterwards every rank holds all. Collective. */
NTK_CHECKED ntk_error *ntk_comm_gather_all(const ntk_comm *comm, double *values, const size_t *start);

/** Sums of `count` numbers over the ranks, in place, on every rank: exact for integers that do not overflow; of doubles only where at most one rank has
 *  another number than 0, so that their order does not matter. Collective. */
NTK_CHECKED ntk_error *ntk_comm_sum_integers(const ntk_comm *comm, size_t count, long long *values);
NTK_CHECKED ntk_error *ntk_comm_sum(const ntk_comm *comm, size_t count, double *values);

/** Largest value over the ranks, on every rank. Collective. */
NTK_CHECKED ntk_error *ntk_comm_max(const ntk_comm *comm, double *value);

#endif
