/** Private to cli/: options that `run` and `plan` share. */
#ifndef NTK_CLI_STUDY_OPTIONS_H
#define NTK_CLI_STUDY_OPTIONS_H

#include "cli/cli.h"
#include "study/batch.h"

/** Rows of an option table. */
#define NTK_STUDY_OPTIONS                                                                        \
  {"output", 'o', "DIR", "folder of the results; default results/<study>"},                      \
      {"set", 0, "K=V", "overrides a value of the study, e.g. train.step=0.1; may be repeated"}, \
      {"only", 0, "GLOB", "only runs whose label matches, e.g. 'lsgan/relu/*'"}, {               \
    "shard", 0, "I/N", "only part I of N (from 1), for array jobs"                               \
  }

/** What was asked for; text is borrowed from the command line. `sets` has room for NTK_MAX_SETS. */
NTK_CHECKED ntk_error *ntk_cli_study_options(const ntk_cli *cli, const char **sets, ntk_batch_options *out);

#endif
