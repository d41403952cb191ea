/** Private to run/: recording of what the theory speaks of: the discriminator's loss, the dissipation, the true rates of loss and objective. */
#ifndef NTK_RUN_THEORY_H
#define NTK_RUN_THEORY_H

#include "run/state.h"

/** Whether `record.theory` asks for `what`. */
bool ntk_theory_asked(const ntk_value *settings, const char *what);

/** Adds the series of `record.theory` to `r`, behind those that are there. NTK_E_CONFIG. */
NTK_CHECKED ntk_error *ntk_theory_build(const ntk_value *settings, ntk_records *r);

/** Their numbers into `row` (from the first of them on; written on every rank alike). The discriminator is trained, state->gradient holds grad(c o f).
 *  Collective. */
NTK_CHECKED ntk_error *ntk_theory_record(ntk_run_state *state, double *row);

/** Trainings beside the flow's that a record takes: for plans. */
double ntk_theory_trainings(const ntk_value *settings);

#endif
