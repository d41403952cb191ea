/** Long evaluations of `ntkgan mmd`: progress, stopping, the checkpoint's name. */
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "cli/mmd.h"
#include "study/launch.h"
#include "study/outlook.h"
#include "study/stop.h"

static const double save_seconds = 120, terminal_seconds = 5, plain_seconds = 60;

typedef struct {
  ntk_cli *cli;
  double start, told;
  double done;
  bool terminal, resumed;
  const char *checkpoint;
} long_run;

static bool asked_to_stop(void *context) {
  (void)context;
  return ntk_stop_signal() != 0;
}

static void progress(void *context, double done, double before) {
  long_run *r = context;
  double now = ntk_clock();
  ntk_text text = NTK_TEXT;
  r->done = done;
  if (now - r->told < (r->terminal ? terminal_seconds : plain_seconds) || done <= before) return;
  r->told = now;
  ntk_text_addf(&text, "%.1f %% of the pairs", 100 * done);
  ntk_text_add(&text, ", ETA ");
  ntk_write_duration(&text, (now - r->start) * (1 - done) / (done - before));
  if (!text.failed) ntk_log_line(&r->cli->log, NTK_LOG_INFO, "%s", text.bytes);
  ntk_text_free(&text);
}

static void resumed(void *context) {
  const long_run *r = context;
  ntk_log_line(&r->cli->log, NTK_LOG_INFO, "goes on from %s", r->checkpoint);
}

static void unsaved(void *context, const char *why) {
  const long_run *r = context;
  ntk_log_line(&r->cli->log, NTK_LOG_WARNING, "not saved: %s", why);
}

/* What the sums depend on, as one text: equal texts, equal sums. */
static ntk_error *identify(const ntk_cli *cli, const ntk_pair_points *sample, const ntk_mmd_options *how, ntk_text *out) {
  ntk_arena *arena = NULL;
  const ntk_value *network = NULL;
  NTK_TRY(ntk_arena_create(&arena));
  ntk_error *err = ntk_cli_network(cli, arena, &network);
  if (!err) {
    ntk_hash points = ntk_hash_bytes(sample->x, (sample->n + sample->m) * sample->d * sizeof *sample->x);
    ntk_text_addf(out, "points: %zu + %zu, %s\nkernel: %s\n", sample->n, sample->m, points.hex, ntk_cli_kernel_kind(cli));
    const char *precision = ntk_cli_option(cli, "precision");
    if (precision && strcmp(precision, "double")) ntk_text_addf(out, "precision: %s\n", precision);
    if (how->permutations)
      ntk_text_addf(out, "test: %s, seed %llu, %zu\n", ntk_mmd_methods[how->method], (unsigned long long)how->rng.seed,
                    how->method == NTK_MMD_LABELS ? how->permutations : 0);
    ntk_text_add(out, "network:\n");
    ntk_value_yaml(out, network);
    if (out->failed) err = ntk_fail(NTK_E_MEMORY, "out of memory");
  }
  ntk_arena_free(&arena);
  return err;
}

/* Where it stopped and how to go on. */
static ntk_error *stopped(const long_run *r, ntk_error *err) {
  if (ntk_error_code(err) != NTK_E_STOPPED) return err;
  ntk_error_free(&err);
  return ntk_fail(NTK_E_STOPPED, "ntkgan mmd: stopped after %.1f %% of the pairs, saved in %s; the same command goes on", 100 * r->done,
                  r->checkpoint);
}

ntk_error *ntk_mmd_watched(ntk_cli *cli, const ntk_kernel *kernel, const ntk_pair_points *sample, const ntk_mmd_options *how, ntk_mmd *out) {
  ntk_stop stop = {.taken = 0};
  ntk_text identity = NTK_TEXT;
  char name[64] = "";
  ntk_error *err = NULL;
  long_run r = {.cli = cli, .start = ntk_clock(), .told = ntk_clock(), .terminal = isatty(STDERR_FILENO) || ntk_launch_terminal()};
  NTK_TRY_OUT(ntk_agree(cli->world, cli->world->rank ? NULL : identify(cli, sample, how, &identity)));
  if (cli->world->rank == 0) snprintf(name, sizeof name, "ntkgan-mmd-%.12s.h5", ntk_hash_bytes(identity.bytes, identity.length).hex);
  r.checkpoint = ntk_cli_option(cli, "checkpoint") ? ntk_cli_option(cli, "checkpoint") : name;
  ntk_mmd_watch watch = {.context = &r,
                         .stop = asked_to_stop,
                         .progress = progress,
                         .checkpoint = r.checkpoint,
                         .every = save_seconds,
                         .identity = identity.bytes,
                         .resumed = resumed,
                         .unsaved = unsaved};
  ntk_mmd_options watched = *how;
  watched.watch = &watch;
  NTK_TRY_OUT(ntk_agree(cli->world, ntk_stop_begin(&stop)));
  err = stopped(&r, ntk_mmd_evaluate(cli->world, kernel, sample, &watched, out));
  ntk_stop_end(&stop);
out:
  ntk_text_free(&identity);
  return err;
}
