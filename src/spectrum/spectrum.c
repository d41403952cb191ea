#include "spectrum/spectrum.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "field/field.h"
#include "gram/gram.h"

static ntk_error *allocate(ntk_spectrum *s, const double *target, double **column) {
  NTK_TRY(NTK_NEW(s->n, &s->values));
  if (s->k) NTK_TRY(ntk_alloc(s->n, s->k * sizeof(double), &s->vectors));
  if (!s->k || !target) return NULL;
  NTK_TRY(NTK_NEW(s->k, &s->alignment));
  return ntk_alloc(s->n, 2 * sizeof(double), column);
}

/* Squared cosines of mass^1/2 target with the eigenvectors; 0 for a target that is 0. */
static void align(ntk_spectrum *s, const double *mass, const double *target, double *column) {
  double *scaled = column + s->n;
  for (size_t i = 0; i < s->n; i++) scaled[i] = (mass ? sqrt(mass[i]) : 1) * target[i];
  double total = ntk_dot(s->n, scaled, scaled);
  for (size_t c = 0; c < s->k; c++) {
    for (size_t i = 0; i < s->n; i++) column[i] = s->vectors[i * s->k + c];
    double share = ntk_dot(s->n, column, scaled);
    s->alignment[c] = total > 0 ? share * share / total : 0;
  }
}

ntk_error *ntk_spectrum_compute(const ntk_comm *comm, const ntk_kernel *kernel, const ntk_prepared *z, const double *mass, size_t k,
                                const double *target, ntk_spectrum *out) {
  size_t n = ntk_prepared_count(z);
  ntk_gram *gram = NULL;
  double *column = NULL;
  *out = (ntk_spectrum){.n = n, .k = k < n ? k : n};
  ntk_error *err = NULL;
  NTK_TRY_OUT(ntk_agree(comm, allocate(out, target, &column)));
  NTK_TRY_OUT(ntk_gram_create(comm, kernel, z, mass, &gram));
  NTK_TRY_OUT(ntk_gram_eigen(gram, out->k, out->values, out->vectors));
  if (column) align(out, mass, target, column);
out:
  ntk_gram_free(&gram);
  free(column);
  if (err) ntk_spectrum_free(out);
  return err;
}

void ntk_spectrum_free(ntk_spectrum *s) {
  free(s->values);
  free(s->vectors);
  free(s->alignment);
  *s = (ntk_spectrum){0};
}
