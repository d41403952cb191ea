#include "study/load.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/file.h"
#include "study/folder.h"

static const size_t largest_study = (size_t)64 << 20; /* bytes */

static ntk_error *load(const ntk_catalog *catalog, const ntk_batch_options *options, const char *text, size_t length, ntk_study **study) {
  const ntk_study_source source = {options->study_path, text, length, options->sets, options->set_count};
  return ntk_study_load(catalog, &source, study);
}

ntk_error *ntk_load_study(const ntk_catalog *catalog, const ntk_batch_options *options, char **text, ntk_study **study) {
  size_t length = 0;
  NTK_TRY(ntk_file_read(options->study_path, largest_study, text, &length));
  return load(catalog, options, *text, length, study);
}

ntk_error *ntk_load_text(const ntk_catalog *catalog, const ntk_batch_options *options, const char *text, ntk_study **study) {
  return load(catalog, options, text, strlen(text), study);
}

ntk_error *ntk_load_root(const ntk_batch_options *options, const ntk_study *study, char **root) {
  return options->folder ? ntk_copy_text(options->folder, root) : ntk_path(root, "results/%s", ntk_study_name(study));
}
