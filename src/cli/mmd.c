#include "cli/mmd.h"

#include <string.h>

#include "cli/commands.h"
#include "data/pool.h"

/* --method as an index of ntk_mmd_methods. */
static ntk_error *choose_method(const ntk_cli *cli, ntk_mmd_method *out) {
  const char *word = ntk_cli_option(cli, "method");
  *out = NTK_MMD_BINS;
  for (size_t i = 0; word && ntk_mmd_methods[i]; i++) {
    if (strcmp(word, ntk_mmd_methods[i])) continue;
    *out = (ntk_mmd_method)i;
    return NULL;
  }
  if (!word) return NULL;
  const char *near = ntk_nearest_word(word, ntk_mmd_methods, 3);
  return ntk_fail(NTK_E_USAGE, "--method: expected bins, labels or wild, not '%s'%s%s%s", word, near ? "; did you mean " : "", near ? near : "",
                  near ? "?" : "");
}

static ntk_error *evaluate(ntk_cli *cli, ntk_mmd_options *how) {
  ntk_pool pool = {.window = MPI_WIN_NULL};
  ntk_kernel *kernel = NULL;
  ntk_mmd mmd;
  ntk_error *err = NULL;
  NTK_TRY_OUT(ntk_pool_read(cli->world, cli->positional[1], cli->positional[0], &pool));
  NTK_TRY_OUT(ntk_agree(cli->world, ntk_cli_kernel(cli, pool.d, &kernel)));
  if (how->permutations && pool.leads) ntk_mmd_shuffle(pool.n, pool.m, pool.d, pool.x, how->rng);
  NTK_TRY_OUT(ntk_pool_publish(cli->world, &pool));
  const ntk_pair_points sample = {pool.n, pool.m, pool.d, pool.x, NULL};
  double start = ntk_clock();
  NTK_TRY_OUT(ntk_mmd_watched(cli, kernel, &sample, how, &mmd));
  ntk_mmd_print(cli, &mmd, how, ntk_clock() - start, ntk_kernel_warning(kernel));
out:
  ntk_kernel_free(&kernel);
  ntk_pool_free(&pool);
  return err;
}

static ntk_error *run(ntk_cli *cli) {
  ntk_mmd_method method;
  long long permutations, seed;
  NTK_TRY(ntk_cli_integer(cli, "permutations", 0, 1000000, 0, &permutations));
  NTK_TRY(choose_method(cli, &method));
  NTK_TRY(ntk_cli_integer(cli, "seed", 0, 1LL << 53, 1, &seed));
  ntk_mmd_options how = {(size_t)permutations, method, {(uint64_t)seed, 0, NTK_STREAM_PERMUTE}, NULL};
  return evaluate(cli, &how);
}

static const ntk_option options[] = {{"network", 0, "SPEC", "'{type: mlp, depth: 3, activation: relu, bias_stddev: 1}' or @file.yaml"},
                                     {"kernel", 0, "KIND", "ntk (default) or nngp"},
                                     {"precision", 0, "WORD", "double (default) or single: faster, relative error 1e-6"},
                                     {"permutations", 0, "N", "permutation test with N permutations (default: none)"},
                                     {"method", 0, "METHOD", "of the test: bins (default), labels or wild"},
                                     {"seed", 0, "S", "seed of the permutations (default 1)"},
                                     {"checkpoint", 0, "FILE", "where a long evaluation keeps its state (default: ntkgan-mmd-<hash>.h5 here)"},
                                     {NULL, 0, NULL, NULL}};

const ntk_command ntk_command_mmd = {.name = "mmd",
                                     .arguments = "REAL FAKE --network SPEC [--permutations N] [--method METHOD]",
                                     .help = "MMD^2 of two point files under a network's kernel, biased and unbiased, with a p-value",
                                     .details =
                                         "The test draws labels anew: METHOD bins (default) permutes about a thousand bins of points, labels every "
                                         "single one (dearer), wild flips signs\n"
                                         "of bins (wild bootstrap; for equal numbers of points, those of the same number change places). The level "
                                         "is exact, but for wild and unequal\n"
                                         "numbers, where it is so for large samples. Up to a thousand points a bin is a point.\n"
                                         "Memory grows with the number of points, once a node for the points and 40 bytes a point for each rank. "
                                         "A long evaluation saves its\n"
                                         "state every two minutes and when it is asked to stop (Ctrl-C, SIGTERM; exit status 75): the same command "
                                         "goes on, on any number of ranks.",
                                     .options = options,
                                     .min_positional = 2,
                                     .max_positional = 2,
                                     .use = NTK_WORKERS,
                                     .saves = true,
                                     .run = run};
