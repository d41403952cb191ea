/** Private to cli/: the parts of `ntkgan mmd`. */
#ifndef NTK_CLI_MMD_H
#define NTK_CLI_MMD_H

#include "cli/cli.h"
#include "metric/mmd.h"
#include "metric/mmd_quick.h"

typedef enum { NTK_MMD_QUADRATIC, NTK_MMD_BLOCK, NTK_MMD_LINEAR } ntk_mmd_estimator;

/** What is asked for. */
typedef struct {
  ntk_mmd_estimator estimator;
  size_t block; /* of the block estimator; 0 = the root of the smaller set's size */
  ntk_mmd_options options;
} ntk_mmd_request;

/** Names of ntk_mmd_method and ntk_mmd_estimator, in order; each ends with NULL. */
extern const char *const ntk_mmd_methods[], *const ntk_mmd_estimators[];

/** The result, as a table or JSON, onto cli->out. */
void ntk_mmd_print(ntk_cli *cli, const ntk_mmd *mmd, const ntk_mmd_options *how, double seconds, const char *warning);
void ntk_mmd_print_quick(ntk_cli *cli, const ntk_mmd_quick *quick, const ntk_mmd_request *request, double seconds, const char *warning);

/** Evaluates with progress on standard error, signals watched for and a checkpoint. Collective. */
NTK_CHECKED ntk_error *ntk_mmd_watched(ntk_cli *cli, const ntk_kernel *kernel, const ntk_pair_points *sample, const ntk_mmd_options *how,
                                       ntk_mmd *out);

/** Evaluates the witness function and its gradient at the points of --witness, if given, and writes them to -o. Collective. */
NTK_CHECKED ntk_error *ntk_mmd_witness(ntk_cli *cli, const ntk_kernel *kernel, const ntk_pair_points *sample);

#endif
