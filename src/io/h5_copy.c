/* Copying what one file holds into a group of another. HDF5 copies objects, but dimension scales are references, which a copy breaks: they are
 * taken off the copies and attached anew. */
#include <hdf5_hl.h>
#include <string.h>

#include "base/text.h"
#include "io/h5.h"
#include "io/h5_file.h"

typedef struct {
  ntk_h5 *into;
  const char *path; /* group of the copy */
  hid_t from;
  ntk_error *err;
} copy;

/* Opens the copy of an object of the source ("trajectory/fake"). */
static hid_t open_copy(const copy *c, const char *name) {
  ntk_text path = NTK_TEXT;
  ntk_text_addf(&path, "%s/%s", c->path, name + (*name == '/'));
  hid_t object = path.failed ? -1 : H5Oopen(c->into->id, path.bytes, H5P_DEFAULT);
  ntk_text_free(&path);
  return object;
}

static bool remove_attribute(hid_t object, const char *name) {
  htri_t there = H5Aexists(object, name);
  return there == 0 || (there > 0 && H5Adelete(object, name) >= 0);
}

static herr_t detach(hid_t root, const char *name, const H5O_info_t *info, void *context) {
  copy *c = context;
  (void)root;
  if (info->type != H5O_TYPE_DATASET) return 0;
  hid_t object = open_copy(c, name);
  bool good = object >= 0 && remove_attribute(object, "DIMENSION_LIST") && remove_attribute(object, "REFERENCE_LIST");
  if (!good) c->err = ntk_h5_fail(c->into, NTK_E_IO, "cannot copy %s", name);
  ntk_h5_drop(object);
  return good ? 0 : -1;
}

typedef struct {
  copy *all;
  hid_t dataset; /* the copy */
} axes;

static herr_t attach_one(hid_t source, unsigned axis, hid_t scale, void *context) {
  const axes *a = context;
  char name[512];
  (void)source;
  if (H5Iget_name(scale, name, sizeof name) <= 0) return -1;
  hid_t own = open_copy(a->all, name);
  herr_t status = own < 0 ? -1 : H5DSattach_scale(a->dataset, own, axis);
  ntk_h5_drop(own);
  return status < 0 ? -1 : 0;
}

static herr_t attach(hid_t root, const char *name, const H5O_info_t *info, void *context) {
  copy *c = context;
  if (info->type != H5O_TYPE_DATASET) return 0;
  hid_t source = H5Dopen2(root, name, H5P_DEFAULT), space = source < 0 ? -1 : H5Dget_space(source);
  int rank = space < 0 ? -1 : H5Sget_simple_extent_ndims(space);
  axes a = {c, open_copy(c, name)};
  bool good = rank >= 0 && a.dataset >= 0;
  for (int i = 0; good && i < rank && H5DSis_scale(source) == 0; i++) good = H5DSiterate_scales(source, (unsigned)i, NULL, attach_one, &a) >= 0;
  if (!good) c->err = ntk_h5_fail(c->into, NTK_E_IO, "cannot copy the axes of %s", name);
  ntk_h5_drop(space);
  ntk_h5_drop(source);
  ntk_h5_drop(a.dataset);
  return good ? 0 : -1;
}

/* All objects of the file, in the order of their names. */
static bool visit(hid_t file, H5O_iterate_t each, copy *c) {
#if H5_VERSION_GE(1, 12, 0)
  return H5Ovisit3(file, H5_INDEX_NAME, H5_ITER_INC, each, c, H5O_INFO_BASIC) >= 0;
#else
  return H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, each, c) >= 0;
#endif
}

ntk_error *ntk_h5_copy(ntk_h5 *into, const char *path, ntk_h5 *from) {
  copy c = {into, path, from->id, NULL};
  ntk_h5_quiet before = ntk_h5_quiet_begin();
  ntk_error *err = ntk_h5_make_groups(into, path);
  if (!err && H5Ocopy(from->id, "/", into->id, path, H5P_DEFAULT, H5P_DEFAULT) < 0) err = ntk_h5_fail(into, NTK_E_IO, "cannot copy %s", from->path);
  bool whole = !err && visit(from->id, detach, &c) && visit(from->id, attach, &c);
  if (!err && !whole && !c.err) c.err = ntk_h5_fail(into, NTK_E_IO, "cannot copy the axes of %s", from->path);
  ntk_h5_quiet_end(before);
  return ntk_error_join(err, c.err);
}
