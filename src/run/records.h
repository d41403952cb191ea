/** Private to run/: what a run has recorded so far, held by the group's root until the run file is written. */
#ifndef NTK_RUN_RECORDS_H
#define NTK_RUN_RECORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "io/h5.h"
#include "run/field_record.h"

enum { NTK_MAX_SERIES = 64 };

typedef struct {
  size_t n, d;                                                  /* fake points */
  size_t fresh_n;                                               /* fresh points of the generator; 0: none */
  size_t capacity, count;                                       /* records */
  double *iteration, *time;                                     /* capacity */
  size_t series;                                                /* named numbers at each record; the first is "loss" */
  const char *name[NTK_MAX_SERIES], *long_name[NTK_MAX_SERIES]; /* borrowed */
  char *own[2 * NTK_MAX_SERIES];                                /* texts that names may point to; NULL: none */
  double *values;                                               /* capacity x series */
  double *trajectory;                                           /* capacity x n x d, or NULL */
  double *fresh;                                                /* capacity x fresh_n x d, or NULL */
  size_t spectra_capacity, spectra;                             /* spectra recorded */
  size_t total, eigenvalues, eigenvectors;                      /* points of gamma, numbers of each kept */
  double *spectrum_iteration;                                   /* spectra_capacity */
  double *eigenvalue;                                           /* spectra_capacity x eigenvalues */
  double *eigenvector;                                          /* spectra_capacity x total x eigenvectors, or NULL */
  double *alignment;                                            /* spectra_capacity x eigenvectors, or NULL */
  size_t field_count;
  ntk_field_record *fields;
} ntk_records;

/** Allocates for the sizes already set in `r` (capacities, n, d, fresh_n, series, total, eigenvalues, eigenvectors; `trajectory`: keep positions). */
NTK_CHECKED ntk_error *ntk_records_allocate(ntk_records *r, bool trajectory);
void ntk_records_free(ntk_records *r);

/** True when there is something that only a run file can hold. */
bool ntk_records_arrays(const ntk_records *r);

/** {"iteration": [...], "metrics": {"loss": [...], ...}} */
void ntk_records_json(const ntk_records *r, ntk_text *out);

/** Groups /trajectory, /metrics, /spectrum, /fields and /loss of a run file (interface: Files); what is empty is left out. */
NTK_CHECKED ntk_error *ntk_records_write(const ntk_records *r, ntk_h5 *file);
/** The same datasets back into allocated records (of a checkpoint). NTK_E_INPUT when shapes do not fit. */
NTK_CHECKED ntk_error *ntk_records_read(ntk_records *r, ntk_h5 *file);

#endif
