#include <stdio.h>
#include <unistd.h>

#include "cli/commands.h"
#include "study/batch.h"
#include "study/stop.h"

static const double watch_seconds = 2;

/* Shows the state on the log's stream again and again until it is over or the user has seen enough; the last one is the command's output. */
static ntk_error *watch(ntk_cli *cli) {
  ntk_stop stop = {.taken = 0};
  bool over = false;
  bool terminal = isatty(fileno(cli->log.stream));
  NTK_TRY(ntk_stop_begin(&stop));
  ntk_error *err = ntk_batch_status(cli->positional[0], cli->json, &cli->out, &over);
  while (!err && !over && !ntk_stop_signal()) {
    if (!cli->out.failed) fprintf(cli->log.stream, "%s%s", terminal ? "\x1b[H\x1b[J" : "", cli->out.bytes);
    fflush(cli->log.stream);
    ntk_sleep(watch_seconds);
    ntk_text_clear(&cli->out);
    err = ntk_batch_status(cli->positional[0], cli->json, &cli->out, &over);
  }
  ntk_stop_end(&stop);
  if (!err && terminal) fputs("\x1b[H\x1b[J", cli->log.stream);
  return err;
}

static ntk_error *run(ntk_cli *cli) {
  return ntk_cli_option(cli, "watch") ? watch(cli) : ntk_batch_status(cli->positional[0], cli->json, &cli->out, NULL);
}

static const ntk_option options_of_status[] = {{"watch", 0, NULL, "show it every two seconds until all is done (Ctrl-C ends it)"},
                                               {NULL, 0, NULL, NULL}};

const ntk_command ntk_command_status = {.name = "status",
                                        .arguments = "DIR [--watch]",
                                        .help = "done, running, failed (with messages), ETA; from any node",
                                        .options = options_of_status,
                                        .min_positional = 1,
                                        .max_positional = 1,
                                        .use = NTK_SOLO,
                                        .run = run};
