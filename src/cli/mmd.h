/** Private to cli/: the parts of `ntkgan mmd`. */
#ifndef NTK_CLI_MMD_H
#define NTK_CLI_MMD_H

#include "cli/cli.h"
#include "metric/mmd.h"

/** Names of ntk_mmd_method, in order; ends with NULL. */
extern const char *const ntk_mmd_methods[];

/** The result, as a table or JSON, onto cli->out. */
void ntk_mmd_print(ntk_cli *cli, const ntk_mmd *mmd, const ntk_mmd_options *how, double seconds, const char *warning);

/** Evaluates with progress on standard error, signals watched for and a checkpoint. Collective. */
NTK_CHECKED ntk_error *ntk_mmd_watched(ntk_cli *cli, const ntk_kernel *kernel, const ntk_pair_points *sample, const ntk_mmd_options *how,
                                       ntk_mmd *out);

#endif
