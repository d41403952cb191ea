#include "study/batch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/file.h"
#include "study/bind.h"
#include "study/desk.h"
#include "study/launch.h"
#include "study/load.h"
#include "study/master.h"
#include "study/stop.h"
#include "study/task.h"
#include "study/walk.h"

/* The memory that a rank may use, and the workers of a node: the least over the nodes that have any. Collective. */
static ntk_error *find_limits(const ntk_comm *world, ntk_limits *limits) {
  int workers = 0, place = 0;
  NTK_TRY(ntk_bind_count(world, &workers, &place));
  double mine = -ntk_limits_memory(workers), fewest = workers > 0 ? -(double)workers : -INFINITY;
  NTK_TRY(ntk_comm_max(world, &mine));
  NTK_TRY(ntk_comm_max(world, &fewest));
  *limits = (ntk_limits){world->size > 1 ? world->size - 1 : 1, -mine, (int)-fewest};
  return NULL;
}

/* Rank 0 reads and checks the study; the others get the text and build the same from it. Collective. */
static ntk_error *load_everywhere(const ntk_comm *world, const ntk_catalog *catalog, const ntk_batch_options *options, char **text,
                                  ntk_study **study) {
  ntk_error *err = world->rank == 0 ? ntk_load_study(catalog, options, text, study) : NULL;
  NTK_TRY(ntk_agree(world, err));
  NTK_TRY(ntk_comm_bcast_text(world, text, 0));
  err = world->rank == 0 ? NULL : ntk_load_text(catalog, options, *text, study);
  return ntk_agree(world, err);
}

/* What rank 0 does. The workers wait for orders meanwhile (asleep, since planning a large study takes seconds), and are let go whatever happens
 * here, unless MPI itself failed. */
static ntk_error *direct(const ntk_comm *world, const ntk_batch_options *options, const ntk_site *site, const char *text, const ntk_limits *limits,
                         const int *nodes, int *status) {
  ntk_desk desk = {.lock = NTK_LOCK};
  ntk_error *err = ntk_desk_open((ntk_study *)site->study, options, site->root, text, limits, site->log, &desk);
  if (!err && desk.todo_count)
    ntk_desk_say(&desk, NTK_LOG_INFO, "%s: %zu run%s to do on %d worker%s, into %s", ntk_study_name(site->study), desk.todo_count,
                 desk.todo_count == 1 ? "" : "s", limits->workers, limits->workers == 1 ? "" : "s", site->root);
  if (!err) err = world->size == 1 ? ntk_master_solo(world, site, &desk) : ntk_master_run(world, &desk, nodes);
  if (!err) err = ntk_desk_finish(&desk, status);
  if (ntk_error_code(err) != NTK_E_MPI && world->size > 1) err = ntk_error_join(err, ntk_master_end(world));
  return ntk_error_join(err, ntk_desk_close(&desk));
}

static ntk_error *run_everywhere(const ntk_comm *world, const ntk_batch_options *options, const ntk_site *site, const char *text, int *status) {
  ntk_limits limits;
  int *nodes = NULL;
  ntk_error *err = NULL;
  NTK_TRY(find_limits(world, &limits));
  NTK_TRY(ntk_bind_workers(world));
  NTK_TRY_ALL(world, NTK_NEW((size_t)world->size, &nodes));
  NTK_TRY_OUT(ntk_bind_nodes(world, nodes));
  err = world->rank == 0 ? direct(world, options, site, text, &limits, nodes, status) : ntk_worker_run(world, site);
  if (ntk_error_code(err) != NTK_E_MPI) err = ntk_agree(world, err);
  if (!err) err = ntk_comm_bcast(world, status, sizeof *status, 0);
out:
  free(nodes);
  return err;
}

static ntk_error *check_only(const ntk_study *study, const ntk_batch_options *options) {
  bool matched = false;
  for (size_t i = 0; i < ntk_study_count(study) && !matched; i++) {
    ntk_run_spec run = {0};
    NTK_TRY(ntk_study_run(study, i, &run));
    matched = ntk_plan_matches(run.label, options);
    ntk_run_spec_free(&run);
  }
  return matched ? NULL : ntk_fail(NTK_E_USAGE, "--only %s: no run has such a label (`ntkgan plan` lists them)", options->only);
}

ntk_error *ntk_batch_check(const ntk_catalog *catalog, const ntk_batch_options *options) {
  char *text = NULL;
  ntk_study *study = NULL;
  ntk_error *err = ntk_load_study(catalog, options, &text, &study);
  if (!err && options->only) err = check_only(study, options);
  if (!err) err = ntk_walk_study(study, NTK_WALK_MOST);
  ntk_study_free(&study);
  free(text);
  return err;
}

ntk_error *ntk_batch_run(const ntk_comm *world, const ntk_catalog *catalog, const ntk_batch_options *options, const ntk_log *log, int *status) {
  char *text = NULL, *root = NULL;
  ntk_study *study = NULL;
  ntk_stop stop = {.taken = 0};
  *status = 0;
  ntk_error *err = ntk_launch_check_single(world->size);
  NTK_TRY_OUT(ntk_agree(world, err));
  NTK_TRY_OUT(load_everywhere(world, catalog, options, &text, &study));
  NTK_TRY_OUT(ntk_agree(world, ntk_load_root(options, study, &root)));
  NTK_TRY_OUT(ntk_agree(world, ntk_stop_begin(&stop)));
  if (world->size == 1) ntk_stop_obey_second();
  const ntk_site site = {study, root, log};
  err = run_everywhere(world, options, &site, text, status);
out:
  ntk_stop_end(&stop);
  ntk_study_free(&study);
  free(text);
  free(root);
  return err;
}
