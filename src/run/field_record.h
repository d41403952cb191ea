/** Private to run/: what has been recorded of one field, f and its gradient on a lattice. */
#ifndef NTK_RUN_FIELD_RECORD_H
#define NTK_RUN_FIELD_RECORD_H

#include <stdbool.h>

#include "data/lattice.h"
#include "io/h5.h"
#include "run/schedule.h"

typedef struct {
  const char *name; /* borrowed from the settings */
  ntk_lattice lattice;
  ntk_schedule schedule;
  bool alone;        /* the discriminator is trained on each point as the only fake one: recorded once */
  bool along_axes;   /* of the gradient, the parts along the lattice's directions are kept; else all coordinates */
  size_t gradients;  /* numbers of the gradient kept at a point; 0: none */
  size_t capacity;   /* records */
  size_t count;      /* records made */
  double *iteration; /* capacity; this and the arrays below on the group's root only */
  double *value;     /* capacity x n: f */
  double *objective; /* capacity x n: c(f) */
  double *slope;     /* capacity x n: c'(f) */
  double *gradient;  /* capacity x n x gradients: grad f; NULL without */
} ntk_field_record;

/** Arrays for `capacity` records of the lattice. */
NTK_CHECKED ntk_error *ntk_field_record_allocate(ntk_field_record *r);
void ntk_field_record_free(ntk_field_record *r);

/** Keeps record number `index` (0 ..): f, c(f), c'(f) (n each) and grad f (n x d, or NULL where none is kept) on the lattice. */
void ntk_field_record_put(ntk_field_record *r, size_t index, long long iteration, const double *value, const double *objective, const double *slope,
                          const double *gradient);

/** Group /fields/NAME of a run file; nothing while nothing is recorded. Read: into allocated records. NTK_E_INPUT when shapes do not fit. */
NTK_CHECKED ntk_error *ntk_field_record_write(const ntk_field_record *r, ntk_h5 *file);
NTK_CHECKED ntk_error *ntk_field_record_read(ntk_field_record *r, ntk_h5 *file);

#endif
