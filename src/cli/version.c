#include "cli/commands.h"
#include "run/run.h"

typedef struct {
  ntk_text *out;
  ntk_json json;
  bool as_json;
} printer;

static void add(void *context, const char *name, const char *value) {
  printer *p = context;
  if (p->as_json)
    ntk_json_string(&p->json, name, value);
  else
    ntk_text_addf(p->out, "%-18s %s\n", name, value);
}

static ntk_error *run(ntk_cli *cli) {
  printer p = {&cli->out, NTK_JSON(&cli->out), cli->json};
  if (cli->json) ntk_json_object(&p.json, NULL);
  ntk_run_provenance(add, &p);
  if (cli->json) ntk_json_end_object(&p.json);
  if (cli->json) ntk_text_add(&cli->out, "\n");
  return NULL;
}

const ntk_command ntk_command_version = {.name = "version",
                                         .arguments = "[--json]",
                                         .help = "versions of every library, instruction set chosen",
                                         .max_positional = 0,
                                         .use = NTK_SOLO,
                                         .run = run};
