#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/commands.h"
#include "data/lattice.h"
#include "gan/discriminator.h"
#include "io/h5.h"

enum { BUDGET_GIB = 4 };

static const ntk_key discriminator_keys[] = {
    {"kernel", NTK_T_WORD, 0, 0, 0, "ntk|nngp", NULL, NULL, "ntk", NULL, "which kernel"},
    {"precision", NTK_T_WORD, 0, 0, 0, "double|single", NULL, NULL, "double", NULL, "arithmetic of the kernel"},
    {"network", NTK_T_TYPED, NTK_KEY_REQUIRED, 0, 0, NULL, "networks", NULL, NULL, NULL, "architecture"},
    {"loss", NTK_T_NAMED, NTK_KEY_REQUIRED, 0, 0, NULL, "losses", NULL, NULL, NULL, "loss, 'ipm' or '{lsgan: {fake: -1}}'"},
    {"tolerance", NTK_T_NUMBER, NTK_KEY_OPEN_MIN, 0, 1, NULL, NULL, NULL, "1e-12", NULL, "relative tolerance of iterative solvers"},
    {"normalization", NTK_T_WORD, 0, 0, 0, "measure|peer", NULL, NULL, "measure", NULL, "masses in the loss"},
    {"momentum", NTK_T_NUMBER, NTK_KEY_NULLABLE, 0, 1, NULL, NULL, NULL, "null", NULL, "momentum of the heavy ball"},
    {"ridge", NTK_T_NUMBER, 0, 0, 1e300, NULL, NULL, NULL, "0.0", NULL, "weight decay"},
    {"f0", NTK_T_NAMED, 0, 0, 0, NULL, "starts", NULL, "zero", NULL, "discriminator before training"},
    {"seed", NTK_T_INTEGER, 0, 0, 9007199254740992.0, NULL, NULL, NULL, "0", NULL, "of the random network f0"},
    NTK_KEYS_END};

/* The options as a checked `discriminator` section, but for the time. */
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

static const ntk_key times_key = {"time", NTK_T_NUMBER, NTK_KEY_REQUIRED | NTK_KEY_LIST,   0, 1e300, "infinite", NULL, NULL,
                                  NULL,   NULL,         "training time, or a list of them"};

static const char *const places[] = {"at", "grid", "line", "slice"};
enum { PLACES = sizeof places / sizeof *places };

typedef struct {
  ntk_arena *arena;
  const ntk_value *section, *times, *place; /* place: a checked entry of the kind "lattices", NULL for --at */
  bool alone;
  ntk_measure real, fake, at;
  ntk_lattice lattice;                                           /* empty for --at */
  size_t n, d, time_count, rank;                                 /* rank: of the matrix that a limit for infinite time rests on, 0: none */
  const double *x;                                               /* n x d, borrowed */
  double *time, *value, *objective, *slope, *gradient, *weights; /* times x (1, n, n, n, n x d, N + M) */
} field_job;

/* --grid '{low: ..}' is the lattice {type: grid, low: ..}. */
static ntk_error *lattice_entry(const ntk_cli *cli, ntk_arena *arena, const char *type, const ntk_value **out) {
  const ntk_choice *choice = ntk_catalog_choice(cli->catalog, "lattices", type);
  const ntk_key key = {type, NTK_T_SECTION, NTK_KEY_REQUIRED, 0, 0, NULL, NULL, choice->keys, NULL, NULL, choice->help};
  const ntk_value *checked = NULL;
  ntk_value *entry = NULL, *name = NULL;
  NTK_TRY(ntk_cli_value(cli, arena, type, &key, &checked));
  ntk_where where = ntk_value_where(checked);
  NTK_TRY(ntk_value_container(arena, NTK_MAP, where, &entry));
  NTK_TRY(ntk_value_scalar(arena, NTK_STRING, type, where, &name));
  NTK_TRY(ntk_value_append(arena, entry, "type", where, name));
  for (size_t i = 0; i < ntk_value_count(checked); i++)
    NTK_TRY(ntk_value_append(arena, entry, ntk_value_key(checked, i), ntk_value_key_where(checked, i), ntk_value_item(checked, i)));
  *out = entry;
  return NULL;
}

/* What is asked, checked; no file is read. */
static ntk_error *request(const ntk_cli *cli, field_job *job) {
  const char *place = NULL;
  for (size_t i = 0; i < PLACES; i++) {
    if (!ntk_cli_option(cli, places[i])) continue;
    if (place) return ntk_fail(NTK_E_USAGE, "--%s or --%s, not both", place, places[i]);
    place = places[i];
  }
  if (!place || !ntk_cli_option(cli, "output"))
    return ntk_fail(NTK_E_USAGE, "ntkgan field needs -o OUT.h5 and one of --at POINTS, --grid, --line, --slice");
  NTK_TRY(ntk_arena_create(&job->arena));
  NTK_TRY(settings(cli, job->arena, &job->section));
  NTK_TRY(ntk_cli_list(cli, job->arena, "time", &times_key, &job->times));
  job->time_count = ntk_value_count(job->times);
  if (!job->time_count) return ntk_fail(NTK_E_USAGE, "--time: an empty list");
  job->alone = ntk_cli_option(cli, "alone") != NULL;
  return strcmp(place, "at") ? lattice_entry(cli, job->arena, place, &job->place) : NULL;
}

static ntk_error *allocate(field_job *job) {
  size_t times = job->time_count, n = job->n;
  NTK_TRY(NTK_NEW(times, &job->time));
  NTK_TRY(ntk_alloc(times * n, sizeof(double), &job->value));
  NTK_TRY(ntk_alloc(times * n, sizeof(double), &job->objective));
  NTK_TRY(ntk_alloc(times * n, sizeof(double), &job->slope));
  NTK_TRY(ntk_alloc(times * n * job->d, sizeof(double), &job->gradient));
  return ntk_alloc(times * ((job->alone ? 1 : job->fake.n) + job->real.n), sizeof(double), &job->weights);
}

static ntk_error *load(ntk_cli *cli, field_job *job) {
  NTK_TRY(ntk_cli_pair(cli, &job->real, &job->fake));
  job->d = job->real.d;
  if (job->place) {
    NTK_TRY_ALL(cli->world, ntk_lattice_create(job->place, &job->fake, &job->real, &job->lattice));
    job->n = job->lattice.n;
    job->x = job->lattice.x;
  } else {
    NTK_TRY(ntk_cli_points(cli, ntk_cli_option(cli, "at"), &job->at));
    if (job->at.d != job->d) return ntk_fail(NTK_E_INPUT, "the points of --at have dimension %zu, the data %zu", job->at.d, job->d);
    job->n = job->at.n;
    job->x = job->at.x;
  }
  return ntk_agree(cli->world, allocate(job));
}

/* f, grad f, c and c' at points first .. first + n - 1 of every time; `fake` is what it is trained on. */
static ntk_error *train_and_evaluate(ntk_discriminator *d, field_job *job, const ntk_measure *fake, size_t first, size_t n) {
  NTK_TRY(ntk_discriminator_train_times(d, fake, &job->real, job->time_count, job->time, job->weights));
  for (size_t t = 0; t < job->time_count; t++) {
    size_t at = t * job->n + first;
    ntk_discriminator_set_weights(d, job->weights + t * (fake->n + job->real.n));
    NTK_TRY(ntk_discriminator_evaluate(d, n, job->x + first * job->d, job->value + at, job->gradient + at * job->d));
    for (size_t p = at; p < at + n; p++) {
      ntk_jet c = ntk_loss_objective(ntk_discriminator_loss(d), job->value[p]);
      job->objective[p] = c.value;
      job->slope[p] = c.slope;
    }
  }
  return NULL;
}

static ntk_error *evaluate(ntk_discriminator *d, field_job *job) {
  double mass = 1;
  if (!job->alone) return train_and_evaluate(d, job, &job->fake, 0, job->n);
  for (size_t p = 0; p < job->n; p++) {
    ntk_measure fake = {.n = 1, .d = job->d, .x = (double *)(uintptr_t)(job->x + p * job->d), .mass = &mass}; /* only read */
    NTK_TRY(train_and_evaluate(d, job, &fake, p, 1));
  }
  return NULL;
}

static ntk_error *create(const ntk_cli *cli, field_job *job, ntk_discriminator **d) {
  const ntk_value *checked = NULL;
  for (size_t t = job->time_count; t-- > 0;) {
    NTK_TRY(ntk_value_replace(job->arena, job->section, "time", ntk_value_item(job->times, t), &checked));
    NTK_TRY(ntk_discriminator_check(checked));
  }
  ntk_rng rng = {(uint64_t)ntk_get_integer(checked, "seed"), 0, NTK_STREAM_INITIAL};
  return ntk_discriminator_create(cli->world, checked, &job->real, rng, (size_t)BUDGET_GIB << 30, d);
}

static ntk_error *compute(ntk_cli *cli, field_job *job, double *seconds) {
  NTK_TRY(load(cli, job));
  double start = ntk_clock();
  ntk_discriminator *d = NULL;
  for (size_t t = 0; t < job->time_count; t++) {
    const ntk_value *time = ntk_value_item(job->times, t);
    job->time[t] = ntk_value_kind_of(time) == NTK_STRING ? INFINITY : ntk_value_number(time);
  }
  ntk_error *err = ntk_agree(cli->world, create(cli, job, &d));
  if (!err) err = evaluate(d, job);
  if (!err) job->rank = ntk_discriminator_rank(d);
  ntk_discriminator_free(&d);
  *seconds = ntk_clock() - start;
  return err;
}

static void add_axis(ntk_h5_info *info, size_t length, const char *scale) {
  info->shape[info->rank] = length;
  info->scale[info->rank++] = scale;
}

/* A dataset over the times (where there are several) and the points. */
static ntk_h5_info describe(const field_job *job, const char *path, const char *long_name) {
  ntk_h5_info info = {.path = path, .long_name = long_name};
  if (job->time_count > 1) add_axis(&info, job->time_count, "time");
  for (size_t a = 0; a < job->lattice.axes; a++) add_axis(&info, job->lattice.shape[a], job->lattice.name[a]);
  if (!job->place) add_axis(&info, job->n, "point");
  return info;
}

static ntk_error *write_places(ntk_h5 *file, const field_job *job) {
  const ntk_lattice *l = &job->lattice;
  ntk_h5_info time = {"/time", 1, {job->time_count}, {"time"}, NULL, "training time of the discriminator"};
  ntk_h5_info origin = {"/origin", 1, {job->d}, {"coordinate"}, "data units", "where all positions are 0"};
  ntk_h5_info direction = {"/direction", 2, {l->axes, job->d}, {"axis", "coordinate"}, NULL, "unit vectors of the axes"};
  NTK_TRY(ntk_h5_write_doubles(file, &time, job->time));
  if (!job->place) return NULL;
  for (size_t a = 0; a < l->axes; a++) {
    char path[32];
    snprintf(path, sizeof path, "/%s", l->name[a]);
    ntk_h5_info position = {path, 1, {l->shape[a]}, {l->name[a]}, "data units", "position along this axis"};
    NTK_TRY(ntk_h5_write_doubles(file, &position, l->position[a]));
  }
  NTK_TRY(ntk_h5_write_doubles(file, &direction, l->direction));
  return ntk_h5_write_doubles(file, &origin, l->origin);
}

static ntk_error *write_all(ntk_h5 *file, const field_job *job) {
  ntk_h5_info value = describe(job, "/value", job->alone ? "f at each point, trained with that point as the only fake one" : "f at the points");
  ntk_h5_info objective = describe(job, "/objective", "c(f), what the generator minimises");
  ntk_h5_info slope = describe(job, "/objective_slope", "c'(f): times the gradient of f it is the gradient of c o f");
  ntk_h5_info gradient = describe(job, "/gradient", "gradient of f at the points");
  ntk_h5_info weights = {.path = "/weights", .long_name = "weights w of f = sum_j w_j k(., z_j), fake points first"};
  add_axis(&gradient, job->d, "coordinate");
  if (job->time_count > 1) add_axis(&weights, job->time_count, "time");
  add_axis(&weights, job->fake.n + job->real.n, "center");
  NTK_TRY(write_places(file, job));
  NTK_TRY(ntk_h5_write_doubles(file, &value, job->value));
  NTK_TRY(ntk_h5_write_doubles(file, &objective, job->objective));
  NTK_TRY(ntk_h5_write_doubles(file, &slope, job->slope));
  NTK_TRY(ntk_h5_write_doubles(file, &gradient, job->gradient));
  return job->alone ? NULL : ntk_h5_write_doubles(file, &weights, job->weights);
}

static ntk_error *write_file(const char *path, const field_job *job) {
  ntk_h5 *file = NULL;
  NTK_TRY(ntk_h5_create(path, &file));
  ntk_error *err = write_all(file, job);
  if (!err) return ntk_h5_commit(&file);
  ntk_h5_close(&file);
  return err;
}

static void release(field_job *job) {
  double *arrays[] = {job->time, job->value, job->objective, job->slope, job->gradient, job->weights};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) free(arrays[i]);
  ntk_lattice_free(&job->lattice);
  ntk_measure_free(&job->real);
  ntk_measure_free(&job->fake);
  ntk_measure_free(&job->at);
  ntk_arena_free(&job->arena);
}

static ntk_error *run(ntk_cli *cli) {
  field_job job = {.arena = NULL};
  double seconds = 0;
  ntk_error *err = ntk_agree(cli->world, request(cli, &job));
  const char *path = ntk_cli_option(cli, "output");
  if (!err) err = compute(cli, &job, &seconds);
  if (!err && cli->world->rank == 0) err = write_file(path, &job);
  if (cli->json) {
    ntk_json j = NTK_JSON(&cli->out);
    ntk_json_object(&j, NULL);
    ntk_json_string(&j, "file", path);
    if (job.rank) ntk_json_number(&j, "rank", (double)job.rank);
    ntk_json_number(&j, "seconds", seconds);
    ntk_json_end_object(&j);
    ntk_text_add(&cli->out, "\n");
  } else {
    ntk_text_addf(&cli->out, "f and its gradient at %zu points in %.3g s -> %s\n", job.n, seconds, path);
    if (job.rank) ntk_text_addf(&cli->out, "infinite time: the limit for a kernel matrix of numerical rank %zu\n", job.rank);
  }
  release(&job);
  return err;
}

static const ntk_option options[] = {
    {"network", 0, "SPEC", "'{type: mlp, depth: 3, activation: relu, bias_stddev: 1}' or @file.yaml"},
    {"loss", 0, "LOSS", "ipm, vanilla, '{lsgan: {fake: -1, real: 1}}', '{fgan: {divergence: kl}}' ... (ntkgan list losses)"},
    {"time", 0, "T", "training time of the discriminator, or a list of times '[1, 10, infinite]'; repeatable"},
    {"at", 0, "POINTS", "point file where f is evaluated"},
    {"grid", 0, "SPEC", "or on a grid: '{low: -3, high: [3, 4], points: 41}' (ntkgan list lattices)"},
    {"line", 0, "SPEC", "or along a line: '{from: [0, 0], to: [1, 2], points: 101}'"},
    {"slice", 0, "SPEC", "or on a plane through given points: '{through: [zero, real.0, fake.0], low: -1, high: 2}'"},
    {"alone", 0, NULL, "train at each point x anew, with x in place of the fake points: what a lone particle meets there"},
    {"kernel", 0, "KIND", "ntk (default) or nngp"},
    {"precision", 0, "WORD", "double (default) or single: faster, relative error 1e-7"},
    {"normalization", 0, "N", "measure (default) or peer"},
    {"tolerance", 0, "TOL", "relative tolerance of iterative solvers (default 1e-12)"},
    {"momentum", 0, "P", "heavy ball: dw/dt = v, dv/dt = g(K w) + (P - 1) v (default: none, dw/dt = g(K w))"},
    {"ridge", 0, "R", "weight decay: dw/dt = g(K w) - R w (default 0)"},
    {"f0", 0, "START", "zero (default) or '{network: {width: 1024}}': what f is before training"},
    {"seed", 0, "N", "of the random network f0 (default 0)"},
    {"output", 'o', "OUT.h5", "file to write"},
    {NULL, 0, NULL, NULL}};

const ntk_command ntk_command_field = {
    .name = "field",
    .arguments = "REAL FAKE --network SPEC --loss LOSS --time T --at POINTS|--grid|--line|--slice SPEC -o OUT.h5",
    .help = "a trained discriminator: f and its gradient at given points",
    .details =
        "Datasets: value, objective and objective_slope (p), gradient (p x d) and weights (N + M, fake points first); on a grid, line or\n"
        "slice p is its axes, whose positions are datasets too; several times make a first axis `time`.",
    .options = options,
    .min_positional = 2,
    .max_positional = 2,
    .use = NTK_WORKERS,
    .run = run};
