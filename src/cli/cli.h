/** The command: a table of subcommands, each a file of this folder. From the table come parsing, `ntkgan help` and the man page. */
#ifndef NTK_CLI_CLI_H
#define NTK_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/comm.h"
#include "base/log.h"
#include "base/text.h"
#include "config/schema.h"
#include "data/data.h"
#include "kernel/kernel.h"

/** How a command uses ranks. */
typedef enum {
  NTK_SOLO,    /* never starts MPI */
  NTK_WORKERS, /* every rank works; --ranks N starts mpirun -n N, default 1 */
  NTK_MASTERED /* a master besides the workers: --ranks N starts mpirun -n N+1, default one worker a core; 1 worker = this process */
} ntk_ranks_use;

typedef struct {
  const char *name;     /* "ranks": given as --ranks */
  char letter;          /* 'o' = also -o; 0 = none */
  const char *argument; /* "N"; NULL = a flag */
  const char *help;
} ntk_option;

enum { NTK_MAX_SETS = 256 };

/** What a command gets. */
typedef struct {
  const char *const *positional;
  size_t positional_count;
  const ntk_catalog *catalog;
  ntk_log log;           /* stderr; silent on ranks other than 0 */
  const ntk_comm *world; /* NULL for NTK_SOLO */
  bool json;
  int ranks;                       /* workers asked for or chosen */
  ntk_text out;                    /* what to print on standard output: main prints it, on rank 0 only */
  int status;                      /* exit status when no error is returned */
  const struct ntk_parsed *parsed; /* for ntk_cli_option */
} ntk_cli;

typedef struct {
  const char *name;
  const char *arguments;     /* "STUDY.yaml [-o DIR]" */
  const char *help;          /* one line */
  const char *details;       /* paragraphs; may be NULL */
  const ntk_option *options; /* ends with name NULL; --json, --help (all) and --ranks (unless NTK_SOLO) are added */
  size_t min_positional, max_positional;
  bool passes_on; /* options that are not its own become positional after the first one: they are another program's */
  ntk_ranks_use use;
  bool saves; /* NTK_WORKERS: a command that watches for signals and saves its state (mastered ones do) */
  ntk_error *(*run)(ntk_cli *cli);
  /** Looked at before mpirun is started, so that a wrong request costs nothing; NULL = nothing to check. No MPI. */
  ntk_error *(*before)(ntk_cli *cli);
} ntk_command;

/** Parses argv (argc strings, the first one the subcommand's name) into `cli` and checks it against the command. NTK_E_USAGE with the nearest
 *  word. Release with ntk_cli_parsed_free. `*help` is set when --help was given. */
NTK_CHECKED ntk_error *ntk_cli_parse(const ntk_command *command, int argc, char *const *argv, ntk_cli *cli, bool *help);
void ntk_cli_parsed_free(ntk_cli *cli);

/** Help of one command; the overview of all. */
void ntk_cli_command_help(const ntk_command *command, ntk_text *out);
void ntk_cli_overview(ntk_text *out);

/** Value of an option (last one given), NULL when absent; a flag gives "". */
const char *ntk_cli_option(const ntk_cli *cli, const char *name);
/** All values of a repeatable option; returns the count (at most `limit`). */
size_t ntk_cli_options(const ntk_cli *cli, const char *name, const char **values, size_t limit);
/** An option as a number in a range, `fallback` when absent. NTK_E_USAGE otherwise. */
NTK_CHECKED ntk_error *ntk_cli_integer(const ntk_cli *cli, const char *name, long long min, long long max, long long fallback, long long *out);
NTK_CHECKED ntk_error *ntk_cli_number(const ntk_cli *cli, const char *name, double fallback, double *out);

/** An option's YAML value ("lsgan", "{type: mlp}", "@file.yaml") checked against a key. The value belongs to `arena`. */
NTK_CHECKED ntk_error *ntk_cli_value(const ntk_cli *cli, ntk_arena *arena, const char *option, const ntk_key *key, const ntk_value **out);

/** The same for an option that may be given several times, with a key that is a list: all of them, one after the other. */
NTK_CHECKED ntk_error *ntk_cli_list(const ntk_cli *cli, ntk_arena *arena, const char *option, const ntk_key *key, const ntk_value **out);

/** SPEC of --network: inline YAML or @file.yaml, checked against the catalog kind "networks". The value belongs to `arena`. */
NTK_CHECKED ntk_error *ntk_cli_network(const ntk_cli *cli, ntk_arena *arena, const ntk_value **out);

/** Reads a point file on rank 0 (so that "-" works under mpirun) and shares it. Collective over cli->world. */
NTK_CHECKED ntk_error *ntk_cli_points(const ntk_cli *cli, const char *path, ntk_measure *out);

/** Positional 0 and 1 as real and fake points of one dimension. Collective. Both need ntk_measure_free, also after an error. */
NTK_CHECKED ntk_error *ntk_cli_pair(const ntk_cli *cli, ntk_measure *real, ntk_measure *fake);

/** "ntk" unless --kernel says otherwise. */
const char *ntk_cli_kernel_kind(const ntk_cli *cli);

/** Kernel from --network, --kernel (default ntk) and --precision for points of points->d coordinates, around those given (n = 0: not known yet). */
NTK_CHECKED ntk_error *ntk_cli_kernel(const ntk_cli *cli, const ntk_measure *points, ntk_kernel **out);

/** The table (commands.c). ntk_command_find: NULL when there is none of that name; ntk_command_unknown: the error that says so. */
size_t ntk_command_count(void);
const ntk_command *ntk_command_at(size_t i);
const ntk_command *ntk_command_find(const char *name);
NTK_CHECKED ntk_error *ntk_command_unknown(const char *name);
/** The catalog of everything that can be chosen by name (catalog.c). */
const ntk_catalog *ntk_cli_catalog(void);

#endif
