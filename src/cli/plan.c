#include "cli/commands.h"
#include "cli/study_options.h"
#include "study/launch.h"

static ntk_error *run(ntk_cli *cli) {
  const char *sets[NTK_MAX_SETS];
  ntk_batch_options options;
  NTK_TRY(ntk_cli_study_options(cli, sets, &options));
  if (!options.ranks) options.ranks = ntk_launch_cores();
  return ntk_batch_plan(cli->catalog, &options, &cli->out);
}

static const ntk_option options_of_plan[] = {
    {"ranks", 0, "N", "workers to plan for; default one a core allowed to this process"}, NTK_STUDY_OPTIONS, {NULL, 0, NULL, NULL}};

const ntk_command ntk_command_plan = {.name = "plan",
                                      .arguments = "STUDY.yaml [-o DIR] [--ranks N] [--set K=V]... [--only GLOB] [--shard I/N]",
                                      .help = "runs, memory a rank, time, ranks a run, output size",
                                      .details = "Estimates from the settings at nominal rates; right within a small factor. Nothing is started.",
                                      .options = options_of_plan,
                                      .min_positional = 1,
                                      .max_positional = 1,
                                      .use = NTK_SOLO,
                                      .run = run};
