#include "field/deal.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"

static size_t rows_at(const ntk_deal *deal, size_t row) { return ntk_min_size(deal->rows, deal->n - row); }

/* Area in front of a column tile. */
static double area_before(const ntk_deal *deal, size_t number) {
  size_t row = number / deal->strip * deal->rows, column = ntk_min_size(number % deal->strip * deal->columns, deal->m);
  return row < deal->n ? (double)row * (double)deal->m + (double)rows_at(deal, row) * (double)column : (double)deal->n * (double)deal->m;
}

/* The last column tile in front of which there is no more area than this. */
static size_t last_within(const ntk_deal *deal, double area) {
  size_t row = (size_t)(area / ((double)deal->rows * (double)deal->m)) * deal->rows;
  if (row >= deal->n) return (deal->n + deal->rows - 1) / deal->rows * deal->strip;
  double rest = area - (double)row * (double)deal->m, rows = (double)rows_at(deal, row);
  size_t column = rest >= rows * (double)deal->m ? deal->strip : (size_t)(rest / (rows * (double)deal->columns));
  return row / deal->rows * deal->strip + ntk_min_size(column, deal->strip);
}

/* Deals as much as the limit allows to one rank after the other; whether that is all. */
static bool deal_out(ntk_deal *deal, double limit) {
  for (size_t r = 1; r <= deal->ranks; r++) deal->cut[r] = last_within(deal, area_before(deal, deal->cut[r - 1]) + limit);
  return area_before(deal, deal->cut[deal->ranks]) >= (double)deal->n * (double)deal->m;
}

ntk_error *ntk_deal_create(size_t n, size_t m, size_t rows, size_t columns, size_t ranks, ntk_deal *out) {
  enum { HALVINGS = 10 };
  *out = (ntk_deal){.n = n, .m = m, .rows = rows, .columns = columns, .strip = (m + columns - 1) / columns, .ranks = ranks};
  NTK_TRY(NTK_NEW(ranks + 1, &out->cut));
  if (!n || !m) return NULL;
  double low = (double)n * (double)m / (double)ranks, high = low + (double)rows * (double)columns;
  for (int k = 0; k < HALVINGS && ranks > 1; k++) {
    double middle = 0.5 * (low + high);
    *(deal_out(out, middle) ? &high : &low) = middle;
  }
  (void)deal_out(out, high);
  out->cut[ranks] = (n + rows - 1) / rows * out->strip;
  return NULL;
}

void ntk_deal_narrow(ntk_deal *deal, size_t m) {
  size_t strip = (m + deal->columns - 1) / deal->columns;
  for (size_t r = 0; r <= deal->ranks; r++) {
    size_t tile = deal->cut[r] / deal->strip, column = deal->cut[r] % deal->strip;
    deal->cut[r] = tile * strip + (column * strip + deal->strip - 1) / deal->strip;
  }
  deal->m = m;
  deal->strip = strip;
}

void ntk_deal_free(ntk_deal *deal) {
  free(deal->cut);
  deal->cut = NULL;
}

/* The first row tile that begins at or behind a column tile. */
static size_t next_tile(const ntk_deal *deal, size_t number) { return deal->strip ? (number + deal->strip - 1) / deal->strip : 0; }

void ntk_deal_rows(const ntk_deal *deal, size_t *start) {
  for (size_t r = 0; r <= deal->ranks; r++) start[r] = ntk_min_size(deal->n, next_tile(deal, deal->cut[r]) * deal->rows);
  if (!deal->strip) start[deal->ranks] = deal->n;
}

void ntk_deal_span(const ntk_deal *deal, size_t rank, size_t *first, size_t *end) {
  size_t begin = deal->strip ? deal->cut[rank] / deal->strip : 0, stop = next_tile(deal, deal->cut[rank + 1]);
  *first = ntk_min_size(deal->n, begin * deal->rows);
  *end = ntk_min_size(deal->n, stop * deal->rows);
}

/* One rank's work. */
typedef struct {
  const ntk_comm *comm;
  const ntk_deal *deal;
  const ntk_deal_work *work;
  ntk_tree_sum tree;
  double *term;           /* a tile's */
  double *given, *gotten; /* branches of a row tile that is another rank's; those of this rank's last one that others have summed */
} dealer;

/* Adds column tiles [first, last) of a row tile to the sum. */
static void add_tiles(dealer *d, size_t row, size_t first, size_t last) {
  const ntk_deal *deal = d->deal;
  for (size_t j = first; j < last; j++) {
    size_t column = j * deal->columns;
    d->work->term(d->work->context, row, rows_at(deal, row), column, ntk_min_size(deal->columns, deal->m - column), d->term);
    ntk_tree_sum_add(&d->tree, 0, d->term);
  }
}

/* The largest branch of the tree that begins at column tile `at` and ends by `end`: 2^level tiles. */
static size_t branch_level(size_t at, size_t end) {
  size_t level = 0;
  while (at % ((size_t)2 << level) == 0 && at + ((size_t)2 << level) <= end) level++;
  return level;
}

/* Column tiles [first, end) of a row tile that another rank has begun. */
typedef struct {
  size_t tile, first, end;
} rest;

/* What rank r begins with; none: first = end. */
static rest rest_of(const ntk_deal *deal, size_t r) {
  size_t begin = deal->cut[r], tile = begin / deal->strip, first = begin % deal->strip;
  return (rest){tile, first, first ? ntk_min_size(deal->strip, deal->cut[r + 1] - tile * deal->strip) : 0};
}

static size_t count_branches(rest r) {
  size_t count = 0;
  for (; r.first < r.end; r.first += (size_t)1 << branch_level(r.first, r.end)) count++;
  return count;
}

static int owner_of(const ntk_deal *deal, size_t tile) {
  size_t r = 0;
  while (deal->cut[r + 1] <= tile * deal->strip) r++;
  return (int)r;
}

/* Sums and sends branches of a row tile that another rank has begun. */
static ntk_error *help(dealer *d, MPI_Request *request) {
  const rest mine = rest_of(d->deal, (size_t)d->comm->rank);
  size_t row = mine.tile * d->deal->rows, length = rows_at(d->deal, row) * d->work->width, count = 0;
  if (mine.first == mine.end) return NULL;
  for (size_t at = mine.first, next; at < mine.end; at = next, count++) {
    next = at + ((size_t)1 << branch_level(at, mine.end));
    ntk_tree_sum_start(&d->tree, length);
    add_tiles(d, row, at, next);
    ntk_tree_sum_finish(&d->tree, d->given + count * length);
  }
  int owner = owner_of(d->deal, mine.tile);
  return ntk_mpi(MPI_Isend(d->given, (int)(count * length), MPI_DOUBLE, owner, 0, d->comm->mpi, request), "MPI_Isend");
}

/* Adds what the ranks behind this one have summed of its last row tile. */
static ntk_error *collect(dealer *d, size_t tile, size_t length) {
  for (size_t r = (size_t)d->comm->rank + 1; r < d->deal->ranks; r++) {
    rest theirs = rest_of(d->deal, r);
    if (theirs.tile > tile) break;
    size_t count = count_branches(theirs);
    if (!count) continue;
    NTK_TRY(ntk_mpi(MPI_Recv(d->gotten, (int)(count * length), MPI_DOUBLE, (int)r, 0, d->comm->mpi, MPI_STATUS_IGNORE), "MPI_Recv"));
    for (size_t k = 0; k < count; k++) {
      size_t level = branch_level(theirs.first, theirs.end);
      ntk_tree_sum_add(&d->tree, level, d->gotten + k * length);
      theirs.first += (size_t)1 << level;
    }
  }
  return NULL;
}

static ntk_error *do_own(dealer *d) {
  const ntk_deal *deal = d->deal;
  size_t begin = deal->cut[d->comm->rank], end = deal->cut[d->comm->rank + 1];
  for (size_t tile = next_tile(deal, begin); tile * deal->strip < end; tile++) {
    size_t row = tile * deal->rows, length = rows_at(deal, row) * d->work->width, last = ntk_min_size(deal->strip, end - tile * deal->strip);
    ntk_tree_sum_start(&d->tree, length);
    add_tiles(d, row, 0, last);
    if (last < deal->strip) NTK_TRY(collect(d, tile, length));
    ntk_tree_sum_finish(&d->tree, d->term);
    d->work->take(d->work->context, row, rows_at(deal, row), d->term);
  }
  return NULL;
}

static ntk_error *allocate(dealer *d) {
  const ntk_deal *deal = d->deal;
  size_t length = ntk_min_size(deal->rows, deal->n) * d->work->width, mine = (size_t)d->comm->rank, most = 0;
  for (size_t r = mine + 1; r < deal->ranks && rest_of(deal, r).tile * deal->strip < deal->cut[mine + 1]; r++) {
    size_t count = count_branches(rest_of(deal, r));
    most = count > most ? count : most;
  }
  NTK_TRY(ntk_alloc(length, sizeof(double), &d->term));
  NTK_TRY(ntk_alloc(length * count_branches(rest_of(deal, mine)), sizeof(double), &d->given));
  NTK_TRY(ntk_alloc(length * most, sizeof(double), &d->gotten));
  return ntk_tree_sum_create(length, deal->strip + 1, &d->tree);
}

ntk_error *ntk_deal_sum(const ntk_comm *comm, const ntk_deal *deal, const ntk_deal_work *work) {
  dealer d = {comm, deal, work, {0}, NULL, NULL, NULL};
  MPI_Request request = MPI_REQUEST_NULL;
  if (!deal->n || !deal->strip) return NULL;
  ntk_error *err = ntk_agree(comm, allocate(&d));
  if (!err) err = help(&d, &request);
  if (!err) err = do_own(&d);
  if (!err) err = ntk_mpi(MPI_Wait(&request, MPI_STATUS_IGNORE), "MPI_Wait");
  ntk_tree_sum_free(&d.tree);
  free(d.term);
  free(d.given);
  free(d.gotten);
  return err;
}
