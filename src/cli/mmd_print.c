#include "cli/mmd.h"

const char *const ntk_mmd_methods[] = {"bins", "labels", "wild", NULL};
const char *const ntk_mmd_estimators[] = {"quadratic", "block", "linear", NULL};

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
    ntk_json_string(&j, "method", ntk_mmd_methods[how->method]);
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

void ntk_mmd_print(ntk_cli *cli, const ntk_mmd *mmd, const ntk_mmd_options *how, double seconds, const char *warning) {
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

void ntk_mmd_print_quick(ntk_cli *cli, const ntk_mmd_quick *quick, const ntk_mmd_request *request, double seconds, const char *warning) {
  ntk_json j = NTK_JSON(&cli->out);
  const char *estimator = ntk_mmd_estimators[request->estimator];
  if (!cli->json) {
    ntk_text_addf(&cli->out, "MMD^2 unbiased  %.10g  (standard error %.2g; %s estimator, %zu ", quick->value, quick->standard_error, estimator,
                  quick->terms);
    if (request->estimator == NTK_MMD_BLOCK)
      ntk_text_addf(&cli->out, "blocks of %zu points of each set)\n", request->block);
    else
      ntk_text_add(&cli->out, "pairs of each set)\n");
    if (warning) ntk_text_addf(&cli->out, "note: %s\n", warning);
    return;
  }
  ntk_json_object(&j, NULL);
  ntk_json_string(&j, "estimator", estimator);
  if (request->estimator == NTK_MMD_BLOCK) ntk_json_integer(&j, "block", (long long)request->block);
  ntk_json_integer(&j, "terms", (long long)quick->terms);
  ntk_json_number(&j, "mmd2_unbiased", quick->value);
  ntk_json_number(&j, "standard_error", quick->standard_error);
  if (warning) ntk_json_string(&j, "warning", warning);
  ntk_json_number(&j, "seconds", seconds);
  ntk_json_end_object(&j);
  ntk_text_add(&cli->out, "\n");
}
