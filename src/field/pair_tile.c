#include <cblas.h>
#include <math.h>
#include <string.h>

#include "field/pair_object.h"
#include "field/tiles.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define WIDE __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define WIDE
#endif

/* A tile of the triangle: points [row, row + rows) against [column, column + columns). */
typedef struct {
  size_t row, rows, column, columns;
  size_t row_set, column_set;
  double row_bound, column_bound;   /* sums of the bounds */
  double row_weight, column_weight; /* and of the bounds times the weights */
} pair_tile;

/* Takes one row of k to k~; returns its weighted sum and adds the weighted row to the column sums. */
WIDE static double centre_row(size_t n, double *restrict k, double shift, const double *restrict shifts, double centre, const double *restrict w,
                              double weight, double *restrict columns) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (size_t j = 0; j < n; j++) {
    double value = (k[j] - shift) - (shifts[j] - centre);
    k[j] = value;
    sum += value * w[j];
    columns[j] += value * weight;
  }
  return sum;
}

WIDE static void add(size_t n, double *restrict to, const double *restrict from) {
#pragma omp simd
  for (size_t j = 0; j < n; j++) to[j] += from[j];
}

WIDE static void to_single(size_t n, float *restrict to, const double *restrict from) {
#pragma omp simd
  for (size_t j = 0; j < n; j++) to[j] = (float)from[j];
}

WIDE static void add_products(size_t n, double *restrict to, const float *restrict a, const float *restrict b) {
#pragma omp simd
  for (size_t c = 0; c < n; c++) to[c] += (double)(a[c] * b[c]);
}

WIDE static void signs_of_word(uint64_t bits, float *restrict out) {
#pragma omp simd
  for (unsigned c = 0; c < 64; c++) out[c] = (float)(2 * (int)(bits >> c & 1) - 1);
}

int ntk_pair_exponent(double bound) {
  int exponent = 0;
  frexp(bound, &exponent);
  return bound > 0 ? exponent : 0;
}

/* Adds a number to a fixed-point sum, unless it is not finite or beyond what its bound allows. */
static bool put(long long *sum, double value, double bound, int exponent) {
  if (!(fabs(value) <= 2 * bound)) return false;
  *sum += llrint(ldexp(value, NTK_PAIR_ONE - exponent));
  return true;
}

static bool put_row(ntk_pairs *p, size_t i, size_t set, double value, double weight) {
  return put(&p->sums[2 * i + set], value, p->bound[i] * weight, ntk_pair_exponent(p->bound[i] * p->largest));
}

/* Gives the column sums of the rows of bin a to the pairs of bins. */
static bool flush_bin(ntk_pairs *p, const pair_tile *t, uint32_t a) {
  long long *row = p->sums + 2 * p->count + (size_t)a * p->request.bins;
  const uint32_t *bin = p->request.bin + t->column;
  bool good = true;
  for (size_t j = 0; j < t->columns;) {
    uint32_t b = bin[j];
    double sum = 0;
    for (; j < t->columns && bin[j] == b; j++) sum += p->segment[j];
    if (b >= a) good &= put(row + b, sum, t->row_bound * t->column_bound, p->bin_exponent);
  }
  memset(p->segment, 0, t->columns * sizeof *p->segment);
  return good;
}

/* Rows [i, i + rows) of the tile, from column `skip` on: the part above the diagonal of a tile on it. */
static bool strip(ntk_pairs *p, const pair_tile *t, size_t first, size_t rows, bool diagonal) {
  size_t skip = diagonal ? first : 0, ld = p->triangle.side;
  bool good = true;
  ntk_tile tile = {p->row.points, p->column.points, t->row + first - p->row.first, rows, t->column + skip - p->column.first, t->columns - skip};
  ntk_tile_values(p->kernel, p->workspace, tile, p->block, ld);
  for (size_t r = 0; r < rows; r++) {
    size_t i = t->row + first + r, from = diagonal ? first + r + 1 : 0, j = t->column + from;
    double *k = p->block + r * ld + (from - skip);
    double sum = centre_row(t->columns - from, k, p->shift[i], p->shift + j, p->centre_value, p->weights + j, p->weights[i], p->columns + from);
    good &= put_row(p, i, t->column_set, sum, t->column_weight);
    if (p->request.bins) {
      add(t->columns - from, p->segment + from, k);
      if (first + r + 1 == t->rows || p->request.bin[i + 1] != p->request.bin[i]) good &= flush_bin(p, t, p->request.bin[i]);
    }
    if (p->request.columns) {
      float *single = p->single + (first + r) * ld;
      memset(single, 0, from * sizeof *single);
      to_single(t->columns - from, single + from, k);
    }
  }
  return good;
}

/* The signs of points in the label columns [64 word, 64 (word + words)). */
static void expand(const ntk_pairs *p, size_t first, size_t count, size_t word, size_t words, float *out) {
  size_t all = ntk_label_words(p->request.columns);
  for (size_t i = 0; i < count; i++)
    for (size_t k = 0; k < words; k++) signs_of_word(p->request.labels[(first + i) * all + word + k], out + i * NTK_PAIR_LABELS + 64 * k);
}

/* s' K~ s of the tile for every label column. */
static bool label_sums(ntk_pairs *p, const pair_tile *t) {
  long long *sums = p->sums + 2 * p->count + p->request.bins * p->request.bins;
  size_t all = ntk_label_words(p->request.columns), most = NTK_PAIR_LABELS / 64;
  bool good = true;
  for (size_t word = 0; word < all; word += most) {
    size_t words = ntk_min_size(most, all - word), width = 64 * words;
    double forms[NTK_PAIR_LABELS] = {0};
    expand(p, t->column, t->columns, word, words, p->column_signs);
    expand(p, t->row, t->rows, word, words, p->row_signs);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)t->rows, (int)width, (int)t->columns, 1, p->single, (int)p->triangle.side,
                p->column_signs, NTK_PAIR_LABELS, 0, p->products, NTK_PAIR_LABELS);
    for (size_t i = 0; i < t->rows; i++) add_products(width, forms, p->row_signs + i * NTK_PAIR_LABELS, p->products + i * NTK_PAIR_LABELS);
    for (size_t c = 0; c < width && 64 * word + c < p->request.columns; c++)
      good &= put(sums + 64 * word + c, forms[c], t->row_bound * t->column_bound, p->label_exponent);
  }
  return good;
}

/* Prepares a block unless it is the one that is there. */
static ntk_error *load(ntk_pairs *p, ntk_pair_block *slot, size_t block) {
  const ntk_triangle *t = &p->triangle;
  if (slot->points && slot->block == block) return NULL;
  size_t last = ntk_min_size((block + 1) * t->block, ntk_triangle_tiles(t)), first = ntk_triangle_start(t, block * t->block);
  ntk_prepared_free(&slot->points);
  slot->block = block;
  slot->first = first;
  return ntk_prepare(p->kernel, ntk_triangle_start(t, last) - first, p->points.x + first * p->points.d, &slot->points);
}

ntk_error *ntk_pair_tile(ntk_pairs *p, size_t index) {
  const ntk_triangle *triangle = &p->triangle;
  ntk_triangle_find(triangle, index, &p->place);
  size_t row = p->place.row, column = p->place.column;
  NTK_TRY(load(p, &p->row, p->place.block_row));
  NTK_TRY(load(p, &p->column, p->place.block_column));
  pair_tile t = {.row = ntk_triangle_start(triangle, row),
                 .rows = ntk_triangle_start(triangle, row + 1) - ntk_triangle_start(triangle, row),
                 .column = ntk_triangle_start(triangle, column),
                 .columns = ntk_triangle_start(triangle, column + 1) - ntk_triangle_start(triangle, column),
                 .row_set = ntk_triangle_set(triangle, row),
                 .column_set = ntk_triangle_set(triangle, column),
                 .row_bound = p->tile_sum[row],
                 .column_bound = p->tile_sum[column],
                 .row_weight = p->tile_weight[row],
                 .column_weight = p->tile_weight[column]};
  bool good = true;
  memset(p->columns, 0, t.columns * sizeof *p->columns);
  if (p->request.bins) memset(p->segment, 0, t.columns * sizeof *p->segment);
  for (size_t i = 0; i < t.rows; i += ntk_pair_strip(p)) good &= strip(p, &t, i, ntk_min_size(ntk_pair_strip(p), t.rows - i), row == column);
  for (size_t j = 0; j < t.columns; j++) good &= put_row(p, t.column + j, t.row_set, p->columns[j], t.row_weight);
  if (p->request.columns) good &= label_sums(p, &t);
  return good ? NULL
              : ntk_fail(NTK_E_NONFINITE, "kernel between points %zu to %zu and %zu to %zu is not finite, or no kernel", t.row, t.row + t.rows - 1,
                         t.column, t.column + t.columns - 1);
}
