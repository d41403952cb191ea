/** Where the points of a measure come from: one row a source. Private to data/. */
#ifndef NTK_DATA_SOURCE_H
#define NTK_DATA_SOURCE_H

#include "base/rng.h"
#include "config/schema.h"
#include "config/value.h"

/** Parameters are checked (config/schema.h). A formula gives `dimension` and `fill`, other sources `size` and `read`. */
typedef struct {
  ntk_choice choice;
  size_t (*dimension)(const ntk_value *parameters);
  /** n x d points; point i depends on the parameters, rng and i only, so a larger sample begins with the smaller one. */
  ntk_error *(*fill)(const ntk_value *parameters, ntk_rng rng, size_t n, size_t d, double *x);
  ntk_error *(*size)(const ntk_value *parameters, size_t *n, size_t *d);
  ntk_error *(*read)(const ntk_value *parameters, size_t *n, size_t *d, double **x);
} ntk_source;

/** The source named in a checked entry. */
const ntk_source *ntk_source_of(const ntk_value *entry);

/** NTK_E_CONFIG "file:line:col: key: ..." for a parameter. */
ntk_error *ntk_source_wrong(const ntk_value *parameters, const char *key, const char *format, ...) NTK_CHECKED NTK_PRINTF(3, 4);

/* Formulas (formulas.c). */
size_t ntk_dimension_given(const ntk_value *parameters);
size_t ntk_dimension_plane(const ntk_value *parameters);
NTK_CHECKED ntk_error *ntk_fill_gaussian(const ntk_value *parameters, ntk_rng rng, size_t n, size_t d, double *x);
NTK_CHECKED ntk_error *ntk_fill_ring(const ntk_value *parameters, ntk_rng rng, size_t n, size_t d, double *x);
NTK_CHECKED ntk_error *ntk_fill_grid(const ntk_value *parameters, ntk_rng rng, size_t n, size_t d, double *x);
NTK_CHECKED ntk_error *ntk_fill_uniform(const ntk_value *parameters, ntk_rng rng, size_t n, size_t d, double *x);
NTK_CHECKED ntk_error *ntk_fill_sphere(const ntk_value *parameters, ntk_rng rng, size_t n, size_t d, double *x);
NTK_CHECKED ntk_error *ntk_fill_spiral(const ntk_value *parameters, ntk_rng rng, size_t n, size_t d, double *x);

/* Given points (given.c). */
NTK_CHECKED ntk_error *ntk_size_values(const ntk_value *parameters, size_t *n, size_t *d);
NTK_CHECKED ntk_error *ntk_read_values(const ntk_value *parameters, size_t *n, size_t *d, double **x);
NTK_CHECKED ntk_error *ntk_size_file(const ntk_value *parameters, size_t *n, size_t *d);
NTK_CHECKED ntk_error *ntk_read_file(const ntk_value *parameters, size_t *n, size_t *d, double **x);

#endif
