/** Private to field/: what results of kernel sums go through. */
#ifndef NTK_FIELD_SUM_H
#define NTK_FIELD_SUM_H

#include "field/field.h"

/** NTK_E_NONFINITE that names what and the point. */
NTK_CHECKED ntk_error *ntk_check_finite(size_t count, size_t width, const double *values, const char *what);

/** Completes a replicated n x width array of which each rank holds its own rows, start[r] .. start[r+1]. Collective. */
NTK_CHECKED ntk_error *ntk_share_rows(const ntk_comm *comm, const size_t *start, size_t width, double *values);

#endif
