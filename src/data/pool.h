/** Points of two files, one after the other, in one memory for all ranks of a node. */
#ifndef NTK_DATA_POOL_H
#define NTK_DATA_POOL_H

#include <stdbool.h>

#include "base/comm.h"

typedef struct {
  size_t n, m, d; /* points of the first and the second file */
  double *x;      /* (n + m) x d, row-major. Written by leaders only, who then call ntk_comm_publish() */
  bool leads;     /* this rank writes for its node, or for itself where ranks cannot share memory */
  ntk_area memory;
} ntk_pool;

/** Reads both files on rank 0 (.npy and .h5 in pieces) and gives them to every node. Where ranks cannot share memory each has a copy. NTK_E_INPUT for
 *  a file that cannot be read, or dimensions that differ. Collective; release with ntk_pool_free (not collective). */
NTK_CHECKED ntk_error *ntk_pool_read(const ntk_comm *comm, const char *first, const char *second, ntk_pool *out);
void ntk_pool_free(ntk_pool *pool);

#endif
