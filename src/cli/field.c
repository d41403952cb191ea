#include <stdlib.h>

#include "base/mem.h"
#include "cli/commands.h"
#include "gan/discriminator.h"
#include "io/h5.h"

enum { BUDGET_GIB = 4 };

static const ntk_key discriminator_keys[] = {
    {"kernel", NTK_T_WORD, 0, 0, 0, "ntk|nngp", NULL, NULL, "ntk", NULL, "which kernel"},
    {"network", NTK_T_TYPED, NTK_KEY_REQUIRED, 0, 0, NULL, "networks", NULL, NULL, NULL, "architecture"},
    {"loss", NTK_T_NAMED, NTK_KEY_REQUIRED, 0, 0, NULL, "losses", NULL, NULL, NULL, "loss, 'ipm' or '{lsgan: {fake: -1}}'"},
    {"time", NTK_T_NUMBER, NTK_KEY_REQUIRED, 0, 1e300, NULL, NULL, NULL, NULL, NULL, "training time"},
    {"tolerance", NTK_T_NUMBER, NTK_KEY_OPEN_MIN, 0, 1, NULL, NULL, NULL, "1e-12", NULL, "relative tolerance of iterative solvers"},
    {"normalization", NTK_T_WORD, 0, 0, 0, "measure|peer", NULL, NULL, "measure", NULL, "masses in the loss"},
    {"momentum", NTK_T_NUMBER, NTK_KEY_NULLABLE, 0, 1, NULL, NULL, NULL, "null", NULL, "momentum of the heavy ball"},
    {"ridge", NTK_T_NUMBER, 0, 0, 1e300, NULL, NULL, NULL, "0.0", NULL, "weight decay"},
    {"f0", NTK_T_NAMED, 0, 0, 0, NULL, "starts", NULL, "zero", NULL, "discriminator before training"},
    {"seed", NTK_T_INTEGER, 0, 0, 9007199254740992.0, NULL, NULL, NULL, "0", NULL, "of the random network f0"},
    NTK_KEYS_END};

/* The options as a checked `discriminator` section. */
static ntk_error *settings(const ntk_cli *cli, ntk_arena *arena, const ntk_value **out) {
  ntk_value *section = NULL;
  const ntk_where nowhere = {"command line", 0, 0};
  NTK_TRY(ntk_value_container(arena, NTK_MAP, nowhere, &section));
  for (const ntk_key *key = discriminator_keys; key->name; key++) {
    if (!ntk_cli_option(cli, key->name) && key->fallback) continue;
    const ntk_value *value = NULL;
    NTK_TRY(ntk_cli_value(cli, arena, key->name, key, &value));
    NTK_TRY(ntk_value_append(arena, section, key->name, nowhere, value));
  }
  const ntk_schema schema = {arena, cli->catalog, NULL};
  return ntk_schema_check(&schema, discriminator_keys, "", section, out);
}

typedef struct {
  ntk_measure real, fake, at;
  ntk_discriminator *d;
  double *value, *gradient;
} field_job;

static ntk_error *write_file(const char *path, const field_job *job) {
  size_t p = job->at.n, d = job->at.d, n = job->fake.n + job->real.n;
  ntk_h5_info value = {"/value", 1, {p}, {"point"}, NULL, "f at the points"};
  ntk_h5_info gradient = {"/gradient", 2, {p, d}, {"point", "coordinate"}, NULL, "gradient of f at the points"};
  ntk_h5_info weights = {"/weights", 1, {n}, {"center"}, NULL, "weights w of f = sum_j w_j k(., z_j), fake points first"};
  ntk_h5 *file = NULL;
  NTK_TRY(ntk_h5_create(path, &file));
  ntk_error *err = ntk_h5_write_doubles(file, &value, job->value);
  if (!err) err = ntk_h5_write_doubles(file, &gradient, job->gradient);
  if (!err) err = ntk_h5_write_doubles(file, &weights, ntk_discriminator_weights(job->d));
  if (!err) return ntk_h5_commit(&file);
  ntk_h5_close(&file);
  return err;
}

static ntk_error *compute(ntk_cli *cli, const ntk_value *checked, field_job *job, double *seconds) {
  NTK_TRY(ntk_cli_pair(cli, &job->real, &job->fake));
  NTK_TRY(ntk_cli_points(cli, ntk_cli_option(cli, "at"), &job->at));
  if (job->at.d != job->real.d) return ntk_fail(NTK_E_INPUT, "the points of --at have dimension %zu, the data %zu", job->at.d, job->real.d);
  ntk_rng rng = {(uint64_t)ntk_get_integer(checked, "seed"), 0, NTK_STREAM_INITIAL};
  ntk_error *err = ntk_discriminator_create(cli->world, checked, job->real.d, rng, (size_t)BUDGET_GIB << 30, &job->d);
  if (!err) err = NTK_NEW(job->at.n, &job->value);
  if (!err) err = NTK_NEW(job->at.n * job->at.d, &job->gradient);
  NTK_TRY_ALL(cli->world, err);
  double start = ntk_clock();
  NTK_TRY(ntk_discriminator_train(job->d, &job->fake, &job->real));
  NTK_TRY(ntk_discriminator_evaluate(job->d, job->at.n, job->at.x, job->value, job->gradient));
  *seconds = ntk_clock() - start;
  return NULL;
}

static ntk_error *run(ntk_cli *cli) {
  const char *path = ntk_cli_option(cli, "output");
  if (!path || !ntk_cli_option(cli, "at")) return ntk_fail(NTK_E_USAGE, "ntkgan field needs --at POINTS and -o OUT.h5");
  field_job job = {.d = NULL};
  ntk_arena *arena = NULL;
  const ntk_value *checked = NULL;
  double seconds = 0;
  ntk_error *err = ntk_arena_create(&arena);
  if (!err) err = settings(cli, arena, &checked);
  err = ntk_agree(cli->world, err);
  if (!err) err = compute(cli, checked, &job, &seconds);
  if (!err && cli->world->rank == 0) err = write_file(path, &job);
  if (cli->json) {
    ntk_json j = NTK_JSON(&cli->out);
    ntk_json_object(&j, NULL);
    ntk_json_string(&j, "file", path);
    ntk_json_number(&j, "seconds", seconds);
    ntk_json_end_object(&j);
    ntk_text_add(&cli->out, "\n");
  } else {
    ntk_text_addf(&cli->out, "f and its gradient at %zu points in %.3g s -> %s\n", job.at.n, seconds, path);
  }
  free(job.value);
  free(job.gradient);
  ntk_discriminator_free(&job.d);
  ntk_measure_free(&job.real);
  ntk_measure_free(&job.fake);
  ntk_measure_free(&job.at);
  ntk_arena_free(&arena);
  return err;
}

static const ntk_option options[] = {
    {"network", 0, "SPEC", "'{type: mlp, depth: 3, activation: relu, bias_stddev: 1}' or @file.yaml"},
    {"loss", 0, "LOSS", "ipm, vanilla, '{lsgan: {fake: -1, real: 1}}', '{fgan: {divergence: kl}}' ... (ntkgan list losses)"},
    {"time", 0, "T", "training time of the discriminator"},
    {"at", 0, "POINTS", "point file where f is evaluated"},
    {"kernel", 0, "KIND", "ntk (default) or nngp"},
    {"normalization", 0, "N", "measure (default) or peer"},
    {"tolerance", 0, "TOL", "relative tolerance of iterative solvers (default 1e-12)"},
    {"momentum", 0, "P", "heavy ball: dw/dt = v, dv/dt = g(K w) + (P - 1) v (default: none, dw/dt = g(K w))"},
    {"ridge", 0, "R", "weight decay: dw/dt = g(K w) - R w (default 0)"},
    {"f0", 0, "START", "zero (default) or '{network: {width: 1024}}': what f is before training"},
    {"seed", 0, "N", "of the random network f0 (default 0)"},
    {"output", 'o', "OUT.h5", "file to write"},
    {NULL, 0, NULL, NULL}};

const ntk_command ntk_command_field = {.name = "field",
                                       .arguments = "REAL FAKE --network SPEC --loss LOSS --time T --at POINTS -o OUT.h5",
                                       .help = "a trained discriminator: f and its gradient at given points",
                                       .details = "Datasets: value (p), gradient (p x d) and weights (N + M, fake points first).",
                                       .options = options,
                                       .min_positional = 2,
                                       .max_positional = 2,
                                       .use = NTK_WORKERS,
                                       .run = run};
