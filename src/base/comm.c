#include "base/comm.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_BYTES = 4096 }; /* an agreed message is cut to this */

ntk_error *ntk_mpi(int code, const char *what) {
  if (code == MPI_SUCCESS) return NULL;
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  if (MPI_Error_string(code, text, &length) != MPI_SUCCESS) strcpy(text, "unknown MPI error");
  return ntk_fail(NTK_E_MPI, "%s: %s", what, text);
}

static ntk_error *describe(ntk_comm *comm) {
  NTK_TRY(ntk_mpi(MPI_Comm_set_errhandler(comm->mpi, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler"));
  NTK_TRY(ntk_mpi(MPI_Comm_rank(comm->mpi, &comm->rank), "MPI_Comm_rank"));
  return ntk_mpi(MPI_Comm_size(comm->mpi, &comm->size), "MPI_Comm_size");
}

/* The ranks of the node. */
static ntk_error *find_node(ntk_comm *comm) {
  if (comm->size == 1) return NULL;
  ntk_comm node;
  NTK_TRY(ntk_comm_split_node(comm, &node));
  if (node.size == 1) {
    ntk_comm_free(&node);
    return NULL;
  }
  comm->node = node.mpi;
  comm->node_rank = node.rank;
  comm->node_size = node.size;
  return NULL;
}

ntk_error *ntk_comm_create(MPI_Comm mpi, ntk_comm *out) {
  *out = NTK_NO_COMM;
  NTK_TRY(ntk_mpi(MPI_Comm_dup(mpi, &out->mpi), "MPI_Comm_dup"));
  NTK_TRY(describe(out));
  return find_node(out);
}

ntk_error *ntk_comm_split(const ntk_comm *parent, int color, ntk_comm *out) {
  *out = NTK_NO_COMM;
  NTK_TRY(ntk_mpi(MPI_Comm_split(parent->mpi, color < 0 ? MPI_UNDEFINED : color, parent->rank, &out->mpi), "MPI_Comm_split"));
  return out->mpi == MPI_COMM_NULL ? NULL : describe(out);
}

ntk_error *ntk_comm_group(const ntk_comm *parent, const int *ranks, int count, int tag, ntk_comm *out) {
  MPI_Group all, some;
  *out = NTK_NO_COMM;
  NTK_TRY(ntk_mpi(MPI_Comm_group(parent->mpi, &all), "MPI_Comm_group"));
  ntk_error *err = ntk_mpi(MPI_Group_incl(all, count, ranks, &some), "MPI_Group_incl");
  if (!err) {
    err = ntk_mpi(MPI_Comm_create_group(parent->mpi, some, tag, &out->mpi), "MPI_Comm_create_group");
    MPI_Group_free(&some);
  }
  MPI_Group_free(&all);
  if (!err) err = describe(out);
  return err ? err : find_node(out);
}

ntk_error *ntk_comm_split_node(const ntk_comm *parent, ntk_comm *out) {
  *out = NTK_NO_COMM;
  NTK_TRY(ntk_mpi(MPI_Comm_split_type(parent->mpi, MPI_COMM_TYPE_SHARED, parent->rank, MPI_INFO_NULL, &out->mpi), "MPI_Comm_split_type"));
  return describe(out);
}

void ntk_comm_free(ntk_comm *comm) {
  if (comm->size > 0 && comm->node != MPI_COMM_NULL) MPI_Comm_free(&comm->node);
  if (comm->size > 0 && comm->mpi != MPI_COMM_NULL) MPI_Comm_free(&comm->mpi);
  *comm = NTK_NO_COMM;
}

ntk_error *ntk_agree(const ntk_comm *comm, ntk_error *mine) {
  if (comm->size == 1) return mine;
  int lowest = mine ? comm->rank : INT_MAX;
  ntk_error *err = ntk_mpi(MPI_Allreduce(MPI_IN_PLACE, &lowest, 1, MPI_INT, MPI_MIN, comm->mpi), "MPI_Allreduce");
  if (err || lowest == INT_MAX) return ntk_error_join(mine, err);
  struct {
    int code;
    char message[MESSAGE_BYTES];
  } shared = {NTK_E_INTERNAL, ""};
  if (lowest == comm->rank) {
    shared.code = (int)ntk_error_code(mine);
    strncpy(shared.message, ntk_error_message(mine), MESSAGE_BYTES - 1);
  }
  err = ntk_mpi(MPI_Bcast(&shared, (int)sizeof shared, MPI_BYTE, lowest, comm->mpi), "MPI_Bcast");
  ntk_error_free(&mine);
  return err ? err : ntk_fail((ntk_code)shared.code, "%s", shared.message);
}

ntk_error *ntk_comm_bcast(const ntk_comm *comm, void *bytes, size_t count, int root) {
  enum { PIECE = 1 << 30 };
  char *position = bytes;
  while (comm->size > 1 && count > 0) {
    int piece = count < PIECE ? (int)count : PIECE;
    NTK_TRY(ntk_mpi(MPI_Bcast(position, piece, MPI_BYTE, root, comm->mpi), "MPI_Bcast"));
    position += piece;
    count -= (size_t)piece;
  }
  return NULL;
}

ntk_error *ntk_comm_bcast_text(const ntk_comm *comm, char **text, int root) {
  unsigned long long length = comm->rank == root ? strlen(*text) : 0;
  NTK_TRY(ntk_comm_bcast(comm, &length, sizeof length, root));
  ntk_error *err = NULL;
  if (comm->rank != root) err = ntk_alloc((size_t)length + 1, 1, text);
  NTK_TRY_ALL(comm, err);
  return ntk_comm_bcast(comm, *text, (size_t)length, root);
}

ntk_error *ntk_comm_gather_all(const ntk_comm *comm, double *values, const size_t *start) {
  if (comm->size == 1) return NULL;
  if (start[comm->size] > INT_MAX) { /* beyond MPI-3 counts: one broadcast a rank */
    for (int r = 0; r < comm->size; r++) NTK_TRY(ntk_comm_bcast(comm, values + start[r], (start[r + 1] - start[r]) * sizeof *values, r));
    return NULL;
  }
  int *counts = NULL;
  ntk_error *err = NTK_NEW(2 * (size_t)comm->size, &counts);
  NTK_TRY_ALL(comm, err);
  int *offsets = counts + comm->size;
  for (int r = 0; r < comm->size; r++) {
    counts[r] = (int)(start[r + 1] - start[r]);
    offsets[r] = (int)start[r];
  }
  err = ntk_mpi(MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, values, counts, offsets, MPI_DOUBLE, comm->mpi), "MPI_Allgatherv");
  free(counts);
  return err;
}

static ntk_error *sum(const ntk_comm *comm, size_t count, void *values, size_t size, MPI_Datatype type) {
  enum { PIECE = 1 << 27 };
  char *position = values;
  while (comm->size > 1 && count > 0) {
    int piece = count < PIECE ? (int)count : PIECE;
    NTK_TRY(ntk_mpi(MPI_Allreduce(MPI_IN_PLACE, position, piece, type, MPI_SUM, comm->mpi), "MPI_Allreduce"));
    position += (size_t)piece * size;
    count -= (size_t)piece;
  }
  return NULL;
}

ntk_error *ntk_comm_sum_integers(const ntk_comm *comm, size_t count, long long *values) {
  return sum(comm, count, values, sizeof *values, MPI_LONG_LONG);
}

ntk_error *ntk_comm_sum(const ntk_comm *comm, size_t count, double *values) { return sum(comm, count, values, sizeof *values, MPI_DOUBLE); }

ntk_error *ntk_comm_max(const ntk_comm *comm, double *value) {
  if (comm->size == 1) return NULL;
  return ntk_mpi(MPI_Allreduce(MPI_IN_PLACE, value, 1, MPI_DOUBLE, MPI_MAX, comm->mpi), "MPI_Allreduce");
}
