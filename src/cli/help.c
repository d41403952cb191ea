#include <string.h>

#include "cli/commands.h"

enum { TOPICS = 64 };

static ntk_error *unknown(const ntk_cli *cli, const char *topic) {
  const char *words[TOPICS] = {"config"};
  size_t count = 1;
  for (size_t i = 0; i < ntk_command_count() && count < TOPICS; i++) words[count++] = ntk_command_at(i)->name;
  for (size_t i = 0; i < cli->catalog->count && count < TOPICS; i++) words[count++] = cli->catalog->kinds[i].kind;
  const char *near = ntk_nearest_word(topic, words, count);
  return ntk_fail(NTK_E_USAGE, "no help on '%s'%s%s%s; topics: config, any command (ntkgan help), any kind (ntkgan list)", topic,
                  near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static ntk_error *run(ntk_cli *cli) {
  const char *topic = cli->positional_count ? cli->positional[0] : NULL;
  const ntk_command *command = topic ? ntk_command_find(topic) : NULL;
  if (!topic)
    ntk_cli_overview(&cli->out);
  else if (!strcmp(topic, "config"))
    ntk_schema_help(cli->catalog, &cli->out);
  else if (command)
    ntk_cli_command_help(command, &cli->out);
  else if (ntk_catalog_kind(cli->catalog, topic))
    ntk_schema_list(cli->catalog, topic, &cli->out);
  else
    return unknown(cli, topic);
  return NULL;
}

const ntk_command ntk_command_help = {.name = "help",
                                      .arguments = "[TOPIC]",
                                      .help = "this overview, a command, or 'config': every key of a study",
                                      .details = "TOPIC: config, a command's name, or a kind that 'ntkgan list' shows.",
                                      .min_positional = 0,
                                      .max_positional = 1,
                                      .use = NTK_SOLO,
                                      .run = run};
