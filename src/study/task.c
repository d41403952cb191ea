#include "study/task.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/mem.h"
#include "run/run.h"
#include "study/folder.h"

ntk_error *ntk_task_wait(const ntk_comm *world, int source, int tag, MPI_Status *status) {
  double pause = 2e-5;
  for (;;) {
    int there = 0;
    NTK_TRY(ntk_mpi(MPI_Iprobe(source, tag, world->mpi, &there, status), "MPI_Iprobe"));
    if (there) return NULL;
    ntk_sleep(pause);
    pause = pause < 1e-3 ? pause * 1.3 : 1e-3;
  }
}

/* Size and checksum of the run's file, so that damage is found before anything reads it. */
static ntk_error *seal(const char *path, ntk_outcome *outcome) {
  struct stat about;
  ntk_hash hash;
  NTK_TRY(ntk_hash_file(path, &hash));
  if (stat(path, &about) != 0) return ntk_fail(NTK_E_IO, "%s is gone", path);
  outcome->file_bytes = (long long)about.st_size;
  memcpy(outcome->hash, hash.hex, sizeof outcome->hash);
  return NULL;
}

static ntk_error *attempt(const ntk_comm *group, const ntk_site *site, const ntk_assignment *assignment, const ntk_calls *calls, ntk_outcome *outcome,
                          char **text) {
  static const char every[] = "resources.checkpoint_iterations";
  ntk_run_spec spec = {0};
  ntk_run_outcome result = {0};
  char *file = NULL, *checkpoint = NULL;
  ntk_error *err = ntk_study_run(site->study, assignment->index, &spec);
  if (!err) err = ntk_path(&file, "%s/runs/%s.h5", site->root, assignment->id);
  if (!err) err = ntk_path(&checkpoint, "%s/checkpoints/%s.h5", site->root, assignment->id);
  NTK_TRY_OUT(ntk_agree(group, err));
  ntk_run_job job = {.settings = spec.settings,
                     .id = assignment->id,
                     .label = spec.label,
                     .repetition = spec.repetition,
                     .file = file,
                     .checkpoint = checkpoint,
                     .checkpoint_seconds = ntk_get_number(spec.settings, "resources.checkpoint_every"),
                     .checkpoint_iterations = ntk_has(spec.settings, every) ? ntk_get_integer(spec.settings, every) : 0,
                     .stop = calls->stop,
                     .progress = calls->progress,
                     .context = calls->context,
                     .log = site->log};
  NTK_TRY_OUT(ntk_run_execute(group, &job, &result));
  outcome->seconds = result.seconds;
  outcome->has_file = result.has_file;
  outcome->has_checkpoint = result.has_checkpoint;
  NTK_TRY_OUT(ntk_agree(group, group->rank == 0 && result.has_file && file ? seal(file, outcome) : NULL));
  *text = result.json;
  result.json = NULL;
out:
  ntk_run_spec_free(&spec);
  free(result.json);
  free(file);
  free(checkpoint);
  return err;
}

ntk_error *ntk_task_execute(const ntk_comm *group, const ntk_site *site, const ntk_assignment *assignment, const ntk_calls *calls,
                            ntk_outcome *outcome, char **text) {
  *outcome = (ntk_outcome){.code = NTK_OK};
  *text = NULL;
  ntk_error *err = attempt(group, site, assignment, calls, outcome, text);
  outcome->code = (int)ntk_error_code(err);
  if (outcome->code == NTK_E_MPI) return err;
  if (err) {
    ntk_error *second = ntk_copy_text(ntk_error_message(err), text);
    ntk_error_free(&second); /* without memory for the message the code still says what happened */
    ntk_error_free(&err);
  }
  outcome->text_bytes = *text ? (long long)strlen(*text) : 0;
  return NULL;
}
