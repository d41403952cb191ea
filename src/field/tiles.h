/** Private to field/: how rows and columns are cut, and sums in a fixed tree. */
#ifndef NTK_FIELD_TILES_H
#define NTK_FIELD_TILES_H

#include <stddef.h>

#include "base/comm.h"
#include "base/numbers.h"

enum { NTK_TILE_COLUMNS = 512 };

/** Rows of a tile of n points of R^d: depends on nothing else, so that results do not depend on the number of ranks. Points of many coordinates go
 *  through matrix products, which are slow for few rows. */
size_t ntk_tile_rows(size_t n, size_t d);

/** Sums equally long vectors in a fixed binary tree (a binary counter of partial sums): the error grows with log2 of the number of
 *  vectors, and the bits depend only on their order. */
typedef struct {
  size_t length, levels, count;
  double *partial; /* levels x length */
} ntk_tree_sum;

/** For at most `terms` vectors of up to `length` numbers. Release with ntk_tree_sum_free. */
NTK_CHECKED ntk_error *ntk_tree_sum_create(size_t length, size_t terms, ntk_tree_sum *out);
void ntk_tree_sum_free(ntk_tree_sum *sum);
/** Starts a new sum of vectors of `length` numbers (<= the length at creation). */
void ntk_tree_sum_start(ntk_tree_sum *sum, size_t length);
/** Adds one vector (level 0), or a branch: the sum of the next 2^level vectors, whose number so far is a multiple of that. Overwrites `term`. */
void ntk_tree_sum_add(ntk_tree_sum *sum, size_t level, double *term);
void ntk_tree_sum_finish(ntk_tree_sum *sum, double *out);

#endif
