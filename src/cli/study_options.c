#include "cli/study_options.h"

#include <stdio.h>

static ntk_error *parse_shard(const char *text, int *shard, int *shards) {
  char rest;
  *shard = *shards = 1;
  if (!text) return NULL;
  if (sscanf(text, "%d/%d%c", shard, shards, &rest) == 2 && *shards >= 1 && *shards <= 1000000 && *shard >= 1 && *shard <= *shards) return NULL;
  return ntk_fail(NTK_E_USAGE, "--shard: expected I/N with I from 1 to N, not '%s'", text);
}

ntk_error *ntk_cli_study_options(const ntk_cli *cli, const char **sets, ntk_batch_options *out) {
  *out = (ntk_batch_options){.study_path = cli->positional[0],
                             .folder = ntk_cli_option(cli, "output"),
                             .sets = sets,
                             .set_count = ntk_cli_options(cli, "set", sets, NTK_MAX_SETS),
                             .only = ntk_cli_option(cli, "only"),
                             .retry_failed = ntk_cli_option(cli, "retry-failed") != NULL,
                             .ranks = cli->ranks,
                             .json = cli->json};
  return parse_shard(ntk_cli_option(cli, "shard"), &out->shard, &out->shards);
}
