/** From options to a study and its folder's name. No MPI. */
#ifndef NTK_STUDY_LOAD_H
#define NTK_STUDY_LOAD_H

#include "config/study.h"
#include "study/batch.h"

/** Reads and checks options->study_path with its --set; *text is the YAML (caller frees). */
NTK_CHECKED ntk_error *ntk_load_study(const ntk_catalog *catalog, const ntk_batch_options *options, char **text, ntk_study **study);
/** The same from a text that was read already. */
NTK_CHECKED ntk_error *ntk_load_text(const ntk_catalog *catalog, const ntk_batch_options *options, const char *text, ntk_study **study);
/** options->folder, or results/<study>. Caller frees. */
NTK_CHECKED ntk_error *ntk_load_root(const ntk_batch_options *options, const ntk_study *study, char **root);

#endif
