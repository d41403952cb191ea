#include "gram/elpa_quiet.h"
#include "gram/matrix.h"

#ifdef NTK_HAVE_ELPA
/* What a call said, and whether it failed. */
static ntk_error *check(int status, const char *what) {
  return status == ELPA_OK ? NULL : ntk_fail(NTK_E_NUMERIC, "%s: %s", what, elpa_strerr(status));
}

static ntk_error *set(elpa_t handle, const char *name, int value) {
  int status = ELPA_OK;
  elpa_set_integer(handle, name, value, &status);
  return check(status, name);
}

static ntk_error *configure(elpa_t handle, const ntk_gram *gram, size_t k) {
  const struct {
    const char *name;
    int value;
  } settings[] = {{"na", (int)gram->n},
                  {"nev", (int)(k ? k : gram->n)},
                  {"local_nrows", (int)gram->leading},
                  {"local_ncols", (int)gram->local_columns},
                  {"nblk", NTK_GRAM_BLOCK},
                  {"mpi_comm_parent", (int)MPI_Comm_c2f(gram->grid.members.mpi)},
                  {"process_row", gram->grid.row},
                  {"process_col", gram->grid.column}};
  for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) NTK_TRY(set(handle, settings[i].name, settings[i].value));
  return NULL;
}

/* Values only: two stages are faster; with vectors one stage is (the back transformation of the second stage costs more than it saves here). */
static ntk_error *solve(elpa_t handle, ntk_gram *gram, size_t k, double *values, double *z) {
  int status = ELPA_OK;
  if (k)
    elpa_eigenvectors_a_h_a_d(handle, gram->a, values, z, &status);
  else
    elpa_eigenvalues_a_h_a_d(handle, gram->a, values, &status);
  return check(status, k ? "elpa_eigenvectors" : "elpa_eigenvalues");
}

ntk_error *ntk_gram_solve_elpa(ntk_gram *gram, size_t k, double *values, double *z) {
  const ntk_comm *members = &gram->grid.members;
  int status = elpa_init(ELPA_API_VERSION);
  NTK_TRY_ALL(members, check(status, "elpa_init"));
  elpa_t handle = elpa_allocate(&status);
  NTK_TRY_ALL(members, check(status, "elpa_allocate"));
  ntk_error *err = NULL;
  NTK_TRY_OUT(ntk_agree(members, configure(handle, gram, k)));
  NTK_TRY_OUT(ntk_agree(members, check(elpa_setup(handle), "elpa_setup")));
  NTK_TRY_OUT(ntk_agree(members, set(handle, "solver", k ? ELPA_SOLVER_1STAGE : ELPA_SOLVER_2STAGE)));
  err = ntk_agree(members, solve(handle, gram, k, values, z));
out:
  elpa_deallocate(handle, &status);
  return err;
}
#else
ntk_error *ntk_gram_solve_elpa(ntk_gram *gram, size_t k, double *values, double *z) {
  (void)gram, (void)k, (void)values, (void)z;
  return ntk_fail(NTK_E_INTERNAL, "built without ELPA");
}
#endif
