#include <mpi.h>
#include <stdio.h>
#include <sundials/sundials_version.h>
#include <xxhash.h>
#include <yaml.h>

#include "gram/gram.h"
#include "io/h5.h"
#include "kernel/kernel.h"
#include "run/run.h"

#ifndef NTK_VERSION
#define NTK_VERSION "0.1.0"
#endif
#ifndef NTK_REVISION
#define NTK_REVISION "unknown"
#endif

extern char *openblas_get_config(void) __attribute__((weak)); /* absent with another BLAS */
extern char *openblas_get_corename(void) __attribute__((weak));

void ntk_run_provenance(void (*add)(void *context, const char *name, const char *value), void *context) {
  char text[MPI_MAX_LIBRARY_VERSION_STRING];
  int length = 0;
  unsigned major, minor, patch;
  add(context, "ntkgan", NTK_VERSION);
  add(context, "git_revision", NTK_REVISION);
#if defined(__clang__)
  add(context, "compiler", __VERSION__);
#else
  add(context, "compiler", "gcc " __VERSION__);
#endif
  add(context, "instruction_set", ntk_kernel_isa());
  if (MPI_Get_library_version(text, &length) == MPI_SUCCESS) {
    for (int i = 0; i < length; i++)
      if (text[i] == '\n' || text[i] == ',') text[i] = '\0';
    add(context, "mpi", text);
  }
  if (H5get_libversion(&major, &minor, &patch) >= 0) {
    snprintf(text, sizeof text, "%u.%u.%u", major, minor, patch);
    add(context, "hdf5", text);
  }
  add(context, "libyaml", yaml_get_version_string());
  snprintf(text, sizeof text, "%u", XXH_versionNumber());
  add(context, "xxhash", text);
  if (!SUNDIALSGetVersion(text, (int)sizeof text)) add(context, "sundials", text);
  add(context, "blas", openblas_get_config ? openblas_get_config() : "not OpenBLAS");
  add(context, "blas_core", openblas_get_corename ? openblas_get_corename() : "unknown");
  add(context, "eigensolver", ntk_gram_solver());
}
