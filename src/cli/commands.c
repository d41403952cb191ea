#include "cli/commands.h"

#include <string.h>

static const ntk_command *const commands[] = {&ntk_command_run,    &ntk_command_check,    &ntk_command_plan,   &ntk_command_status,
                                              &ntk_command_submit, &ntk_command_index,    &ntk_command_pack,   &ntk_command_gram,
                                              &ntk_command_mmd,    &ntk_command_spectrum, &ntk_command_field,  &ntk_command_metric,
                                              &ntk_command_list,   &ntk_command_help,     &ntk_command_schema, &ntk_command_version};

size_t ntk_command_count(void) { return sizeof commands / sizeof *commands; }

const ntk_command *ntk_command_at(size_t i) { return commands[i]; }

const ntk_command *ntk_command_find(const char *name) {
  for (size_t i = 0; i < ntk_command_count(); i++)
    if (!strcmp(commands[i]->name, name)) return commands[i];
  return NULL;
}

ntk_error *ntk_command_unknown(const char *name) {
  const char *words[sizeof commands / sizeof *commands];
  for (size_t i = 0; i < ntk_command_count(); i++) words[i] = commands[i]->name;
  const char *near = ntk_nearest_word(name, words, ntk_command_count());
  return ntk_fail(NTK_E_USAGE, "no command '%s'%s%s%s (see ntkgan help)", name, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

void ntk_cli_overview(ntk_text *out) {
  ntk_text_add(out,
               "ntkgan: GANs through the neural tangent kernel, on one core or a cluster\n\n"
               "  ntkgan run STUDY.yaml      run a study; the same command again goes on where it stopped\n"
               "  ntkgan help config         every key of a study\n\nCommands:\n");
  for (size_t i = 0; i < ntk_command_count(); i++) ntk_text_addf(out, "  %-10s %s\n", commands[i]->name, commands[i]->help);
  ntk_text_add(
      out,
      "\nntkgan help COMMAND explains one. Exit status: 0 done, 1 some runs failed, 2 wrong request, 3 system failure, 75 stopped with all saved.\n");
}
