/** For unit tests: reading reference files with plain HDF5, and communicators for "any number of ranks gives the same bits". */
#ifndef NTK_TESTS_REFERENCE_H
#define NTK_TESTS_REFERENCE_H

#include <hdf5.h>
#include <mpi.h>

#include "base/comm.h"
#include "check.h"

/** True where the dataset exists. */
static inline int reference_has(hid_t file, const char *path) { return H5Lexists(file, path, H5P_DEFAULT) > 0; }

/** A dataset of doubles of rank <= 2 (free()); shape[0], shape[1] are 1 where it has fewer axes. */
static inline double *reference_read(hid_t file, const char *path, size_t shape[2]) {
  hsize_t extent[2] = {1, 1};
  hid_t set = H5Dopen2(file, path, H5P_DEFAULT);
  assert_true(set >= 0);
  hid_t space = H5Dget_space(set);
  assert_true(H5Sget_simple_extent_ndims(space) <= 2);
  H5Sget_simple_extent_dims(space, extent, NULL);
  shape[0] = (size_t)extent[0];
  shape[1] = (size_t)extent[1];
  double *values = calloc(shape[0] * shape[1] + 1, sizeof *values);
  assert_non_null(values);
  assert_true(H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
  H5Sclose(space);
  H5Dclose(set);
  return values;
}

static inline double reference_number(hid_t file, const char *path) {
  size_t shape[2];
  double *value = reference_read(file, path, shape), number = value[0];
  free(value);
  return number;
}

/** All ranks, and this rank alone. */
typedef struct {
  ntk_comm world, self;
} test_comms;

static inline int comms_create(void **state) {
  test_comms *comms = calloc(1, sizeof *comms);
  OK(ntk_comm_create(MPI_COMM_WORLD, &comms->world));
  OK(ntk_comm_create(MPI_COMM_SELF, &comms->self));
  *state = comms;
  return 0;
}

static inline int comms_free(void **state) {
  test_comms *comms = *state;
  ntk_comm_free(&comms->world);
  ntk_comm_free(&comms->self);
  free(comms);
  return 0;
}

/** Bit for bit. */
static inline void assert_same_bits(const double *a, const double *b, size_t count) { assert_memory_equal(a, b, count * sizeof *a); }

#endif
