#include "base/hash.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/mem.h"

static ntk_hash to_hex(XXH128_hash_t value) {
  static const char digits[] = "0123456789abcdef";
  ntk_hash out;
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, value);
  for (size_t i = 0; i < sizeof canonical.digest; i++) {
    out.hex[2 * i] = digits[canonical.digest[i] >> 4];
    out.hex[2 * i + 1] = digits[canonical.digest[i] & 15];
  }
  out.hex[2 * sizeof canonical.digest] = '\0';
  return out;
}

ntk_hash ntk_hash_bytes(const void *bytes, size_t length) { return to_hex(XXH3_128bits(bytes, length)); }

ntk_error *ntk_hash_file(const char *path, ntk_hash *out) {
  enum { BLOCK = 1 << 20 };
  ntk_error *err = NULL;
  char *block = NULL;
  XXH3_state_t *state = NULL;
  FILE *file = fopen(path, "rb");
  if (!file) return ntk_fail(NTK_E_INPUT, "cannot open %s: %s", path, strerror(errno));
  NTK_TRY_OUT(NTK_NEW(BLOCK, &block));
  state = XXH3_createState();
  if (!state) {
    err = ntk_fail(NTK_E_MEMORY, "out of memory while hashing %s", path);
    goto out;
  }
  XXH3_128bits_reset(state);
  size_t count;
  while ((count = fread(block, 1, BLOCK, file)) > 0) XXH3_128bits_update(state, block, count);
  if (ferror(file))
    err = ntk_fail(NTK_E_INPUT, "cannot read %s: %s", path, strerror(errno));
  else
    *out = to_hex(XXH3_128bits_digest(state));
out:
  XXH3_freeState(state);
  free(block);
  fclose(file);
  return err;
}
