/* The command's entry: the only place that starts or aborts MPI, prints results and chooses the exit status. */
#include <errno.h>
#include <mpi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "kernel/kernel.h"
#include "study/launch.h"

static int report(const ntk_error *e, const char *command) {
  ntk_code code = ntk_error_code(e);
  if (!ntk_launch_speaks()) return ntk_code_status(code);
  if (code == NTK_E_CONFIG || code == NTK_E_STOPPED) /* these say where: FILE:LINE:COL: ... */
    fprintf(stderr, "%s\n", ntk_error_message(e));
  else
    fprintf(stderr, "ntkgan%s%s: %s\n", *command ? " " : "", command, ntk_error_message(e));
  return ntk_code_status(code);
}

/* Prints cli->out. A closed pipe or a full disk is an error like any other. */
static ntk_error *print(ntk_cli *cli) {
  if (cli->out.failed) return ntk_fail(NTK_E_MEMORY, "out of memory while building the output");
  if (cli->out.length && fwrite(cli->out.bytes, 1, cli->out.length, stdout) != cli->out.length) return ntk_fail_errno(EIO, "standard output");
  return fflush(stdout) ? ntk_fail_errno(EIO, "standard output") : NULL;
}

/* Inside MPI (or as a single process that becomes a world of one). */
static int run_parallel(const ntk_command *command, ntk_cli *cli) {
  ntk_comm world = NTK_NO_COMM;
  ntk_launch_prepare();
  if (MPI_Init(NULL, NULL) != MPI_SUCCESS) {
    fprintf(stderr, "ntkgan: MPI did not start\n");
    return 3;
  }
  ntk_error *err = ntk_comm_create(MPI_COMM_WORLD, &world);
  if (!err) {
    cli->world = &world;
    if (world.rank > 0) cli->log.stream = NULL;
    if (command->use == NTK_WORKERS || world.size == 1)
      cli->ranks = world.size;
    else
      cli->ranks = world.size - 1;
    err = command->run(cli);
    if (ntk_error_code(err) != NTK_E_MPI) err = ntk_agree(&world, err);
    if (!err && world.rank == 0) err = print(cli);
  }
  int status =
      err ? (world.rank == 0 || ntk_error_code(err) == NTK_E_MPI ? report(err, command->name) : ntk_code_status(ntk_error_code(err))) : cli->status;
  if (ntk_error_code(err) == NTK_E_MPI) MPI_Abort(MPI_COMM_WORLD, status);
  ntk_error_free(&err);
  ntk_comm_free(&world);
  MPI_Finalize();
  return ntk_launch_exit(status);
}

static int run_command(const ntk_command *command, int argc, char **argv) {
  ntk_cli cli = {.catalog = ntk_cli_catalog(), .log = {.stream = stderr, .level = NTK_LOG_INFO, .start = ntk_clock(), .rank = -1}, .out = NTK_TEXT};
  bool help = false;
  int status = 0;
  ntk_error *err = ntk_kernel_check_isa();
  if (!err) err = ntk_cli_parse(command, argc - 1, argv + 1, &cli, &help);
  if (!err && help) {
    ntk_cli_command_help(command, &cli.out);
    err = print(&cli);
  } else if (!err && command->use == NTK_SOLO) {
    err = command->run(&cli);
    status = cli.status;
    if (!err) err = print(&cli);
  } else if (!err) {
    bool inside = ntk_launch_inside();
    if (!cli.ranks) cli.ranks = command->use == NTK_MASTERED ? ntk_launch_cores() : 1;
    err = ntk_launch_check_single(0);
    if (!err && !inside && command->before) err = command->before(&cli);
    if (!err && !inside && cli.ranks > 1)
      err = ntk_launch(argv, cli.ranks + (command->use == NTK_MASTERED ? 1 : 0), command->use == NTK_MASTERED,
                       command->use == NTK_MASTERED || command->saves, &cli.log, &status);
    else if (!err)
      status = run_parallel(command, &cli);
  }
  if (err) status = report(err, command->name);
  ntk_error_free(&err);
  ntk_text_free(&cli.out);
  ntk_cli_parsed_free(&cli);
  return status;
}

int main(int argc, char **argv) {
  const char *name = argc > 1 ? argv[1] : "help";
  if (!strcmp(name, "--help") || !strcmp(name, "-h")) name = "help";
  if (!strcmp(name, "--version")) name = "version";
  const ntk_command *command = ntk_command_find(name);
  if (command) {
    char *alone[] = {argv[0], (char *)(uintptr_t)name, NULL};
    return argc > 1 ? run_command(command, argc, argv) : run_command(command, 2, alone);
  }
  ntk_error *err = ntk_command_unknown(name);
  int status = report(err, "");
  ntk_error_free(&err);
  return status;
}
