// ranks: 1 2 3
// Sums over pairs: against the whole matrix, and the same to the last bit on any number of ranks, interrupted or not.
#include <math.h>

#include "base/mem.h"
#include "base/rng.h"
#include "check.h"
#include "field/pairs.h"
#include "field/triangle.h"

enum { COLUMNS = 70, BINS = 9 };

static ntk_comm world, self;

typedef struct {
  ntk_pair_points points;
  ntk_pair_request request;
  double *x;
  uint32_t *bin;
  uint64_t *labels;
  ntk_kernel *kernel;
} problem;

static problem make(size_t n, size_t m, size_t d, const char *network) {
  problem p = {.points = {n, m, d, NULL, NULL}};
  OK(NTK_NEW((n + m) * d, &p.x));
  OK(NTK_NEW(n + m, &p.bin));
  OK(NTK_NEW((n + m) * ntk_label_words(COLUMNS), &p.labels));
  for (size_t i = 0; i < (n + m) * d; i++) p.x[i] = ntk_normal((ntk_rng){5, 0, 1}, i) + (i % d == 0 ? 3 : 0);
  for (size_t i = 0; i < n + m; i++) {
    p.bin[i] = (uint32_t)(i * BINS / (n + m));
    for (size_t c = 0; c < COLUMNS; c++)
      p.labels[i * ntk_label_words(COLUMNS) + c / 64] |= ntk_integer((ntk_rng){5, 0, 2}, i * COLUMNS + c, 2) << c % 64;
  }
  OK(ntk_kernel_parse(network, "ntk", d, &p.kernel));
  p.points.x = p.x;
  p.request = (ntk_pair_request){BINS, p.bin, COLUMNS, p.labels};
  return p;
}

static void release(problem *p) {
  free(p->x);
  free(p->bin);
  free(p->labels);
  ntk_kernel_free(&p->kernel);
}

static ntk_pairs *evaluate(const ntk_comm *comm, const problem *p) {
  ntk_pairs *pairs = NULL;
  OK(ntk_pairs_create(comm, p->kernel, &p->points, &p->request, &pairs));
  OK(ntk_pairs_run(pairs, NULL));
  return pairs;
}

/* k~ of all pairs, from whole-matrix values. */
static double *shifted_matrix(const problem *p) {
  size_t count = p->points.n + p->points.m, d = p->points.d, nearest = 0;
  double *k = NULL, *out = NULL, least = INFINITY;
  ntk_prepared *points = NULL;
  ntk_workspace *workspace = NULL;
  OK(NTK_NEW(count * count, &k));
  OK(NTK_NEW(count * count, &out));
  OK(ntk_prepare(p->kernel, count, p->x, &points));
  OK(ntk_workspace_create(p->kernel, &workspace));
  ntk_tile_values(p->kernel, workspace, (ntk_tile){points, points, 0, count, 0, count}, k, count);
  for (size_t i = 0; i < count; i++) {
    double squared = 0;
    for (size_t a = 0; a < d; a++) {
      double mean = 0;
      for (size_t j = 0; j < count; j++) mean += p->x[j * d + a] / (double)count;
      squared += (p->x[i * d + a] - mean) * (p->x[i * d + a] - mean);
    }
    if (squared < least) least = squared, nearest = i;
  }
  for (size_t i = 0; i < count; i++)
    for (size_t j = 0; j < count; j++)
      out[i * count + j] = k[i * count + j] - k[i * count + nearest] - k[j * count + nearest] + k[nearest * count + nearest];
  ntk_workspace_free(&workspace);
  ntk_prepared_free(&points);
  free(k);
  return out;
}

static void check_rows(const problem *p, const ntk_pairs *pairs, const double *k) {
  size_t n = p->points.n, count = n + p->points.m;
  for (size_t i = 0; i < count; i++) {
    double sums[2] = {0, 0}, size = 0;
    for (size_t j = 0; j < count; j++) {
      if (j != i) sums[j >= n] += k[i * count + j] / (double)(j < n ? n : p->points.m);
      size = fmax(size, fabs(k[i * count + j]));
    }
    for (size_t s = 0; s < 2; s++) CLOSE(ntk_pairs_row(pairs, i, s), sums[s], 1e-13 * (size + 1));
    CLOSE(ntk_pairs_diagonal(pairs, i), k[i * count + i], 1e-13 * (size + 1));
  }
}

static void check_forms(const problem *p, const ntk_pairs *pairs, const double *k) {
  size_t count = p->points.n + p->points.m;
  double bins[BINS][BINS] = {{0}}, forms[COLUMNS] = {0}, size = 0;
  for (size_t i = 0; i < count; i++)
    for (size_t j = i + 1; j < count; j++) {
      bins[p->bin[i]][p->bin[j]] += k[i * count + j];
      size += fabs(k[i * count + j]);
      for (size_t c = 0; c < COLUMNS; c++) {
        size_t words = ntk_label_words(COLUMNS);
        uint64_t differ = (p->labels[i * words + c / 64] ^ p->labels[j * words + c / 64]) >> c % 64 & 1;
        forms[c] += differ ? -k[i * count + j] : k[i * count + j];
      }
    }
  for (size_t a = 0; a < BINS; a++)
    for (size_t b = a; b < BINS; b++) CLOSE(ntk_pairs_bin(pairs, a, b), bins[a][b], 1e-14 * (size + 1));
  for (size_t c = 0; c < COLUMNS; c++) CLOSE(ntk_pairs_label(pairs, c), forms[c], 1e-7 * size + 1e-14);
}

static const char *const relu = "{type: mlp, depth: 2, activation: relu, bias_stddev: 0.5}";

static void sums_equal_those_of_the_matrix(void **state) {
  (void)state;
  static const size_t sizes[][3] = {{1, 1, 2}, {2, 37, 2}, {290, 131, 2}, {150, 201, 20}, {0, 140, 3}};
  for (size_t s = 0; s < 5; s++) {
    problem p = make(sizes[s][0], sizes[s][1], sizes[s][2], relu);
    ntk_pairs *pairs = evaluate(&world, &p);
    double *k = shifted_matrix(&p);
    check_rows(&p, pairs, k);
    check_forms(&p, pairs, k);
    free(k);
    ntk_pairs_free(&pairs);
    release(&p);
  }
}

static void equal_bits(const problem *p, const ntk_pairs *a, const ntk_pairs *b) {
  for (size_t i = 0; i < p->points.n + p->points.m; i++)
    for (size_t s = 0; s < 2; s++) CLOSE(ntk_pairs_row(a, i, s), ntk_pairs_row(b, i, s), 0);
  for (size_t i = 0; i < BINS; i++)
    for (size_t j = i; j < BINS; j++) CLOSE(ntk_pairs_bin(a, i, j), ntk_pairs_bin(b, i, j), 0);
  for (size_t c = 0; c < COLUMNS; c++) CLOSE(ntk_pairs_label(a, c), ntk_pairs_label(b, c), 0);
}

static void ranks_change_no_bit(void **state) {
  (void)state;
  for (size_t d = 2; d <= 20; d += 18) {
    problem p = make(210, 333, d, relu);
    ntk_pairs *here = evaluate(&world, &p), *alone = evaluate(&self, &p);
    equal_bits(&p, here, alone);
    ntk_pairs_free(&here);
    ntk_pairs_free(&alone);
    release(&p);
  }
}

/* Lets a number of looks pass, then stops. */
static bool count_down(void *context) { return --*(int *)context < 0; }

static void an_interrupted_evaluation_goes_on_on_any_ranks(void **state) {
  (void)state;
  problem p = make(610, 333, 2, relu);
  ntk_pairs *whole = evaluate(&self, &p);
  for (int looks = 0; looks < 10; looks += 3) {
    ntk_pairs *first = NULL, *second = NULL;
    ntk_pair_state saved;
    ntk_pair_watch watch = {.context = &(int){looks}, .stop = count_down};
    OK(ntk_pairs_create(&world, p.kernel, &p.points, &p.request, &first));
    FAILS(ntk_pairs_run(first, &watch), NTK_E_STOPPED, "stopped");
    OK(ntk_pairs_export(first, &saved));
    if (world.rank == 0) {
      assert_true(saved.range_count >= 1);
      OK(ntk_pairs_create(&self, p.kernel, &p.points, &p.request, &second)); /* goes on on one rank, stops again */
      OK(ntk_pairs_import(second, &saved));
      watch.context = &(int){1};
      FAILS(ntk_pairs_run(second, &watch), NTK_E_STOPPED, "stopped");
      OK(ntk_pairs_export(second, &saved));
      ntk_pairs_free(&second);
    }
    OK(ntk_pairs_create(&world, p.kernel, &p.points, &p.request, &second)); /* and again on all */
    OK(ntk_pairs_import(second, &saved));
    OK(ntk_pairs_run(second, NULL));
    equal_bits(&p, whole, second);
    ntk_pairs_free(&first);
    ntk_pairs_free(&second);
  }
  ntk_pairs_free(&whole);
  release(&p);
}

static void another_evaluations_state_is_refused(void **state) {
  (void)state;
  problem p = make(100, 50, 2, relu);
  ntk_pairs *pairs = NULL;
  ntk_pair_state wrong = {.sum_count = 3};
  OK(ntk_pairs_create(&world, p.kernel, &p.points, &p.request, &pairs));
  FAILS(ntk_pairs_import(pairs, &wrong), NTK_E_INPUT, "sums");
  ntk_pairs_free(&pairs);
  release(&p);
}

static void every_pair_of_tiles_comes_once(void **state) {
  (void)state;
  static const size_t sizes[][3] = {{0, 1, 1}, {1, 1, 1}, {1000, 3000, 2}, {4000, 5000, 60000}, {40000, 70000, 2}};
  for (size_t s = 0; s < 5; s++) {
    ntk_triangle t = ntk_triangle_create(sizes[s][0], sizes[s][1], sizes[s][2]);
    size_t tiles = ntk_triangle_tiles(&t);
    unsigned char *seen = NULL;
    ntk_triangle_place place = {0};
    OK(NTK_NEW(tiles * tiles, &seen));
    for (size_t k = 0; k < t.count; k++) {
      ntk_triangle_find(&t, k, &place);
      assert_true(place.row <= place.column && place.column < tiles);
      assert_int_equal(seen[place.row * tiles + place.column]++, 0);
    }
    assert_int_equal(t.count, tiles * (tiles + 1) / 2);
    for (size_t i = 0; i < tiles; i++) assert_in_range(ntk_triangle_start(&t, i + 1) - ntk_triangle_start(&t, i), 1, t.side);
    assert_int_equal(ntk_triangle_start(&t, tiles), sizes[s][0] + sizes[s][1]);
    free(seen);
  }
}

/* Pairs of points of the rank with the most, over the mean, less one. */
static double imbalance(size_t n, size_t ranks) {
  ntk_triangle t = ntk_triangle_create(n / 2, n - n / 2, 2);
  double most = 0, all = 0;
  ntk_triangle_place place = {0};
  for (size_t r = 0; r < ranks; r++) {
    double own = 0;
    for (size_t k = t.count * r / ranks; k < t.count * (r + 1) / ranks; k++) {
      ntk_triangle_find(&t, k, &place);
      double rows = (double)(ntk_triangle_start(&t, place.row + 1) - ntk_triangle_start(&t, place.row));
      double columns = (double)(ntk_triangle_start(&t, place.column + 1) - ntk_triangle_start(&t, place.column));
      own += place.row == place.column ? rows * (columns + 16) / 2 : rows * columns;
    }
    most = fmax(most, own);
    all += own;
  }
  return most * (double)ranks / all - 1;
}

static void ranks_get_equal_work(void **state) {
  (void)state;
  static const size_t sizes[] = {4000, 8000, 16000, 17000, 40000};
  for (size_t s = 0; s < 5; s++)
    for (size_t ranks = 2; ranks <= (sizes[s] < 8000 ? 6 : 16); ranks++) assert_true(imbalance(sizes[s], ranks) < 0.03);
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  check_ok(ntk_comm_create(MPI_COMM_WORLD, &world), "world", __FILE__, __LINE__);
  check_ok(ntk_comm_create(MPI_COMM_SELF, &self), "self", __FILE__, __LINE__);
  const struct CMUnitTest tests[] = {cmocka_unit_test(sums_equal_those_of_the_matrix),
                                     cmocka_unit_test(ranks_change_no_bit),
                                     cmocka_unit_test(an_interrupted_evaluation_goes_on_on_any_ranks),
                                     cmocka_unit_test(another_evaluations_state_is_refused),
                                     cmocka_unit_test(every_pair_of_tiles_comes_once),
                                     cmocka_unit_test(ranks_get_equal_work)};
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  ntk_comm_free(&self);
  ntk_comm_free(&world);
  MPI_Finalize();
  return failed;
}
