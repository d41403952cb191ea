#include "cli/commands.h"
#include "study/batch.h"

static ntk_error *run(ntk_cli *cli) {
  const char *path = ntk_cli_option(cli, "output");
  if (!path) return ntk_fail(NTK_E_USAGE, "-o FILE.h5 is required");
  return ntk_batch_pack(cli->positional, cli->positional_count, path, &cli->out);
}

static const ntk_option options_of_pack[] = {{"output", 'o', "FILE.h5", "the file to write"}, {NULL, 0, NULL, NULL}};

const ntk_command ntk_command_pack = {.name = "pack",
                                      .arguments = "DIR... -o FILE.h5",
                                      .help = "one self-contained file: the index with the runs' arrays in it",
                                      .details =
                                          "Like index.h5, with each run's arrays as group /links/<id> instead of a link to runs/<id>.h5, so that\n"
                                          "nothing else is needed to read it. Several folders of one study are put together.",
                                      .options = options_of_pack,
                                      .min_positional = 1,
                                      .max_positional = 4096,
                                      .use = NTK_SOLO,
                                      .run = run};
