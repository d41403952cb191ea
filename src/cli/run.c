#include "cli/commands.h"
#include "cli/study_options.h"

static ntk_error *run(ntk_cli *cli) {
  const char *sets[NTK_MAX_SETS];
  ntk_batch_options options;
  ntk_error *err = ntk_cli_study_options(cli, sets, &options);
  NTK_TRY(ntk_agree(cli->world, err));
  return ntk_batch_run(cli->world, cli->catalog, &options, &cli->log, &cli->status);
}

static ntk_error *before(ntk_cli *cli) {
  const char *sets[NTK_MAX_SETS];
  ntk_batch_options options;
  NTK_TRY(ntk_cli_study_options(cli, sets, &options));
  return ntk_batch_check(cli->catalog, &options);
}

static const ntk_option options_of_run[] = {NTK_STUDY_OPTIONS, {"retry-failed", 0, NULL, "runs that failed are tried again"}, {NULL, 0, NULL, NULL}};

const ntk_command ntk_command_run = {
    .name = "run",
    .arguments = "STUDY.yaml [-o DIR] [--ranks N] [--set K=V]... [--only GLOB] [--shard I/N] [--retry-failed]",
    .help = "run what is not done yet",
    .details =
        "The same command again goes on where it stopped; finished runs are not computed again. To stop it with all\n"
        "saved: Ctrl-C, SIGTERM, SIGUSR1 or `touch DIR/stop`; the exit status is then 75. Under Slurm that happens by itself\n"
        "before the allocation ends. A second Ctrl-C ends it at once. mpirun is started for you, with a\n"
        "scheduling rank beside the workers; under your own mpirun or srun the ranks given include it.",
    .options = options_of_run,
    .min_positional = 1,
    .max_positional = 1,
    .use = NTK_MASTERED,
    .run = run,
    .before = before};
