#include "field/pairs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "field/field.h"
#include "field/pair_object.h"
#include "field/tiles.h"

/* Entries are taken to be right to this part of (k_ii k_jj)^1/2, squared root of it in the bounds: more than any kernel of the program is off. */
#define SLACK 0x1p-26

static size_t label_widths(const ntk_pairs *p) { return p->request.columns ? NTK_PAIR_LABELS : 0; }

static ntk_error *allocate(ntk_pairs *p) {
  size_t count = p->count, tiles = ntk_triangle_tiles(&p->triangle), side = p->triangle.side, width = label_widths(p);
  p->sum_count = 2 * count + p->request.bins * p->request.bins + p->request.columns;
  NTK_TRY(NTK_NEW(count, &p->shift));
  NTK_TRY(NTK_NEW(count, &p->diagonal));
  NTK_TRY(NTK_NEW(count, &p->bound));
  NTK_TRY(NTK_NEW(count, &p->weights));
  NTK_TRY(NTK_NEW(tiles, &p->tile_sum));
  NTK_TRY(NTK_NEW(tiles, &p->tile_weight));
  NTK_TRY(NTK_NEW(p->sum_count, &p->sums));
  NTK_TRY(NTK_NEW(2, &p->ranges));
  NTK_TRY(NTK_NEW(ntk_pair_strip(p) * side, &p->block));
  NTK_TRY(NTK_NEW(side, &p->columns));
  NTK_TRY(NTK_NEW(side, &p->segment));
  NTK_TRY(NTK_NEW(width ? side * side : 0, &p->single));
  NTK_TRY(NTK_NEW(side * width, &p->row_signs));
  NTK_TRY(NTK_NEW(side * width, &p->column_signs));
  NTK_TRY(NTK_NEW(side * width, &p->products));
  return ntk_workspace_create(p->kernel, &p->workspace);
}

/* The point nearest to the mean of all; the first of several. */
static ntk_error *nearest_to_mean(const ntk_pair_points *points, size_t *nearest) {
  size_t count = points->n + points->m, d = points->d;
  double *mean = NULL, least = INFINITY;
  NTK_TRY(NTK_NEW(d, &mean));
  for (size_t i = 0; i < count; i++)
    for (size_t a = 0; a < d; a++) mean[a] += points->x[i * d + a] / (double)count;
  *nearest = 0;
  for (size_t i = 0; i < count; i++) {
    double squared = 0;
    for (size_t a = 0; a < d; a++) squared += (points->x[i * d + a] - mean[a]) * (points->x[i * d + a] - mean[a]);
    if (squared < least) {
      least = squared;
      *nearest = i;
    }
  }
  free(mean);
  return NULL;
}

/* k(x, c) and k(x, x) of a rank's own tiles of points. */
static ntk_error *look_at_points(ntk_pairs *p, const ntk_prepared *centre, const size_t *start) {
  size_t end = start[p->comm->rank + 1];
  for (size_t first = start[p->comm->rank]; first < end; first += NTK_TILE_COLUMNS) {
    size_t count = ntk_min_size(NTK_TILE_COLUMNS, end - first);
    ntk_prepared *points = NULL;
    NTK_TRY(ntk_error_prefix(ntk_prepare(p->kernel, count, p->points.x + first * p->points.d, &points), "pooled points from %zu on", first));
    ntk_tile_values(p->kernel, p->workspace, (ntk_tile){points, centre, 0, count, 0, 1}, p->shift + first, 1);
    ntk_prepared_diagonal(p->kernel, points, p->diagonal + first);
    ntk_prepared_free(&points);
  }
  return NULL;
}

/* Every rank looks at a part of the points, in pieces with boundaries that depend on their number only. */
static ntk_error *share_points(ntk_pairs *p, const ntk_prepared *centre) {
  size_t *start = NULL, ranks = (size_t)p->comm->size, pieces = (p->count + NTK_TILE_COLUMNS - 1) / NTK_TILE_COLUMNS;
  ntk_error *err = NTK_NEW(ranks + 1, &start);
  NTK_TRY_OUT(ntk_agree(p->comm, err));
  for (size_t r = 0; r <= ranks; r++) start[r] = ntk_min_size(p->count, pieces * r / ranks * NTK_TILE_COLUMNS);
  NTK_TRY_OUT(ntk_agree(p->comm, look_at_points(p, centre, start)));
  NTK_TRY_OUT(ntk_comm_gather_all(p->comm, p->shift, start));
  NTK_TRY_OUT(ntk_comm_gather_all(p->comm, p->diagonal, start));
out:
  free(start);
  return err;
}

/* k~_ii, bounds and sums of them; `diagonal` holds k_ii before. */
static void derive(ntk_pairs *p) {
  double set_sums[2] = {0, 0}, raw[2] = {0, 0};
  for (size_t tile = 0; tile < ntk_triangle_tiles(&p->triangle); tile++) {
    size_t end = ntk_triangle_start(&p->triangle, tile + 1), set = ntk_triangle_set(&p->triangle, tile);
    double entries = 0;
    for (size_t i = ntk_triangle_start(&p->triangle, tile); i < end; i++) {
      double own = fmax(p->diagonal[i], 0), mass = p->points.mass ? p->points.mass[i] : 1 / (double)p->triangle.sizes[set];
      p->diagonal[i] = (p->diagonal[i] - p->shift[i]) - (p->shift[i] - p->centre_value);
      p->bound[i] = sqrt(fmax(p->diagonal[i], 0) + SLACK * (own + fmax(p->centre_value, 0)));
      p->weights[i] = mass;
      p->tile_sum[tile] += p->bound[i];
      p->tile_weight[tile] += mass * p->bound[i];
      entries += mass * sqrt(own);
    }
    set_sums[set] += p->tile_weight[tile];
    raw[set] += entries;
  }
  p->largest = fmax(set_sums[0], set_sums[1]);
  p->sum_size = set_sums[0] + set_sums[1];
  p->entry_size = raw[0] + raw[1];
}

/* Bounds of the sums over pairs of bins and under labels. */
static void choose_exponents(ntk_pairs *p) {
  double bin = 0, largest = 0, all = 0;
  for (size_t i = 0; i < p->count; i++) {
    if (p->request.bins && i && p->request.bin[i] != p->request.bin[i - 1]) bin = 0;
    bin += p->bound[i];
    largest = fmax(largest, bin);
    all += p->bound[i];
  }
  p->bin_exponent = ntk_pair_exponent(largest * largest);
  p->label_exponent = ntk_pair_exponent(all * all);
}

static ntk_error *examine(ntk_pairs *p) {
  size_t nearest = 0;
  ntk_prepared *centre = NULL;
  ntk_error *err = nearest_to_mean(&p->points, &nearest);
  if (!err) err = ntk_error_prefix(ntk_prepare(p->kernel, 1, p->points.x + nearest * p->points.d, &centre), "pooled point %zu", nearest);
  NTK_TRY_OUT(ntk_agree(p->comm, err));
  ntk_prepared_diagonal(p->kernel, centre, &p->centre_value);
  NTK_TRY_OUT(share_points(p, centre));
  derive(p);
  choose_exponents(p);
out:
  ntk_prepared_free(&centre);
  return err;
}

ntk_error *ntk_pairs_create(const ntk_comm *comm, const ntk_kernel *kernel, const ntk_pair_points *points, const ntk_pair_request *request,
                            ntk_pairs **out) {
  ntk_pairs *p = NULL;
  *out = NULL;
  ntk_error *err = NTK_NEW(1, &p);
  if (!err) {
    *p = (ntk_pairs){.comm = comm, .kernel = kernel, .points = *points, .count = points->n + points->m};
    if (request) p->request = *request;
    p->triangle = ntk_triangle_create(points->n, points->m, points->d);
    err = allocate(p);
  }
  NTK_TRY_OUT(ntk_agree(comm, err));
  p->ranges[1] = (long long)p->triangle.count;
  p->range_count = 1;
  p->left = p->triangle.count;
  NTK_TRY_OUT(examine(p));
  *out = p;
  p = NULL;
out:
  ntk_pairs_free(&p);
  return err;
}

void ntk_pairs_free(ntk_pairs **pairs) {
  ntk_pairs *p = *pairs;
  if (!p) return;
  void *blocks[] = {p->shift,  p->diagonal, p->bound,   p->weights, p->tile_sum,  p->tile_weight,  p->sums,
                    p->ranges, p->block,    p->columns, p->segment, p->row_signs, p->column_signs, p->products};
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) free(blocks[i]);
  free(p->single);
  ntk_prepared_free(&p->row.points);
  ntk_prepared_free(&p->column.points);
  ntk_workspace_free(&p->workspace);
  free(p);
  *pairs = NULL;
}

static double number(long long sum, int exponent) { return ldexp((double)sum, exponent - NTK_PAIR_ONE); }

double ntk_pairs_row(const ntk_pairs *p, size_t i, size_t set) { return number(p->sums[2 * i + set], ntk_pair_exponent(p->bound[i] * p->largest)); }
double ntk_pairs_diagonal(const ntk_pairs *p, size_t i) { return p->diagonal[i]; }
double ntk_pairs_bin(const ntk_pairs *p, size_t a, size_t b) { return number(p->sums[2 * p->count + a * p->request.bins + b], p->bin_exponent); }
double ntk_pairs_label(const ntk_pairs *p, size_t column) {
  return number(p->sums[2 * p->count + p->request.bins * p->request.bins + column], p->label_exponent);
}

void ntk_pairs_sizes(const ntk_pairs *p, double *entries, double *sums) {
  *entries = p->entry_size;
  *sums = p->sum_size;
}
