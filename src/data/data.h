/** Measures: weighted points from formulas and from files. */
#ifndef NTK_DATA_DATA_H
#define NTK_DATA_DATA_H

#include <stddef.h>

#include "base/comm.h"
#include "base/rng.h"
#include "config/schema.h"
#include "config/value.h"

/** n points in R^d (row-major) with masses that sum to 1. Owned by whoever created it. */
typedef struct {
  size_t n, d;
  double *x;     /* n x d */
  double *mass;  /* n */
  size_t mapped; /* bytes of the memory that x is in where ranks share it; else 0 */
} ntk_measure;

/** Builds the measure of a checked `data.real` / `data.fake` entry. Pure function of the entry, `rng` and file contents; not collective.
 *  NTK_E_INPUT for an unreadable or ill-formed file (file:line:col for text), NTK_E_CONFIG for keys that contradict each other. */
NTK_CHECKED ntk_error *ntk_measure_create(const ntk_value *entry, ntk_rng rng, ntk_measure *out);

/** The same for the ranks of a group, with points that nobody changes: the first rank of each node builds them, and a node holds them once. Collective;
 *  each rank frees its measure by itself. */
NTK_CHECKED ntk_error *ntk_measure_create_once(const ntk_comm *comm, const ntk_value *entry, ntk_rng rng, ntk_measure *out);

/** Uniform masses over a copy of x. */
NTK_CHECKED ntk_error *ntk_measure_uniform(size_t n, size_t d, const double *x, ntk_measure *out);

/** Reads a point file with uniform masses (`ntkgan mmd REAL FAKE`): .npy, .csv, .h5:/path, IDX (.gz too), "-" = CSV on standard input. */
NTK_CHECKED ntk_error *ntk_measure_read(const char *path, ntk_measure *out);
void ntk_measure_free(ntk_measure *m);

/** Points and dimension of an entry without building it where that is cheap (file headers and weights are read): for plans. Fails where
 *  ntk_measure_create would for anything but the points of files. */
NTK_CHECKED ntk_error *ntk_measure_size(const ntk_value *entry, size_t *n, size_t *d);

/** Catalog kind "data". */
const ntk_choices *ntk_data_choices(void);

#endif
