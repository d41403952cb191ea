// ranks: 1
#include "kernel/object.h"
#include "unit/kernel_fixture.h"

enum { N = 60, MOST = 40 };

/* Points (-1, 1) around a point that is `offset` times as far from the origin, all of it shrunk to ordinary variances. */
static void far_points(size_t d, double offset, unsigned seed, double *x) {
  double away[MOST];
  fill_points(d, away, 77);
  fill_points(N * d, x, seed);
  for (size_t i = 0; i < N * d; i++) x[i] = (x[i] + offset * away[i % d]) / (1 + offset);
}

static pairing centred(const char *network, const char *kind, size_t d, const double *x, const double *z) {
  pairing p;
  OK(ntk_kernel_parse(network, kind, d, &p.kernel));
  OK(ntk_kernel_set_centre(p.kernel, N, x));
  assert_non_null(p.kernel->centre);
  OK(ntk_workspace_create(p.kernel, &p.workspace));
  OK(ntk_prepare(p.kernel, N, x, &p.x));
  OK(ntk_prepare(p.kernel, N, z, &p.z));
  return p;
}

typedef struct {
  double x[N * MOST], z[N * MOST], w[N], k[2][N * N], gradients[2][N * N * MOST], value[2][N], gradient[2][N * MOST];
} arrays;

static void evaluate(const pairing *p, arrays *a, size_t which) {
  memset(a->value[which], 0, sizeof a->value[which]);
  memset(a->gradient[which], 0, sizeof a->gradient[which]);
  ntk_tile_values(p->kernel, p->workspace, pairing_tile(p), a->k[which], N);
  ntk_tile_gradients(p->kernel, p->workspace, pairing_tile(p), a->gradients[which], N);
  ntk_tile_apply(p->kernel, p->workspace, pairing_tile(p), 1, a->w, a->value[which], a->gradient[which]);
}

static void compare(const char *what, size_t count, const double *with, const double *without, double tolerance, double scale) {
  for (size_t i = 0; i < count; i++)
    if (!(fabs(with[i] - without[i]) <= tolerance * scale))
      fail_msg("%s: number %zu is %.17g with a centre, %.17g without (of %.3g)", what, i, with[i], without[i], scale);
}

static void compare_all(const char *network, size_t d, const arrays *a, double tolerance) {
  double k = largest(N * N, a->k[1]), g = largest(N * N * d, a->gradients[1]);
  compare(network, N * N, a->k[0], a->k[1], tolerance, k);
  compare(network, N * N * d, a->gradients[0], a->gradients[1], 10 * tolerance, g);
  compare(network, N, a->value[0], a->value[1], tolerance, N * k);
  compare(network, N * d, a->gradient[0], a->gradient[1], 10 * tolerance, N * g);
}

/* Without a centre pairs far from the origin go through direct differences. Where rectifiers follow smooth layers (lists of activations) their angle is
 * a difference in both ways. */
static void results_do_not_depend_on_the_centre(void **state) {
  (void)state;
  const size_t dimensions[] = {17, MOST};
  const double offsets[] = {4, 1e3, 1e6};
  arrays *a = calloc(1, sizeof *a);
  fill_points(N, a->w, 3);
  for (size_t i = 0; i < NETWORK_COUNT * 6; i++) {
    const char *network = NETWORKS[i / 6], *kind = KINDS[i / 6 % 2];
    size_t d = dimensions[i % 2];
    double offset = offsets[i / 2 % 3], tolerance = value_accuracy(network);
    if (strchr(network, '[')) tolerance = 1e-9;
    if (strchr(network, '[') && offset > 1e5) continue;
    far_points(d, offset, 1, a->x);
    far_points(d, offset, 2, a->z);
    for (size_t j = 0; j < 5 * d; j++) a->z[j] = a->x[j]; /* coincident */
    pairing with = centred(network, kind, d, a->x, a->z), without = pairing_make(network, kind, d, N, a->x, N, a->z);
    evaluate(&with, a, 0);
    evaluate(&without, a, 1);
    compare_all(network, d, a, tolerance);
    pairing_free(&with);
    pairing_free(&without);
  }
  free(a);
}

/* Points that are far from the centre, on its line, or no different from it or one another; the same when they are moved there. */
static void points_far_from_the_centre_are_right_too(void **state) {
  (void)state;
  const size_t d = 20;
  const double factors[] = {0, -1, 2, 1e-3, 1e3, 1e-100, 1, 1 + 1e-9};
  const char *const networks[] = {NETWORKS[0], NETWORKS[1], "{type: mlp, depth: 1, activation: erf, bias_stddev: 0.2}"};
  arrays *a = calloc(1, sizeof *a);
  fill_points(N, a->w, 3);
  for (size_t i = 0; i < 3; i++) {
    far_points(d, 1e3, 1, a->x);
    pairing with = centred(networks[i], "ntk", d, a->x, a->x);
    for (size_t j = 0; j < 8 * d; j++) a->x[j] = factors[j / d] * with.kernel->centre[j % d];
    if (i < 2) OK(ntk_stage_fill(with.kernel, with.x, NTK_STAGE_TABLES, a->x, 0, 8));
    if (i < 2) OK(ntk_stage_fill(with.kernel, with.z, NTK_STAGE_TABLES, a->x, 0, 8));
    if (i == 2) {
      ntk_prepared_free(&with.x);
      ntk_prepared_free(&with.z);
      OK(ntk_prepare(with.kernel, N, a->x, &with.x));
      OK(ntk_prepare(with.kernel, N, a->x, &with.z));
    }
    pairing without = pairing_make(networks[i], "ntk", d, N, a->x, N, a->x);
    evaluate(&with, a, 0);
    evaluate(&without, a, 1);
    for (size_t j = 0; j < N * N; j++) CLOSE(a->k[0][j], a->k[1][j], 1e-14 * fabs(a->k[1][j]));
    compare_all(networks[i], d, a, 1e-14);
    pairing_free(&with);
    pairing_free(&without);
  }
  free(a);
}

/* Without biases k(t x, z) = t k(x, z), exactly so for powers of 2 but for rounding, which must not be that of |t x|^2. The gradient's two parts, along t x
 * and along z - t x, are t times as long as their sum. */
static void points_of_different_sizes_keep_their_digits(void **state) {
  (void)state;
  enum { D = 20 };
  double x[D], z[D], large[D], gradient[D], expected[D];
  for (unsigned i = 0; i < 20; i++) {
    fill_points(D, x, i);
    fill_points(D, z, i + 100);
    for (size_t a = 0; a < D; a++) large[a] = 0x1p14 * x[a];
    double k = kernel_at(NETWORKS[0], "ntk", D, x, z, expected), scale = largest(D, expected);
    CLOSE(kernel_at(NETWORKS[0], "ntk", D, large, z, gradient), 0x1p14 * k, 0x1p14 * 4e-15 * fabs(k));
    for (size_t a = 0; a < D; a++) CLOSE(gradient[a], expected[a], 0x1p14 * 1e-15 * scale);
    CLOSE(kernel_at(NETWORKS[0], "ntk", D, z, large, NULL), 0x1p14 * k, 0x1p14 * 4e-15 * fabs(k));
  }
}

static void a_centre_is_only_taken_where_it_helps(void **state) {
  (void)state;
  ntk_kernel *kernel;
  ntk_prepared *points;
  double x[N * MOST];
  OK(ntk_kernel_parse(NETWORKS[1], "ntk", 17, &kernel));
  far_points(17, 10, 1, x);
  OK(ntk_kernel_set_centre(kernel, N, x));
  assert_non_null(kernel->centre);
  OK(ntk_prepare(kernel, N, x, &points));
  for (size_t j = 0; j < N * 17; j++) CLOSE(points->centred[j] + kernel->centre[j % 17], x[j], 1e-15);
  ntk_prepared_free(&points);
  x[3] = NAN;
  OK(ntk_kernel_set_centre(kernel, N, x));
  assert_null(kernel->centre);
  far_points(17, 1, 1, x);
  OK(ntk_kernel_set_centre(kernel, N, x));
  assert_null(kernel->centre);
  OK(ntk_prepare(kernel, N, x, &points));
  assert_null(points->centred);
  ntk_prepared_free(&points);
  ntk_kernel_free(&kernel);
  far_points(16, 1e3, 1, x);
  OK(ntk_kernel_parse(NETWORKS[1], "ntk", 16, &kernel));
  OK(ntk_kernel_set_centre(kernel, N, x));
  assert_null(kernel->centre);
  ntk_kernel_free(&kernel);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(results_do_not_depend_on_the_centre),
      cmocka_unit_test(points_far_from_the_centre_are_right_too),
      cmocka_unit_test(points_of_different_sizes_keep_their_digits),
      cmocka_unit_test(a_centre_is_only_taken_where_it_helps),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
