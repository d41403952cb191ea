#include "gan/lead.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct ntk_lead {
  ntk_operator *op;
  size_t n;
  double *request; /* whether there is one, then its vector */
  double *answer;
};

/* The next vector, from rank 0 to all. */
static ntk_error *share(ntk_lead *lead) {
  return ntk_comm_bcast(ntk_operator_comm(lead->op), lead->request, (lead->n + 1) * sizeof *lead->request, 0);
}

ntk_error *ntk_lead_multiply(ntk_lead *lead, const double *x, double *y) {
  lead->request[0] = 1;
  memcpy(lead->request + 1, x, lead->n * sizeof *x);
  NTK_TRY(share(lead));
  return ntk_operator_apply(lead->op, lead->request + 1, y);
}

/* A product that fails here fails on rank 0 too, which then decides whether it ends the work. */
static ntk_error *serve(ntk_lead *lead) {
  for (;;) {
    NTK_TRY(share(lead));
    if (lead->request[0] == 0) return NULL;
    ntk_error *err = ntk_operator_apply(lead->op, lead->request + 1, lead->answer);
    if (err && ntk_error_code(err) != NTK_E_NONFINITE) return err;
    ntk_error_free(&err);
  }
}

ntk_error *ntk_lead_run(ntk_operator *op, ntk_lead_work work, void *context) {
  const ntk_comm *comm = ntk_operator_comm(op);
  ntk_lead lead = {op, ntk_operator_size(op), NULL, NULL};
  ntk_error *err = NTK_NEW(lead.n + 1, &lead.request);
  if (!err) err = NTK_NEW(lead.n, &lead.answer);
  err = ntk_agree(comm, err);
  if (!err && comm->rank == 0) {
    err = work(&lead, context);
    lead.request[0] = 0;
    err = ntk_error_join(err, share(&lead));
  } else if (!err)
    err = serve(&lead);
  free(lead.request);
  free(lead.answer);
  return ntk_agree(comm, err);
}
