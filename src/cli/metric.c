#include <string.h>

#include "cli/commands.h"
#include "metric/metric.h"

enum { MAX_VALUES = 16 };

/* Checks "NAME" or "{NAME: {parameter: value}}" as an entry of record.metrics. */
static ntk_error *entry(ntk_cli *cli, ntk_arena *arena, const ntk_value **out) {
  static const ntk_key key = {"metric", NTK_T_NAMED, NTK_KEY_REQUIRED, 0, 0, NULL, "metrics", NULL, NULL, NULL, "a metric's name"};
  const ntk_value *raw = NULL;
  const ntk_schema schema = {arena, cli->catalog, NULL};
  NTK_TRY(ntk_value_parse(arena, "metric", cli->positional[0], strlen(cli->positional[0]), &raw));
  return ntk_schema_check_one(&schema, &key, raw, out);
}

static void print(ntk_cli *cli, const ntk_metric *metric, const double *values, double seconds) {
  ntk_json j = NTK_JSON(&cli->out);
  if (cli->json) ntk_json_object(&j, NULL);
  for (size_t i = 0; i < ntk_metric_count(metric); i++) {
    if (cli->json)
      ntk_json_number(&j, ntk_metric_name(metric, i), values[i]);
    else
      ntk_text_addf(&cli->out, "%-16s %.17g  %s\n", ntk_metric_name(metric, i), values[i], ntk_metric_long_name(metric, i));
  }
  if (!cli->json) return;
  ntk_json_number(&j, "seconds", seconds);
  ntk_json_end_object(&j);
  ntk_text_add(&cli->out, "\n");
}

static ntk_error *run(ntk_cli *cli) {
  ntk_measure real = {0}, fake = {0};
  ntk_kernel *kernel = NULL;
  ntk_metric *metric = NULL;
  ntk_arena *arena = NULL;
  const ntk_value *checked = NULL;
  double values[MAX_VALUES];
  ntk_error *err = NULL;
  NTK_TRY_OUT(ntk_agree(cli->world, ntk_arena_create(&arena)));
  NTK_TRY_OUT(ntk_agree(cli->world, entry(cli, arena, &checked)));
  NTK_TRY_OUT(ntk_cli_points(cli, cli->positional[1], &real));
  NTK_TRY_OUT(ntk_cli_points(cli, cli->positional[2], &fake));
  if (real.d != fake.d) {
    err = ntk_fail(NTK_E_INPUT, "%s has dimension %zu, %s has %zu", cli->positional[1], real.d, cli->positional[2], fake.d);
    goto out;
  }
  if (ntk_cli_option(cli, "network")) NTK_TRY_OUT(ntk_agree(cli->world, ntk_cli_kernel(cli, &real, &kernel)));
  ntk_rng rng = {1, 0, NTK_STREAM_METRIC};
  NTK_TRY_OUT(ntk_agree(cli->world, ntk_metric_create(checked, kernel, real.d, rng, &metric)));
  double start = ntk_clock();
  NTK_TRY_OUT(ntk_metric_evaluate(metric, cli->world, &fake, &real, values));
  print(cli, metric, values, ntk_clock() - start);
out:
  ntk_metric_free(&metric);
  ntk_kernel_free(&kernel);
  ntk_arena_free(&arena);
  ntk_measure_free(&real);
  ntk_measure_free(&fake);
  return err;
}

static const ntk_option options[] = {
    {"network", 0, "SPEC", "network of kernel metrics (mmd2)"}, {"kernel", 0, "KIND", "ntk (default) or nngp"}, {NULL, 0, NULL, NULL}};

const ntk_command ntk_command_metric = {.name = "metric",
                                        .arguments = "NAME REAL FAKE [--network SPEC]",
                                        .help = "any metric on two point files",
                                        .details =
                                            "NAME as in record.metrics: sinkhorn, '{sinkhorn: {blur: 0.05}}', energy, mmd2 (with --network) ...\n"
                                            "ntkgan list metrics shows them all.",
                                        .options = options,
                                        .min_positional = 3,
                                        .max_positional = 3,
                                        .use = NTK_WORKERS,
                                        .run = run};
