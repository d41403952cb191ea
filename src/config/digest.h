/** Content hashes of input files, each read once; for the files of this room only. */
#ifndef NTK_CONFIG_DIGEST_H
#define NTK_CONFIG_DIGEST_H

#include "base/hash.h"
#include "base/text.h"

typedef struct ntk_digest ntk_digest;

/** Starts zeroed. */
typedef struct {
  size_t count, capacity;
  ntk_digest *items;
} ntk_digests;

/** Appends what stands for a file in a run's identity: its content's hash, and the dataset of "a.h5:/path". NTK_E_INPUT when it cannot be read. */
NTK_CHECKED ntk_error *ntk_digests_name(ntk_digests *digests, const char *path, ntk_text *out);
void ntk_digests_free(ntk_digests *digests);

#endif
