#include "cli/mmd.h"

#include <math.h>
#include <string.h>

#include "cli/commands.h"
#include "data/pool.h"

/* An option as an index of its words, 0 when absent. */
static ntk_error *choose(const ntk_cli *cli, const char *option, const char *const *words, size_t *out) {
  const char *word = ntk_cli_option(cli, option);
  ntk_text list = NTK_TEXT;
  *out = 0;
  if (!word) return NULL;
  for (; words[*out] && strcmp(word, words[*out]) != 0; ++*out) ntk_text_addf(&list, "%s%s", *out ? ", " : "", words[*out]);
  const char *near = ntk_nearest_word(word, words, *out);
  ntk_error *err = words[*out] ? NULL
                               : ntk_fail(NTK_E_USAGE, "--%s: expected one of %s, not '%s'%s%s%s", option, list.bytes, word,
                                          near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
  ntk_text_free(&list);
  return err;
}

/* What is asked, checked; no file is read. */
static ntk_error *read_request(const ntk_cli *cli, ntk_mmd_request *r) {
  long long permutations, seed, block;
  size_t method, estimator;
  NTK_TRY(ntk_cli_integer(cli, "permutations", 0, 1000000, 0, &permutations));
  NTK_TRY(ntk_cli_integer(cli, "seed", 0, 1LL << 53, 1, &seed));
  NTK_TRY(ntk_cli_integer(cli, "block", 2, 1 << 20, 0, &block));
  NTK_TRY(choose(cli, "method", ntk_mmd_methods, &method));
  NTK_TRY(choose(cli, "estimator", ntk_mmd_estimators, &estimator));
  r->estimator = (ntk_mmd_estimator)estimator;
  r->block = (size_t)block;
  r->options = (ntk_mmd_options){(size_t)permutations, (ntk_mmd_method)method, {(uint64_t)seed, 0, NTK_STREAM_PERMUTE}, NULL};
  if (permutations && estimator) return ntk_fail(NTK_E_USAGE, "--permutations is for --estimator quadratic");
  if (block && estimator != NTK_MMD_BLOCK) return ntk_fail(NTK_E_USAGE, "--block is for --estimator block");
  if (!ntk_cli_option(cli, "witness") != !ntk_cli_option(cli, "output")) return ntk_fail(NTK_E_USAGE, "--witness POINTS and -o OUT.h5 go together");
  return NULL;
}

static ntk_error *evaluate(ntk_cli *cli, ntk_mmd_request *r, const ntk_kernel *kernel, const ntk_pair_points *sample) {
  double start = ntk_clock();
  ntk_mmd mmd;
  ntk_mmd_quick quick;
  if (r->estimator == NTK_MMD_QUADRATIC) {
    NTK_TRY(ntk_mmd_watched(cli, kernel, sample, &r->options, &mmd));
    ntk_mmd_print(cli, &mmd, &r->options, ntk_clock() - start, ntk_kernel_warning(kernel));
    return NULL;
  }
  size_t fewer = sample->n < sample->m ? sample->n : sample->m;
  if (r->estimator == NTK_MMD_BLOCK && !r->block) r->block = fewer < 4 ? 2 : (size_t)sqrt((double)fewer);
  NTK_TRY(ntk_mmd_quick_evaluate(cli->world, kernel, sample, r->block, &quick));
  ntk_mmd_print_quick(cli, &quick, r, ntk_clock() - start, ntk_kernel_warning(kernel));
  return NULL;
}

static ntk_error *run(ntk_cli *cli) {
  ntk_mmd_request request;
  ntk_pool pool = {0};
  ntk_kernel *kernel = NULL;
  ntk_error *err = NULL;
  NTK_TRY(read_request(cli, &request));
  NTK_TRY_OUT(ntk_pool_read(cli->world, cli->positional[1], cli->positional[0], &pool));
  NTK_TRY_OUT(ntk_agree(cli->world, ntk_cli_kernel(cli, &(ntk_measure){.d = pool.d}, &kernel)));
  bool ordered = request.estimator == NTK_MMD_QUADRATIC && !request.options.permutations;
  if (!ordered && pool.leads) ntk_mmd_shuffle(pool.n, pool.m, pool.d, pool.x, request.options.rng);
  NTK_TRY_OUT(ntk_comm_publish(cli->world, NULL));
  NTK_TRY_OUT(ntk_agree(cli->world, ntk_kernel_set_centre(kernel, pool.n + pool.m, pool.x)));
  const ntk_pair_points sample = {pool.n, pool.m, pool.d, pool.x, NULL};
  NTK_TRY_OUT(ntk_mmd_witness(cli, kernel, &sample));
  err = evaluate(cli, &request, kernel, &sample);
out:
  ntk_kernel_free(&kernel);
  ntk_pool_free(&pool);
  return err;
}

static const ntk_option options[] = {
    {"network", 0, "SPEC", "'{type: mlp, depth: 3, activation: relu, bias_stddev: 1}' or @file.yaml"},
    {"kernel", 0, "KIND", "ntk (default) or nngp"},
    {"precision", 0, "WORD", "double (default) or single: faster, relative error 1e-7"},
    {"permutations", 0, "N", "permutation test with N permutations (default: none)"},
    {"method", 0, "METHOD", "of the test: bins (default), labels or wild"},
    {"seed", 0, "S", "seed of the permutations (default 1)"},
    {"estimator", 0, "NAME", "quadratic (all pairs, default), block or linear: quick looks at fewer pairs"},
    {"block", 0, "B", "points of each set in a block of the block estimator (default: the root of the smaller set's size)"},
    {"witness", 0, "POINTS", "evaluate mean k(., real) - mean k(., fake) and its gradient there"},
    {"output", 'o', "OUT.h5", "file for the witness: value (p), gradient (p x d), at (p x d)"},
    {"checkpoint", 0, "FILE", "where a long evaluation keeps its state (default: ntkgan-mmd-<hash>.h5 here)"},
    {NULL, 0, NULL, NULL}};

const ntk_command ntk_command_mmd = {
    .name = "mmd",
    .arguments = "REAL FAKE --network SPEC [--permutations N] [--method METHOD] [--estimator NAME] [--witness POINTS -o OUT.h5]",
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
