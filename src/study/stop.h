/** Being asked to stop: SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGXCPU. The signal number is the one thing of this program that is global. */
#ifndef NTK_STUDY_STOP_H
#define NTK_STUDY_STOP_H

#include <signal.h>

#include "base/err.h"

enum { NTK_STOP_SIGNALS = 5 };

/** The signals, and what a process did with them before. */
typedef struct {
  int taken;
  struct sigaction before[NTK_STOP_SIGNALS];
} ntk_stop;

NTK_CHECKED ntk_error *ntk_stop_begin(ntk_stop *stop);
/** Puts the earlier handlers back. */
void ntk_stop_end(ntk_stop *stop);

/** Number of the last such signal since ntk_stop_begin; 0 = none. */
int ntk_stop_signal(void);
/** How many came since; how many of them were SIGINT (the second one is meant: at once). */
int ntk_stop_count(void);
int ntk_stop_interrupts(void);

/** From now on a second SIGINT ends this process at once. For processes that wait for nobody. */
void ntk_stop_obey_second(void);

#endif
