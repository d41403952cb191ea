/** Messages for people. A logger is an object that is handed down; nothing is global and the library below `run/` never logs. */
#ifndef NTK_BASE_LOG_H
#define NTK_BASE_LOG_H

#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"

typedef enum { NTK_LOG_ERROR, NTK_LOG_WARNING, NTK_LOG_INFO, NTK_LOG_DEBUG } ntk_log_level;

typedef struct {
  FILE *stream;        /* borrowed; NULL = silent */
  ntk_log_level level; /* what is more detailed is dropped */
  double start;        /* ntk_clock() at the start: lines carry the seconds since */
  int rank;            /* -1: not shown */
  /** Takes the lines instead of the stream (without the seconds); NULL: the stream does. */
  void (*sink)(void *context, ntk_log_level level, const char *text);
  void *context;
} ntk_log;

/** One line "[   12.3 s] text" (level and rank where they matter), flushed. Not collective. NULL log = silent. */
void ntk_log_line(const ntk_log *log, ntk_log_level level, const char *format, ...) NTK_PRINTF(3, 4);

/** Seconds on the monotonic clock; process CPU seconds; seconds since 1970. */
double ntk_clock(void);
double ntk_clock_cpu(void);
double ntk_clock_wall(void);

/** Sleeps for about `seconds` (a signal may end it early). */
void ntk_sleep(double seconds);

#endif
