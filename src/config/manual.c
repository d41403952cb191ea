/* Tables for people: every key of a study, everything that can be chosen by name. */
#include <string.h>

#include "config/check.h"

/* "an integer >= 1 (iterations)"; choices by the command that lists them. */
static void add_expectation(const ntk_catalog *catalog, const ntk_key *key, ntk_text *out) {
  if (key->type == NTK_T_TYPED || key->type == NTK_T_NAMED) {
    ntk_text_addf(out, "%s%s: ntkgan list %s",
                  key->flags & NTK_KEY_LISTS  ? "a list of lists of "
                  : key->flags & NTK_KEY_LIST ? "one or a list of "
                                              : "",
                  key->type == NTK_T_TYPED ? "{type: NAME, ...}" : "NAME or {NAME: {...}}", key->kind);
    if (key->flags & NTK_KEY_NULLABLE) ntk_text_add(out, "; or null");
  } else
    ntk_key_describe(catalog, key, out);
  if (key->unit) ntk_text_addf(out, ", in %s", key->unit);
}

static void add_row(const ntk_catalog *catalog, const ntk_key *key, unsigned level, ntk_text *out) {
  ntk_text name = NTK_TEXT;
  bool is_section = key->type == NTK_T_SECTION;
  for (unsigned i = 0; i < level; i++) ntk_text_add(&name, "  ");
  ntk_text_addf(&name, "%s%s%s", key->name, is_section ? ":" : "", key->flags & NTK_KEY_REQUIRED ? " *" : "");
  ntk_text_addf(out, "%-24s %-18s %s", name.bytes ? name.bytes : "", key->fallback ? key->fallback : "", key->help);
  if (!is_section) {
    ntk_text_add(out, " [");
    add_expectation(catalog, key, out);
    ntk_text_add(out, "]");
  }
  ntk_text_add(out, "\n");
  ntk_text_depend(out, &name);
  ntk_text_free(&name);
}

static void add_rows(const ntk_catalog *catalog, const ntk_key *keys, unsigned level, ntk_text *out) {
  bool after_section = false;
  for (; keys && keys->name; keys++) {
    if ((keys->type == NTK_T_SECTION || after_section) && !level) ntk_text_add(out, "\n");
    after_section = keys->type == NTK_T_SECTION;
    add_row(catalog, keys, level, out);
    if (keys->type == NTK_T_SECTION) add_rows(catalog, keys->keys, level + 1, out);
  }
}

static const char sweep_text[] =
    "\nsweep:                                      runs for every combination of values, in order, the first path slowest\n"
    "  PATH: [VALUE, ...]                        a path is written with dots: discriminator.loss: [ipm, lsgan]\n"
    "  PATH: {NAME: VALUE, ...}                  the same with names for labels and tables\n"
    "  zip: [{PATH: [...], PATH: [...]}]         lists of equal length that advance together\n"
    "  exclude: [{PATH: VALUE, ...}]             combinations to leave out (VALUE or its NAME)\n"
    "A swept value replaces the whole value at its path. --set PATH=VALUE overrides a value, and a swept PATH (it is then no axis).\n"
    "Anchors (&a), aliases (*a) and merge keys (<<: *a) of YAML work.\n";

void ntk_schema_help(const ntk_catalog *catalog, ntk_text *out) {
  ntk_text_add(out, "Keys of a study. * must be given, the others have the default shown.\n\n");
  ntk_text_addf(out, "%-24s %-18s %s\n\n", "KEY", "DEFAULT", "MEANING [VALUES]");
  add_rows(catalog, ntk_study_keys(), 0, out);
  ntk_text_add(out, sweep_text);
}

static void add_parameters(const ntk_catalog *catalog, const ntk_key *keys, unsigned level, ntk_text *out) {
  for (; keys && keys->name; keys++) {
    const char *value = keys->fallback ? keys->fallback : keys->flags & NTK_KEY_REQUIRED ? "*" : "";
    ntk_text_addf(out, "    %*s%-*s %-10s %s", (int)(2 * level), "", (int)(20 - 2 * level), *keys->name ? keys->name : "(value)", value, keys->help);
    if (keys->type != NTK_T_SECTION) {
      ntk_text_add(out, " [");
      add_expectation(catalog, keys, out);
      ntk_text_add(out, "]");
    }
    ntk_text_add(out, "\n");
    if (keys->type == NTK_T_SECTION && level < 4) add_parameters(catalog, keys->keys, level + 1, out);
  }
}

static void add_line(ntk_text *out, const char *title, const char *text) {
  if (text && *text) ntk_text_addf(out, "    %s%s\n", title, text);
}

void ntk_schema_list(const ntk_catalog *catalog, const char *kind, ntk_text *out) {
  const ntk_choices *choices = ntk_catalog_kind(catalog, kind);
  if (!choices) return;
  ntk_text_addf(out, "%s: %s. A parameter is shown with its default (* = must be given).\n", choices->kind, choices->help);
  for (size_t i = 0; i < choices->count; i++) {
    const ntk_choice *c = choices->at(i);
    ntk_text_addf(out, "\n%s%s%s\n", c->name, c->help && *c->help ? "  " : "", c->help ? c->help : "");
    add_line(out, "", c->formula);
    add_parameters(catalog, c->keys, 0, out);
    add_line(out, "accuracy: ", c->accuracy);
    add_line(out, "source: ", c->source);
  }
}
