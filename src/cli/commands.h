/** Private to cli/: one line a subcommand. */
#ifndef NTK_CLI_COMMANDS_H
#define NTK_CLI_COMMANDS_H

#include "cli/cli.h"

extern const ntk_command ntk_command_pack, ntk_command_run, ntk_command_check, ntk_command_plan, ntk_command_status, ntk_command_submit,
    ntk_command_index, ntk_command_gram, ntk_command_mmd, ntk_command_spectrum, ntk_command_field, ntk_command_metric, ntk_command_list,
    ntk_command_help, ntk_command_schema, ntk_command_version;

#endif
