#include <limits.h>
#include <stdlib.h>

#include "base/mem.h"
#include "gram/matrix.h"

static ntk_error *describe(const ntk_gram *gram, int descriptor[9]) {
  int n = (int)gram->n, block = NTK_GRAM_BLOCK, zero = 0, leading = (int)gram->leading, info = 0;
  descinit_(descriptor, &n, &n, &block, &block, &zero, &zero, &gram->grid.context, &leading, &info);
  return info ? ntk_fail(NTK_E_INTERNAL, "descinit info %d", info) : NULL;
}

/* What the solver was asked, with the work arrays it wants; length -1 asks for their sizes. */
typedef struct {
  int descriptor[9];
  double *work, size;
  int length, *integers, integer_length, integer_size, info;
} call;

static void solve(ntk_gram *gram, int with_vectors, double *values, double *z, call *c) {
  int n = (int)gram->n, one = 1;
  double *work = c->work ? c->work : &c->size;
  int *integers = c->integers ? c->integers : &c->integer_size;
  if (with_vectors)
    pdsyevd_("V", "L", &n, gram->a, &one, &one, c->descriptor, values, z, &one, &one, c->descriptor, work, &c->length, integers, &c->integer_length,
             &c->info, 1, 1);
  else
    pdsyev_("N", "L", &n, gram->a, &one, &one, c->descriptor, values, z, &one, &one, c->descriptor, work, &c->length, &c->info, 1, 1);
}

/* pdsyevd's answer to the question for its work size leaves out what pdormtr and pdlasrt, which it calls, need: too small for few blocks. */
static double work_wanted(const ntk_gram *gram, double answer) {
  double rows = (double)gram->local_rows, columns = (double)gram->local_columns, block = NTK_GRAM_BLOCK;
  return answer + 4 * (double)gram->n + (rows + columns + 3 * block) * block + rows * (block + columns);
}

/* pdsyevd wants all n vectors, whatever k; it has no form without them, pdsyev's is the same reduction followed by QR. */
ntk_error *ntk_gram_solve_scalapack(ntk_gram *gram, size_t k, double *values, double *z) {
  const ntk_comm *members = &gram->grid.members;
  double unused = 0;
  call c = {.length = -1, .integer_length = -1};
  ntk_error *err = NULL;
  NTK_TRY_OUT(ntk_agree(members, describe(gram, c.descriptor)));
  solve(gram, k > 0, values, z ? z : &unused, &c);
  double wanted = work_wanted(gram, c.size);
  if (!c.info && wanted > INT_MAX) err = ntk_fail(NTK_E_MEMORY, "work array beyond the solver's integers: use more ranks");
  if (!err && !c.info) err = ntk_alloc((size_t)wanted + 1, sizeof(double), &c.work);
  if (!err && !c.info) err = ntk_alloc((size_t)c.integer_size + 1, sizeof(int), &c.integers);
  NTK_TRY_OUT(ntk_agree(members, err));
  if (!c.info) {
    c.length = (int)wanted;
    c.integer_length = c.integer_size;
    solve(gram, k > 0, values, z ? z : &unused, &c);
  }
  if (c.info) err = ntk_fail(NTK_E_NUMERIC, "%s info %d", k ? "pdsyevd" : "pdsyev", c.info);
  err = ntk_agree(members, err);
out:
  free(c.work);
  free(c.integers);
  return err;
}
