// ranks: 1 2 3 4
// Distributed kernel sums and operators: right, and the same to the last bit on any number of ranks, stored or recomputed.
#include <math.h>

#include "base/mem.h"
#include "base/rng.h"
#include "check.h"
#include "field/field.h"
#include "field/fixed.h"
#include "field/krylov.h"
#include "field/matrix.h"
#include "field/mirror.h"

enum { N = 333, M = 517, C = 3 };

static ntk_comm world, self;

static double *normals(size_t count, uint32_t stream) {
  double *x = NULL;
  OK(ntk_alloc(count, sizeof(double), &x));
  for (size_t i = 0; i < count; i++) x[i] = ntk_normal((ntk_rng){7, 0, stream}, i);
  return x;
}

typedef struct {
  size_t d;
  ntk_kernel *kernel;
  ntk_prepared *x, *z;
  double *w;
} problem;

static problem make(size_t d) {
  problem p = {.d = d};
  OK(ntk_kernel_parse("{type: mlp, depth: 2, activation: relu, bias_stddev: 0.5}", "ntk", d, &p.kernel));
  double *x = normals(N * d, 1), *z = normals(M * d, 2);
  OK(ntk_prepare(p.kernel, N, x, &p.x));
  OK(ntk_prepare(p.kernel, M, z, &p.z));
  p.w = normals(M * C, 3);
  free(x);
  free(z);
  return p;
}

static void release(problem *p) {
  ntk_prepared_free(&p->x);
  ntk_prepared_free(&p->z);
  ntk_kernel_free(&p->kernel);
  free(p->w);
}

/* The whole matrix, one entry a tile. */
static double *full_matrix(const ntk_kernel *kernel, const ntk_prepared *x, const ntk_prepared *z) {
  size_t n = ntk_prepared_count(x), m = ntk_prepared_count(z);
  double *k = NULL;
  ntk_workspace *workspace = NULL;
  OK(ntk_alloc(n * m, sizeof(double), &k));
  OK(ntk_workspace_create(kernel, &workspace));
  ntk_tile_values(kernel, workspace, (ntk_tile){x, z, 0, n, 0, m}, k, m);
  ntk_workspace_free(&workspace);
  return k;
}

static void sums_equal_the_matrix_product(void **state) {
  (void)state;
  for (size_t d = 2; d <= 20; d += 18) { /* direct differences and GEMM */
    problem p = make(d);
    double *k = full_matrix(p.kernel, p.x, p.z), value[N * C], *gradient = normals(N * d, 9);
    OK(ntk_field_sum(&world, p.kernel, p.x, p.z, C, p.w, value, gradient));
    for (size_t i = 0; i < N; i++)
      for (size_t c = 0; c < C; c++) {
        double expected = 0, size = 0;
        for (size_t j = 0; j < M; j++) {
          expected += k[i * M + j] * p.w[j * C + c];
          size += fabs(k[i * M + j] * p.w[j * C + c]);
        }
        CLOSE(value[i * C + c], expected, 1e-13 * size);
      }
    free(k);
    free(gradient);
    release(&p);
  }
}

/* Points prepared piece by piece: 100 000 centres are two pieces; ones that are equal add up to what one gives. */
static void sums_over_pieces_of_points(void **state) {
  (void)state;
  enum { MANY = 100000, FEW = 40 };
  problem p = make(2);
  double *x = normals(FEW * 2, 1), *z = normals(2 * MANY, 2), *w = NULL, value[2][FEW], gradient[2][2 * FEW], whole[FEW];
  ntk_prepared *queries = NULL, *centres = NULL;
  OK(NTK_NEW(MANY, &w));
  for (size_t j = 0; j < MANY; j++) w[j] = 1.0 / MANY;
  const ntk_point_array some = {FEW, x}, many = {MANY, z};
  OK(ntk_field_sum_points(&world, p.kernel, &some, &many, 1, w, value[0], gradient[0]));
  OK(ntk_field_sum_points(&self, p.kernel, &some, &many, 1, w, value[1], gradient[1]));
  assert_memory_equal(value[0], value[1], sizeof value[0]);
  assert_memory_equal(gradient[0], gradient[1], sizeof gradient[0]);
  OK(ntk_prepare(p.kernel, FEW, x, &queries));
  OK(ntk_prepare(p.kernel, MANY, z, &centres));
  OK(ntk_field_sum(&world, p.kernel, queries, centres, 1, w, whole, gradient[1]));
  for (size_t i = 0; i < FEW; i++) CLOSE(value[0][i], whole[i], 1e-13 * fabs(whole[i]));
  for (size_t i = 0; i < 2 * FEW; i++) CLOSE(gradient[0][i], gradient[1][i], 1e-13);
  ntk_prepared_free(&queries);
  ntk_prepared_free(&centres);
  free(x), free(z), free(w);
  release(&p);
}

static void ranks_change_no_bit(void **state) {
  (void)state;
  problem p = make(2);
  double here[N * C], alone[N * C], here_gradient[N * 2], alone_gradient[N * 2];
  OK(ntk_field_sum(&world, p.kernel, p.x, p.z, C, p.w, here, here_gradient));
  OK(ntk_field_sum(&self, p.kernel, p.x, p.z, C, p.w, alone, alone_gradient));
  assert_memory_equal(here, alone, sizeof here);
  assert_memory_equal(here_gradient, alone_gradient, sizeof here_gradient);
  release(&p);
}

/* At the first of the centres on all ranks and on one, which is the same to the bit, and at a copy of them, which is nobody's centre. */
static void sum_three_ways(const ntk_kernel *kernel, const ntk_prepared *z, const ntk_prepared *copy, const double *w, double *const value[3],
                           double *const gradient[3]) {
  size_t n = ntk_prepared_count(copy), d = ntk_kernel_dimension(kernel);
  OK(ntk_field_sum_first(&world, kernel, z, n, z, 1, w, value[0], gradient[0]));
  OK(ntk_field_sum_first(&self, kernel, z, n, z, 1, w, value[1], gradient[1]));
  OK(ntk_field_sum(&self, kernel, copy, z, 1, w, value[2], gradient[2]));
  assert_memory_equal(value[0], value[1], n * sizeof(double));
  assert_memory_equal(gradient[0], gradient[1], n * d * sizeof(double));
}

/* Queries that are the first of the centres: pairs of them are evaluated once. */
static void sums_at_own_centres(void **state) {
  (void)state;
  const char *networks[] = {"{type: mlp, depth: 2, activation: relu, bias_stddev: 0.5}",
                            "{type: mlp, depth: 1, activation: {leaky_relu: {slope: 0.1}}}"};
  const size_t counts[] = {M, 300, 64};
  for (size_t k = 0; k < 2; k++)
    for (size_t d = 1; d <= 6; d += 1 + d) {
      ntk_kernel *kernel = NULL;
      ntk_prepared *z = NULL, *copy = NULL;
      double *x = normals(M * d, 2), *w = normals(M, 3), value[3][M], gradient[3][M * 6];
      OK(ntk_kernel_parse(networks[k], k ? "nngp" : "ntk", d, &kernel));
      assert_true(ntk_tile_both_at_once(kernel));
      for (size_t a = 0; a < d; a++) x[5 * d + a] = x[250 * d + a] = x[a]; /* coincident points */
      OK(ntk_prepare(kernel, M, x, &z));
      for (size_t i = 0; i < 3; i++) {
        size_t n = counts[i];
        OK(ntk_prepare(kernel, n, x, &copy));
        sum_three_ways(kernel, z, copy, w, (double *[3]){value[0], value[1], value[2]}, (double *[3]){gradient[0], gradient[1], gradient[2]});
        for (size_t j = 0; j < n; j++) CLOSE(value[0][j], value[2][j], 2e-13 * (1 + fabs(value[2][j])));
        for (size_t j = 0; j < n * d; j++) CLOSE(gradient[0][j], gradient[2][j], 1e-12 * (1 + fabs(gradient[2][j])));
        ntk_prepared_free(&copy);
      }
      OK(ntk_field_sum_first(&world, kernel, z, M, z, 1, w, NULL, gradient[2]));
      OK(ntk_field_sum_first(&self, kernel, z, M, z, 1, w, value[0], gradient[0]));
      assert_memory_equal(gradient[0], gradient[2], M * d * sizeof(double));
      ntk_prepared_free(&z);
      ntk_kernel_free(&kernel);
      free(x);
      free(w);
    }
}

/* The same for many coordinates, around the origin and far from it, with and without a centre: panels, whole and not, and marked pairs. */
static void sums_at_own_centres_of_many_coordinates(void **state) {
  (void)state;
  const size_t dimensions[] = {20, 70}, counts[] = {300, 1030}, centres[] = {500, 1300};
  for (size_t i = 0; i < 8; i++) {
    const size_t d = dimensions[i % 2], n = counts[i % 2], m = centres[i % 2];
    const char *network =
        i & 4 ? "{type: mlp, depth: 1, activation: relu, input_transform: tanh}" : "{type: mlp, depth: 2, activation: relu, bias_stddev: 0.5}";
    ntk_kernel *kernel = NULL;
    ntk_prepared *z = NULL, *copy = NULL;
    double *x = normals(m * d, 2), *w = normals(m, 3), *value[3], *gradient[3];
    for (size_t k = 0; k < 3; k++) value[k] = normals(n, 1), gradient[k] = normals(n * d, 1);
    for (size_t a = 0; a < d; a++) x[5 * d + a] = x[250 * d + a] = x[a]; /* coincident points */
    for (size_t a = 0; a < d; a++) x[7 * d + a] = x[a] + 1e-8 * x[d + a];
    for (size_t a = 0; a < m * d; a++) x[a] = i & 2 ? x[a] / 100 + 0.5 : x[a];
    OK(ntk_kernel_parse(network, "ntk", d, &kernel));
    if (i & 2) OK(ntk_kernel_set_centre(kernel, m, x));
    OK(ntk_prepare(kernel, m, x, &z));
    OK(ntk_prepare(kernel, n, x, &copy));
    sum_three_ways(kernel, z, copy, w, value, gradient);
    assert_memory_not_equal(gradient[0], gradient[2], n * d * sizeof(double)); /* each in its own way */
    double size[2] = {0, 0};
    for (size_t j = 0; j < n; j++) size[0] = fmax(size[0], fabs(value[2][j]));
    for (size_t j = 0; j < n * d; j++) size[1] = fmax(size[1], fabs(gradient[2][j]));
    for (size_t j = 0; j < n; j++) CLOSE(value[0][j], value[2][j], 1e-13 * size[0]);
    for (size_t j = 0; j < n * d; j++) CLOSE(gradient[0][j], gradient[2][j], 1e-13 * size[1]);
    ntk_prepared_free(&z);
    ntk_prepared_free(&copy);
    ntk_kernel_free(&kernel);
    for (size_t k = 0; k < 3; k++) free(value[k]), free(gradient[k]);
    free(x), free(w);
  }
}

/* Terms of very different size, in two orders; and what is too large. */
static void fixed_sums_have_no_order(void **state) {
  (void)state;
  enum { TERMS = 1000 };
  long long high[2] = {0, 0}, low[2] = {0, 0};
  ntk_fixed_sum forth = {1, 1024, &high[0], &low[0]}, back = {1, 1024, &high[1], &low[1]};
  double terms[TERMS], exact = 0, read[2];
  for (int i = 0; i < TERMS; i++) {
    terms[i] = ldexp(ntk_normal((ntk_rng){7, 0, 4}, (uint64_t)i), -(i % 40));
    exact += terms[i];
  }
  for (int i = 0; i < TERMS; i++) {
    assert_true(ntk_fixed_add(&forth, 0, 1, &terms[i]));
    assert_true(ntk_fixed_add(&back, 0, 1, &terms[TERMS - 1 - i]));
  }
  ntk_fixed_read(&forth, &read[0]);
  ntk_fixed_read(&back, &read[1]);
  assert_true(read[0] == read[1]);
  CLOSE(read[0], exact, 1e-13 * fabs(exact));
  const double bad[] = {1025, -1e300, NAN, INFINITY};
  for (int i = 0; i < 4; i++) assert_false(ntk_fixed_add(&forth, 0, 1, &bad[i]));
  assert_true(ntk_fixed_bound(1000) == 1024 && ntk_fixed_bound(0) == 1 && ntk_fixed_bound(INFINITY) == 1);
}

/* d = 20 goes through GEMM, whose bits follow the boundaries of tiles. */
static void matrices_are_symmetric_and_the_same_on_any_number_of_ranks(void **state) {
  (void)state;
  for (size_t d = 2; d <= 20; d += 18) {
    problem p = make(d);
    double *expected = full_matrix(p.kernel, p.z, p.z), *here = normals(M * M, 4), *alone = normals(M * M, 4);
    double *slopes = normals(N * M * d, 5), *slopes_alone = normals(N * M * d, 5);
    int root = world.rank == 0;
    OK(ntk_field_matrix(&world, p.kernel, p.z, NULL, 0, root ? here : NULL, NULL));
    OK(ntk_field_matrix(&self, p.kernel, p.z, NULL, 0, alone, NULL));
    if (root) assert_memory_equal(here, alone, M * M * sizeof *here);
    for (size_t i = 0; i < M; i++)
      for (size_t j = 0; j < M; j++) {
        assert_true(alone[i * M + j] == alone[j * M + i]);
        CLOSE(alone[i * M + j], expected[i * M + j], 1e-13 * expected[i * M + i]);
      }
    OK(ntk_field_matrix(&world, p.kernel, p.x, p.z, 1, root ? here : NULL, root ? slopes : NULL));
    OK(ntk_field_matrix(&self, p.kernel, p.x, p.z, 1, alone, slopes_alone));
    if (root) assert_memory_equal(here, alone, N * M * sizeof *here);
    if (root) assert_memory_equal(slopes, slopes_alone, N * M * d * sizeof *slopes);
    double *blocks[] = {expected, here, alone, slopes, slopes_alone};
    for (size_t i = 0; i < 5; i++) free(blocks[i]);
    release(&p);
  }
}

static void stored_and_recomputed_products_agree_bit_for_bit(void **state) {
  (void)state;
  problem p = make(2);
  double mass[M], y[3][M];
  for (size_t j = 0; j < M; j++) mass[j] = 1.0 / (double)(j + 1);
  const struct {
    const ntk_comm *comm;
    size_t budget;
  } ways[] = {{&world, (size_t)1 << 30}, {&world, 0}, {&self, (size_t)1 << 30}};
  for (size_t i = 0; i < 3; i++) {
    ntk_operator *op = NULL;
    assert_int_equal(ntk_operator_stores(ways[i].comm, M, ways[i].budget), ways[i].budget > 0);
    OK(ntk_operator_create(ways[i].comm, p.kernel, p.z, mass, ways[i].budget, &op));
    OK(ntk_operator_apply(op, p.w, y[i]));
    ntk_operator_free(&op);
  }
  assert_memory_equal(y[0], y[1], sizeof y[0]);
  assert_memory_equal(y[0], y[2], sizeof y[0]);
  double *k = full_matrix(p.kernel, p.z, p.z);
  for (size_t i = 0; i < M; i += 37) {
    double expected = 0, size = 0;
    for (size_t j = 0; j < M; j++) {
      expected += sqrt(mass[i] * mass[j]) * k[i * M + j] * p.w[j];
      size += fabs(sqrt(mass[i] * mass[j]) * k[i * M + j] * p.w[j]);
    }
    CLOSE(y[0][i], expected, 1e-13 * size);
  }
  free(k);
  release(&p);
}

/* (1 - e^(-ts))/s, as the quadratic losses need it. */
static double relaxation(double s, const void *context) {
  double t = *(const double *)context;
  return s > 0 ? -expm1(-t * s) / s : t;
}

static void krylov_equals_the_dense_function(void **state) {
  (void)state;
  problem p = make(2);
  double mass[M], b[M], krylov[M], dense[M], alone[M];
  for (size_t j = 0; j < M; j++) {
    mass[j] = 2.0 / M;
    b[j] = (j < M / 2 ? -1 : 1) * sqrt(mass[j]);
  }
  ntk_operator *op = NULL, *op_alone = NULL;
  OK(ntk_operator_create(&world, p.kernel, p.z, mass, (size_t)1 << 30, &op));
  OK(ntk_operator_create(&self, p.kernel, p.z, mass, (size_t)1 << 30, &op_alone));
  const double times[] = {0.1, 1, 100, 1e4, 1e8};
  for (size_t k = 0; k < 5; k++) {
    ntk_krylov_report report;
    OK(ntk_krylov_function(op, b, relaxation, &times[k], 1e-12, krylov, &report));
    OK(ntk_krylov_function(op_alone, b, relaxation, &times[k], 1e-12, alone, &report));
    ntk_krylov_job job = {relaxation, &times[k], dense};
    OK(ntk_dense_functions(op, b, 1, &job, 0, NULL));
    assert_memory_equal(krylov, alone, sizeof krylov);
    double gap = 0, norm = 0;
    for (size_t j = 0; j < M; j++) {
      gap += (krylov[j] - dense[j]) * (krylov[j] - dense[j]);
      norm += dense[j] * dense[j];
    }
    assert_true(report.dense || report.iterations < M / 3);
    if (times[k] <= 100) assert_false(report.dense);
    CLOSE(sqrt(gap / norm), 0, 1e-11 + 4 * times[k] * 0x1p-53); /* both move eigenvalues by about u |A|, |A| <= 3: f by the factor t u |A| */
  }
  ntk_operator_free(&op);
  ntk_operator_free(&op_alone);
  release(&p);
}

static void a_tiny_component_that_carries_the_result_is_found(void **state) {
  (void)state;
  /* b almost in the range of large eigenvalues: the small ones' part, 1e-6 of b, is amplified by t = 1e4 and carries the result. */
  problem p = make(2);
  double b[M], krylov[M], dense[M], smooth[M], t = 1e4;
  ntk_operator *op = NULL;
  OK(ntk_operator_create(&world, p.kernel, p.z, NULL, (size_t)1 << 30, &op));
  for (size_t j = 0; j < M; j++) smooth[j] = 1;
  OK(ntk_operator_apply(op, smooth, b));
  double norm = sqrt(ntk_dot(M, b, b));
  for (size_t j = 0; j < M; j++) b[j] = b[j] / norm + 1e-6 * p.w[j];
  ntk_krylov_report report;
  OK(ntk_krylov_function(op, b, relaxation, &t, 1e-10, krylov, &report));
  ntk_krylov_job job = {relaxation, &t, dense};
  OK(ntk_dense_functions(op, b, 1, &job, 0, NULL));
  double gap = 0, size = 0;
  for (size_t j = 0; j < M; j++) {
    gap += (krylov[j] - dense[j]) * (krylov[j] - dense[j]);
    size += dense[j] * dense[j];
  }
  CLOSE(sqrt(gap / size), 0, 1e-8);
  ntk_operator_free(&op);
  release(&p);
}

static void pieces_of_a_step_are_dealt_evenly(void **state) {
  (void)state;
  const size_t sizes[] = {500, 4000, 5000, 8192, 20000};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    for (size_t ranks = 1; ranks <= (sizes[i] < 4000 ? 8 : 16); ranks++) {
      double imbalance = -1;
      OK(ntk_mirror_imbalance(sizes[i], 2 * sizes[i], 2, ranks, &imbalance));
      assert_true(imbalance > -1e-12 && imbalance < (sizes[i] < 4000 ? 0.04 : 0.03)); /* 500: few pieces */
    }
}

static void fixed_tree_sums(void **state) {
  (void)state;
  double *x = NULL;
  OK(NTK_NEW(100001, &x));
  for (size_t i = 0; i < 100001; i++) x[i] = 0.1;
  CLOSE(ntk_sum(100001, x), 10000.1, 4e-11); /* leaves of 128 terms; plain summation loses 2e-8 */
  CLOSE(ntk_dot(100001, x, x), 1000.01, 1e-12);
  free(x);
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  check_ok(ntk_comm_create(MPI_COMM_WORLD, &world), "world", __FILE__, __LINE__);
  check_ok(ntk_comm_create(MPI_COMM_SELF, &self), "self", __FILE__, __LINE__);
  const struct CMUnitTest tests[] = {cmocka_unit_test(sums_equal_the_matrix_product),
                                     cmocka_unit_test(sums_over_pieces_of_points),
                                     cmocka_unit_test(ranks_change_no_bit),
                                     cmocka_unit_test(sums_at_own_centres),
                                     cmocka_unit_test(sums_at_own_centres_of_many_coordinates),
                                     cmocka_unit_test(fixed_sums_have_no_order),
                                     cmocka_unit_test(pieces_of_a_step_are_dealt_evenly),
                                     cmocka_unit_test(matrices_are_symmetric_and_the_same_on_any_number_of_ranks),
                                     cmocka_unit_test(stored_and_recomputed_products_agree_bit_for_bit),
                                     cmocka_unit_test(krylov_equals_the_dense_function),
                                     cmocka_unit_test(a_tiny_component_that_carries_the_result_is_found),
                                     cmocka_unit_test(fixed_tree_sums)};
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  ntk_comm_free(&self);
  ntk_comm_free(&world);
  MPI_Finalize();
  return failed;
}
