#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "io/file.h"

enum { SPEC_LIMIT = 1 << 20 };

/* Checks one value given on the command line ("lsgan", "{type: mlp, ...}", "@file.yaml") against a key. */
static ntk_error *is_needed(const char *option, const ntk_key *key) { return ntk_fail(NTK_E_USAGE, "--%s is needed (%s)", option, key->help); }

static ntk_error *read_value(const ntk_cli *cli, ntk_arena *arena, const char *option, const char *text, const ntk_key *key, const ntk_value **out) {
  char *file = NULL, *source = NULL;
  ntk_error *err = NULL;
  size_t length = strlen(text);
  if (text[0] == '@') {
    NTK_TRY(ntk_file_read(text + 1, SPEC_LIMIT, &file, &length));
    source = (char *)text + 1;
    text = file;
  }
  char name[64];
  snprintf(name, sizeof name, "--%s", option);
  const ntk_value *raw = NULL;
  const ntk_schema schema = {arena, cli->catalog, NULL};
  NTK_TRY_OUT(ntk_value_parse(arena, source ? source : name, text, length, &raw));
  err = ntk_schema_check_one(&schema, key, raw, out);
out:
  free(file);
  return err;
}

ntk_error *ntk_cli_value(const ntk_cli *cli, ntk_arena *arena, const char *option, const ntk_key *key, const ntk_value **out) {
  const char *text = ntk_cli_option(cli, option);
  return text ? read_value(cli, arena, option, text, key, out) : is_needed(option, key);
}

ntk_error *ntk_cli_list(const ntk_cli *cli, ntk_arena *arena, const char *option, const ntk_key *key, const ntk_value **out) {
  const char *texts[NTK_MAX_SETS];
  size_t given = ntk_cli_options(cli, option, texts, NTK_MAX_SETS);
  ntk_value *all;
  if (!given) return is_needed(option, key);
  NTK_TRY(ntk_value_container(arena, NTK_LIST, (ntk_where){"command line", 0, 0}, &all));
  for (size_t i = 0; i < given; i++) {
    const ntk_value *list = NULL;
    NTK_TRY(read_value(cli, arena, option, texts[i], key, &list));
    for (size_t k = 0; k < ntk_value_count(list); k++) {
      const ntk_value *item = ntk_value_item(list, k);
      NTK_TRY(ntk_value_append(arena, all, NULL, ntk_value_where(item), item));
    }
  }
  *out = all;
  return NULL;
}

static const ntk_key network_key = {
    "network", NTK_T_TYPED, NTK_KEY_REQUIRED, 0, 0, NULL, "networks", NULL, NULL, NULL, "'{type: mlp, depth: 3, activation: relu}' or @file.yaml"};

ntk_error *ntk_cli_network(const ntk_cli *cli, ntk_arena *arena, const ntk_value **out) {
  return ntk_cli_value(cli, arena, "network", &network_key, out);
}

const char *ntk_cli_kernel_kind(const ntk_cli *cli) {
  const char *kind = ntk_cli_option(cli, "kernel");
  return kind ? kind : "ntk";
}

ntk_error *ntk_cli_kernel(const ntk_cli *cli, const ntk_measure *points, ntk_kernel **out) {
  *out = NULL;
  const char *kind = ntk_cli_kernel_kind(cli);
  if (strcmp(kind, "ntk") && strcmp(kind, "nngp")) return ntk_fail(NTK_E_USAGE, "--kernel: expected ntk or nngp, not '%s'", kind);
  ntk_arena *arena = NULL;
  NTK_TRY(ntk_arena_create(&arena));
  const ntk_value *network = NULL;
  ntk_error *err = ntk_cli_network(cli, arena, &network);
  if (!err) err = ntk_kernel_create(network, kind, points->d, out);
  const char *precision = ntk_cli_option(cli, "precision");
  if (!err && precision) err = ntk_kernel_set_precision(*out, precision);
  if (!err) err = ntk_kernel_set_centre(*out, points->n, points->x);
  if (err) ntk_kernel_free(out);
  ntk_arena_free(&arena);
  return err;
}

ntk_error *ntk_cli_points(const ntk_cli *cli, const char *path, ntk_measure *out) {
  *out = (ntk_measure){0};
  ntk_error *err = cli->world->rank == 0 ? ntk_measure_read(path, out) : NULL;
  NTK_TRY_ALL(cli->world, err);
  size_t shape[2] = {out->n, out->d};
  NTK_TRY(ntk_comm_bcast(cli->world, shape, sizeof shape, 0));
  if (cli->world->rank) {
    out->n = shape[0];
    out->d = shape[1];
    err = NTK_NEW(out->n * out->d, &out->x);
    if (!err) err = NTK_NEW(out->n, &out->mass);
  }
  NTK_TRY_ALL(cli->world, err);
  NTK_TRY(ntk_comm_bcast(cli->world, out->x, out->n * out->d * sizeof(double), 0));
  return ntk_comm_bcast(cli->world, out->mass, out->n * sizeof(double), 0);
}

ntk_error *ntk_cli_pair(const ntk_cli *cli, ntk_measure *real, ntk_measure *fake) {
  *fake = (ntk_measure){0};
  NTK_TRY(ntk_cli_points(cli, cli->positional[0], real));
  NTK_TRY(ntk_cli_points(cli, cli->positional[1], fake));
  if (real->d == fake->d) return NULL;
  return ntk_fail(NTK_E_INPUT, "%s has dimension %zu, %s has %zu", cli->positional[0], real->d, cli->positional[1], fake->d);
}
