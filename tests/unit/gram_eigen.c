// ranks: 1 2 3 4
// Block-cyclic Gram matrices and their eigenproblems, both solvers, against LAPACK on one rank, invariants and a closed-form spectrum.
#include <math.h>

#include "base/mem.h"
#include "base/rng.h"
#include "gram/matrix.h"
#include "reference.h"

void dsyev_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w, double *work, const int *lwork, int *info,
            size_t jobz_length, size_t uplo_length);

typedef struct {
  size_t n, d;
  ntk_kernel *kernel;
  ntk_prepared *z;
  double *mass, *full; /* full: D^1/2 K D^1/2, symmetric by its upper half */
} problem;

static problem make(size_t n, size_t d, const char *network, int weighted) {
  problem p = {.n = n, .d = d};
  double *x = NULL;
  ntk_workspace *workspace = NULL;
  OK(ntk_kernel_parse(network, "ntk", d, &p.kernel));
  OK(ntk_alloc(n * d, sizeof(double), &x));
  OK(NTK_NEW(n, &p.mass));
  OK(NTK_NEW(n * n, &p.full));
  for (size_t i = 0; i < n * d; i++) x[i] = ntk_normal((ntk_rng){5, 0, NTK_STREAM_REAL}, i);
  for (size_t i = 0; i < n; i++) p.mass[i] = weighted ? (1 + (double)(i % 7)) / (4 * (double)n) : 1;
  OK(ntk_prepare(p.kernel, n, x, &p.z));
  OK(ntk_workspace_create(p.kernel, &workspace));
  ntk_tile_values(p.kernel, workspace, (ntk_tile){p.z, p.z, 0, n, 0, n}, p.full, n);
  for (size_t i = 0; i < n; i++)
    for (size_t j = i; j < n; j++) p.full[j * n + i] = p.full[i * n + j] *= sqrt(p.mass[i]) * sqrt(p.mass[j]);
  ntk_workspace_free(&workspace);
  free(x);
  return p;
}

static void release(problem *p) {
  ntk_prepared_free(&p->z);
  ntk_kernel_free(&p->kernel);
  free(p->mass);
  free(p->full);
}

static double *lapack_values(const problem *p) {
  int n = (int)p->n, length = 64 * n, info = 0;
  double *a = NULL, *w = NULL, *work = NULL;
  OK(NTK_NEW(p->n * p->n, &a));
  OK(NTK_NEW(p->n, &w));
  OK(NTK_NEW((size_t)length, &work));
  memcpy(a, p->full, p->n * p->n * sizeof *a);
  dsyev_("N", "U", &n, a, &n, w, work, &length, &info, 1, 1);
  assert_int_equal(info, 0);
  free(a);
  free(work);
  return w; /* ascending */
}

/* Residuals, orthonormality and signs of the k leading vectors. */
static void check_vectors(const problem *p, size_t k, const double *values, const double *v) {
  double scale = values[0] * (double)p->n * 1e-15 * 8;
  for (size_t c = 0; c < k; c++) {
    size_t largest = 0;
    for (size_t i = 0; i < p->n; i++) {
      double sum = 0;
      for (size_t j = 0; j < p->n; j++) sum += p->full[i * p->n + j] * v[j * k + c];
      CLOSE(sum, values[c] * v[i * k + c], scale);
      if (fabs(v[i * k + c]) > fabs(v[largest * k + c])) largest = i;
    }
    assert_true(v[largest * k + c] > 0);
    for (size_t b = 0; b <= c; b++) {
      double dot = 0;
      for (size_t i = 0; i < p->n; i++) dot += v[i * k + b] * v[i * k + c];
      CLOSE(dot, b == c ? 1 : 0, 1e-13 * (double)(8 + p->n / 8));
    }
  }
}

static void check_case(const test_comms *comms, const problem *p, const ntk_gram_method *method, size_t k) {
  ntk_gram *gram = NULL;
  double *values = NULL, *vectors = NULL, *expected = lapack_values(p);
  OK(NTK_NEW(p->n, &values));
  OK(NTK_NEW(p->n * (k + 1), &vectors));
  OK(ntk_gram_create(&comms->world, p->kernel, p->z, p->mass, &gram));
  assert_int_equal(ntk_gram_size(gram), p->n);
  OK(ntk_gram_eigen_with(gram, method, k, values, k ? vectors : NULL));
  for (size_t i = 0; i < p->n; i++) CLOSE(values[i], expected[p->n - 1 - i], 1e-15 * (double)(8 + p->n) * expected[p->n - 1]);
  if (k) check_vectors(p, k < p->n ? k : p->n, values, vectors);
  ntk_gram_free(&gram);
  free(values);
  free(vectors);
  free(expected);
}

static void eigenpairs_agree_with_lapack(void **state) {
  static const size_t sizes[] = {1, 2, 3, 63, 64, 65, 128, 130, 257};
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    problem p = make(sizes[s], 3, "{type: rbf, bandwidth: 0.7}", s % 2 == 0);
    for (size_t m = 0; m < ntk_gram_method_count(); m++) {
      check_case(*state, &p, ntk_gram_method_at(m), 0);
      check_case(*state, &p, ntk_gram_method_at(m), 1);
      check_case(*state, &p, ntk_gram_method_at(m), 16);
      check_case(*state, &p, ntk_gram_method_at(m), sizes[s]);
    }
    release(&p);
  }
}

static void a_network_kernel_has_the_spectrum_of_its_matrix(void **state) {
  problem p = make(150, 2, "{type: mlp, depth: 2, activation: relu, bias_stddev: 0.5}", 1);
  for (size_t m = 0; m < ntk_gram_method_count(); m++) check_case(*state, &p, ntk_gram_method_at(m), 20);
  release(&p);
}

/* Several rounds of tiles, the last ones cut: every entry of the distributed matrix, gathered, equals that of one rank alone, and the matrix is symmetric to the last bit. */
static void entries_do_not_depend_on_ranks(void **state) {
  const test_comms *comms = *state;
  problem p = make(1090, 20, "{type: rbf, bandwidth: 3}", 1);
  ntk_gram *gram = NULL, *alone = NULL;
  double *whole = NULL;
  OK(NTK_NEW(p.n * p.n, &whole));
  OK(ntk_gram_create(&comms->world, p.kernel, p.z, p.mass, &gram));
  OK(ntk_gram_create(&comms->self, p.kernel, p.z, p.mass, &alone));
  for (size_t j = 0; j < gram->local_columns; j++)
    for (size_t i = 0; i < gram->local_rows; i++) {
      size_t row = ntk_gram_global(i, gram->grid.row, gram->grid.rows), column = ntk_gram_global(j, gram->grid.column, gram->grid.columns);
      assert_true(row < p.n && column < p.n);
      whole[row * p.n + column] = gram->a[j * gram->leading + i];
    }
  MPI_Allreduce(MPI_IN_PLACE, whole, (int)(p.n * p.n), MPI_DOUBLE, MPI_SUM, comms->world.mpi);
  for (size_t i = 0; i < p.n; i++)
    for (size_t j = 0; j < p.n; j++) {
      assert_same_bits(&whole[i * p.n + j], &alone->a[j * p.n + i], 1);
      assert_same_bits(&whole[i * p.n + j], &whole[j * p.n + i], 1);
      CLOSE(whole[i * p.n + j], p.full[i * p.n + j], 1e-14);
    }
  ntk_gram_free(&gram);
  ntk_gram_free(&alone);
  free(whole);
  release(&p);
}

/* Nodes (for exp(-x^2/2) / sqrt(2 pi)) and weights of Gauss-Hermite quadrature, by Newton's iteration on the orthonormal polynomials. */
static void gauss_hermite(size_t n, double *nodes, double *weights) {
  for (size_t k = 0; k < n; k++) { /* bisection on the count of sign changes: the number of roots below x */
    double low = -2 * sqrt((double)n) - 1, high = -low, norm = 0;
    for (int sweep = 0; sweep < 200; sweep++) {
      double x = 0.5 * (low + high), before = 0, p = 1;
      size_t changes = 0;
      norm = 1;
      for (size_t j = 0; j < n; j++) {
        double next = (x * p - sqrt((double)j) * before) / sqrt((double)(j + 1));
        if ((next < 0) != (p < 0)) changes++;
        before = p;
        p = next;
        if (j + 1 < n) norm += p * p;
      }
      nodes[k] = x;
      if (n - changes > k) /* changes counts the roots above x */
        high = x;
      else
        low = x;
    }
    weights[k] = 1 / norm;
  }
}

/* Mercer spectrum of exp(-(x-y)^2/(2 s^2)) under N(0, 1): (2a/A)^1/2 (b/A)^k, a = 1/4, b = 1/(2 s^2), c = (a^2 + 2ab)^1/2, A = a + b + c
 * (Rasmussen and Williams 2006, eq. 4.40). Nodes and weights of a Gauss-Hermite rule give it to rounding. */
static void gaussian_kernel_under_gaussian_measure(void **state) {
  enum { NODES = 100, SHOWN = 14 };
  const test_comms *comms = *state;
  double nodes[NODES], weights[NODES], values[NODES], s = 1.3, a = 0.25, b = 1 / (2 * s * s), c = sqrt(a * a + 2 * a * b), big = a + b + c;
  gauss_hermite(NODES, nodes, weights);
  ntk_kernel *kernel = NULL;
  ntk_prepared *z = NULL;
  OK(ntk_kernel_parse("{type: rbf, bandwidth: 1.3}", "ntk", 1, &kernel));
  OK(ntk_prepare(kernel, NODES, nodes, &z));
  for (size_t m = 0; m < ntk_gram_method_count(); m++) {
    ntk_gram *gram = NULL;
    OK(ntk_gram_create(&comms->world, kernel, z, weights, &gram));
    OK(ntk_gram_eigen_with(gram, ntk_gram_method_at(m), 0, values, NULL));
    for (size_t k = 0; k < SHOWN; k++) CLOSE(values[k], sqrt(2 * a / big) * pow(b / big, (double)k), 2e-14);
    ntk_gram_free(&gram);
  }
  ntk_prepared_free(&z);
  ntk_kernel_free(&kernel);
}

static void grids_are_square_and_full(void **state) {
  (void)state;
  static const int expected[][4] = {{1, 9, 1, 1}, {2, 9, 1, 2}, {4, 9, 2, 2}, {6, 9, 2, 3}, {7, 9, 1, 7}, {8, 1, 1, 1}, {8, 2, 2, 2}, {9, 9, 3, 3}};
  for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
    int rows, columns;
    ntk_grid_shape((size_t)expected[i][0], (size_t)expected[i][1], &rows, &columns);
    assert_int_equal(rows, expected[i][2]);
    assert_int_equal(columns, expected[i][3]);
  }
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(grids_are_square_and_full), cmocka_unit_test(entries_do_not_depend_on_ranks), cmocka_unit_test(eigenpairs_agree_with_lapack),
      cmocka_unit_test(a_network_kernel_has_the_spectrum_of_its_matrix), cmocka_unit_test(gaussian_kernel_under_gaussian_measure)};
  int failed = cmocka_run_group_tests(tests, comms_create, comms_free);
  MPI_Finalize();
  return failed;
}
