#include "field/triangle.h"

#include "field/tiles.h"

enum { MOST_TILES = 16, BLOCK_NUMBERS = 1 << 22 };

static size_t divide_up(size_t a, size_t b) { return (a + b - 1) / b; }

ntk_triangle ntk_triangle_create(size_t first, size_t second, size_t d) {
  size_t points = first + second, side = points <= 2048 ? 64 : points <= 16384 ? 128 : 256;
  size_t block = BLOCK_NUMBERS / (side * (d < 8 ? 8 : d));
  ntk_triangle t = {.sizes = {first, second}, .tiles = {divide_up(first, side), divide_up(second, side)}, .side = side};
  t.block = block < 1 ? 1 : ntk_min_size(block, MOST_TILES);
  size_t tiles = ntk_triangle_tiles(&t);
  t.blocks = divide_up(tiles, t.block);
  t.count = tiles * (tiles + 1) / 2;
  return t;
}

size_t ntk_triangle_start(const ntk_triangle *t, size_t i) {
  if (i < t->tiles[0]) return t->sizes[0] * i / t->tiles[0];
  return t->sizes[0] + (t->tiles[1] ? t->sizes[1] * (i - t->tiles[0]) / t->tiles[1] : 0);
}

static size_t tiles_of_block(const ntk_triangle *t, size_t block) { return ntk_min_size(t->block, ntk_triangle_tiles(t) - block * t->block); }

static size_t tiles_of_pair(const ntk_triangle *t, size_t row, size_t column) {
  size_t rows = tiles_of_block(t, row), columns = tiles_of_block(t, column);
  return row == column ? rows * (rows + 1) / 2 : rows * columns;
}

void ntk_triangle_find(const ntk_triangle *t, size_t index, ntk_triangle_place *p) {
  if (index < p->first) *p = (ntk_triangle_place){0};
  size_t here = tiles_of_pair(t, p->block_row, p->block_column);
  while (index - p->first >= here) {
    p->first += here;
    p->block_column++;
    if (p->block_column == t->blocks) p->block_column = ++p->block_row;
    here = tiles_of_pair(t, p->block_row, p->block_column);
  }
  size_t rest = index - p->first, columns = tiles_of_block(t, p->block_column), row = 0;
  if (p->block_row == p->block_column) {
    while (rest >= columns - row) rest -= columns - row++;
    p->column = p->block_column * t->block + row + rest;
  } else {
    row = rest / columns;
    p->column = p->block_column * t->block + rest % columns;
  }
  p->row = p->block_row * t->block + row;
}
