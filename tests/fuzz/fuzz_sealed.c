/* libFuzzer: sealed files (checkpoints) outside HDF5. The first byte decides: even, the rest is the file as it is; odd, it is sealed, and the
 * second byte says which byte of the seal is changed by the third (0: none). Only what was sealed so may be taken for whole. */
#include <stdbool.h>
#include <string.h>

#include "fuzz_file.h"
#include "io/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char trailer[NTK_SEAL_BYTES], note[NTK_SEAL_NOTE_BYTES], *bytes = NULL;
  size_t length = 0;
  if (size < 3) return 0;
  bool sealed = data[0] % 2, changed = data[2] != 0;
  const uint8_t *content = data + 3;
  ntk_seal_make(content, size - 3, "iteration 12", trailer);
  trailer[data[1] % NTK_SEAL_BYTES] ^= (char)data[2];
  const char *path = fuzz_file(content, size - 3, trailer, sealed ? sizeof trailer : 0);
  ntk_error *e = ntk_seal_read(path, (size_t)1 << 30, &bytes, &length);
  if (sealed && !changed && (e || length != size - 3 || memcmp(bytes, content, length))) abort();
  if (sealed && changed && !e) abort();
  ntk_error_free(&e);
  free(bytes);
  e = ntk_seal_note(path, note);
  if (!e && strnlen(note, sizeof note) == sizeof note) abort();
  ntk_error_free(&e);
  return 0;
}
