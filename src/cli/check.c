#include <stdint.h>
#include <stdlib.h>

#include "cli/commands.h"
#include "config/study.h"
#include "io/file.h"
#include "study/walk.h"

enum { STUDY_LIMIT = 64 << 20 };

static ntk_error *add_run(ntk_cli *cli, ntk_study *study, size_t index) {
  ntk_run_spec run = {0};
  ntk_text text = NTK_TEXT;
  ntk_value *item, *list, *name;
  char id[17];
  const ntk_where nowhere = {0};
  NTK_TRY(ntk_study_run(study, index, &run));
  ntk_error *err = ntk_study_run_id(study, &run, id);
  if (!err) err = ntk_value_container(run.arena, NTK_MAP, nowhere, &item);
  if (!err) err = ntk_value_scalar(run.arena, NTK_STRING, run.label, nowhere, &name);
  if (!err) err = ntk_value_append(run.arena, item, "label", nowhere, name);
  if (!err) err = ntk_value_scalar(run.arena, NTK_STRING, id, nowhere, &name);
  if (!err) err = ntk_value_append(run.arena, item, "id", nowhere, name);
  if (!err) err = ntk_value_append(run.arena, item, "settings", nowhere, run.settings);
  if (!err && cli->json) {
    ntk_json j = NTK_JSON(&text);
    ntk_value_json(&j, NULL, item);
    ntk_text_addf(&cli->out, "%s%s", index ? ",\n" : "[", text.bytes ? text.bytes : "");
  } else if (!err) {
    err = ntk_value_container(run.arena, NTK_LIST, nowhere, &list);
    if (!err) err = ntk_value_append(run.arena, list, NULL, nowhere, item);
    if (!err) ntk_value_yaml(&cli->out, list);
  }
  if (text.failed) cli->out.failed = true;
  ntk_text_free(&text);
  ntk_run_spec_free(&run);
  return err;
}

static ntk_error *run(ntk_cli *cli) {
  const char *sets[NTK_MAX_SETS], *path = cli->positional[0];
  char *text = NULL;
  ntk_study *study = NULL;
  ntk_study_source source = {.path = path, .sets = sets, .set_count = ntk_cli_options(cli, "set", sets, NTK_MAX_SETS)};
  NTK_TRY(ntk_file_read(path, STUDY_LIMIT, &text, &source.length));
  source.text = text;
  ntk_error *err = ntk_study_load(cli->catalog, &source, &study);
  if (!err) err = ntk_walk_study(study, SIZE_MAX);
  if (!err && ntk_cli_option(cli, "resolved")) {
    for (size_t i = 0; i < ntk_study_count(study) && !err; i++) err = add_run(cli, study, i);
    if (cli->json) ntk_text_add(&cli->out, "]\n");
  }
  ntk_study_free(&study);
  free(text);
  return err;
}

static const ntk_option options[] = {{"resolved", 0, NULL, "print every run with its label, id and all its settings (YAML; JSON with --json)"},
                                     {"set", 0, "K=V", "override a value, e.g. train.iterations=100; repeatable"},
                                     {NULL, 0, NULL, NULL}};

const ntk_command ntk_command_check = {.name = "check",
                                       .arguments = "STUDY.yaml [--resolved] [--set K=V]...",
                                       .help = "validate a study; print nothing but errors",
                                       .details = "Errors are told as FILE:LINE:COLUMN: key: what was expected. Exit status 2 when there are any.",
                                       .options = options,
                                       .min_positional = 1,
                                       .max_positional = 1,
                                       .use = NTK_SOLO,
                                       .run = run};
