#include "study/deadline.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static const double longest_margin = 60, margin_share = 0.1;

bool ntk_deadline_parse(const char *text, double *seconds) {
  long part[4] = {0}; /* as written, the last is seconds (minutes when it is alone) */
  int count = 0;
  bool days = false;
  for (;;) {
    char *end = NULL;
    if (*text < '0' || *text > '9' || count == 4) return false;
    part[count++] = strtol(text, &end, 10);
    text = end;
    if (*text == '-' && count == 1)
      days = true;
    else if (*text != ':')
      break;
    text++;
  }
  if (text[strspn(text, " \n")]) return false;
  double total = 0;
  for (int i = days; i < count; i++) total = total * 60 + (double)part[i];
  if (days)
    for (int i = count; i < 4; i++) total *= 60; /* DAYS-HH and DAYS-HH:MM */
  else if (count == 1)
    total *= 60;
  *seconds = total + (days ? 86400.0 * (double)part[0] : 0);
  return true;
}

/* What squeue says, or false. */
static bool ask_squeue(const char *job, double *seconds) {
  char command[128], answer[64] = "";
  if (!*job || job[strspn(job, "0123456789_")] || strlen(job) > 32) return false;
  snprintf(command, sizeof command, "timeout 10 squeue -h -j %s -o %%L 2>/dev/null", job);
  FILE *pipe = popen(command, "re"); /* NOLINT(cert-env33-c): the only word that is not ours is a number, see above */
  if (!pipe) return false;
  bool found = fgets(answer, sizeof answer, pipe) && ntk_deadline_parse(answer, seconds);
  pclose(pipe);
  return found;
}

double ntk_deadline_left(void) {
  const char *end = getenv("SLURM_JOB_END_TIME"), *job = getenv("SLURM_JOB_ID");
  double seconds = INFINITY;
  char *rest = NULL;
  double at = end ? strtod(end, &rest) : 0;
  if (end && rest != end && !*rest && at > 0) return fmax(at - ntk_clock_wall(), 0);
  return job && ask_squeue(job, &seconds) ? seconds : INFINITY;
}

double ntk_deadline_margin(double left) { return fmin(longest_margin, margin_share * left); }
