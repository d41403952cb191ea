/** Private to field/: sums over columns for many rows, dealt to ranks by area.
 *
 *  A matrix of n rows and m columns is cut into row tiles and each of these into column tiles, at places that depend on its sizes only. Each row tile's
 *  column tiles are summed in the tree of ntk_tree_sum. Ranks share the column tiles out evenly, row tile after row tile: where one rank's work ends
 *  within a row tile, the next one sums whole branches of the tree for it. So no rank does more than a column tile above the mean, and the bits
 *  are the same on any number of ranks.
 */
#ifndef NTK_FIELD_DEAL_H
#define NTK_FIELD_DEAL_H

#include "field/tiles.h"

/** Column tile j of row tile i has the number i * strip + j; rank r does [cut[r], cut[r + 1]). */
typedef struct {
  size_t n, m, rows, columns; /* of the matrix; the most of a tile */
  size_t strip;               /* column tiles of a row tile */
  size_t ranks, *cut;         /* ranks + 1 */
} ntk_deal;

/** Not collective; release with ntk_deal_free. */
NTK_CHECKED ntk_error *ntk_deal_create(size_t n, size_t m, size_t rows, size_t columns, size_t ranks, ntk_deal *out);
void ntk_deal_free(ntk_deal *deal);

/** The same for fewer columns, m > 0: each rank in the same rows. */
void ntk_deal_narrow(ntk_deal *deal, size_t m);

/** The rows whose sums rank r gets: start[r] .. start[r + 1], those of the row tiles that it begins. start has ranks + 1 entries. */
void ntk_deal_rows(const ntk_deal *deal, size_t *start);

/** Rows of which a rank does anything. */
void ntk_deal_span(const ntk_deal *deal, size_t rank, size_t *first, size_t *end);

/** What is summed: `width` numbers a row. */
typedef struct {
  void *context;
  size_t width;
  /** Writes the terms of a tile (rows x width numbers, in any order that goes with the rows). */
  void (*term)(void *context, size_t row, size_t rows, size_t column, size_t columns, double *out);
  /** Takes the sum of a row tile; may change it. */
  void (*take)(void *context, size_t row, size_t rows, double *sum);
} ntk_deal_work;

/** Does the ranks' work: afterwards each has taken the row tiles that it begins (none where there are no columns). deal->ranks = comm->size. Collective. */
NTK_CHECKED ntk_error *ntk_deal_sum(const ntk_comm *comm, const ntk_deal *deal, const ntk_deal_work *work);

#endif
