// ranks: 1
#include "unit/kernel_fixture.h"

enum { N = 150, M = 420, C = 3, MOST = 40 };

typedef struct {
  double x[N * MOST], z[M * MOST], w[M * C], k[N * M], *gradients, value[N * C], gradient[N * MOST];
} arrays;

/* Rows 11.. and columns 5.. of larger sets; among the columns are points of x, and points very close to them. */
static void apply_is_the_product(void **state) {
  (void)state;
  const size_t dimensions[] = {1, 2, 3, 7, 17, MOST}, row = 11, rows = N - 11, column = 5, columns = M - 5 - 9;
  arrays *a = calloc(1, sizeof *a);
  a->gradients = calloc(N * M * MOST, sizeof(double));
  for (size_t i = 0; i < NETWORK_COUNT; i++) {
    for (size_t c = 0; c < sizeof dimensions / sizeof *dimensions; c++) {
      if (i % 3 != c % 3) continue;
      /* A rectifier behind a smooth branch sees close points through a subtraction, and the loops with and without gradient round apart. */
      double tolerance = strchr(NETWORKS[i], '[') ? 1e-9 : 1e-12;
      /* A series stops as soon as its own tolerance is met, with the gradient or without. */
      tolerance = fmax(tolerance, value_accuracy(NETWORKS[i]));
      size_t d = dimensions[c];
      fill_points(N * d, a->x, 1);
      fill_points(M * d, a->z, 2);
      fill_points(M * C, a->w, 3);
      for (size_t j = 0; j < 40 * d; j++) a->z[(column + 3) * d + j] = a->x[row * d + j] + (j / d % 2 ? 1e-7 : 0);
      pairing p = pairing_make(NETWORKS[i], KINDS[i / 3 % 2], d, N, a->x, M, a->z);
      ntk_tile tile = {p.x, p.z, row, rows, column, columns};
      ntk_tile_values(p.kernel, p.workspace, tile, a->k, M);
      ntk_tile_gradients(p.kernel, p.workspace, tile, a->gradients, M);
      double scale_k = largest(N * M, a->k), scale_g = largest(N * M * d, a->gradients);
      for (size_t weights = 1; weights <= C; weights += 2) {
        for (size_t j = 0; j < N * C; j++) a->value[j] = 1;
        for (size_t j = 0; j < N * d; j++) a->gradient[j] = -1;
        ntk_tile_apply(p.kernel, p.workspace, tile, weights, a->w, a->value, a->gradient);
        for (size_t r = 0; r < rows; r++) {
          for (size_t b = 0; b < weights; b++) {
            double sum = 1;
            for (size_t j = 0; j < columns; j++) sum += a->k[r * M + j] * a->w[j * weights + b];
            CLOSE(a->value[r * weights + b], sum, tolerance * (1 + scale_k));
          }
          for (size_t b = 0; b < d; b++) {
            double sum = -1;
            for (size_t j = 0; j < columns; j++) sum += a->gradients[(r * M + j) * d + b] * a->w[j * weights];
            CLOSE(a->gradient[r * d + b], sum, tolerance * (1 + scale_g));
          }
        }
      }
      pairing_free(&p);
    }
  }
  free(a->gradients);
  free(a);
}

/* A tile's both directions are the tile and the transposed tile, whichever of the other results are asked for. */
static void both_directions_are_two_tiles(void **state) {
  (void)state;
  const size_t dimensions[] = {2, 20, 7, MOST}, row = 11, rows = N - 11, column = 5, columns = M - 5 - 9;
  arrays *a = calloc(1, sizeof *a);
  double *other = calloc(2 * M * MOST, sizeof *other), *expected = calloc((N + M) * (C + MOST), sizeof *expected);
  for (size_t i = 0; i < NETWORK_COUNT; i++) {
    double tolerance = fmax(strchr(NETWORKS[i], '[') ? 1e-9 : 1e-12, value_accuracy(NETWORKS[i]));
    /* Without a bias: one of the pairs has an angle of 2e-6. Against 120 digits both ways are off by 2e-12 to 5e-12 there, which is what a roundoff of a
     * coordinate does to its gradients; the other pairs have all digits. */
    if (strstr(NETWORKS[i], "relu, bias_stddev: 0}")) tolerance = 1.5e-11;
    size_t d = dimensions[i % 4], c = i % 3 == 1 ? C : 1;
    fill_points(N * d, a->x, 1);
    fill_points(M * d, a->z, 2);
    fill_points(M * C, a->w, 3);
    pairing p = pairing_make(NETWORKS[i], "ntk", d, N, a->x, M, a->z);
    ntk_tile tile = {p.x, p.z, row, rows, column, columns}, transposed = {p.z, p.x, column, columns, row, rows};
    double *value = expected, *gradient = value + N * C, *other_value = gradient + N * MOST, *other_gradient = other_value + M * C;
    memset(expected, 0, (N + M) * (C + MOST) * sizeof *expected);
    ntk_tile_apply(p.kernel, p.workspace, tile, c, a->w, value, gradient);
    ntk_tile_apply(p.kernel, p.workspace, transposed, c, a->w + 1, other_value, other_gradient);
    for (int wanted = 1; wanted < 16; wanted += 2) {
      memset(a->value, 0, sizeof a->value);
      memset(a->gradient, 0, sizeof a->gradient);
      memset(other, 0, 2 * M * MOST * sizeof *other);
      ntk_both both = {a->w, a->w + 1, a->value, wanted & 2 ? a->gradient : NULL, wanted & 4 ? other : NULL, wanted & 8 ? other + M * MOST : NULL};
      ntk_tile_apply_both(p.kernel, p.workspace, tile, c, &both);
      double scale = largest(rows * c, value), other_scale = largest(columns * c, other_value);
      for (size_t j = 0; j < rows * c; j++) CLOSE(a->value[j], value[j], tolerance * scale);
      for (size_t j = 0; both.other_value && j < columns * c; j++) CLOSE(other[j], other_value[j], tolerance * other_scale);
      scale = largest(rows * d, gradient), other_scale = largest(columns * d, other_gradient);
      for (size_t j = 0; both.gradient && j < rows * d; j++) CLOSE(a->gradient[j], gradient[j], tolerance * scale);
      for (size_t j = 0; both.other_gradient && j < columns * d; j++) CLOSE(both.other_gradient[j], other_gradient[j], tolerance * other_scale);
    }
    pairing_free(&p);
  }
  free(expected);
  free(other);
  free(a);
}

/* What the two gradients of a pair are compared by. */
static double pair_scale(size_t d, const double *x, double k, const double *gradient) {
  double square = 0;
  for (size_t a = 0; a < d; a++) square += x[a] * x[a];
  return fmax(largest(d, gradient), k / sqrt(square));
}

/* Sums over one pair are its entries at all distances: what tests/command/test_accuracy.py finds for entries holds for sums, in one direction and in
 * both. Without a bias the gradients of collinear points turn by a roundoff/distance with a coordinate's rounding, and the two ways round apart. */
static void one_pair_is_the_entry(void **state) {
  (void)state;
  const size_t dimensions[] = {1, 2, 3, 5, 16, 17, MOST};
  const double along[] = {1, 1.7, -1.3};
  for (size_t i = 0; i < 7 * 3 * 6 * 2 * 2; i++) {
    const size_t d = dimensions[i % 7];
    const double factor = along[i / 7 % 3], distance = pow(10, -2.0 * (double)(i / 21 % 6)), one = 1;
    const bool bias = i / 126 % 2, single = i / 252;
    double x[MOST], z[MOST], k[2], gradient[2][MOST], number = 0, alone[MOST] = {0}, value[2] = {0}, sum[2][MOST] = {{0}};
    fill_points(d, x, (unsigned)i);
    fill_points(d, z, (unsigned)i + 1000);
    for (size_t a = 0; a < d; a++) z[a] = factor * (x[a] + distance * z[a]);
    pairing p;
    OK(ntk_kernel_parse(bias ? "{type: mlp, depth: 3, activation: relu, bias_stddev: 1}" : "{type: mlp, depth: 3, activation: relu}", "ntk", d,
                        &p.kernel));
    if (single) OK(ntk_kernel_use_single(p.kernel));
    OK(ntk_workspace_create(p.kernel, &p.workspace));
    OK(ntk_prepare(p.kernel, 1, x, &p.x));
    OK(ntk_prepare(p.kernel, 1, z, &p.z));
    ntk_tile tile[2] = {{p.x, p.z, 0, 1, 0, 1}, {p.z, p.x, 0, 1, 0, 1}};
    for (size_t s = 0; s < 2; s++) {
      ntk_tile_values(p.kernel, p.workspace, tile[s], &k[s], 1);
      ntk_tile_gradients(p.kernel, p.workspace, tile[s], gradient[s], 1);
    }
    ntk_tile_apply(p.kernel, p.workspace, tile[0], 1, &one, &number, alone);
    ntk_tile_apply_both(p.kernel, p.workspace, tile[0], 1, &(ntk_both){&one, &one, &value[0], sum[0], &value[1], sum[1]});
    const double roundoff = ntk_kernel_roundoff(p.kernel), loss = bias || factor == 1 ? 8 : 8 + 8 / distance;
    CLOSE(number, k[0], 4 * roundoff * k[0]);
    for (size_t s = 0; s < 2; s++) {
      double scale = pair_scale(d, s ? z : x, k[s], gradient[s]);
      CLOSE(value[s], k[s], 4 * roundoff * k[s]);
      for (size_t a = 0; a < d; a++) CLOSE(sum[s][a], gradient[s][a], loss * roundoff * scale);
      for (size_t a = 0; a < d && !s; a++) CLOSE(alone[a], gradient[s][a], loss * roundoff * scale);
    }
    pairing_free(&p);
  }
}

/* The same request gives the same bits, whatever the workspace was used for before. */
static void bits_depend_on_the_tile_only(void **state) {
  (void)state;
  arrays *a = calloc(1, sizeof *a);
  double value[N], gradient[N * 20];
  for (size_t d = 2; d <= 20; d += 18) {
    fill_points(N * d, a->x, 1);
    fill_points(M * d, a->z, 2);
    fill_points(M, a->w, 3);
    pairing p = pairing_make(NETWORKS[1], "ntk", d, N, a->x, M, a->z);
    ntk_tile tile = {p.x, p.z, 3, 70, 8, 300}, other = {p.x, p.z, 40, N - 40, 1, M - 1};
    memset(value, 0, sizeof value);
    memset(gradient, 0, sizeof gradient);
    ntk_tile_apply(p.kernel, p.workspace, tile, 1, a->w, value, gradient);
    ntk_tile_values(p.kernel, p.workspace, other, a->k, M);
    memset(a->value, 0, sizeof a->value);
    memset(a->gradient, 0, sizeof a->gradient);
    ntk_tile_apply(p.kernel, p.workspace, tile, 1, a->w, a->value, a->gradient);
    assert_memory_equal(value, a->value, 70 * sizeof *value);
    assert_memory_equal(gradient, a->gradient, 70 * d * sizeof *gradient);
    pairing_free(&p);
  }
  free(a);
}

/* Points that moved are as prepared where they went, and so are those that stayed. */
static void moved_points_are_prepared_points(void **state) {
  (void)state;
  arrays *a = calloc(1, sizeof *a);
  size_t kernels = 0;
  for (size_t i = 0; i < NETWORK_COUNT; i++)
    for (size_t moved = 7; moved <= M; moved += M - 7) {
      const size_t d = i % 2 ? 20 : 2;
      fill_points(N * d, a->x, 1);
      fill_points(M * d, a->z, 2);
      pairing p = pairing_make(NETWORKS[i], "ntk", d, N, a->x, M, a->z);
      if (ntk_prepared_can_move(p.kernel)) {
        ntk_prepared *fresh = NULL;
        fill_points(moved * d, a->z, 3);
        OK(ntk_prepare(p.kernel, M, a->z, &fresh));
        OK(ntk_stage_fill(p.kernel, p.z, NTK_STAGE_TABLES, a->z, 0, moved));
        double *expected = a->k, *found = calloc(N * M, sizeof *found), diagonal[2][M];
        ntk_tile_values(p.kernel, p.workspace, (ntk_tile){p.x, fresh, 0, N, 0, M}, expected, M);
        ntk_tile_values(p.kernel, p.workspace, (ntk_tile){p.x, p.z, 0, N, 0, M}, found, M);
        assert_memory_equal(found, expected, N * M * sizeof *found);
        ntk_prepared_diagonal(p.kernel, fresh, diagonal[0]);
        ntk_prepared_diagonal(p.kernel, p.z, diagonal[1]);
        assert_memory_equal(diagonal[0], diagonal[1], sizeof diagonal[0]);
        free(found);
        ntk_prepared_free(&fresh);
        kernels++;
      }
      pairing_free(&p);
    }
  assert_true(kernels > 8);
  free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(apply_is_the_product),         cmocka_unit_test(both_directions_are_two_tiles),    cmocka_unit_test(one_pair_is_the_entry),
      cmocka_unit_test(bits_depend_on_the_tile_only), cmocka_unit_test(moved_points_are_prepared_points),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
