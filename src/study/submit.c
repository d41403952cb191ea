#include "study/submit.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

static const double wanted_seconds = 3600, time_margin = 2, start_minutes = 10, day_minutes = 1440, memory_margin = 1.25, mib = 1048576;

int ntk_submit_workers(const ntk_batch_totals *totals) {
  double workers = fmin(ceil(totals->seconds_left / wanted_seconds), (double)totals->left);
  return workers > 1 ? (int)fmin(workers, 1e6) : 1;
}

ntk_job_size ntk_submit_size(const ntk_batch_totals *totals, int workers) {
  double minutes = ceil(time_margin * totals->wall / 60 + start_minutes);
  return (ntk_job_size){workers, (long long)ceil(memory_margin * totals->memory / mib), (long long)fmin(minutes, day_minutes)};
}

/* --- the script ----------------------------------------------------------------------------------------------------------------- */

/* A word of the shell. */
static void add_word(ntk_text *out, const char *word) {
  ntk_text_add(out, "'");
  for (; *word; word++) ntk_text_add_bytes(out, *word == '\'' ? "'\\''" : word, *word == '\'' ? 4 : 1);
  ntk_text_add(out, "'");
}

static void add_option(ntk_text *out, const char *option, const char *value) {
  if (!value) return;
  ntk_text_addf(out, " %s ", option);
  add_word(out, value);
}

static void add_name(ntk_text *out, const char *name) {
  for (; *name; name++) ntk_text_add_bytes(out, isalnum((unsigned char)*name) || strchr("_.", *name) ? name : "-", 1);
}

static void add_header(ntk_text *out, const char *folder, const char *name, const ntk_job_size *size) {
  ntk_text_add(out, "#!/bin/bash\n# Written by `ntkgan submit`.\n#SBATCH --job-name=");
  add_name(out, name);
  ntk_text_addf(out, "\n#SBATCH --ntasks=%d                 # workers\n", size->workers);
  ntk_text_addf(out, "#SBATCH --mem-per-cpu=%lldM\n#SBATCH --time=%lld                  # minutes\n", size->memory_mib, size->minutes);
  ntk_text_add(out,
               "#SBATCH --hint=nomultithread\n"
               "#SBATCH --signal=B:USR1@120        # to this script, which passes it on\n"
               "#SBATCH --requeue\n#SBATCH --open-mode=append\n");
  ntk_text_addf(out, "#SBATCH --output=\"%s/log/job-%%j.log\"\n\n", folder);
}

void ntk_submit_script(const char *program, const ntk_batch_options *options, const char *folder, const char *name, const ntk_job_size *size,
                       ntk_text *out) {
  add_header(out, folder, name, size);
  if (options->shards > 1)
    ntk_text_addf(out, "shard='--shard %d/%d'\n", options->shard, options->shards);
  else
    ntk_text_add(out, "shard=${SLURM_ARRAY_TASK_ID:+--shard $SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT}\n");
  add_word(out, program);
  ntk_text_add(out, " run ");
  add_word(out, options->study_path);
  add_option(out, "-o", folder);
  for (size_t i = 0; i < options->set_count; i++) add_option(out, "--set", options->sets[i]);
  add_option(out, "--only", options->only);
  ntk_text_add(out, options->retry_failed ? " --retry-failed" : "");
  ntk_text_add(out,
               " $shard &\n"
               "run=$!\n"
               "trap 'again=1 asked=1; kill -USR1 $run' USR1 TERM\n"
               "while again=0; wait $run; status=$?; [ $again = 1 ]; do :; done\n\n"
               "# 75: stopped with everything saved; by the time limit, if the job has not been cancelled.\n"
               "if [ $status = 75 ] && [ -n \"${asked:-}\" ] && [ \"$(squeue -h -j \"$SLURM_JOB_ID\" -o %T)\" = RUNNING ]; then\n"
               "  scontrol requeue \"$SLURM_JOB_ID\"\n"
               "fi\n"
               "exit $status\n");
}

/* --- submission ----------------------------------------------------------------------------------------------------------------- */

/* In the child: never returns. */
static void become_sbatch(const char **arguments, int out) {
  if (dup2(out, STDOUT_FILENO) >= 0) execvp("sbatch", (char *const *)(const void *)arguments);
  _exit(127);
}

/* What the child prints, and its exit status. */
static ntk_error *attend(pid_t child, int from, ntk_text *said, int *status) {
  char block[256];
  ssize_t got;
  while ((got = read(from, block, sizeof block)) > 0 || (got < 0 && errno == EINTR))
    if (got > 0) ntk_text_add_bytes(said, block, (size_t)got);
  while (waitpid(child, status, 0) < 0)
    if (errno != EINTR) return ntk_fail_errno(errno, "waiting for sbatch");
  return NULL;
}

static ntk_error *talk(const char **arguments, ntk_text *said) {
  int ends[2], status = 0;
  if (pipe(ends)) return ntk_fail_errno(errno, "cannot make a pipe");
  pid_t child = fork();
  if (child == 0) become_sbatch(arguments, ends[1]);
  ntk_error *err = child < 0 ? ntk_fail_errno(errno, "cannot start sbatch") : NULL;
  close(ends[1]);
  if (!err) err = attend(child, ends[0], said, &status);
  close(ends[0]);
  if (err) return err;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
    return ntk_fail(NTK_E_IO, "cannot start sbatch: is Slurm installed here, and on the PATH? (--dry-run shows the script)");
  return status ? ntk_fail(NTK_E_IO, "sbatch refused the job") : NULL;
}

ntk_error *ntk_submit_send(const char *path, const char *const *arguments, size_t count, char **job) {
  const char **all = NULL;
  ntk_text said = NTK_TEXT;
  size_t n = 0;
  NTK_TRY(NTK_NEW(count + 4, &all));
  all[n++] = "sbatch";
  all[n++] = "--parsable";
  for (size_t i = 0; i < count; i++) all[n++] = arguments[i];
  all[n++] = path;
  ntk_error *err = talk(all, &said);
  free(all);
  if (!err && said.failed) err = ntk_fail(NTK_E_MEMORY, "out of memory");
  if (!err) err = ntk_copy_bytes(said.length ? said.bytes : "", said.length ? strcspn(said.bytes, ";\n") : 0, job); /* "17" or "17;cluster" */
  ntk_text_free(&said);
  return err;
}
