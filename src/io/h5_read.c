#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/h5.h"
#include "io/h5_file.h"

/* A dataset that claims many more bytes than the file stores for it is not believed (deflate reaches about 1000). */
enum { SMALL = 64 << 20, EXPANSION = 2000 };

static ntk_error *wrong(const ntk_h5 *file, const char *path, const char *what) { return ntk_fail(NTK_E_INPUT, "%s:%s: %s", file->path, path, what); }

/* Opens a dataset of integers, or of any numbers. */
static ntk_error *open_dataset(ntk_h5 *file, const char *path, bool integers, hid_t *dataset) {
  *dataset = -1;
  if (!ntk_h5_present(file->id, path)) return wrong(file, path, "no such dataset");
  *dataset = H5Dopen2(file->id, path, H5P_DEFAULT);
  hid_t type = *dataset < 0 ? -1 : H5Dget_type(*dataset);
  if (type < 0) return wrong(file, path, "is not a dataset");
  H5T_class_t class = H5Tget_class(type);
  ntk_h5_drop(type);
  if (class != H5T_INTEGER && (integers || class != H5T_FLOAT))
    return wrong(file, path, integers ? "does not hold integers" : "does not hold numbers");
  return NULL;
}

/* Shape of an open dataset, and that it may be read in elements of 8 bytes. */
static ntk_error *get_shape(ntk_h5 *file, const char *path, hid_t dataset, int *rank, size_t shape[H5S_MAX_RANK], size_t *count) {
  enum { ELEMENT = 8 };
  hid_t space = H5Dget_space(dataset);
  hsize_t extent[H5S_MAX_RANK];
  *rank = space < 0 ? -1 : H5Sget_simple_extent_dims(space, extent, NULL);
  ntk_h5_drop(space);
  if (*rank < 0) return ntk_h5_fail(file, NTK_E_INPUT, "cannot read the shape of %s", path);
  *count = 1;
  for (int i = 0; i < *rank; i++) {
    if (extent[i] && *count > SIZE_MAX / ELEMENT / extent[i]) return wrong(file, path, "is too large");
    shape[i] = (size_t)extent[i];
    *count *= shape[i];
  }
  size_t bytes = *count * ELEMENT;
  if (bytes > SMALL && bytes / EXPANSION > H5Dget_storage_size(dataset)) return wrong(file, path, "its shape contradicts the size of what is stored");
  return NULL;
}

ntk_error *ntk_h5_read_shape(ntk_h5 *file, const char *path, int *rank, size_t shape[4]) {
  ntk_h5_quiet before = ntk_h5_quiet_begin();
  hid_t dataset = -1;
  size_t count = 0, all[H5S_MAX_RANK] = {0};
  ntk_error *err = open_dataset(file, path, false, &dataset);
  if (!err) err = get_shape(file, path, dataset, rank, all, &count);
  if (!err && *rank > 4) err = ntk_fail(NTK_E_INPUT, "%s:%s: has %d axes, expected at most 4", file->path, path, *rank);
  if (!err) memcpy(shape, all, 4 * sizeof *shape);
  ntk_h5_drop(dataset);
  ntk_h5_quiet_end(before);
  return err;
}

static ntk_error *read_dataset(ntk_h5 *file, const char *path, int rank, hid_t memory, bool integers, size_t *shape, void *out) {
  ntk_h5_quiet before = ntk_h5_quiet_begin();
  ntk_error *err = NULL;
  void *values = NULL;
  hid_t dataset = -1;
  size_t count = 0, all[H5S_MAX_RANK] = {0};
  int found = 0;
  NTK_TRY_OUT(open_dataset(file, path, integers, &dataset));
  NTK_TRY_OUT(get_shape(file, path, dataset, &found, all, &count));
  if (found != rank) {
    err = ntk_fail(NTK_E_INPUT, "%s:%s: has %d axes, expected %d", file->path, path, found, rank);
    goto out;
  }
  memcpy(shape, all, (size_t)rank * sizeof *shape);
  NTK_TRY_OUT(ntk_alloc(count, H5Tget_size(memory), &values));
  if (count && H5Dread(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0) {
    err = ntk_h5_fail(file, NTK_E_INPUT, "cannot read %s", path);
    free(values);
    values = NULL;
  }
out:
  ntk_h5_drop(dataset);
  ntk_h5_quiet_end(before);
  memcpy(out, &values, sizeof values);
  return err;
}

ntk_error *ntk_h5_read_doubles(ntk_h5 *file, const char *path, int rank, size_t *shape, double **values) {
  return read_dataset(file, path, rank, H5T_NATIVE_DOUBLE, false, shape, values);
}

ntk_error *ntk_h5_read_into(ntk_h5 *file, const char *path, size_t count, double *values) {
  ntk_h5_quiet before = ntk_h5_quiet_begin();
  hid_t dataset = -1;
  size_t found = 0, shape[H5S_MAX_RANK] = {0};
  int rank = 0;
  ntk_error *err = open_dataset(file, path, false, &dataset);
  if (!err) err = get_shape(file, path, dataset, &rank, shape, &found);
  if (!err && found != count) err = ntk_fail(NTK_E_INPUT, "%s:%s: has %zu numbers, expected %zu", file->path, path, found, count);
  if (!err && H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
    err = ntk_h5_fail(file, NTK_E_INPUT, "cannot read %s", path);
  ntk_h5_drop(dataset);
  ntk_h5_quiet_end(before);
  return err;
}

ntk_error *ntk_h5_read_integers(ntk_h5 *file, const char *path, int rank, size_t *shape, long long **values) {
  return read_dataset(file, path, rank, H5T_NATIVE_LLONG, true, shape, values);
}

/* Opens an attribute that must exist, be scalar (or hold one element) and of a class. */
static ntk_error *open_attribute(ntk_h5 *file, const char *path, const char *name, H5T_class_t class, hid_t *attribute, hid_t *type) {
  if (!ntk_h5_present(file->id, path) || H5Aexists_by_name(file->id, path, name, H5P_DEFAULT) <= 0)
    return ntk_fail(NTK_E_INPUT, "%s:%s: no attribute %s", file->path, path, name);
  *attribute = H5Aopen_by_name(file->id, path, name, H5P_DEFAULT, H5P_DEFAULT);
  *type = *attribute < 0 ? -1 : H5Aget_type(*attribute);
  hid_t space = *attribute < 0 ? -1 : H5Aget_space(*attribute);
  hssize_t count = space < 0 ? -1 : H5Sget_simple_extent_npoints(space);
  ntk_h5_drop(space);
  if (*type < 0 || count < 0) return ntk_h5_fail(file, NTK_E_INPUT, "cannot read the attribute %s of %s", name, path);
  if (count != 1 || H5Tget_class(*type) != class)
    return ntk_fail(NTK_E_INPUT, "%s:%s: the attribute %s has an unexpected type", file->path, path, name);
  return NULL;
}

static ntk_error *read_variable_text(ntk_h5 *file, hid_t attribute, hid_t stored, const char *name, char **value) {
  ntk_error *err = NULL;
  char *text = NULL;
  hid_t type = ntk_h5_text_type();
  if (type < 0 || H5Tset_cset(type, H5Tget_cset(stored)) < 0 || H5Aread(attribute, type, &text) < 0)
    err = ntk_h5_fail(file, NTK_E_INPUT, "cannot read the attribute %s", name);
  else
    err = ntk_copy_text(text ? text : "", value);
  H5free_memory(text);
  ntk_h5_drop(type);
  return err;
}

static ntk_error *read_fixed_text(ntk_h5 *file, hid_t attribute, hid_t stored, const char *name, char **value) {
  NTK_TRY(ntk_alloc(H5Tget_size(stored) + 1, 1, value));
  if (H5Aread(attribute, stored, *value) >= 0) return NULL;
  free(*value);
  *value = NULL;
  return ntk_h5_fail(file, NTK_E_INPUT, "cannot read the attribute %s", name);
}

ntk_error *ntk_h5_read_attribute_text(ntk_h5 *file, const char *path, const char *name, char **value) {
  ntk_h5_quiet before = ntk_h5_quiet_begin();
  hid_t attribute = -1, type = -1;
  *value = NULL;
  ntk_error *err = open_attribute(file, path, name, H5T_STRING, &attribute, &type);
  if (!err)
    err = H5Tis_variable_str(type) > 0 ? read_variable_text(file, attribute, type, name, value) : read_fixed_text(file, attribute, type, name, value);
  ntk_h5_drop(type);
  ntk_h5_drop(attribute);
  ntk_h5_quiet_end(before);
  return err;
}

ntk_error *ntk_h5_read_attribute_integer(ntk_h5 *file, const char *path, const char *name, long long *value) {
  ntk_h5_quiet before = ntk_h5_quiet_begin();
  hid_t attribute = -1, type = -1;
  ntk_error *err = open_attribute(file, path, name, H5T_INTEGER, &attribute, &type);
  if (!err && H5Aread(attribute, H5T_NATIVE_LLONG, value) < 0) err = ntk_h5_fail(file, NTK_E_INPUT, "cannot read the attribute %s of %s", name, path);
  ntk_h5_drop(type);
  ntk_h5_drop(attribute);
  ntk_h5_quiet_end(before);
  return err;
}
