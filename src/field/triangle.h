/** Private to field/: the pairs of a pooled point set as square tiles of a triangle, in an order that reuses blocks of points. */
#ifndef NTK_FIELD_TRIANGLE_H
#define NTK_FIELD_TRIANGLE_H

#include <stdbool.h>
#include <stddef.h>

/** The points, first set first, are cut into tiles of nearly equal size that belong to one set each; `block` tiles in a row are a block. A pair of
 *  tiles (row <= column) is a tile of the triangle. Boundaries depend on the two sizes only. */
typedef struct {
  size_t sizes[2], tiles[2]; /* points and tiles of each set */
  size_t side;               /* points of the largest tile */
  size_t block, blocks;
  size_t count; /* tiles of the triangle */
} ntk_triangle;

/** `d`: coordinates of a point; blocks of large points have fewer tiles, so that they take bounded memory. */
ntk_triangle ntk_triangle_create(size_t first, size_t second, size_t d);
/** First point of tile i; the number of points for the tile behind the last. */
size_t ntk_triangle_start(const ntk_triangle *triangle, size_t i);
static inline size_t ntk_triangle_tiles(const ntk_triangle *triangle) { return triangle->tiles[0] + triangle->tiles[1]; }
/** The set, 0 or 1, that tile i is cut from. */
static inline size_t ntk_triangle_set(const ntk_triangle *triangle, size_t i) { return i >= triangle->tiles[0]; }

/** A place in the order: pairs of blocks, row by row, the tiles of one pair of blocks together. Start value: zeros. */
typedef struct {
  size_t block_row, block_column;
  size_t first;       /* number of the block pair's first tile */
  size_t row, column; /* of the tile found last */
} ntk_triangle_place;

/** Finds row and column of tile number `index` < count. Cheap where indices grow. */
void ntk_triangle_find(const ntk_triangle *triangle, size_t index, ntk_triangle_place *place);

#endif
