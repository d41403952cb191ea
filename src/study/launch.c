#include "study/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <mpi.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "study/stop.h"

/* How supervisor and job find each other: a file in the supervisor's memory, which the environment names as /proc/PID/fd/N and which ends with
 * the supervisor. The job appends '.' for each event and "=STATUS\n" at the end. */
#define LINK_VARIABLE "NTKGAN_SUPERVISOR"
#define LINK_NAME "ntkgan-supervisor"
#define RESTART_VARIABLE "NTKGAN_RESTARTED"
#define TERMINAL_VARIABLE "NTKGAN_TERMINAL"

static const double poll_seconds = 0.005;

/* --- where are we --------------------------------------------------------------------------------------------------------------- */

static int number_in_environment(const char *name) {
  const char *text = getenv(name);
  long value = text ? strtol(text, NULL, 10) : 0;
  return value > 0 && value < 1 << 24 ? (int)value : 0;
}

static bool inside_step(void) { return getenv("SLURM_STEP_ID") && number_in_environment("SLURM_STEP_NUM_TASKS") > 1; }

/* A launcher has told this process its rank. */
static bool has_rank(void) {
  static const char *const marks[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID"};
  for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
    if (getenv(marks[i])) return true;
  return false;
}

bool ntk_launch_inside(void) { return has_rank() || inside_step(); }

bool ntk_launch_speaks(void) { return !inside_step() || has_rank() || !number_in_environment("SLURM_PROCID"); }

ntk_error *ntk_launch_check_single(int world) {
  if (!inside_step() || world > 1 || (world == 0 && has_rank())) return NULL;
  return ntk_fail(NTK_E_USAGE,
                  "srun started %d copies that do not know of each other: use `srun --mpi=pmix` (`srun --mpi=list` shows what there is), "
                  "or run this command without srun: it starts mpirun itself",
                  number_in_environment("SLURM_STEP_NUM_TASKS"));
}

int ntk_launch_cores(void) {
  int tasks = number_in_environment("SLURM_NTASKS"), each = number_in_environment("SLURM_CPUS_PER_TASK");
  cpu_set_t mask;
  if (tasks) return tasks * (each ? each : 1);
  CPU_ZERO(&mask);
  int cores = sched_getaffinity(0, sizeof mask, &mask) == 0 ? CPU_COUNT(&mask) : (int)sysconf(_SC_NPROCESSORS_ONLN);
  return cores > 0 ? cores : 1;
}

extern void openblas_set_num_threads(int count) __attribute__((weak)); /* absent with another BLAS */

void ntk_launch_prepare(void) {
  if (openblas_set_num_threads) openblas_set_num_threads(1);
  if (ntk_launch_inside()) return;
  setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
  setenv("OMPI_MCA_orte_create_session_dirs", "false", 0); /* such processes would share one, and remove it from under each other */
}

/* --- the job's side ------------------------------------------------------------------------------------------------------------- */

static bool leave(const char *text) {
  static const char expected[] = "/memfd:" LINK_NAME;
  char target[64] = "";
  const char *path = getenv(LINK_VARIABLE);
  if (!path || readlink(path, target, sizeof target - 1) < 0 || strncmp(target, expected, strlen(expected)) != 0) return false;
  int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd < 0) return false;
  bool written = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
  close(fd);
  return written;
}

void ntk_launch_tell(void) { (void)leave("."); }
bool ntk_launch_restarted(void) { return getenv(RESTART_VARIABLE); }
bool ntk_launch_terminal(void) { return getenv(TERMINAL_VARIABLE); }

int ntk_launch_exit(int status) {
  if (!getenv(LINK_VARIABLE) || !ntk_launch_inside()) return status;
  const char *rank = getenv("OMPI_COMM_WORLD_RANK");
  if (!rank) rank = getenv("PMIX_RANK");
  if (!rank) rank = getenv("PMI_RANK"); /* MPICH */
  if (!rank || strcmp(rank, "0") != 0) return 0;
  char text[32];
  snprintf(text, sizeof text, "=%d\n", status);
  return leave(text) ? 0 : status;
}

/* --- the supervisor's side ------------------------------------------------------------------------------------------------------ */

typedef struct {
  int link;
  bool restarted, supervise, saves;
  int workers;
} job;

/* What the job left: number of events, and its status (-1 = it did not come to an end). */
static void read_link(const job *j, long *events, int *status) {
  char block[4096];
  off_t offset = 0;
  *events = 0;
  *status = -1;
  for (ssize_t got; (got = pread(j->link, block, sizeof block, offset)) > 0; offset += got)
    for (ssize_t i = 0; i < got; i++) {
      if (block[i] == '.') ++*events;
      if (block[i] == '=') *status = 0;
      if (*status >= 0 && block[i] >= '0' && block[i] <= '9') *status = 10 * *status + (block[i] - '0');
    }
}

static void default_environment(const char *name, const char *value) { setenv(name, value, 0); }

/* In the child. */
static void set_environment(const job *j) {
  default_environment("OPENBLAS_NUM_THREADS", "1");
  default_environment("OMP_NUM_THREADS", "1");
  default_environment("MKL_NUM_THREADS", "1");
  char path[64];
  snprintf(path, sizeof path, "/proc/%ld/fd/%d", (long)getppid(), j->link);
  setenv(LINK_VARIABLE, path, 1);
  if (j->restarted) setenv(RESTART_VARIABLE, "1", 1);
  if (isatty(STDERR_FILENO)) setenv(TERMINAL_VARIABLE, "1", 1);
  if (geteuid() == 0) {
    setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
    setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
  }
}

#ifdef OMPI_MAJOR_VERSION
/* Containers often forbid reading another process's memory, which Open MPI's shared memory uses for large messages and complains about. */
static bool may_read_processes(void) {
  char from = 1, to = 0;
  struct iovec local = {&to, 1}, remote = {&from, 1};
  return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == 1;
}
#endif

enum { MOST_ARGUMENTS = 64 };

/* argv of mpirun; `self`, `ranks` are text that must live. */
static size_t mpirun_arguments(const job *j, const char *self, const char *ranks, const char **out) {
  size_t n = 0;
  const char *mpirun = getenv("NTKGAN_MPIRUN");
  out[n++] = mpirun && *mpirun ? mpirun : "mpirun";
  out[n++] = "-n";
  out[n++] = ranks;
#ifdef OMPI_MAJOR_VERSION
  static const char *const exported[] = {"OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_CORETYPE",
                                         "NTKGAN_ISA",           LINK_VARIABLE,     RESTART_VARIABLE,  TERMINAL_VARIABLE};
  out[n++] = "--oversubscribe";
  out[n++] = "--bind-to"; /* the program binds its workers itself (bind.h): the master must stay free */
  out[n++] = "none";
  out[n++] = "--mca";
  out[n++] = "btl";
  out[n++] = "^openib";
  out[n++] = "--mca"; /* one rank too many makes Open MPI yield, which ruins the workers' latency; right only when workers share cores */
  out[n++] = "mpi_yield_when_idle";
  out[n++] = j->workers <= ntk_launch_cores() ? "0" : "1";
  if (!may_read_processes()) {
    out[n++] = "--mca";
    out[n++] = "btl_vader_single_copy_mechanism";
    out[n++] = "none";
  }
  for (size_t i = 0; i < sizeof exported / sizeof *exported; i++)
    if (getenv(exported[i])) {
      out[n++] = "-x";
      out[n++] = exported[i];
    }
#else
  (void)j;
#endif
  out[n++] = self;
  return n;
}

/* In the child: never returns. */
static void become_mpirun(const job *j, char *const *argv, const char *self, const char *ranks, size_t count, const char **arguments) {
  set_environment(j);
  size_t n = mpirun_arguments(j, self, ranks, arguments);
  for (size_t i = 1; i < count; i++) arguments[n++] = argv[i];
  arguments[n] = NULL;
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  setpgid(0, 0); /* a Ctrl-C reaches the supervisor alone, which asks the job to stop */
  if (isatty(STDIN_FILENO)) {
    int nothing = open("/dev/null", O_RDONLY);
    if (nothing >= 0) dup2(nothing, STDIN_FILENO); /* a process outside the terminal's foreground group must not read from it */
  }
  execvp(arguments[0], (char *const *)(const void *)arguments);
  _exit(127);
}

static ntk_error *start(const job *j, char *const *argv, int ranks, pid_t *child) {
  char self[4096], number[16];
  const char **arguments = NULL;
  size_t count = 0;
  ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  if (length < 0) return ntk_fail_errno(errno, "cannot find this program's own file");
  self[length] = '\0';
  snprintf(number, sizeof number, "%d", ranks);
  while (argv[count]) count++;
  NTK_TRY(NTK_NEW(count + MOST_ARGUMENTS, &arguments));
  *child = fork();
  if (*child == 0) become_mpirun(j, argv, self, number, count, arguments);
  free(arguments);
  return *child < 0 ? ntk_fail_errno(errno, "cannot start mpirun") : NULL;
}

/* Passes signals on until mpirun ends. mpirun kills its ranks on SIGTERM and SIGINT but forwards SIGUSR1: that is how a study is asked to stop.
 * Batch systems repeat themselves; only a second SIGINT means "at once". */
static ntk_error *attend(const job *j, pid_t child, int *wait_status) {
  int passed = 0;
  for (;;) {
    pid_t ended = waitpid(child, wait_status, WNOHANG);
    if (ended == child) return NULL;
    if (ended < 0 && errno != EINTR) return ntk_fail_errno(errno, "waiting for mpirun");
    int count = ntk_stop_count();
    bool at_once = !j->saves || ntk_stop_interrupts() > 1;
    if (count > passed) kill(child, at_once ? SIGTERM : SIGUSR1);
    passed = count;
    ntk_sleep(poll_seconds);
  }
}

/* Runs one job. *death: signal that a rank (or mpirun) died of, 0 = it came to an end. */
static ntk_error *run_once(const job *j, char *const *argv, int ranks, int *status, int *death, long *events) {
  pid_t child = -1;
  int wait_status = 0, left = -1;
  *death = 0;
  if (ftruncate(j->link, 0) != 0) return ntk_fail_errno(errno, "cannot empty the supervisor's file");
  NTK_TRY(start(j, argv, ranks, &child));
  NTK_TRY(attend(j, child, &wait_status));
  read_link(j, events, &left);
  int code = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
  if (code == 127) return ntk_fail(NTK_E_MPI, "cannot start mpirun: is it on the PATH? (NTKGAN_MPIRUN=... names another)");
  *status = left >= 0 ? left : code;
  bool cut_short = left == ntk_code_status(NTK_E_STOPPED) && !ntk_stop_count(); /* mpirun ends the others by SIGTERM when one dies */
  if ((left < 0 || cut_short) && code > 128) *death = code - 128;
  if (left < 0 && ntk_stop_count()) {
    /* Who asked us may have asked mpirun too, which is not as patient: nothing is lost but work since the last checkpoint. */
    *status = ntk_code_status(NTK_E_STOPPED);
    *death = 0;
    return NULL;
  }
  if (left < 0 && code == 0) return ntk_fail(NTK_E_MPI, "mpirun ended without a result");
  return NULL;
}

/* Open MPI's own statuses lie above those of signals: it has lost a node, say. */
static void describe_death(int death, char *out, size_t size) {
  if (death < NSIG)
    snprintf(out, size, "a rank died of signal %d (%s)%s", death, strsignal(death), death == SIGKILL ? ": out of memory, or killed" : "");
  else
    snprintf(out, size, "mpirun ended with status %d: it has lost a host or a rank", 128 + death);
}

static ntk_error *supervise(job *j, char *const *argv, int ranks, const ntk_log *log, int *status) {
  for (;;) {
    int death = 0;
    long events = 0;
    NTK_TRY(run_once(j, argv, ranks, status, &death, &events));
    if (!death) return NULL;
    char cause[96];
    describe_death(death, cause, sizeof cause);
    if (!j->supervise || events == 0) return ntk_fail(NTK_E_MPI, "%s", cause);
    ntk_log_line(log, NTK_LOG_WARNING, "%s; starting the job again", cause);
    j->restarted = true;
  }
}

ntk_error *ntk_launch(char *const *argv, int ranks, bool supervised, bool saves, const ntk_log *log, int *status) {
  job j = {
      .link = memfd_create(LINK_NAME, MFD_CLOEXEC), .supervise = supervised, .saves = saves, .workers = supervised && ranks > 1 ? ranks - 1 : ranks};
  ntk_stop stop = {.taken = 0};
  if (j.link < 0) return ntk_fail_errno(errno, "cannot make the supervisor's file");
  ntk_error *err = ntk_stop_begin(&stop);
  if (!err) err = supervise(&j, argv, ranks, log, status);
  ntk_stop_end(&stop);
  close(j.link);
  return err;
}
