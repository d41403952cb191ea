#include "study/stop.h"

#include <errno.h>
#include <stddef.h>

static volatile sig_atomic_t last_signal, signal_count, interrupt_count, second_ends;

static const struct {
  int number;
  const char *name;
} signals[NTK_STOP_SIGNALS] = {{SIGTERM, "SIGTERM"}, {SIGINT, "SIGINT"}, {SIGUSR1, "SIGUSR1"}, {SIGUSR2, "SIGUSR2"}, {SIGXCPU, "SIGXCPU"}};

static void note(int number) {
  last_signal = number;
  signal_count = signal_count + 1;
  if (number != SIGINT) return;
  interrupt_count = interrupt_count + 1;
  if (!second_ends || interrupt_count < 2) return;
  signal(SIGINT, SIG_DFL);
  raise(SIGINT); /* delivered when this handler returns */
}

ntk_error *ntk_stop_begin(ntk_stop *stop) {
  struct sigaction action = {.sa_handler = note};
  last_signal = signal_count = interrupt_count = second_ends = 0;
  sigemptyset(&action.sa_mask);
  for (stop->taken = 0; stop->taken < NTK_STOP_SIGNALS; stop->taken++)
    if (sigaction(signals[stop->taken].number, &action, &stop->before[stop->taken]) != 0) {
      ntk_error *err = ntk_fail_errno(errno, "cannot watch for %s", signals[stop->taken].name);
      ntk_stop_end(stop);
      return err;
    }
  return NULL;
}

void ntk_stop_end(ntk_stop *stop) {
  while (stop->taken > 0) {
    stop->taken--;
    sigaction(signals[stop->taken].number, &stop->before[stop->taken], NULL);
  }
}

int ntk_stop_signal(void) { return last_signal; }
int ntk_stop_count(void) { return signal_count; }
int ntk_stop_interrupts(void) { return interrupt_count; }
void ntk_stop_obey_second(void) { second_ends = 1; }
