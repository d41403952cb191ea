/** One self-contained file of a study: its index with the runs' arrays in place of links. No MPI. */
#ifndef NTK_STUDY_PACK_H
#define NTK_STUDY_PACK_H

#include "study/ledger.h"

/** Writes `path`: what index.h5 holds, and as group /links/<id> a copy of each run's file, found in one of the folders `roots` and checked against
 *  the journal's hash first. *runs: done runs in it. NTK_E_INPUT names a file that is missing or damaged; NTK_E_IO. */
NTK_CHECKED ntk_error *ntk_pack_write(const ntk_ledger *ledger, const char *const *roots, size_t count, const char *path, size_t *runs);

#endif
