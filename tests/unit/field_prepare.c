// ranks: 1 2 3 4
// Points that ranks prepare together: the same to the last bit as prepared by one, in memory that a node holds once or, where that is not to be had, in
// each rank's own.
#include <math.h>
#include <sys/resource.h>

#include "base/mem.h"
#include "base/rng.h"
#include "check.h"
#include "field/field.h"
#include "reference.h"

/* Networks of every kind of table, with points enough for sharing (a MiB). */
static const struct {
  const char *network;
  size_t n, d;
  bool is_single, is_far; /* far from the origin, so that a centre is worth it */
} cases[] = {
    {"{type: mlp, depth: 3, activation: relu, bias_stddev: 0.5}", 5003, 2, false, false},
    {"{type: mlp, depth: 3, activation: relu, bias_stddev: 0.5}", 5003, 2, true, false},
    {"{type: mlp, depth: 2, activation: relu, bias_stddev: 0.5}", 2001, 40, false, true},
    {"{type: mlp, depth: 2, activation: tanh}", 401, 2, false, false},
    {"{type: mlp, depth: 2, activation: {polynomial: {coefficients: [0.1, 1, 0.2, 0.3, 0.1]}}}", 401, 3, false, false},
    {"{type: mlp, depth: 2, activation: relu, input_transform: tanh}", 6001, 2, false, false},
    {"{type: resnet, blocks: 1, activation: erf}", 7001, 2, false, false},
    {"{type: layers, layers: [dense, {dropout: {rate: 0.3}}, activation: tanh, {dropout: {rate: 0.2}}, dense]}", 601, 2, false, false},
    {"{type: rbf, bandwidth: 0.7}", 40001, 2, false, false},
    {"{type: dcgan, image: {height: 32, width: 32, channels: 1}, activation: relu}", 37, 1024, false, false},
    {"{type: layers, image: {height: 6, width: 6, channels: 1}, layers: [{conv: {size: 3}}, activation: tanh, {average_pool: {size: 2}}, {conv: "
     "{size: 3}}, activation: tanh, flatten, dense]}",
     1001, 36, false, false},
};

enum { CASES = sizeof cases / sizeof *cases };

static double *points_of(size_t c, uint32_t stream) {
  double *x = NULL;
  size_t count = cases[c].n * cases[c].d;
  OK(ntk_alloc(count, sizeof(double), &x));
  for (size_t i = 0; i < count; i++) x[i] = ntk_normal((ntk_rng){7, 0, stream}, i) + (cases[c].is_far ? 10 : 0);
  return x;
}

static ntk_kernel *kernel_of(size_t c, const double *x) {
  ntk_kernel *kernel = NULL;
  OK(ntk_kernel_parse(cases[c].network, "ntk", cases[c].d, &kernel));
  OK(ntk_kernel_set_centre(kernel, cases[c].n, x));
  if (cases[c].is_single) OK(ntk_kernel_use_single(kernel));
  return kernel;
}

/* Coordinates, diagonal, and some rows and columns of the matrix and of the gradients: at both ends and where the parts of 2, 3 and 4 ranks meet. */
static double *everything(const ntk_kernel *kernel, const ntk_prepared *p, size_t *count) {
  enum { PLACES = 7, ROWS = 3, COLUMNS = 17 };
  static const double places[PLACES] = {0, 0.25, 1.0 / 3, 0.5, 2.0 / 3, 0.75, 1};
  size_t n = ntk_prepared_count(p), d = ntk_kernel_dimension(kernel), tile = ROWS * COLUMNS * (1 + d);
  double *all = NULL;
  ntk_workspace *workspace = NULL;
  *count = n * (d + 1) + PLACES * PLACES * tile;
  OK(ntk_alloc(*count, sizeof(double), &all));
  OK(ntk_workspace_create(kernel, &workspace));
  memcpy(all, ntk_prepared_points(p), n * d * sizeof *all);
  ntk_prepared_diagonal(kernel, p, all + n * d);
  for (size_t i = 0; i < PLACES * PLACES; i++) {
    size_t row = (size_t)(places[i / PLACES] * (double)(n - ROWS)), column = (size_t)(places[i % PLACES] * (double)(n - COLUMNS));
    ntk_tile t = {p, p, row, ROWS, column, COLUMNS};
    double *out = all + n * (d + 1) + i * tile;
    ntk_tile_values(kernel, workspace, t, out, COLUMNS);
    ntk_tile_gradients(kernel, workspace, t, out + ROWS * COLUMNS, COLUMNS);
  }
  ntk_workspace_free(&workspace);
  return all;
}

static void assert_same_points(const ntk_kernel *kernel, const ntk_prepared *a, const ntk_prepared *b) {
  size_t count, other;
  double *left = everything(kernel, a, &count), *right = everything(kernel, b, &other);
  assert_int_equal(count, other);
  assert_same_bits(left, right, count);
  free(left);
  free(right);
}

/* Each with a kernel of its own, whose octaves are made by what it prepares. */
static void compare(const ntk_comm *comm, size_t c, bool is_shared) {
  double *x = points_of(c, (uint32_t)c);
  ntk_kernel *kernel = kernel_of(c, x), *own = kernel_of(c, x);
  ntk_prepared *together = NULL, *alone = NULL;
  OK(ntk_prepare(own, cases[c].n, x, &alone));
  size_t some = cases[c].n / 3;
  OK(ntk_field_prepare_both(comm, kernel, (ntk_point_array[2]){{some, x}, {cases[c].n - some, x + some * cases[c].d}}, &together));
  if (ntk_prepared_is_shared(together, NTK_STAGE_TABLES) != is_shared) fail_msg("%s: shared or not", cases[c].network);
  double *left, *right;
  size_t count;
  left = everything(kernel, together, &count);
  right = everything(own, alone, &count);
  if (memcmp(left, right, count * sizeof *left)) fail_msg("%s: other bits", cases[c].network);
  free(left);
  free(right);
  free(x);
  ntk_prepared_free(&together);
  ntk_prepared_free(&alone);
  ntk_kernel_free(&kernel);
  ntk_kernel_free(&own);
}

static void points_are_as_if_prepared_alone(void **state) {
  const test_comms *comms = *state;
  for (size_t c = 0; c < CASES; c++) compare(&comms->world, c, comms->world.size > 1);
  compare(&comms->self, 0, false);
}

static void without_shared_memory_each_rank_has_its_own(void **state) {
  const test_comms *comms = *state;
  struct rlimit limit, small;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
  small = limit;
  small.rlim_cur = 1 << 16;
  if (comms->world.rank == 0) assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  compare(&comms->world, 0, false);
  compare(&comms->world, 3, false);
  if (comms->world.rank == 0) assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void few_points_are_each_ranks_own(void **state) {
  const test_comms *comms = *state;
  double *x = points_of(0, 0);
  ntk_kernel *kernel = kernel_of(0, x);
  ntk_prepared *p = NULL;
  OK(ntk_field_prepare(&comms->world, kernel, 200, x, &p));
  assert_false(ntk_prepared_is_shared(p, NTK_STAGE_TABLES));
  OK(ntk_field_move(&comms->world, kernel, 100, x + 2, p));
  ntk_prepared_free(&p);
  ntk_kernel_free(&kernel);
  free(x);
}

static void moved_points_are_as_if_prepared_anew(void **state) {
  const test_comms *comms = *state;
  static const size_t movable[] = {0, 1, 2, 8};
  for (size_t k = 0; k < sizeof movable / sizeof *movable; k++) {
    size_t c = movable[k], n = cases[c].n, d = cases[c].d, counts[] = {1, 1237, n};
    double *x = points_of(c, 20), *y = points_of(c, 21);
    ntk_kernel *kernel = kernel_of(c, x);
    ntk_prepared *moved = NULL, *anew = NULL;
    OK(ntk_field_prepare(&comms->world, kernel, n, x, &moved));
    for (size_t i = 0; i < 3; i++) {
      memcpy(x, y + (i < 2 ? d : 0), (counts[i] - (i < 2)) * d * sizeof *x); /* other places each time */
      OK(ntk_field_move(&comms->world, kernel, counts[i], x, moved));
      OK(ntk_prepare(kernel, n, x, &anew));
      assert_same_points(kernel, moved, anew);
      ntk_prepared_free(&anew);
    }
    ntk_prepared_free(&moved);
    ntk_kernel_free(&kernel);
    free(x);
    free(y);
  }
}

static void a_point_that_is_no_input_is_named_to_all(void **state) {
  const test_comms *comms = *state;
  double *x = points_of(0, 0);
  ntk_kernel *kernel = kernel_of(0, x);
  size_t n = cases[0].n;
  ntk_prepared *p = NULL;
  x[2 * 4000 + 1] = NAN;
  FAILS(ntk_field_prepare(&comms->world, kernel, n, x, &p), NTK_E_NONFINITE, "point 4000, coordinate 1");
  assert_null(p);
  x[2 * 4000 + 1] = 0;
  OK(ntk_field_prepare(&comms->world, kernel, n, x, &p));
  x[2 * 10] = INFINITY;
  FAILS(ntk_field_move(&comms->world, kernel, 3000, x, p), NTK_E_NONFINITE, "point 10, coordinate 0");
  ntk_prepared_free(&p);
  ntk_kernel_free(&kernel);
  free(x);
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  const struct CMUnitTest tests[] = {cmocka_unit_test(points_are_as_if_prepared_alone), cmocka_unit_test(without_shared_memory_each_rank_has_its_own),
                                     cmocka_unit_test(few_points_are_each_ranks_own), cmocka_unit_test(moved_points_are_as_if_prepared_anew),
                                     cmocka_unit_test(a_point_that_is_no_input_is_named_to_all)};
  int failed = cmocka_run_group_tests(tests, comms_create, comms_free);
  MPI_Finalize();
  return failed;
}
