#include "study/bind.h"

#include <sched.h>
#include <string.h>

static bool works(const ntk_comm *world) { return world->size == 1 || world->rank > 0; }

static ntk_error *count_on(const ntk_comm *world, const ntk_comm *node, int *workers, int *place) {
  int mine = works(world), before = 0;
  NTK_TRY(ntk_mpi(MPI_Allreduce(&mine, workers, 1, MPI_INT, MPI_SUM, node->mpi), "MPI_Allreduce"));
  NTK_TRY(ntk_mpi(MPI_Exscan(&mine, &before, 1, MPI_INT, MPI_SUM, node->mpi), "MPI_Exscan"));
  *place = node->rank == 0 ? 0 : before;
  return NULL;
}

ntk_error *ntk_bind_count(const ntk_comm *world, int *workers, int *place) {
  ntk_comm node;
  NTK_TRY(ntk_comm_split_node(world, &node));
  ntk_error *err = count_on(world, &node, workers, place);
  ntk_comm_free(&node);
  return err;
}

ntk_error *ntk_bind_nodes(const ntk_comm *world, int *nodes) {
  ntk_comm node;
  int name = world->rank;
  NTK_TRY(ntk_comm_split_node(world, &node));
  ntk_error *err = ntk_comm_bcast(&node, &name, sizeof name, 0);
  if (!err) err = ntk_mpi(MPI_Gather(&name, 1, MPI_INT, nodes, 1, MPI_INT, 0, world->mpi), "MPI_Gather");
  ntk_comm_free(&node);
  return err;
}

/* Whether all ranks of the node may use the same cores. */
static ntk_error *same_mask(const ntk_comm *node, const cpu_set_t *mask, bool *same) {
  cpu_set_t first = *mask;
  NTK_TRY(ntk_comm_bcast(node, &first, sizeof first, 0));
  int equal = memcmp(&first, mask, sizeof first) == 0, all = 0;
  NTK_TRY(ntk_mpi(MPI_Allreduce(&equal, &all, 1, MPI_INT, MPI_LAND, node->mpi), "MPI_Allreduce"));
  *same = all;
  return NULL;
}

static void take_core(const cpu_set_t *mask, int place) {
  for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
    if (CPU_ISSET(cpu, mask) && place-- == 0) {
      cpu_set_t one;
      CPU_ZERO(&one);
      CPU_SET(cpu, &one);
      sched_setaffinity(0, sizeof one, &one); /* where it is refused the worker runs unbound */
      return;
    }
}

ntk_error *ntk_bind_workers(const ntk_comm *world) {
  ntk_comm node;
  cpu_set_t mask;
  int workers = 0, place = 0;
  bool same = false;
  NTK_TRY(ntk_comm_split_node(world, &node));
  CPU_ZERO(&mask);
  if (sched_getaffinity(0, sizeof mask, &mask) != 0) CPU_ZERO(&mask);
  ntk_error *err = count_on(world, &node, &workers, &place);
  if (!err) err = same_mask(&node, &mask, &same);
  int cores = CPU_COUNT(&mask);
  if (!err && same && works(world) && world->size > 1 && workers <= cores && 2 * workers > cores) take_core(&mask, place);
  ntk_comm_free(&node);
  return err;
}
