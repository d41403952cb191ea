/** Chains: see tile/chain.h. */
#ifndef NTK_KERNEL_CHAIN_H
#define NTK_KERNEL_CHAIN_H

#include "kernel/evaluate.h"
#include "kernel/tile/chain.h"

/** Arrays of ntk_prepared.angles for each activation but the first. */
enum { NTK_CHAIN_ANGLES = 3 };

/** Arrays of ntk_prepared.singles for each activation. */
enum { NTK_CHAIN_TABLES = 5 };

/** Activations of the chain that the program is; 0 if it is none. */
size_t ntk_chain_length(const ntk_program *program);

/** Fills points->angles of the points [first, end), from the variances. */
void ntk_chain_prepare(const ntk_kernel *kernel, ntk_prepared *points, size_t first, size_t end);

/** Fills points->singles from the tables, lanes [first, end). */
void ntk_chain_round(const ntk_kernel *kernel, ntk_prepared *points, size_t first, size_t end);

/** An activation of a block, and what it takes from a row: the tables of ntk_chain_columns over points (the last three NULL for the first). */
struct ntk_chain_step {
  ntk_chain_pass pass;
  const double *table[NTK_CHAIN_TABLES], *q_tangent, *after_tangent;
  double twice_bias_root;
};

/** Before the rows of a block. */
void ntk_chain_prepare_columns(const ntk_kernel *kernel, ntk_workspace *workspace, const ntk_tile *tile, ntk_block block);

/** A row against the block, the general input state in register 0 where the dimension is above NTK_CHAIN_DIRECT. The workspace has two registers more. */
ntk_result ntk_chain_evaluate(const ntk_kernel *kernel, ntk_workspace *workspace, const ntk_tile *tile, ntk_block block, size_t marked, int mode);

#endif
