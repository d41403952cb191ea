#include "cli/commands.h"
#include "kernel/kernel.h"
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
  ntk_text sets = NTK_TEXT;
  ntk_kernel_isas(&sets);
  ntk_run_provenance(add, &p);
  if (!sets.failed) add(&p, "instruction_sets", sets.bytes);
  ntk_text_depend(&cli->out, &sets);
  ntk_text_free(&sets);
  if (cli->json) ntk_json_end_object(&p.json);
  if (cli->json) ntk_text_add(&cli->out, "\n");
  return NULL;
}

const ntk_command ntk_command_version = {
    .name = "version",
    .arguments = "[--json]",
    .help = "versions of every library, instruction set chosen",
    .details = "instruction_sets are those of this machine, the best first. NTKGAN_ISA=NAME in the environment chooses one, for every command.",
    .max_positional = 0,
    .use = NTK_SOLO,
    .run = run};
