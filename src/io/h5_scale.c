#include <hdf5_hl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "io/h5.h"
#include "io/h5_file.h"

static const char *base_name(const char *path) { return strrchr(path, '/') + 1; }

/* The path of `name` beside the dataset at `path`. */
static ntk_error *sibling(const char *path, const char *name, char **out) {
  ntk_text text = NTK_TEXT;
  ntk_text_add_bytes(&text, path, (size_t)(base_name(path) - path));
  ntk_text_add(&text, name);
  return ntk_text_take(&text, out);
}

/* A scale that only counts: 0, 1, ..., count - 1. */
static ntk_error *make_index(ntk_h5 *file, const char *path, size_t count) {
  long long *values = NULL;
  NTK_TRY(NTK_NEW(count, &values));
  for (size_t i = 0; i < count; i++) values[i] = (long long)i;
  ntk_h5_info info = {.path = path, .rank = 1, .shape = {count}, .scale = {path}, .long_name = "index"};
  ntk_error *err = ntk_h5_write_integers(file, &info, values);
  free(values);
  return err;
}

/* The same text attribute on `to` as on `from`, if there. */
static ntk_error *copy_attribute(ntk_h5 *file, const char *from, const char *to, const char *name) {
  if (H5Aexists_by_name(file->id, from, name, H5P_DEFAULT) <= 0) return NULL;
  char *value = NULL;
  NTK_TRY(ntk_h5_read_attribute_text(file, from, name, &value));
  ntk_error *err = ntk_h5_attribute_text(file, to, name, value);
  free(value);
  return err;
}

/* netCDF's model has dimensions of a group and those above it only, so a scale of another group is copied next to the dataset. */
static ntk_error *copy_scale(ntk_h5 *file, const char *from, const char *to) {
  if (!ntk_h5_present(file->id, from)) return ntk_fail(NTK_E_INTERNAL, "%s: no dimension scale %s", file->path, from);
  ntk_error *err = NULL;
  hid_t copy = H5Pcreate(H5P_OBJECT_COPY);
  if (copy < 0 || H5Pset_copy_object(copy, H5O_COPY_WITHOUT_ATTR_FLAG) < 0 || H5Ocopy(file->id, from, file->id, to, copy, H5P_DEFAULT) < 0)
    err = ntk_h5_fail(file, NTK_E_IO, "cannot copy %s to %s", from, to);
  ntk_h5_drop(copy);
  if (!err) err = copy_attribute(file, from, to, "units");
  if (!err) err = copy_attribute(file, from, to, "long_name");
  return err;
}

/* Path (free()) of the scale for an axis of the dataset, in its group; made if it is not there. */
static ntk_error *provide_scale(ntk_h5 *file, const ntk_h5_info *info, int axis, char **out) {
  const char *asked = info->scale[axis];
  char automatic[32];
  snprintf(automatic, sizeof automatic, "_dim_%d", axis);
  if (!asked) {
    char *stem = NULL;
    ntk_text name = NTK_TEXT;
    ntk_text_add(&name, base_name(info->path));
    if (info->rank > 1) ntk_text_add(&name, automatic);
    NTK_TRY(ntk_text_take(&name, &stem));
    ntk_error *err = sibling(info->path, stem, out);
    free(stem);
    NTK_TRY(err);
  } else {
    NTK_TRY(sibling(info->path, asked[0] == '/' ? base_name(asked) : asked, out));
  }
  if (ntk_h5_present(file->id, *out)) return NULL;
  if (asked && asked[0] == '/') return copy_scale(file, asked, *out);
  return make_index(file, *out, info->shape[axis]);
}

/* Marks an open dataset as a scale if it is none yet; checks its length. */
static ntk_error *prepare_scale(ntk_h5 *file, const ntk_h5_info *info, int axis, const char *path, hid_t scale) {
  hid_t space = H5Dget_space(scale);
  hsize_t length = 0;
  int rank = space < 0 ? -1 : H5Sget_simple_extent_ndims(space);
  if (rank == 1) H5Sget_simple_extent_dims(space, &length, NULL);
  ntk_h5_drop(space);
  if (rank != 1 || length != info->shape[axis])
    return ntk_fail(NTK_E_INTERNAL, "%s: axis %d of %s has length %zu, its dimension scale %s has %llu", file->path, axis, info->path,
                    info->shape[axis], path, (unsigned long long)length);
  if (H5DSis_scale(scale) <= 0 && H5DSset_scale(scale, base_name(path)) < 0)
    return ntk_h5_fail(file, NTK_E_IO, "cannot make %s a dimension scale", path);
  return NULL;
}

static ntk_error *attach_axis(ntk_h5 *file, const ntk_h5_info *info, hid_t dataset, int axis) {
  ntk_error *err = NULL;
  char *path = NULL;
  hid_t scale = -1;
  NTK_TRY_OUT(provide_scale(file, info, axis, &path));
  bool itself = strcmp(path, info->path) == 0;
  scale = H5Dopen2(file->id, path, H5P_DEFAULT);
  if (scale < 0) {
    err = ntk_h5_fail(file, NTK_E_IO, "cannot open the dimension scale %s", path);
    goto out;
  }
  NTK_TRY_OUT(prepare_scale(file, info, axis, path, scale));
  if (!itself && (H5DSattach_scale(dataset, scale, (unsigned)axis) < 0 || H5DSset_label(dataset, (unsigned)axis, base_name(path)) < 0))
    err = ntk_h5_fail(file, NTK_E_IO, "cannot attach %s to %s", path, info->path);
out:
  ntk_h5_drop(scale);
  free(path);
  return err;
}

ntk_error *ntk_h5_attach_scales(ntk_h5 *file, const ntk_h5_info *info, hid_t dataset) {
  for (int axis = 0; axis < info->rank; axis++) NTK_TRY(attach_axis(file, info, dataset, axis));
  return NULL;
}
