#include "cli/study_options.h"

#include <stdlib.h>

static ntk_error *parse_shard(const char *text, int *shard, int *shards) {
  *shard = *shards = 1;
  if (!text) return NULL;
  char *slash = NULL, *end = NULL;
  long i = strtol(text, &slash, 10), n = *slash == '/' ? strtol(slash + 1, &end, 10) : 0;
  if (end && !*end && n <= 1000000 && i >= 1 && i <= n) {
    *shard = (int)i;
    *shards = (int)n;
    return NULL;
  }
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
