#include "cli/commands.h"
#include "study/batch.h"

static ntk_error *run(ntk_cli *cli) { return ntk_batch_index(cli->positional, cli->positional_count, &cli->out); }

const ntk_command ntk_command_index = {.name = "index",
                                       .arguments = "DIR...",
                                       .help = "rebuild index.h5 from the journals (of several shards too)",
                                       .min_positional = 1,
                                       .max_positional = 4096,
                                       .use = NTK_SOLO,
                                       .run = run};
