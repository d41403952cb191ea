// ranks: 1 2 3 4
// Sums dealt to ranks by area: evenly, everything once, and the same to the last bit on any number of ranks.
#include <math.h>

#include "base/mem.h"
#include "base/rng.h"
#include "check.h"
#include "field/deal.h"
#include "reference.h"

/* Area of column tiles [first, end). */
static double area(const ntk_deal *deal, size_t first, size_t end) {
  double sum = 0;
  for (size_t k = first; k < end; k++) {
    size_t row = k / deal->strip * deal->rows, column = k % deal->strip * deal->columns;
    sum += (double)ntk_min_size(deal->rows, deal->n - row) * (double)ntk_min_size(deal->columns, deal->m - column);
  }
  return sum;
}

/* How much more than the mean the busiest rank has. */
static double imbalance(size_t n, size_t m, size_t d, size_t ranks) {
  ntk_deal deal;
  double most = 0, all = 0;
  OK(ntk_deal_create(n, m, ntk_tile_rows(n, d), NTK_TILE_COLUMNS, ranks, &deal));
  for (size_t r = 0; r < ranks; r++) {
    assert_true(deal.cut[r] <= deal.cut[r + 1]);
    double own = area(&deal, deal.cut[r], deal.cut[r + 1]);
    most = fmax(most, own);
    all += own;
  }
  assert_true(all == (double)n * (double)m);
  ntk_deal_free(&deal);
  return most * (double)ranks / all - 1;
}

static void work_is_dealt_evenly(void **state) {
  (void)state;
  static const size_t counts[] = {4000, 5000, 8192, 20000}, dimensions[] = {2, 784};
  for (size_t i = 0; i < 4; i++)
    for (size_t twice = 1; twice <= 2; twice++)
      for (size_t k = 0; k < 2; k++)
        for (size_t ranks = 2; ranks <= 16; ranks++) {
          /* Where 13 ranks share 250 tiles of many coordinates, one of them has 20. */
          double found = imbalance(counts[i], twice * counts[i], dimensions[k], ranks), most = k && twice == 1 && ranks == 13 ? 0.036 : 0.03;
          if (!(found < most)) fail_msg("%zu x %zu, d = %zu, on %zu ranks: %.2f %%", counts[i], twice * counts[i], dimensions[k], ranks, 100 * found);
        }
}

/* Terms of all sizes, so that another order of summation has other bits. */
typedef struct {
  size_t width;
  double *sums;
} table;

static void fill_term(void *context, size_t row, size_t rows, size_t column, size_t columns, double *out) {
  const table *t = context;
  for (size_t i = 0; i < rows * t->width; i++) {
    uint64_t at = ((uint64_t)(row * t->width + i) << 24) + column;
    out[i] = ntk_normal((ntk_rng){3, 0, 1}, at) * exp(3 * ntk_normal((ntk_rng){3, 0, 2}, at)) * (double)columns;
  }
}

static void take_sum(void *context, size_t row, size_t rows, double *sum) {
  const table *t = context;
  memcpy(t->sums + row * t->width, sum, rows * t->width * sizeof *sum);
}

static double *sums_on(const ntk_comm *comm, size_t n, size_t m, size_t rows, size_t columns, size_t width) {
  ntk_deal deal;
  size_t start[8];
  table t = {.width = width};
  OK(ntk_alloc(n * width, sizeof(double), &t.sums));
  OK(ntk_deal_create(n, m, rows, columns, (size_t)comm->size, &deal));
  ntk_deal_rows(&deal, start);
  OK(ntk_deal_sum(comm, &deal, &(ntk_deal_work){&t, width, fill_term, take_sum}));
  for (size_t r = 0; r <= (size_t)comm->size; r++) start[r] *= width;
  OK(ntk_comm_gather_all(comm, t.sums, start));
  ntk_deal_free(&deal);
  return t.sums;
}

static void ranks_change_no_bit(void **state) {
  const test_comms *comms = *state;
  static const size_t sizes[][5] = {{333, 517, 16, 8, 3}, {5, 1000, 16, 8, 2},   {16, 4096, 16, 16, 1}, {1, 1, 16, 16, 2},
                                    {17, 37, 8, 4, 5},    {100, 999, 64, 10, 1}, {40, 129, 1, 128, 2},  {0, 100, 16, 8, 1},
                                    {20, 0, 16, 8, 1},    {3, 63, 1, 1, 1},      {7, 64, 2, 1, 4},      {128, 8192, 64, 64, 2}};
  for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
    const size_t *s = sizes[k];
    double *together = sums_on(&comms->world, s[0], s[1], s[2], s[3], s[4]), *alone = sums_on(&comms->self, s[0], s[1], s[2], s[3], s[4]);
    assert_same_bits(together, alone, s[0] * s[4]);
    free(together);
    free(alone);
  }
}

static void rows_belong_to_a_rank_whatever_the_columns(void **state) {
  (void)state;
  static const size_t columns[] = {1, 500, 512, 700, 5000, 65536};
  for (size_t ranks = 1; ranks <= 16; ranks++)
    for (size_t n = 1; n < 5000; n = 2 * n + 1) {
      size_t first[17], start[17], begin, end;
      for (size_t k = 0; k < sizeof columns / sizeof *columns; k++) {
        ntk_deal deal;
        OK(ntk_deal_create(n, 65536, 64, 512, ranks, &deal));
        ntk_deal_rows(&deal, first);
        ntk_deal_narrow(&deal, columns[k]);
        ntk_deal_rows(&deal, start);
        assert_memory_equal(start, first, (ranks + 1) * sizeof *start);
        assert_true(area(&deal, 0, deal.cut[ranks]) == (double)n * (double)columns[k]);
        for (size_t r = 0; r < ranks; r++) {
          ntk_deal_span(&deal, r, &begin, &end);
          assert_true(begin <= start[r] && start[r + 1] <= end && end - begin < n * 2 / ranks + 129);
        }
        ntk_deal_free(&deal);
      }
    }
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  const struct CMUnitTest tests[] = {cmocka_unit_test(work_is_dealt_evenly), cmocka_unit_test(ranks_change_no_bit),
                                     cmocka_unit_test(rows_belong_to_a_rank_whatever_the_columns)};
  int failed = cmocka_run_group_tests(tests, comms_create, comms_free);
  MPI_Finalize();
  return failed;
}
