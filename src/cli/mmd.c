#include "metric/mmd.h"

#include <string.h>

#include "cli/commands.h"

static const char *const methods[] = {"bins", "labels", "wild"};

/* --method as an index of `methods`. */
static ntk_error *choose_method(const ntk_cli *cli, ntk_mmd_method *out) {
  const char *word = ntk_cli_option(cli, "method");
  *out = NTK_MMD_BINS;
  for (size_t i = 0; word && i < 3; i++) {
    if (strcmp(word, methods[i])) continue;
    *out = (ntk_mmd_method)i;
    return NULL;
  }
  return word ? ntk_fail(NTK_E_USAGE, "--method: expected bins, labels or wild, not '%s'", word) : NULL;
}

/* "1000 bins of 40 points permuted". */
static void describe_test(const ntk_mmd *mmd, ntk_mmd_method method, ntk_text *out) {
  if (method == NTK_MMD_LABELS)
    ntk_text_add(out, "labels permuted, products in single precision");
  else
    ntk_text_addf(out, "%zu bins of %zu point%s %s", mmd->bins, mmd->bin_size, mmd->bin_size > 1 ? "s" : "",
                  method == NTK_MMD_BINS ? "permuted"
                  : mmd->paired          ? "swapped in pairs"
                                         : "with centred signs");
}

static void print_json(ntk_cli *cli, const ntk_mmd *mmd, const ntk_mmd_options *how, double seconds, const char *warning) {
  ntk_json j = NTK_JSON(&cli->out);
  ntk_json_object(&j, NULL);
  ntk_json_number(&j, "mmd2", mmd->biased);
  ntk_json_number(&j, "mmd2_unbiased", mmd->unbiased);
  ntk_json_number(&j, "rounding", mmd->rounding);
  ntk_json_number(&j, "standard_error", mmd->standard_error);
  if (how->permutations) {
    ntk_json_number(&j, "p_value", mmd->p_value);
    ntk_json_integer(&j, "permutations", (long long)how->permutations);
    ntk_json_string(&j, "method", methods[how->method]);
    if (mmd->bins) {
      ntk_json_integer(&j, "bins", (long long)mmd->bins);
      ntk_json_integer(&j, "bin_size", (long long)mmd->bin_size);
    }
  }
  if (warning) ntk_json_string(&j, "warning", warning);
  ntk_json_number(&j, "seconds", seconds);
  ntk_json_end_object(&j);
  ntk_text_add(&cli->out, "\n");
}

static void print(ntk_cli *cli, const ntk_mmd *mmd, const ntk_mmd_options *how, double seconds, const char *warning) {
  if (cli->json) {
    print_json(cli, mmd, how, seconds, warning);
    return;
  }
  ntk_text_addf(&cli->out, "MMD^2 biased    %.10g  (rounding error below %.1g)\n", mmd->biased, mmd->rounding);
  ntk_text_addf(&cli->out, "MMD^2 unbiased  %.10g  (standard error %.2g)\n", mmd->unbiased, mmd->standard_error);
  if (how->permutations) {
    ntk_text_addf(&cli->out, "p-value         %.4g  (%zu draws: ", mmd->p_value, how->permutations);
    describe_test(mmd, how->method, &cli->out);
    ntk_text_add(&cli->out, ")\n");
  }
  if (warning) ntk_text_addf(&cli->out, "note: %s\n", warning);
}

static ntk_error *run(ntk_cli *cli) {
  ntk_measure real = {0}, fake = {0};
  ntk_kernel *kernel = NULL;
  ntk_mmd mmd;
  ntk_mmd_method method;
  long long permutations, seed;
  ntk_error *err = NULL;
  NTK_TRY_OUT(ntk_cli_integer(cli, "permutations", 0, 1000000, 0, &permutations));
  NTK_TRY_OUT(choose_method(cli, &method));
  NTK_TRY_OUT(ntk_cli_integer(cli, "seed", 0, 1LL << 53, 1, &seed));
  NTK_TRY_OUT(ntk_cli_pair(cli, &real, &fake));
  NTK_TRY_OUT(ntk_agree(cli->world, ntk_cli_kernel(cli, real.d, &kernel)));
  double start = ntk_clock();
  ntk_rng rng = {(uint64_t)seed, 0, NTK_STREAM_PERMUTE};
  const ntk_mmd_options how = {(size_t)permutations, method, rng, NULL};
  NTK_TRY_OUT(ntk_mmd_measures(cli->world, kernel, &fake, &real, &how, &mmd));
  print(cli, &mmd, &how, ntk_clock() - start, ntk_kernel_warning(kernel));
out:
  ntk_kernel_free(&kernel);
  ntk_measure_free(&real);
  ntk_measure_free(&fake);
  return err;
}

static const ntk_option options[] = {{"network", 0, "SPEC", "'{type: mlp, depth: 3, activation: relu, bias_stddev: 1}' or @file.yaml"},
                                     {"kernel", 0, "KIND", "ntk (default) or nngp"},
                                     {"permutations", 0, "N", "permutation test with N permutations (default: none)"},
                                     {"method", 0, "METHOD", "of the test: bins (default), labels or wild"},
                                     {"seed", 0, "S", "seed of the permutations (default 1)"},
                                     {NULL, 0, NULL, NULL}};

const ntk_command ntk_command_mmd = {.name = "mmd",
                                     .arguments = "REAL FAKE --network SPEC [--permutations N] [--method METHOD]",
                                     .help = "MMD^2 of two point files under a network's kernel, biased and unbiased, with a p-value",
                                     .details =
                                         "The test draws labels anew: METHOD bins (default) permutes about a thousand bins of points, labels every "
                                         "single one (dearer), wild flips signs\n"
                                         "of bins (wild bootstrap; for equal numbers of points, those of the same number change places). The level "
                                         "is exact, but for wild and unequal\n"
                                         "numbers, where it is so for large samples. Up to a thousand points a bin is a point.",
                                     .options = options,
                                     .min_positional = 2,
                                     .max_positional = 2,
                                     .use = NTK_WORKERS,
                                     .run = run};
