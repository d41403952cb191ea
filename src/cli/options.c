#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"

struct ntk_parsed {
  size_t count;
  const ntk_option **options; /* one entry an occurrence */
  const char **values;        /* "" for flags */
  const char **positional;
};

static const ntk_option common[] = {{"json", 0, NULL, "print JSON (snake_case keys, 17 digits) instead of a table"},
                                    {"help", 'h', NULL, "print this help"},
                                    {"ranks", 0, "N", NULL},
                                    {NULL, 0, NULL, NULL}};

/* The common --ranks starts ranks, so it is not for solo commands (`plan` has one of its own). */
static bool offers(const ntk_command *command, const ntk_option *option) { return option != &common[2] || command->use != NTK_SOLO; }

static const ntk_option *find(const ntk_command *command, const char *name, size_t length) {
  const ntk_option *tables[] = {command->options, common};
  for (size_t t = 0; t < 2; t++)
    for (const ntk_option *o = tables[t]; o && o->name; o++)
      if (offers(command, o) && ((strlen(o->name) == length && !strncmp(o->name, name, length)) || (length == 1 && o->letter == name[0]))) return o;
  return NULL;
}

static ntk_error *unknown(const ntk_command *command, const char *argument) {
  const char *words[64], *name = argument + strspn(argument, "-");
  size_t count = 0;
  const ntk_option *tables[] = {command->options, common};
  for (size_t t = 0; t < 2; t++)
    for (const ntk_option *o = tables[t]; o && o->name && count < 64; o++)
      if (offers(command, o)) words[count++] = o->name;
  const char *near = ntk_nearest_word(name, words, count);
  return ntk_fail(NTK_E_USAGE, "ntkgan %s has no option '%s'%s%s%s (see ntkgan help %s)", command->name, argument, near ? "; did you mean --" : "",
                  near ? near : "", near ? "?" : "", command->name);
}

/* One argument that begins with '-'; may take the next one as its value. */
static ntk_error *take_option(const ntk_command *command, struct ntk_parsed *parsed, int argc, char *const *argv, int *position) {
  const char *argument = argv[*position];
  bool is_long = argument[1] == '-';
  const char *name = argument + (is_long ? 2 : 1), *equals = is_long ? strchr(name, '=') : NULL, *value = NULL;
  size_t length = is_long ? (equals ? (size_t)(equals - name) : strlen(name)) : 1;
  const ntk_option *option = find(command, name, length);
  if (!option || (is_long && length == 1)) return unknown(command, argument);
  if (equals)
    value = equals + 1;
  else if (!is_long && name[1])
    value = name + 1;
  if (!option->argument) {
    if (value) return ntk_fail(NTK_E_USAGE, "--%s takes no value", option->name);
    value = "";
  } else if (!value) {
    if (*position + 1 >= argc) return ntk_fail(NTK_E_USAGE, "--%s needs a value: --%s %s", option->name, option->name, option->argument);
    value = argv[++*position];
  }
  parsed->options[parsed->count] = option;
  parsed->values[parsed->count++] = value;
  return NULL;
}

/* Whether an argument that begins with '-' is an option of this command, known or not. */
static bool is_own(const ntk_command *command, const ntk_cli *cli, const char *argument) {
  const char *name = argument + strspn(argument, "-");
  return !command->passes_on || cli->positional_count == 0 || find(command, name, argument[1] == '-' ? strcspn(name, "=") : 1);
}

static ntk_error *sort_arguments(const ntk_command *command, int argc, char *const *argv, ntk_cli *cli, struct ntk_parsed *parsed) {
  bool only_positional = false;
  for (int i = 1; i < argc; i++) {
    if (!only_positional && !strcmp(argv[i], "--"))
      only_positional = true;
    else if (!only_positional && argv[i][0] == '-' && argv[i][1] && is_own(command, cli, argv[i]))
      NTK_TRY(take_option(command, parsed, argc, argv, &i));
    else
      parsed->positional[cli->positional_count++] = argv[i];
  }
  return NULL;
}

ntk_error *ntk_cli_parse(const ntk_command *command, int argc, char *const *argv, ntk_cli *cli, bool *help) {
  struct ntk_parsed *parsed = NULL;
  size_t limit = (size_t)argc + 1;
  *help = false;
  NTK_TRY(NTK_NEW(1, &parsed));
  cli->parsed = parsed;
  NTK_TRY(NTK_NEW(limit, &parsed->options));
  NTK_TRY(NTK_NEW(limit, &parsed->values));
  NTK_TRY(NTK_NEW(limit, &parsed->positional));
  cli->positional = parsed->positional;
  NTK_TRY(sort_arguments(command, argc, argv, cli, parsed));
  cli->json = ntk_cli_option(cli, "json") != NULL;
  *help = ntk_cli_option(cli, "help") != NULL;
  if (*help) return NULL;
  if (cli->positional_count < command->min_positional || cli->positional_count > command->max_positional)
    return ntk_fail(NTK_E_USAGE, "usage: ntkgan %s %s (see ntkgan help %s)", command->name, command->arguments, command->name);
  long long ranks;
  NTK_TRY(ntk_cli_integer(cli, "ranks", 1, 1000000, 0, &ranks));
  cli->ranks = (int)ranks;
  return NULL;
}

void ntk_cli_parsed_free(ntk_cli *cli) {
  struct ntk_parsed *parsed = (struct ntk_parsed *)cli->parsed;
  if (!parsed) return;
  free(parsed->options);
  free(parsed->values);
  free(parsed->positional);
  free(parsed);
  cli->parsed = NULL;
}

const char *ntk_cli_option(const ntk_cli *cli, const char *name) {
  const char *value = NULL;
  for (size_t i = 0; i < cli->parsed->count; i++)
    if (!strcmp(cli->parsed->options[i]->name, name)) value = cli->parsed->values[i];
  return value;
}

size_t ntk_cli_options(const ntk_cli *cli, const char *name, const char **values, size_t limit) {
  size_t count = 0;
  for (size_t i = 0; i < cli->parsed->count && count < limit; i++)
    if (!strcmp(cli->parsed->options[i]->name, name)) values[count++] = cli->parsed->values[i];
  return count;
}

ntk_error *ntk_cli_integer(const ntk_cli *cli, const char *name, long long min, long long max, long long fallback, long long *out) {
  *out = fallback;
  const char *text = ntk_cli_option(cli, name);
  if (!text) return NULL;
  char *end;
  errno = 0;
  *out = strtoll(text, &end, 10);
  if (errno || end == text || *end || *out < min || *out > max)
    return ntk_fail(NTK_E_USAGE, "--%s: expected a whole number from %lld to %lld, not '%s'", name, min, max, text);
  return NULL;
}

ntk_error *ntk_cli_number(const ntk_cli *cli, const char *name, double fallback, double *out) {
  *out = fallback;
  const char *text = ntk_cli_option(cli, name);
  if (!text) return NULL;
  char *end;
  *out = strtod(text, &end);
  if (end == text || *end || !(*out - *out == 0)) return ntk_fail(NTK_E_USAGE, "--%s: expected a finite number, not '%s'", name, text);
  return NULL;
}

static void option_help(const ntk_command *command, const ntk_option *o, ntk_text *out) {
  char left[64];
  snprintf(left, sizeof left, "%s%c%s--%s%s%s", o->letter ? "-" : "", o->letter ? o->letter : ' ', o->letter ? ", " : "   ", o->name,
           o->argument ? " " : "", o->argument ? o->argument : "");
  const char *help = o->help;
  if (!help) help = command->use == NTK_MASTERED ? "workers; default one a core allowed to this process" : "ranks that share the work; default 1";
  ntk_text_addf(out, "  %-24s %s\n", left, help);
}

void ntk_cli_command_help(const ntk_command *command, ntk_text *out) {
  ntk_text_addf(out, "ntkgan %s %s\n\n%s\n", command->name, command->arguments, command->help);
  if (command->details) ntk_text_addf(out, "\n%s\n", command->details);
  ntk_text_add(out, "\nOptions:\n");
  const ntk_option *tables[] = {command->options, common};
  for (size_t t = 0; t < 2; t++)
    for (const ntk_option *o = tables[t]; o && o->name; o++)
      if (offers(command, o)) option_help(command, o, out);
}
