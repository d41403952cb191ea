#include "field/mirror.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "field/fixed.h"
#include "field/tiles.h"

enum { SMALLEST = 64, FEW = 32, MOST = 128, MANY_POINTS = 1024 };

/* Rows and columns of a piece, and rows of a strip on the diagonal: its square is evaluated in one direction, for all of its pairs. */
typedef struct {
  size_t rows, columns, strip;
} cut;

/* What a piece adds to the sums takes time by coordinates: beyond FEW pieces are large, so sets have to be; beyond MOST the third of a product that is saved
 * is used up by that. */
static cut cut_of(size_t n, size_t d) {
  if (d > FEW) return (cut){256, 512, 64};
  return (cut){n <= 1024 ? 32 : 64, 256, 16};
}

/* Evaluations in both directions take longer by this factor: how tiles are dealt. */
static const double both_cost = 1.2;

/* Rows [row, row + rows) against columns; beyond the first n points columns are centres alone. */
typedef struct {
  size_t row, rows, column, columns;
  double cost;
} piece;

typedef struct {
  const ntk_comm *comm;
  const ntk_kernel *kernel;
  const ntk_prepared *z;
  size_t n, m, d;
  cut size;
  const double *w;
  bool values;
  ntk_workspace *workspace;
  piece *pieces;
  size_t count;
  double *row_value, *row_gradient, *column_value, *column_gradient; /* of one tile */
  ntk_fixed_sum value, gradient;
  long long *sums; /* of both, and the number of ranks where a term was too large */
  size_t sum_count;
} mirror;

bool ntk_mirror_fits(const ntk_kernel *kernel, size_t n, size_t m) {
  size_t d = ntk_kernel_dimension(kernel), least = d > FEW ? MANY_POINTS : SMALLEST;
  return d <= MOST && n >= least && 4 * n >= m && n <= m && ntk_tile_both_at_once(kernel);
}

static bool is_mirrored(size_t n, const piece *p) { return p->column < n; }

static double cost_of(size_t n, const piece *p) { return (double)p->rows * (double)p->columns * (is_mirrored(n, p) ? both_cost : 1); }

/* Goes through the pieces, row by row; start with {0}. Columns of the triangle start at the row's own. */
static bool next(size_t n, size_t m, cut size, piece *p) {
  size_t end = p->column + p->columns, last = end <= n && p->rows ? n : m;
  if (!p->rows || end == m) {
    p->row += p->rows;
    if (p->row == n) return false;
    p->rows = ntk_min_size(size.rows, n - p->row);
    end = p->row;
    last = n;
  } else if (end == n) {
    last = m;
  }
  p->column = end;
  p->columns = ntk_min_size(size.columns, last - end);
  return true;
}

static int by_cost(const void *left, const void *right) {
  const piece *a = left, *b = right;
  if (a->cost != b->cost) return a->cost > b->cost ? -1 : 1;
  if (a->row != b->row) return a->row < b->row ? -1 : 1;
  return a->column < b->column ? -1 : a->column > b->column;
}

/* All pieces, the dearest first. */
static ntk_error *list_pieces(size_t n, size_t m, cut size, piece **out, size_t *count) {
  *count = 0;
  for (piece p = {0}; next(n, m, size, &p);) ++*count;
  NTK_TRY(NTK_NEW(*count, out));
  *count = 0;
  for (piece p = {0}; next(n, m, size, &p); ++*count) {
    (*out)[*count] = p;
    (*out)[*count].cost = cost_of(n, &p);
  }
  qsort(*out, *count, sizeof **out, by_cost);
  return NULL;
}

/* Piece `index` of that list goes to this rank: dealt to and fro, so that costs differ little between ranks. */
static size_t dealt_to(size_t index, size_t ranks) {
  size_t place = index % (2 * ranks);
  return place < ranks ? place : 2 * ranks - 1 - place;
}

ntk_error *ntk_mirror_imbalance(size_t n, size_t m, size_t d, size_t ranks, double *out) {
  piece *pieces = NULL;
  size_t count;
  double *load = NULL, total = 0, most = 0;
  ntk_error *err = list_pieces(n, m, cut_of(n, d), &pieces, &count);
  if (!err) err = NTK_NEW(ranks, &load);
  for (size_t i = 0; !err && i < count; i++) {
    double *own = &load[dealt_to(i, ranks)];
    *own += pieces[i].cost;
    total += pieces[i].cost;
    most = fmax(most, *own);
  }
  if (!err) *out = most * (double)ranks / total - 1;
  free(pieces);
  free(load);
  return err;
}

/* One direction: rows from `row` on, counted in the piece. */
static void apply(mirror *s, piece p, size_t row, size_t rows, size_t column, size_t columns) {
  ntk_tile tile = {s->z, s->z, p.row + row, rows, column, columns};
  ntk_tile_apply(s->kernel, s->workspace, tile, 1, s->w + column, s->values ? s->row_value + row : NULL, s->row_gradient + row * s->d);
}

static void apply_both(mirror *s, piece p, size_t row, size_t rows, size_t column, size_t columns) {
  ntk_tile tile = {s->z, s->z, p.row + row, rows, column, columns};
  size_t across = column - p.column;
  ntk_both both = {.right = s->w + column,
                   .left = s->w + tile.row,
                   .value = s->values ? s->row_value + row : NULL,
                   .gradient = s->row_gradient + row * s->d,
                   .other_value = s->values ? s->column_value + across : NULL,
                   .other_gradient = s->column_gradient + across * s->d};
  ntk_tile_apply_both(s->kernel, s->workspace, tile, 1, &both);
}

/* The square on the diagonal by strips, each against what is behind it. */
static void on_diagonal(mirror *s, piece p) {
  size_t end = p.column + p.columns;
  for (size_t row = 0; row < p.rows; row += s->size.strip) {
    size_t rows = ntk_min_size(s->size.strip, p.rows - row), behind = p.row + row + rows;
    apply(s, p, row, rows, p.row + row, rows);
    if (behind < end) apply_both(s, p, row, rows, behind, end - behind);
  }
}

/* Adds a tile's sums at its points; false if they are too large. */
static bool add(mirror *s, size_t first, size_t count, const double *value, const double *gradient) {
  bool good = !s->values || ntk_fixed_add(&s->value, first, count, value);
  return ntk_fixed_add(&s->gradient, first * s->d, count * s->d, gradient) && good;
}

static bool evaluate(mirror *s, piece p) {
  size_t d = s->d;
  memset(s->row_value, 0, p.rows * sizeof(double));
  memset(s->row_gradient, 0, p.rows * d * sizeof(double));
  if (!is_mirrored(s->n, &p)) {
    apply(s, p, 0, p.rows, p.column, p.columns);
    return add(s, p.row, p.rows, s->row_value, s->row_gradient);
  }
  memset(s->column_value, 0, p.columns * sizeof(double));
  memset(s->column_gradient, 0, p.columns * d * sizeof(double));
  if (p.column == p.row)
    on_diagonal(s, p);
  else
    apply_both(s, p, 0, p.rows, p.column, p.columns);
  bool good = add(s, p.row, p.rows, s->row_value, s->row_gradient);
  return add(s, p.column, p.columns, s->column_value, s->column_gradient) && good;
}

static bool evaluate_own(mirror *s) {
  bool good = true;
  for (size_t i = 0; good && i < s->count; i++)
    if (dealt_to(i, (size_t)s->comm->size) == (size_t)s->comm->rank) good = evaluate(s, s->pieces[i]);
  return good;
}

/* Bounds of a tile's sums: |k_ij| <= (k_ii k_jj)^1/2; gradients are about dk(x, x)/dq |z|/d, a large margin is left. */
static ntk_error *find_bounds(mirror *s) {
  const double *x = ntk_prepared_points(s->z);
  double *diagonal = NULL, weight = 0, weighted = 0, most[2] = {0, 0}, least[2] = {INFINITY, INFINITY};
  NTK_TRY(NTK_NEW(s->m, &diagonal));
  ntk_prepared_diagonal(s->kernel, s->z, diagonal);
  for (size_t i = 0; i < s->m; i++) {
    double point[2] = {diagonal[i], 0};
    for (size_t a = 0; a < s->d; a++) point[1] += x[i * s->d + a] * x[i * s->d + a];
    for (size_t k = 0; k < 2; k++) {
      most[k] = fmax(most[k], point[k]);
      least[k] = fmin(least[k], point[k]);
    }
    weight += fabs(s->w[i]);
    weighted += fabs(s->w[i]) * sqrt(fmax(diagonal[i], 0));
  }
  free(diagonal);
  double slope = most[1] - least[1] > 1e-3 * most[1] ? (most[0] - least[0]) / (most[1] - least[1]) : most[0] / most[1];
  s->value.bound = ntk_fixed_bound(4 * weighted * sqrt(most[0]));
  s->gradient.bound = ntk_fixed_bound(64 * weight * slope * sqrt(most[1]));
  return NULL;
}

static ntk_error *create(mirror *s) {
  size_t d = s->d, values = s->values ? s->n : 0;
  NTK_TRY(ntk_workspace_create(s->kernel, &s->workspace));
  NTK_TRY(list_pieces(s->n, s->m, s->size, &s->pieces, &s->count));
  NTK_TRY(NTK_NEW(s->size.rows, &s->row_value));
  NTK_TRY(NTK_NEW(s->size.rows * d, &s->row_gradient));
  NTK_TRY(NTK_NEW(s->size.columns, &s->column_value));
  NTK_TRY(NTK_NEW(s->size.columns * d, &s->column_gradient));
  s->sum_count = 2 * (values + s->n * d) + 1;
  NTK_TRY(NTK_NEW(s->sum_count, &s->sums));
  s->value.count = values;
  s->gradient.count = s->n * d;
  s->value.high = s->sums;
  s->value.low = s->value.high + values;
  s->gradient.high = s->value.low + values;
  s->gradient.low = s->gradient.high + s->n * d;
  return find_bounds(s);
}

static void release(mirror *s) {
  ntk_workspace_free(&s->workspace);
  void *arrays[] = {s->pieces, s->row_value, s->row_gradient, s->column_value, s->column_gradient, s->sums};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) free(arrays[i]);
}

ntk_error *ntk_mirror_sum(const ntk_comm *comm, const ntk_kernel *kernel, const ntk_prepared *z, size_t n, const double *w, double *value,
                          double *gradient, bool *done) {
  mirror s = {.comm = comm, .kernel = kernel, .z = z, .n = n, .m = ntk_prepared_count(z), .d = ntk_kernel_dimension(kernel), .w = w};
  s.size = cut_of(n, s.d);
  s.values = value != NULL;
  *done = false;
  ntk_error *err = ntk_agree(comm, create(&s));
  if (!err) s.sums[s.sum_count - 1] = !evaluate_own(&s);
  if (!err) err = ntk_comm_sum_integers(comm, s.sum_count, s.sums);
  if (!err && s.sums[s.sum_count - 1] == 0) {
    if (value) ntk_fixed_read(&s.value, value);
    ntk_fixed_read(&s.gradient, gradient);
    *done = true;
  }
  release(&s);
  return err;
}
