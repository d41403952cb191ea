/** Non-cryptographic 128-bit hashing (XXH3-128 of xxHash, canonical big-endian form, so equal on every machine). */
#ifndef NTK_BASE_HASH_H
#define NTK_BASE_HASH_H

#include <stddef.h>

#include "base/err.h"

/** 32 lower-case hexadecimal digits and a NUL. */
typedef struct {
  char hex[33];
} ntk_hash;

ntk_hash ntk_hash_bytes(const void *bytes, size_t length);

/** Hash of a file's content, read in blocks. NTK_E_INPUT with the reason if it cannot be read. */
NTK_CHECKED ntk_error *ntk_hash_file(const char *path, ntk_hash *out);

#endif
