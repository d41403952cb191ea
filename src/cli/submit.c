#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/commands.h"
#include "cli/study_options.h"
#include "io/file.h"
#include "study/folder.h"
#include "study/launch.h"
#include "study/outlook.h"
#include "study/plan.h"
#include "study/submit.h"

typedef struct {
  ntk_batch_options options;
  ntk_batch_totals totals;
  ntk_job_size size;
  char *folder, *script_path, *job;
  ntk_text script;
} submission;

/* This machine stands for those of the cluster: a worker a core, which share its memory where the settings do not say. */
static int node_workers(void) { return (int)fmax(1, (double)sysconf(_SC_NPROCESSORS_ONLN)); }

static ntk_error *choose_size(ntk_cli *cli, submission *s) {
  long long ranks;
  NTK_TRY(ntk_cli_integer(cli, "ranks", 1, 1000000, 0, &ranks));
  s->options.ranks = ranks ? (int)ranks : 1;
  for (int round = 0; round < (ranks ? 1 : 2); round++) {
    if (round) s->options.ranks = ntk_submit_workers(&s->totals);
    free(s->folder);
    s->folder = NULL;
    NTK_TRY(ntk_batch_sum(cli->catalog, &s->options, ntk_limits_memory(node_workers()), node_workers(), &s->totals, &s->folder));
  }
  if (s->totals.refused)
    return ntk_fail(NTK_E_USAGE, "%zu run%s would not fit on %d worker%s: `ntkgan plan %s` says what would; give --ranks", s->totals.refused,
                    s->totals.refused == 1 ? "" : "s", s->options.ranks, s->options.ranks == 1 ? "" : "s", s->options.study_path);
  s->size = ntk_submit_size(&s->totals, s->options.ranks);
  return NULL;
}

static ntk_error *write_script(submission *s) {
  char self[4096];
  ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  if (length < 0) return ntk_fail_errno(errno, "cannot find this program's own file");
  self[length] = '\0';
  const char *slash = strrchr(s->folder, '/');
  ntk_submit_script(self, &s->options, s->folder, slash && slash[1] ? slash + 1 : s->folder, &s->size, &s->script);
  return s->script.failed ? ntk_fail(NTK_E_MEMORY, "out of memory") : NULL;
}

static ntk_error *send(ntk_cli *cli, submission *s) {
  ntk_folder made = {NULL, 1, 1};
  NTK_TRY(ntk_folder_create(s->folder, 1, 1, &made));
  ntk_folder_free(&made);
  NTK_TRY(ntk_path(&s->script_path, "%s/log/submit.sbatch", s->folder));
  NTK_TRY(ntk_file_write(s->script_path, s->script.bytes, s->script.length));
  return ntk_submit_send(s->script_path, cli->positional + 1, cli->positional_count - 1, &s->job);
}

static void tell(ntk_cli *cli, const submission *s) {
  ntk_text *out = &cli->out;
  if (cli->json) {
    ntk_json j = NTK_JSON(out);
    ntk_json_object(&j, NULL);
    ntk_json_string(&j, "job", s->job);
    ntk_json_string(&j, "script", s->script_path);
    ntk_json_string(&j, "folder", s->folder);
    ntk_json_integer(&j, "to_do", (long long)s->totals.left);
    ntk_json_integer(&j, "workers", s->size.workers);
    ntk_json_number(&j, "wall_seconds", s->totals.wall);
    ntk_json_number(&j, "limit_seconds", 60.0 * (double)s->size.minutes);
    ntk_json_number(&j, "memory_bytes_per_rank", s->totals.memory);
    ntk_json_end_object(&j);
    ntk_text_add(out, "\n");
    return;
  }
  ntk_text_addf(out, "job %s: %zu run%s to do on %d worker%s, about ", s->job, s->totals.left, s->totals.left == 1 ? "" : "s", s->size.workers,
                s->size.workers == 1 ? "" : "s");
  ntk_write_duration(out, s->totals.wall);
  ntk_text_add(out, " (limit ");
  ntk_write_duration(out, 60.0 * (double)s->size.minutes);
  ntk_text_addf(out, "), %lld MiB a worker\n  script %s, output %s/log/job-%s.log\n  ntkgan status %s --watch\n", s->size.memory_mib, s->script_path,
                s->folder, s->job, s->folder);
}

static ntk_error *submit(ntk_cli *cli, submission *s) {
  NTK_TRY(ntk_batch_check(cli->catalog, &s->options));
  NTK_TRY(choose_size(cli, s));
  NTK_TRY(write_script(s));
  if (ntk_cli_option(cli, "dry-run")) {
    ntk_text_add(&cli->out, s->script.bytes);
    return NULL;
  }
  if (s->totals.left == 0) return ntk_fail(NTK_E_USAGE, "%s: nothing is left to do (%zu runs done)", s->folder, s->totals.runs);
  NTK_TRY(send(cli, s));
  tell(cli, s);
  return NULL;
}

static ntk_error *run(ntk_cli *cli) {
  const char *sets[NTK_MAX_SETS];
  submission s = {.script = NTK_TEXT};
  ntk_error *err = ntk_cli_study_options(cli, sets, &s.options);
  if (!err) err = submit(cli, &s);
  free(s.folder);
  free(s.script_path);
  free(s.job);
  ntk_text_free(&s.script);
  return err;
}

static const ntk_option options_of_submit[] = {{"dry-run", 0, NULL, "print the script and submit nothing"},
                                               {"ranks", 0, "N", "workers; default as many as bring it below an hour"},
                                               NTK_STUDY_OPTIONS,
                                               {"retry-failed", 0, NULL, "runs that failed are tried again"},
                                               {NULL, 0, NULL, NULL}};

const ntk_command ntk_command_submit = {
    .name = "submit",
    .arguments = "STUDY.yaml [--dry-run] [--ranks N] [-o DIR] [--set K=V]... [--only GLOB] [--shard I/N] [--retry-failed] [sbatch options]",
    .help = "write a Slurm batch script sized by `plan` and submit it",
    .details =
        "Options that are not listed here, and all that follow `--`, go to sbatch: --partition=long, --time=12:00:00, ...; with\n"
        "--array=1-N every task takes a shard. The script asks for twice the estimated time; the job saves everything two\n"
        "minutes before its limit and queues itself again.",
    .options = options_of_submit,
    .min_positional = 1,
    .max_positional = (size_t)-1,
    .passes_on = true,
    .use = NTK_SOLO,
    .run = run};
