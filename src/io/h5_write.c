#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/h5.h"
#include "io/h5_file.h"

enum { LARGE = 64 << 10, CHUNK = 1 << 20 }; /* bytes: from where datasets are chunked and compressed; a chunk at most (HDF5's cache) */

static size_t element_count(const ntk_h5_info *info) {
  size_t count = 1;
  for (int i = 0; i < info->rank; i++) count *= info->shape[i];
  return count;
}

/* Chunks of whole trailing axes, as many as fit: a record of a series is read from few chunks. */
static void choose_chunk(const ntk_h5_info *info, size_t element, hsize_t chunk[4]) {
  size_t room = CHUNK / element;
  for (int i = info->rank - 1; i >= 0; i--) {
    chunk[i] = info->shape[i] < room ? info->shape[i] : room;
    room /= chunk[i];
  }
}

/* Creation properties; negative on failure. */
static hid_t creation_properties(const ntk_h5 *file, const ntk_h5_info *info, hid_t stored) {
  size_t element = H5Tget_size(stored);
  hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  if (creation < 0) return -1;
  bool good = H5Pset_obj_track_times(creation, false) >= 0;
  bool filterable = H5Tis_variable_str(stored) <= 0;
  if (filterable && info->rank > 0 && element_count(info) * element >= LARGE) {
    hsize_t chunk[4] = {0};
    choose_chunk(info, element, chunk);
    good = good && H5Pset_chunk(creation, info->rank, chunk) >= 0;
    if (!file->large) good = good && H5Pset_shuffle(creation) >= 0 && H5Pset_deflate(creation, 1) >= 0;
    good = good && H5Pset_fletcher32(creation) >= 0;
  }
  if (good) return creation;
  H5Pclose(creation);
  return -1;
}

static ntk_error *write_dataset(ntk_h5 *file, const ntk_h5_info *info, hid_t stored, hid_t memory, const void *values) {
  ntk_h5_quiet before = ntk_h5_quiet_begin();
  ntk_error *err = NULL;
  hsize_t shape[4] = {0};
  hid_t space = -1, creation = -1, dataset = -1;
  if (info->rank < 0 || info->rank > 4 || info->path[0] != '/') {
    err = ntk_fail(NTK_E_INTERNAL, "%s: dataset '%s' of rank %d cannot be described", file->path, info->path, info->rank);
    goto out;
  }
  for (int i = 0; i < info->rank; i++) shape[i] = info->shape[i];
  NTK_TRY_OUT(ntk_h5_make_groups(file, info->path));
  space = info->rank ? H5Screate_simple(info->rank, shape, NULL) : H5Screate(H5S_SCALAR);
  creation = creation_properties(file, info, stored);
  if (space >= 0 && creation >= 0) dataset = H5Dcreate2(file->id, info->path, stored, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  if (dataset < 0) {
    err = ntk_h5_fail(file, NTK_E_IO, "cannot create %s", info->path);
    goto out;
  }
  if (element_count(info) && H5Dwrite(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0) {
    err = ntk_h5_fail(file, NTK_E_IO, "cannot write %s", info->path);
    goto out;
  }
  NTK_TRY_OUT(ntk_h5_describe(file, info, dataset));
  NTK_TRY_OUT(ntk_h5_attach_scales(file, info, dataset));
out:
  if (!ntk_h5_drop(dataset) && !err) err = ntk_h5_fail(file, NTK_E_IO, "cannot write %s", info->path);
  ntk_h5_drop(creation);
  ntk_h5_drop(space);
  ntk_h5_quiet_end(before);
  return err;
}

ntk_error *ntk_h5_write_doubles(ntk_h5 *file, const ntk_h5_info *info, const double *values) {
  return write_dataset(file, info, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, values);
}

ntk_error *ntk_h5_write_integers(ntk_h5 *file, const ntk_h5_info *info, const long long *values) {
  return write_dataset(file, info, H5T_STD_I64LE, H5T_NATIVE_LLONG, values);
}

ntk_error *ntk_h5_write_texts(ntk_h5 *file, const ntk_h5_info *info, const char *const *values) {
  hid_t type = ntk_h5_text_type();
  ntk_error *err = type < 0 ? ntk_fail(NTK_E_INTERNAL, "%s: no text type", file->path) : write_dataset(file, info, type, type, values);
  ntk_h5_drop(type);
  return err;
}

/* A scalar attribute of an open object; replaces one of that name. */
static ntk_error *write_attribute(ntk_h5 *file, hid_t object, const char *path, const char *name, hid_t stored, hid_t memory, const void *value) {
  ntk_error *err = NULL;
  hid_t space = H5Screate(H5S_SCALAR), attribute = -1;
  bool good = space >= 0;
  if (good && H5Aexists(object, name) > 0) good = H5Adelete(object, name) >= 0;
  if (good) attribute = H5Acreate2(object, name, stored, space, H5P_DEFAULT, H5P_DEFAULT);
  good = attribute >= 0 && H5Awrite(attribute, memory, value) >= 0;
  if (!good) err = ntk_h5_fail(file, NTK_E_IO, "cannot write the attribute %s of %s", name, path);
  ntk_h5_drop(attribute);
  ntk_h5_drop(space);
  return err;
}

static ntk_error *write_attribute_text(ntk_h5 *file, hid_t object, const char *path, const char *name, const char *value) {
  hid_t type = ntk_h5_text_type();
  ntk_error *err =
      type < 0 ? ntk_fail(NTK_E_INTERNAL, "%s: no text type", file->path) : write_attribute(file, object, path, name, type, type, &value);
  ntk_h5_drop(type);
  return err;
}

ntk_error *ntk_h5_describe(ntk_h5 *file, const ntk_h5_info *info, hid_t dataset) {
  NTK_TRY(write_attribute_text(file, dataset, info->path, "units", info->units ? info->units : "1"));
  return info->long_name ? write_attribute_text(file, dataset, info->path, "long_name", info->long_name) : NULL;
}

/* Opens the object at `path`, writes, closes. `type` < 0: text. */
static ntk_error *attribute_at(ntk_h5 *file, const char *path, const char *name, hid_t stored, hid_t memory, const void *value) {
  ntk_h5_quiet before = ntk_h5_quiet_begin();
  hid_t object = H5Oopen(file->id, path, H5P_DEFAULT);
  ntk_error *err = object < 0   ? ntk_h5_fail(file, NTK_E_IO, "no object %s for the attribute %s", path, name)
                   : stored < 0 ? write_attribute_text(file, object, path, name, value)
                                : write_attribute(file, object, path, name, stored, memory, value);
  ntk_h5_drop(object);
  ntk_h5_quiet_end(before);
  return err;
}

ntk_error *ntk_h5_attribute_text(ntk_h5 *file, const char *path, const char *name, const char *value) {
  return attribute_at(file, path, name, -1, -1, value);
}

ntk_error *ntk_h5_attribute_double(ntk_h5 *file, const char *path, const char *name, double value) {
  return attribute_at(file, path, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value);
}

ntk_error *ntk_h5_attribute_integer(ntk_h5 *file, const char *path, const char *name, long long value) {
  return attribute_at(file, path, name, H5T_STD_I64LE, H5T_NATIVE_LLONG, &value);
}
