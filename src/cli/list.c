#include "cli/commands.h"

static void add_parameters(ntk_json *j, const ntk_key *keys) {
  ntk_json_array(j, "parameters");
  for (; keys && keys->name; keys++) {
    ntk_json_object(j, NULL);
    ntk_json_string(j, "name", keys->name);
    if (keys->fallback) ntk_json_string(j, "default", keys->fallback);
    if (keys->unit) ntk_json_string(j, "unit", keys->unit);
    ntk_json_string(j, "help", keys->help ? keys->help : "");
    ntk_json_bool(j, "required", keys->flags & NTK_KEY_REQUIRED);
    ntk_json_end_object(j);
  }
  ntk_json_end_array(j);
}

static void add_text(ntk_json *j, const char *key, const char *text) {
  if (text && *text) ntk_json_string(j, key, text);
}

static void list_json(const ntk_choices *kind, ntk_text *out) {
  ntk_json j = NTK_JSON(out);
  ntk_json_array(&j, NULL);
  for (size_t i = 0; i < kind->count; i++) {
    const ntk_choice *c = kind->at(i);
    ntk_json_object(&j, NULL);
    ntk_json_string(&j, "name", c->name);
    add_text(&j, "help", c->help);
    add_text(&j, "formula", c->formula);
    add_parameters(&j, c->keys);
    add_text(&j, "accuracy", c->accuracy);
    add_text(&j, "source", c->source);
    ntk_json_end_object(&j);
  }
  ntk_json_end_array(&j);
  ntk_text_add(out, "\n");
}

static void list_kinds(const ntk_catalog *catalog, bool as_json, ntk_text *out) {
  ntk_json j = NTK_JSON(out);
  if (as_json) ntk_json_array(&j, NULL);
  for (size_t i = 0; i < catalog->count; i++) {
    const ntk_choices *kind = &catalog->kinds[i];
    if (!as_json) {
      ntk_text_addf(out, "ntkgan list %-12s %s\n", kind->kind, kind->help);
      continue;
    }
    ntk_json_object(&j, NULL);
    ntk_json_string(&j, "name", kind->kind);
    ntk_json_string(&j, "help", kind->help);
    ntk_json_end_object(&j);
  }
  if (as_json) ntk_json_end_array(&j);
  if (as_json) ntk_text_add(out, "\n");
}

static ntk_error *run(ntk_cli *cli) {
  if (!cli->positional_count) {
    list_kinds(cli->catalog, cli->json, &cli->out);
    return NULL;
  }
  const char *name = cli->positional[0], *words[32];
  const ntk_choices *kind = ntk_catalog_kind(cli->catalog, name);
  if (kind && cli->json) {
    list_json(kind, &cli->out);
    return NULL;
  }
  if (kind) {
    ntk_schema_list(cli->catalog, name, &cli->out);
    return NULL;
  }
  ntk_text all = NTK_TEXT;
  size_t count = 0;
  for (; count < cli->catalog->count && count < 32; count++) {
    words[count] = cli->catalog->kinds[count].kind;
    ntk_text_addf(&all, "%s%s", count ? ", " : "", words[count]);
  }
  const char *near = ntk_nearest_word(name, words, count);
  ntk_error *err = ntk_fail(NTK_E_USAGE, "nothing of kind '%s' to list%s%s%s; kinds: %s", name, near ? "; did you mean '" : "", near ? near : "",
                            near ? "'?" : "", all.bytes ? all.bytes : "");
  ntk_text_free(&all);
  return err;
}

const ntk_command ntk_command_list = {.name = "list",
                                      .arguments = "[KIND]",
                                      .help = "what can be chosen by name: activations, networks, losses, metrics, data, ...",
                                      .details = "Each name with its formula, parameters, accuracy and source. Without KIND: the kinds.",
                                      .min_positional = 0,
                                      .max_positional = 1,
                                      .use = NTK_SOLO,
                                      .run = run};
