#include "metric/mmd.h"
#include "cli/commands.h"

static void print(ntk_cli *cli, const ntk_mmd *mmd, long long permutations, double seconds, const char *warning) {
  if (cli->json) {
    ntk_json j = NTK_JSON(&cli->out);
    ntk_json_object(&j, NULL);
    ntk_json_number(&j, "mmd2", mmd->biased);
    ntk_json_number(&j, "mmd2_unbiased", mmd->unbiased);
    ntk_json_number(&j, "rounding", mmd->rounding);
    ntk_json_number(&j, "standard_error", mmd->standard_error);
    if (permutations) ntk_json_number(&j, "p_value", mmd->p_value);
    if (warning) ntk_json_string(&j, "warning", warning);
    ntk_json_number(&j, "seconds", seconds);
    ntk_json_end_object(&j);
    ntk_text_add(&cli->out, "\n");
    return;
  }
  ntk_text_addf(&cli->out, "MMD^2 biased    %.10g  (rounding error below %.1g)\n", mmd->biased, mmd->rounding);
  ntk_text_addf(&cli->out, "MMD^2 unbiased  %.10g  (standard error %.2g)\n", mmd->unbiased, mmd->standard_error);
  if (permutations) ntk_text_addf(&cli->out, "p-value         %.4g  (%lld permutations)\n", mmd->p_value, permutations);
  if (warning) ntk_text_addf(&cli->out, "note: %s\n", warning);
}

static ntk_error *run(ntk_cli *cli) {
  ntk_measure real = {0}, fake = {0};
  ntk_kernel *kernel = NULL;
  ntk_mmd mmd;
  long long permutations, seed;
  ntk_error *err = NULL;
  NTK_TRY_OUT(ntk_cli_integer(cli, "permutations", 0, 1000000, 0, &permutations));
  NTK_TRY_OUT(ntk_cli_integer(cli, "seed", 0, 1LL << 53, 1, &seed));
  NTK_TRY_OUT(ntk_cli_pair(cli, &real, &fake));
  NTK_TRY_OUT(ntk_agree(cli->world, ntk_cli_kernel(cli, real.d, &kernel)));
  double start = ntk_clock();
  ntk_rng rng = {(uint64_t)seed, 0, NTK_STREAM_PERMUTE};
  NTK_TRY_OUT(ntk_mmd_evaluate(cli->world, kernel, &fake, &real, (size_t)permutations, rng, &mmd));
  print(cli, &mmd, permutations, ntk_clock() - start, ntk_kernel_warning(kernel));
out:
  ntk_kernel_free(&kernel);
  ntk_measure_free(&real);
  ntk_measure_free(&fake);
  return err;
}

static const ntk_option options[] = {{"network", 0, "SPEC", "'{type: mlp, depth: 3, activation: relu, bias_stddev: 1}' or @file.yaml"},
                                     {"kernel", 0, "KIND", "ntk (default) or nngp"},
                                     {"permutations", 0, "N", "permutation test with N permutations (default: none)"},
                                     {"seed", 0, "S", "seed of the permutations (default 1)"},
                                     {NULL, 0, NULL, NULL}};

const ntk_command ntk_command_mmd = {.name = "mmd",
                                     .arguments = "REAL FAKE --network SPEC [--permutations N]",
                                     .help = "MMD^2 of two point files under a network's kernel, biased and unbiased, with a p-value",
                                     .options = options,
                                     .min_positional = 2,
                                     .max_positional = 2,
                                     .use = NTK_WORKERS,
                                     .run = run};
