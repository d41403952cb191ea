/** index.h5: a cache of what the journals say, for people and plotting tools. Rebuilt whole, by temporary name and rename. No MPI. */
#ifndef NTK_STUDY_INDEX_H
#define NTK_STUDY_INDEX_H

#include "io/h5.h"
#include "study/ledger.h"

/** Writes DIR/index.h5 (layout: the interface, "Files"): /runs, one row a run; /metrics, runs x iterations, NaN where a run recorded none;
 *  /links/<id>, external links to run files. Waits for another writer of the same index. With `own` (a path), what the
 *  other journals say is read once it is our turn: so the last of several shards to write knows all of them. */
NTK_CHECKED ntk_error *ntk_index_write(ntk_ledger *ledger, const char *root, const char *own);

/** All but the links, into a new file. */
NTK_CHECKED ntk_error *ntk_index_fill(const ntk_ledger *ledger, ntk_h5 *file);

#endif
