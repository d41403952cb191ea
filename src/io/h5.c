#include "io/h5.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "io/file.h"
#include "io/h5_file.h"
#include "io/seal.h"

enum { FORMAT_VERSION = 1, IMAGE_STEP = 1 << 20 /* bytes by which the image of a new file grows */ };

ntk_h5_quiet ntk_h5_quiet_begin(void) {
  ntk_h5_quiet before = {NULL, NULL};
  H5open(); /* the first call of the process would turn printing on */
  H5Eget_auto2(H5E_DEFAULT, &before.print, &before.data);
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  return before;
}

void ntk_h5_quiet_end(ntk_h5_quiet before) { H5Eset_auto2(H5E_DEFAULT, before.print, before.data); }

/* The text between "error message = '" and the next quote, which is the system's reason; else the whole description. */
static herr_t first_reason(unsigned n, const H5E_error2_t *entry, void *context) {
  char *reason = context;
  if (n > 0 || !entry->desc) return 0;
  static const char mark[] = "error message = '";
  const char *system = strstr(entry->desc, mark), *start = system ? system + sizeof mark - 1 : entry->desc;
  size_t length = system ? strcspn(start, "'") : strlen(start);
  snprintf(reason, 256, "%.*s", (int)(length < 255 ? length : 255), start);
  return 0;
}

ntk_error *ntk_h5_fail(const ntk_h5 *file, ntk_code code, const char *format, ...) {
  char reason[256] = "";
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, first_reason, reason);
  ntk_text text = NTK_TEXT;
  char what[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(what, sizeof what, format, arguments);
  va_end(arguments);
  ntk_text_addf(&text, "%s: %s", file->path, what);
  if (reason[0]) ntk_text_addf(&text, ": %s", reason);
  char *message = NULL;
  ntk_error *err = ntk_text_take(&text, &message);
  if (!err) err = ntk_fail(code, "%s", message);
  free(message);
  return err;
}

bool ntk_h5_drop(hid_t id) { return id < 0 || H5Idec_ref(id) >= 0; }

hid_t ntk_h5_text_type(void) {
  hid_t type = H5Tcopy(H5T_C_S1);
  if (type >= 0 && (H5Tset_size(type, H5T_VARIABLE) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0)) {
    H5Tclose(type);
    return -1;
  }
  return type;
}

/* Readers take no locks: they see complete files only, and some cluster file systems cannot lock. */
static hid_t read_properties(void) {
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
#if H5_VERSION_GE(1, 12, 1) || (H5_VERSION_GE(1, 10, 7) && !H5_VERSION_GE(1, 12, 0))
  if (access >= 0) H5Pset_file_locking(access, false, true);
#endif
  return access;
}

/* A new file is built in memory: HDF5 cannot close a file whose disk is full (its exit handler loops and crashes), so it never meets the disk. */
static hid_t write_properties(bool large) {
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  if (large) return access;
  if (access < 0 || H5Pset_fapl_core(access, IMAGE_STEP, false) >= 0) return access;
  H5Pclose(access);
  return -1;
}

static ntk_error *file_new(const char *path, bool writing, ntk_h5 **out) {
  ntk_h5 *file = NULL;
  *out = NULL;
  NTK_TRY(NTK_NEW(1, &file));
  file->id = -1;
  ntk_error *err = ntk_copy_text(path, &file->path);
  if (!err && writing) {
    ntk_text part = NTK_TEXT;
    ntk_text_addf(&part, "%s.part", path);
    err = ntk_text_take(&part, &file->part);
  }
  if (err)
    ntk_h5_close(&file);
  else
    *out = file;
  return err;
}

static ntk_error *create(const char *path, bool large, ntk_h5 **out) {
  NTK_TRY(file_new(path, true, out));
  (*out)->large = large;
  ntk_h5_quiet before = ntk_h5_quiet_begin();
  ntk_error *err = NULL;
  hid_t access = write_properties(large), creation = H5Pcreate(H5P_FILE_CREATE);
  int fd = open((*out)->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666); /* a folder that cannot be written shows before the work */
  if (fd < 0)
    err = ntk_fail_errno(errno, "cannot create %s", (*out)->part);
  else
    close(fd);
  if (!err && access >= 0 && creation >= 0 && H5Pset_obj_track_times(creation, false) >= 0)
    (*out)->id = H5Fcreate((*out)->part, H5F_ACC_TRUNC, creation, access);
  if (!err && (*out)->id < 0) err = ntk_h5_fail(*out, NTK_E_IO, "cannot create");
  ntk_h5_drop(access);
  ntk_h5_drop(creation);
  if (!err) err = ntk_h5_attribute_integer(*out, "/", "format_version", FORMAT_VERSION);
  if (err) ntk_h5_close(out);
  ntk_h5_quiet_end(before);
  return err;
}

ntk_error *ntk_h5_create(const char *path, ntk_h5 **out) { return create(path, false, out); }
ntk_error *ntk_h5_create_large(const char *path, ntk_h5 **out) { return create(path, true, out); }

static ntk_error *commit_large(ntk_h5 *f) {
  ntk_h5_quiet before = ntk_h5_quiet_begin();
  ntk_error *err = H5Fclose(f->id) < 0 ? ntk_h5_fail(f, NTK_E_IO, "cannot complete") : NULL;
  f->id = -1;
  ntk_h5_quiet_end(before);
  return err ? err : ntk_file_publish(f->part, f->path);
}

/* With `note`: sealed. */
static ntk_error *commit(ntk_h5 *f, const char *previous, const char *note) {
  ntk_h5_quiet before = ntk_h5_quiet_begin();
  ntk_error *err = NULL;
  void **image = NULL; /* where the core driver keeps its pointer to the bytes */
  ssize_t length = -1;
  char trailer[NTK_SEAL_BYTES];
  if (!f->part)
    err = ntk_fail(NTK_E_INTERNAL, "%s: opened for reading, cannot be completed", f->path);
  else if (H5Fflush(f->id, H5F_SCOPE_GLOBAL) < 0 || (length = H5Fget_file_image(f->id, NULL, 0)) < 0 ||
           H5Fget_vfd_handle(f->id, H5P_DEFAULT, (void **)&image) < 0)
    err = ntk_h5_fail(f, NTK_E_IO, "cannot complete");
  if (!err && note) ntk_seal_make(*image, (size_t)length, note, trailer);
  if (!err) {
    const ntk_piece pieces[2] = {{*image, (size_t)length}, {trailer, note ? sizeof trailer : 0}};
    err = ntk_file_write_pieces(f->path, previous, pieces);
  }
  ntk_h5_quiet_end(before);
  return err;
}

ntk_error *ntk_h5_commit(ntk_h5 **file) {
  ntk_error *err = (*file)->large ? commit_large(*file) : commit(*file, NULL, NULL);
  ntk_h5_close(file);
  return err;
}

ntk_error *ntk_h5_commit_sealed(ntk_h5 **file, const char *previous, const char *note) {
  ntk_error *err = commit(*file, previous, note);
  ntk_h5_close(file);
  return err;
}

static ntk_error *check_version(ntk_h5 *file) {
  long long version = 0;
  htri_t exists = H5Aexists(file->id, "format_version");
  if (exists < 0) return ntk_h5_fail(file, NTK_E_INPUT, "cannot read");
  if (!exists) return NULL;
  NTK_TRY(ntk_h5_read_attribute_integer(file, "/", "format_version", &version));
  if (version > FORMAT_VERSION)
    return ntk_fail(NTK_E_INPUT, "%s: has format version %lld, this program reads up to %d: use a newer ntkgan", file->path, version, FORMAT_VERSION);
  return NULL;
}

/* Takes over `access`. `name`: what HDF5 takes for the file's. */
static ntk_error *open_with(hid_t access, const char *path, const char *name, ntk_h5 **out) {
  ntk_error *err = file_new(path, false, out);
  if (!err) {
    (*out)->id = access < 0 ? -1 : H5Fopen(name, H5F_ACC_RDONLY, access);
    err = (*out)->id < 0 ? ntk_h5_fail(*out, NTK_E_INPUT, "cannot open as HDF5") : check_version(*out);
  }
  ntk_h5_drop(access);
  if (err) ntk_h5_close(out);
  return err;
}

ntk_error *ntk_h5_open(const char *path, ntk_h5 **out) {
  ntk_h5_quiet before = ntk_h5_quiet_begin();
  ntk_error *err = open_with(read_properties(), path, path, out);
  ntk_h5_quiet_end(before);
  return err;
}

ntk_error *ntk_h5_open_sealed(const char *path, ntk_h5 **out) {
  char *bytes = NULL;
  size_t length = 0;
  *out = NULL;
  NTK_TRY(ntk_seal_read(path, SIZE_MAX / 4, &bytes, &length));
  ntk_h5_quiet before = ntk_h5_quiet_begin();
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  if (access >= 0 && (H5Pset_fapl_core(access, IMAGE_STEP, false) < 0 || H5Pset_file_image(access, bytes, length) < 0)) {
    H5Pclose(access);
    access = -1;
  }
  free(bytes);                                                              /* HDF5 holds a copy */
  ntk_error *err = open_with(access, path, "/image of a sealed file", out); /* HDF5 wants a name that is no file's */
  ntk_h5_quiet_end(before);
  return err;
}

void ntk_h5_close(ntk_h5 **file) {
  ntk_h5 *f = *file;
  if (!f) return;
  ntk_h5_quiet before = ntk_h5_quiet_begin();
  ntk_h5_drop(f->id);
  ntk_h5_quiet_end(before);
  if (f->part) unlink(f->part); /* absent after a commit */
  free(f->path);
  free(f->part);
  free(f);
  *file = NULL;
}

hid_t ntk_h5_id(const ntk_h5 *file) { return file->id; }

bool ntk_h5_present(hid_t file, const char *path) {
  if (strcmp(path, "/") == 0) return true;
  char *prefix = NULL;
  ntk_error *err = ntk_copy_text(path, &prefix);
  bool present = !err;
  ntk_error_free(&err);
  for (size_t i = 1; present && i <= strlen(path); i++) {
    if ((path[i] != '/' && path[i] != '\0') || path[i - 1] == '/') continue;
    prefix[i] = '\0';
    present = H5Lexists(file, prefix, H5P_DEFAULT) > 0;
    prefix[i] = path[i];
  }
  free(prefix);
  return present && H5Oexists_by_name(file, path, H5P_DEFAULT) > 0;
}

bool ntk_h5_has(ntk_h5 *file, const char *path) {
  ntk_h5_quiet before = ntk_h5_quiet_begin();
  bool present = ntk_h5_present(file->id, path);
  ntk_h5_quiet_end(before);
  return present;
}

ntk_error *ntk_h5_make_groups(ntk_h5 *file, const char *path) {
  ntk_error *err = NULL;
  char *prefix = NULL;
  hid_t creation = -1;
  NTK_TRY_OUT(ntk_copy_text(path, &prefix));
  creation = H5Pcreate(H5P_GROUP_CREATE);
  if (creation < 0 || H5Pset_obj_track_times(creation, false) < 0) {
    err = ntk_h5_fail(file, NTK_E_IO, "cannot make the groups of %s", path);
    goto out;
  }
  for (size_t i = 1; path[i]; i++) {
    if (path[i] != '/') continue;
    prefix[i] = '\0';
    if (!ntk_h5_present(file->id, prefix)) {
      hid_t group = H5Gcreate2(file->id, prefix, H5P_DEFAULT, creation, H5P_DEFAULT);
      if (group < 0) err = ntk_h5_fail(file, NTK_E_IO, "cannot make the group %s", prefix);
      ntk_h5_drop(group);
      if (err) goto out;
    }
    prefix[i] = '/';
  }
out:
  ntk_h5_drop(creation);
  free(prefix);
  return err;
}

ntk_error *ntk_h5_link(ntk_h5 *file, const char *path, const char *target_file) {
  ntk_h5_quiet before = ntk_h5_quiet_begin();
  ntk_error *err = ntk_h5_make_groups(file, path);
  if (!err && H5Lcreate_external(target_file, "/", file->id, path, H5P_DEFAULT, H5P_DEFAULT) < 0)
    err = ntk_h5_fail(file, NTK_E_IO, "cannot link %s to %s", path, target_file);
  ntk_h5_quiet_end(before);
  return err;
}
