/** Memory that the ranks of a node share: a file without a name, which is gone with the last process that holds it. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/comm.h"

/* Where the other ranks find the first one's file. */
typedef struct {
  long process;
  int file; /* its descriptor there; -1: none */
  dev_t device;
  ino_t number;
} ticket;

static int create_file(size_t bytes, ticket *out) {
  struct rlimit limit;
  struct stat info;
  out->file = -1;
  if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || bytes > limit.rlim_cur) return -1;
  int file = memfd_create("ntkgan", MFD_CLOEXEC);
  if (file < 0) return -1;
  if (ftruncate(file, (off_t)bytes) != 0 || fstat(file, &info) != 0) {
    close(file);
    return -1;
  }
  *out = (ticket){(long)getpid(), file, info.st_dev, info.st_ino};
  return file;
}

/* The same file; not another one, should that rank's processes have other numbers than ours. */
static int find_file(const ticket *t) {
  char path[64];
  struct stat info;
  if (t->file < 0) return -1;
  snprintf(path, sizeof path, "/proc/%ld/fd/%d", t->process, t->file);
  int file = open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return -1;
  if (fstat(file, &info) == 0 && info.st_dev == t->device && info.st_ino == t->number) return file;
  close(file);
  return -1;
}

/* Each rank asks for its part of the pages: where there is no memory that is an answer, while a first touch would be a signal. */
static bool reserve(const ntk_comm *comm, int file, size_t bytes) {
  size_t ranks = (size_t)comm->node_size, rank = (size_t)comm->node_rank, part = (bytes + ranks - 1) / ranks, first = part * rank;
  int code = EINTR;
  if (first >= bytes) return true;
  while (code == EINTR) code = posix_fallocate(file, (off_t)first, (off_t)(part < bytes - first ? part : bytes - first));
  return code == 0;
}

static bool map(int file, size_t bytes, ntk_area *out) {
  void *start = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (start == MAP_FAILED) return false;
  *out = (ntk_area){start, bytes};
  return true;
}

/* Leaves *out empty on every rank of the node if one of them cannot. */
static ntk_error *share_on_node(const ntk_comm *comm, size_t bytes, ntk_area *out) {
  ticket t = {.file = -1};
  int file = comm->node_rank == 0 ? create_file(bytes, &t) : -1, good;
  ntk_error *err = ntk_mpi(MPI_Bcast(&t, (int)sizeof t, MPI_BYTE, 0, comm->node), "MPI_Bcast");
  if (!err && comm->node_rank) file = find_file(&t);
  good = !err && file >= 0 && reserve(comm, file, bytes) && map(file, bytes, out);
  if (!err) err = ntk_mpi(MPI_Allreduce(MPI_IN_PLACE, &good, 1, MPI_INT, MPI_MIN, comm->node), "MPI_Allreduce");
  if (file >= 0) close(file);
  if (err || !good) ntk_area_free(out);
  return err;
}

ntk_error *ntk_comm_share(const ntk_comm *comm, size_t bytes, ntk_area *out) {
  *out = (ntk_area){0};
  ntk_error *err = bytes && comm->node_size > 1 ? share_on_node(comm, bytes, out) : NULL;
  if (!err && !out->start) err = ntk_alloc(bytes, 1, &out->start);
  err = ntk_agree(comm, err);
  if (err) ntk_area_free(out);
  return err;
}

ntk_error *ntk_comm_publish(const ntk_comm *comm, ntk_error *mine) {
  atomic_thread_fence(memory_order_seq_cst);
  ntk_error *err = ntk_agree(comm, mine);
  atomic_thread_fence(memory_order_seq_cst);
  return err;
}

ntk_error *ntk_comm_wait_node(const ntk_comm *comm) { return comm->node_size == 1 ? NULL : ntk_mpi(MPI_Barrier(comm->node), "MPI_Barrier"); }
