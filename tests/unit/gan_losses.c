// ranks: 1
// The losses' functions: derivatives by differences, conjugates by a search for the supremum, Fenchel's equality; the response to a constant force.
#include <math.h>

#include "check.h"
#include "gan/box.h"
#include "gan/loss.h"
#include "gan/trainers.h"

static const char *const LOSSES[] = {
    "ipm: {}",
    "ipm_external: {}",
    "lsgan: {fake: -0.5, real: 1.5, generator: 0.3}",
    "vanilla: {generator: nonsaturating}",
    "vanilla: {generator: minimax}",
    "vanilla_closed_form: {generator: nonsaturating}",
    "hinge: {}",
    "fgan: {alpha: 0.5, divergence: kl, generator: minimax}",
    "fgan: {alpha: 0.5, divergence: reverse_kl, generator: minimax}",
    "fgan: {alpha: 0.5, divergence: pearson, generator: nonsaturating}",
    "fgan: {alpha: 0.5, divergence: hellinger, generator: minimax}",
    "fgan: {alpha: 0.5, divergence: js, generator: minimax}",
    "fgan: {alpha: 0.5, divergence: tv, generator: minimax}",
    "fgan: {alpha: 0.5, divergence: alpha, generator: minimax}",
    "fgan: {alpha: -1.5, divergence: alpha, generator: minimax}",
    "fgan: {alpha: 1.5, divergence: alpha, generator: nonsaturating}",
    "fgan: {alpha: 3, divergence: alpha, generator: minimax}",
};
enum { LOSS_COUNT = sizeof LOSSES / sizeof *LOSSES };

static ntk_loss loss_of(const char *text) {
  ntk_arena *arena = NULL;
  const ntk_value *section = NULL;
  ntk_loss loss;
  char yaml[256];
  snprintf(yaml, sizeof yaml, "{loss: {%s}, momentum: null, ridge: 0}", text);
  OK(ntk_arena_create(&arena));
  OK(ntk_value_parse(arena, "test", yaml, strlen(yaml), &section));
  OK(ntk_loss_create(section, &loss));
  ntk_arena_free(&arena);
  return loss;
}

static void expect_derivatives(ntk_jet (*at)(const ntk_loss *loss, double f), const ntk_loss *loss, double f) {
  const double h = 1e-5; /* central differences: h^2 f'''/6 and rounding 1e-16/h, both 1e-10 of the size */
  ntk_jet below = at(loss, f - h), here = at(loss, f), above = at(loss, f + h);
  CLOSE((above.value - below.value) / (2 * h), here.slope, 1e-8 * (1 + fabs(here.value) + fabs(here.slope)));
  CLOSE((above.slope - below.slope) / (2 * h), here.curvature, 1e-8 * (1 + fabs(here.slope) + fabs(here.curvature)));
}

static ntk_jet fake(const ntk_loss *loss, double f) { return ntk_loss_term(loss, true, f); }
static ntk_jet real(const ntk_loss *loss, double f) { return ntk_loss_term(loss, false, f); }

static void derivatives(void **state) {
  (void)state;
  for (size_t i = 0; i < LOSS_COUNT; i++) {
    ntk_loss loss = loss_of(LOSSES[i]);
    for (double f = -3.3; f < 4; f += 0.37) {
      expect_derivatives(fake, &loss, f);
      expect_derivatives(real, &loss, f);
      expect_derivatives(ntk_loss_objective, &loss, f);
    }
  }
}

static double generator(const char *name, double a, double u) {
  if (!strcmp(name, "kl")) return u * log(u);
  if (!strcmp(name, "reverse_kl")) return -log(u);
  if (!strcmp(name, "pearson")) return (u - 1) * (u - 1);
  if (!strcmp(name, "hellinger")) return (sqrt(u) - 1) * (sqrt(u) - 1);
  if (!strcmp(name, "js")) return u * log(u) - (u + 1) * log((u + 1) / 2);
  if (!strcmp(name, "tv")) return fabs(u - 1) / 2;
  return (pow(u, a) - 1 - a * (u - 1)) / (a * (a - 1));
}

/* sup over u > 0 of u T - phi(u), concave in u: golden section in log u. */
static double conjugate(const char *name, double a, double t) {
  double low = -40, high = 40, ratio = (sqrt(5) - 1) / 2;
  for (int i = 0; i < 120; i++) {
    double x = high - ratio * (high - low), y = low + ratio * (high - low);
    if (exp(x) * t - generator(name, a, exp(x)) > exp(y) * t - generator(name, a, exp(y)))
      high = y;
    else
      low = x;
  }
  double u = exp((low + high) / 2);
  return u * t - generator(name, a, u);
}

static void fake_terms_are_the_conjugates(void **state) {
  (void)state;
  const struct {
    const char *name;
    double alpha;
  } cases[] = {{"kl", 0.5}, {"reverse_kl", 0.5}, {"pearson", 0.5}, {"hellinger", 0.5}, {"js", 0.5},
               {"tv", 0.5}, {"alpha", 0.5},      {"alpha", -1.5},  {"alpha", 1.5},     {"alpha", 3}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[128];
    snprintf(text, sizeof text, "fgan: {alpha: %g, divergence: %s, generator: minimax}", cases[i].alpha, cases[i].name);
    ntk_loss loss = loss_of(text);
    for (double f = -1.9; f < 2; f += 0.43) {
      double expected = conjugate(cases[i].name, cases[i].alpha, -real(&loss, f).value);
      CLOSE(fake(&loss, f).value, expected, 1e-9 * (1 + fabs(expected))); /* the search stops at 1e-8 of u, quadratically close in value */
    }
  }
}

/* Second-order Runge-Kutta would do; this is the fourth-order one with 20000 steps. */
static double integrated(const ntk_training *training, double rate) {
  enum { STEPS = 20000 };
  double h = training->time / STEPS, y = 0, v = 0, c = training->damping;
  for (int i = 0; i < STEPS; i++) {
    double ky[4], kv[4];
    for (int k = 0; k < 4; k++) {
      double at = k == 0 ? 0 : k == 3 ? h : h / 2, yk = y + (k ? at * ky[k - 1] : 0), vk = v + (k ? at * kv[k - 1] : 0);
      ky[k] = training->heavy ? vk : 1 - rate * yk;
      kv[k] = 1 - rate * yk - c * vk;
    }
    y += h / 6 * (ky[0] + 2 * ky[1] + 2 * ky[2] + ky[3]);
    v += h / 6 * (kv[0] + 2 * kv[1] + 2 * kv[2] + kv[3]);
  }
  return y;
}

static void response_to_a_constant_force(void **state) {
  (void)state;
  const double rates[] = {0, 1e-9, 0.0025, 0.002501, 0.01, 0.25, 1, 30}, dampings[] = {0, 0.1, 0.2, 1};
  for (size_t i = 0; i < sizeof rates / sizeof *rates; i++)
    for (double time = 0.01; time < 50; time *= 11) {
      ntk_training training = {.time = time, .heavy = false};
      double first = integrated(&training, rates[i]);
      CLOSE(ntk_response(&training, rates[i]), first, 1e-11 * first);
      for (size_t k = 0; k < sizeof dampings / sizeof *dampings; k++) {
        training = (ntk_training){.time = time, .heavy = true, .damping = dampings[k]};
        double second = integrated(&training, rates[i]);
        CLOSE(ntk_response(&training, rates[i]), second, 1e-10 * fabs(second) + 1e-14); /* 20000 rounding errors */
      }
    }
}

static void programs_in_a_box(void **state) {
  (void)state;
  enum { M = 12 };
  unsigned seed = 7;
  for (int trial = 0; trial < 50; trial++) {
    double root[M][M], h[M * M], c[M], x[M];
    for (int i = 0; i < M; i++) {
      for (int j = 0; j < M; j++) root[i][j] = (double)((seed = seed * 1664525u + 1013904223u) >> 8) / (1 << 23) - 1;
      c[i] = 6 * ((double)((seed = seed * 1664525u + 1013904223u) >> 8) / (1 << 23) - 1);
      x[i] = trial % 3 == 0 ? 0 : trial % 3 == 1 ? 1 : 0.5;
    }
    for (int i = 0; i < M; i++)
      for (int j = 0; j < M; j++) {
        h[i * M + j] = i == j ? 1e-3 : 0;
        for (int k = 0; k < M; k++) h[i * M + j] += root[i][k] * root[j][k];
      }
    OK(ntk_box_minimise(M, h, c, 1e-12, x));
    for (int i = 0; i < M; i++) {
      double slope = c[i];
      for (int j = 0; j < M; j++) slope += h[i * M + j] * x[j];
      assert_true(x[i] >= 0 && x[i] <= 1);
      if (x[i] > 0 && x[i] < 1) CLOSE(slope, 0, 1e-11);
      if (x[i] <= 0) assert_true(slope > -1e-11);
      if (x[i] >= 1) assert_true(slope < 1e-11);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(derivatives),
      cmocka_unit_test(fake_terms_are_the_conjugates),
      cmocka_unit_test(response_to_a_constant_force),
      cmocka_unit_test(programs_in_a_box),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
