/** Contradictions between the settings of a study that its schema does not see: of names with data, of losses with integrators, of files with one another. */
#ifndef NTK_STUDY_WALK_H
#define NTK_STUDY_WALK_H

#include "config/study.h"

enum { NTK_WALK_MOST = 1000 }; /* combinations that commands look at which plan the study anyway, run by run */

/** Asks the first `limit` combinations of the sweep (repetitions share theirs) what they need, and tells every mistake once, in a line of its own with the
 *  run that has it, at most five. NTK_E_CONFIG; NTK_E_INPUT where all of them are of files. Files' headers are read. No MPI. */
NTK_CHECKED ntk_error *ntk_walk_study(const ntk_study *study, size_t limit);

#endif
