#include "base/log.h"

#include <stdarg.h>
#include <time.h>

#include "base/text.h"

static void add_formatted(ntk_text *line, const char *format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, arguments);
  if (length > 0) {
    for (int i = 0; i < length; i++) ntk_text_add_bytes(line, " ", 1);
    if (!line->failed) vsnprintf(line->bytes + line->length - length, (size_t)length + 1, format, again);
  }
  va_end(again);
}

void ntk_log_line(const ntk_log *log, ntk_log_level level, const char *format, ...) {
  static const char *const words[] = {"error: ", "warning: ", "", "debug: "};
  if (!log || (!log->stream && !log->sink) || level > log->level) return;
  ntk_text line = NTK_TEXT;
  if (!log->sink) ntk_text_addf(&line, "[%8.1f s] ", ntk_clock() - log->start);
  if (log->rank >= 0) ntk_text_addf(&line, "rank %d: ", log->rank);
  if (!log->sink) ntk_text_add(&line, words[level]);
  va_list arguments;
  va_start(arguments, format);
  add_formatted(&line, format, arguments);
  va_end(arguments);
  if (!log->sink) ntk_text_add(&line, "\n");
  if (!line.failed && log->sink)
    log->sink(log->context, level, line.bytes);
  else if (!line.failed)
    fwrite(line.bytes, 1, line.length, log->stream); /* one write: lines of several ranks stay whole */
  if (!log->sink) fflush(log->stream);
  ntk_text_free(&line);
}

static double seconds_of(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double ntk_clock(void) { return seconds_of(CLOCK_MONOTONIC); }
double ntk_clock_cpu(void) { return seconds_of(CLOCK_PROCESS_CPUTIME_ID); }
double ntk_clock_wall(void) { return seconds_of(CLOCK_REALTIME); }

void ntk_sleep(double seconds) {
  struct timespec pause;
  pause.tv_sec = (time_t)seconds;
  pause.tv_nsec = (long)(1e9 * (seconds - (double)pause.tv_sec));
  nanosleep(&pause, NULL);
}
