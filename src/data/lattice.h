/** Lattices: regular points on lines and planes, where functions are looked at. */
#ifndef NTK_DATA_LATTICE_H
#define NTK_DATA_LATTICE_H

#include <stddef.h>

#include "config/schema.h"
#include "data/data.h"

enum { NTK_LATTICE_AXES = 2 };

/** n = shape[0] (x shape[1]) points of R^d, the second axis fastest: point = origin + sum_a position_a direction_a, directions orthonormal. */
typedef struct {
  size_t axes, shape[NTK_LATTICE_AXES], n, d;
  const char *name[NTK_LATTICE_AXES]; /* of the axes: "x" and "y", "position", "u" and "v" */
  double *position[NTK_LATTICE_AXES]; /* shape[a]: coordinates along each axis */
  double *direction;                  /* axes x d */
  double *origin;                     /* d */
  double *x;                          /* n x d */
} ntk_lattice;

/** From a checked entry of the kind "lattices" for points of fake's and real's dimension; slices may go through their points. Pure, not collective.
 *  NTK_E_CONFIG "file:line:col: ...". Release with ntk_lattice_free, also after an error. */
NTK_CHECKED ntk_error *ntk_lattice_create(const ntk_value *entry, const ntk_measure *fake, const ntk_measure *real, ntk_lattice *out);
void ntk_lattice_free(ntk_lattice *lattice);

/** Axes and shape without making the points: for plans. Of the measures n and d are looked at. */
NTK_CHECKED ntk_error *ntk_lattice_size(const ntk_value *entry, const ntk_measure *fake, const ntk_measure *real, size_t *axes,
                                        size_t shape[NTK_LATTICE_AXES]);

/** Catalog kind "lattices". */
const ntk_choices *ntk_lattice_choices(void);

#endif
