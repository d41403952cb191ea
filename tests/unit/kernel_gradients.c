// ranks: 1
#include "unit/kernel_fixture.h"

/* Central differences of the values, for every network, kind and a dimension of each input path. */
static void gradients_are_derivatives(void **state) {
  (void)state;
  enum { MOST = 20 };
  const size_t dimensions[] = {1, 2, 3, 6, MOST};
  double x[MOST], z[MOST], gradient[MOST];
  const double h = 1e-5;
  for (size_t i = 0; i < NETWORK_COUNT; i++) {
    for (size_t k = 0; k < 2; k++) {
      for (size_t c = 0; c < sizeof dimensions / sizeof *dimensions; c++) {
        size_t d = dimensions[c];
        fill_points(d, x, (unsigned)(i + 1));
        fill_points(d, z, (unsigned)(i + 50));
        kernel_at(NETWORKS[i], KINDS[k], d, x, z, gradient);
        double scale = largest(d, gradient) + 1e-3;
        for (size_t a = 0; a < d; a++) {
          double at = x[a];
          x[a] = at + h;
          double above = kernel_at(NETWORKS[i], KINDS[k], d, x, z, NULL);
          x[a] = at - h;
          double below = kernel_at(NETWORKS[i], KINDS[k], d, x, z, NULL);
          x[a] = at;
          double slope = (above - below) / (2 * h);
          if (!(fabs(slope - gradient[a]) <= 2e-7 * scale)) {
            fail_msg("%s %s d=%zu: gradient[%zu] = %.10g, by differences %.10g", NETWORKS[i], KINDS[k], d, a, gradient[a], slope);
          }
        }
      }
    }
  }
}

/* At x = z the gradient is half that of x -> k(x, x). */
static void coincident_points_have_half_the_diagonals_gradient(void **state) {
  (void)state;
  enum { MOST = 20 };
  const size_t dimensions[] = {1, 2, 6, MOST};
  double x[MOST], gradient[MOST], ends[2 * MOST], diagonal[2];
  const double h = 1e-5;
  for (size_t i = 0; i < NETWORK_COUNT; i++) {
    for (size_t c = 0; c < sizeof dimensions / sizeof *dimensions; c++) {
      size_t d = dimensions[c];
      fill_points(d, x, (unsigned)(i + 7));
      kernel_at(NETWORKS[i], "ntk", d, x, x, gradient);
      for (size_t a = 0; a < d; a++) {
        memcpy(ends, x, d * sizeof *x);
        memcpy(ends + d, x, d * sizeof *x);
        ends[a] += h;
        ends[d + a] -= h;
        pairing p = pairing_make(NETWORKS[i], "ntk", d, 2, ends, 1, x);
        ntk_prepared_diagonal(p.kernel, p.x, diagonal);
        pairing_free(&p);
        double half = (diagonal[0] - diagonal[1]) / (4 * h);
        if (!(fabs(half - gradient[a]) <= 1e-7 * (largest(d, gradient) + fabs(diagonal[0])))) {
          fail_msg("%s d=%zu: gradient[%zu] = %.10g at x = z, half of the diagonal's %.10g", NETWORKS[i], d, a, gradient[a], half);
        }
      }
    }
  }
}

/* Along a ray without bias the angle is 0 or pi up to rounding: still the symmetric derivative, which is Euler's k(x, z)/|x| along x. */
static void collinear_points_give_ordinary_numbers(void **state) {
  (void)state;
  const char *network = "{type: mlp, depth: 3, activation: relu, bias_stddev: 0}";
  const size_t dimensions[] = {1, 2, 3, 6, 20};
  double x[20], z[20], gradient[20];
  for (size_t c = 0; c < sizeof dimensions / sizeof *dimensions; c++) {
    for (int sign = -1; sign <= 1; sign += 2) {
      size_t d = dimensions[c];
      double along = 0;
      fill_points(d, x, 3);
      for (size_t a = 0; a < d; a++) z[a] = sign * 1.1 * x[a];
      double k = kernel_at(network, "ntk", d, x, z, gradient), norm = 0;
      for (size_t a = 0; a < d; a++) {
        along += gradient[a] * x[a];
        norm += x[a] * x[a];
      }
      CLOSE(along, k, 1e-12 * fabs(k) + 1e-15);
      for (size_t a = 0; a < d; a++) CLOSE(gradient[a], k / norm * x[a], 1e-9);
    }
  }
}

/* Close to x the kernel has a cusp across x, whose slope is known for one hidden layer without last bias (all of k but V: T V_dot, T = q there):
 * (1/2pi) lim S/|t|, S^2/t^2 = (|x|^2 - (x.e)^2)/d^2 + 1/d for a step t e and unit bias. Its sign is that of the step. */
static void close_points_keep_their_digits(void **state) {
  (void)state;
  const char *network = "{type: mlp, depth: 1, activation: relu, bias_stddev: 1, weight_stddev: 1}";
  const double pi = 3.14159265358979323846, x[2] = {0.6, 0.8}, across[2] = {-0.8, 0.6};
  double half[2], gradient[2], z[2], cusp = sqrt(0.25 + 0.5) / (2 * pi);
  kernel_at(network, "ntk", 2, x, x, half);
  for (double distance = 1e-12; distance < 1e-5; distance *= 10) {
    for (size_t a = 0; a < 2; a++) z[a] = x[a] + distance * across[a];
    kernel_at(network, "ntk", 2, x, z, gradient);
    double slope = (gradient[0] - half[0]) * across[0] + (gradient[1] - half[1]) * across[1];
    CLOSE(slope, cusp, distance + 1e-15 / distance);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gradients_are_derivatives),
      cmocka_unit_test(coincident_points_have_half_the_diagonals_gradient),
      cmocka_unit_test(collinear_points_give_ordinary_numbers),
      cmocka_unit_test(close_points_keep_their_digits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
