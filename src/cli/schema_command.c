#include "cli/commands.h"

static ntk_error *run(ntk_cli *cli) {
  ntk_schema_json(cli->catalog, &cli->out);
  ntk_text_add(&cli->out, "\n");
  return NULL;
}

const ntk_command ntk_command_schema = {.name = "schema",
                                        .arguments = "",
                                        .help = "JSON Schema (draft 2020-12) of a study, for editors and other programs",
                                        .max_positional = 0,
                                        .use = NTK_SOLO,
                                        .run = run};
