/** Private to run/: recording of fields. */
#ifndef NTK_RUN_FIELDS_H
#define NTK_RUN_FIELDS_H

#include "run/state.h"

/** Sets up `record.fields` in state->records; points and settings are there. Collective. NTK_E_CONFIG. */
NTK_CHECKED ntk_error *ntk_run_fields_build(ntk_run_state *state);

/** Records those that are due; the discriminator is trained. Collective. */
NTK_CHECKED ntk_error *ntk_run_fields_record(ntk_run_state *state);

/** What the fields of these settings take for n + m points of R^d: bytes of the file, bytes of working memory, and how many evaluations of f at a
 *  point and trainings of a single fake point they need. NTK_E_CONFIG where they cannot be had. */
typedef struct {
  double output_bytes, memory_bytes, points, trainings;
} ntk_fields_need;
NTK_CHECKED ntk_error *ntk_run_fields_estimate(const ntk_value *settings, size_t n, size_t m, size_t d, ntk_fields_need *out);

#endif
