/** Private to gan/: a computation whose decisions rank 0 takes alone, while all ranks form its products of the kernel matrix. */
#ifndef NTK_GAN_LEAD_H
#define NTK_GAN_LEAD_H

#include "field/field.h"

typedef struct ntk_lead ntk_lead;

/** Runs on rank 0 only; asks for products with ntk_lead_multiply. */
typedef ntk_error *(*ntk_lead_work)(ntk_lead *lead, void *context);

/** Runs `work` on rank 0 and serves its products on the others. Results stay on rank 0. Collective over the operator's group. */
NTK_CHECKED ntk_error *ntk_lead_run(ntk_operator *op, ntk_lead_work work, void *context);

/** y = A x (rank 0, within a work). */
NTK_CHECKED ntk_error *ntk_lead_multiply(ntk_lead *lead, const double *x, double *y);

#endif
