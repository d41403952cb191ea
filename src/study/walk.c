#include "study/walk.h"

#include <string.h>

#include "run/run.h"

enum { SHOWN = 5 };

typedef struct {
  size_t count;
  ntk_code code;
  ntk_error *seen[SHOWN]; /* as they are without their run */
  ntk_text lines;
} mistakes;

static bool is_known(const mistakes *m, const ntk_error *err) {
  for (size_t i = 0; i < m->count; i++)
    if (!strcmp(ntk_error_message(m->seen[i]), ntk_error_message(err))) return true;
  return false;
}

/* Takes the error if it is the user's; passes any other up. */
static ntk_error *note(mistakes *m, const ntk_run_spec *run, bool alone, ntk_error *err) {
  ntk_code code = ntk_error_code(err);
  if (code != NTK_E_CONFIG && code != NTK_E_INPUT) return err;
  if (is_known(m, err)) {
    ntk_error_free(&err);
    return NULL;
  }
  if (!m->count || code == NTK_E_CONFIG) m->code = code;
  ntk_text_addf(&m->lines, alone ? "%s%s" : "%s%s (run %s)", m->count ? "\n" : "", ntk_error_message(err), run->label);
  m->seen[m->count++] = err;
  return NULL;
}

ntk_error *ntk_walk_study(const ntk_study *study, size_t limit) {
  mistakes m = {.lines = NTK_TEXT};
  ntk_error *err = NULL;
  size_t count = ntk_study_count(study), asked = 0;
  for (size_t i = 0; i < count && !err && m.count < SHOWN && asked < limit; i++) {
    ntk_run_spec run = {0};
    ntk_run_need need;
    err = ntk_study_run(study, i, &run);
    if (!err && run.repetition == 0) {
      err = note(&m, &run, count == 1, ntk_run_estimate(run.settings, 1, &need));
      asked++;
    }
    ntk_run_spec_free(&run);
  }
  if (!err && m.count) err = m.lines.failed ? ntk_fail(NTK_E_MEMORY, "out of memory while checking a study") : ntk_fail(m.code, "%s", m.lines.bytes);
  for (size_t i = 0; i < m.count; i++) ntk_error_free(&m.seen[i]);
  ntk_text_free(&m.lines);
  return err;
}
