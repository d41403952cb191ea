/* From one iteration to the next: Euler (the GAN's step), Runge-Kutta with fixed and with controlled steps. */
#include <math.h>
#include <string.h>

#include "gan/stepping.h"

static ntk_error *advance_euler(ntk_flow_job *job, double *state) {
  (void)state;
  ntk_flow *flow = job->flow;
  NTK_TRY(ntk_flow_motion(job, job->gradient, 0));
  flow->optimizer->move(job, flow->slope[0], flow->state, job->fake->x);
  if (flow->weights) flow->optimizer->move(job, flow->pull[0], flow->weights + flow->n * flow->d, flow->weights);
  return NULL;
}

/* fake = base - sum_s weight_s slope_s. */
static void place(const ntk_flow_job *job, size_t stages, const double *weight) {
  const ntk_flow *flow = job->flow;
  for (size_t k = 0; k < flow->n * flow->d; k++) {
    double sum = 0;
    for (size_t s = 0; s < stages; s++) sum += weight[s] * flow->slope[s][k];
    job->fake->x[k] = flow->base[k] - sum;
  }
}

/* weights -= sum_s weight_s pull_s: once for a step that counts, with what moved the points. */
static void gather(const ntk_flow_job *job, size_t stages, const double *weight) {
  const ntk_flow *flow = job->flow;
  for (size_t k = 0; flow->weights && k < flow->n * flow->d; k++) {
    double sum = 0;
    for (size_t s = 0; s < stages; s++) sum += weight[s] * flow->pull[s][k];
    flow->weights[k] -= sum;
  }
}

static void keep_base(const ntk_flow_job *job) { memcpy(job->flow->base, job->fake->x, job->flow->n * job->flow->d * sizeof(double)); }

static ntk_error *advance_rk4(ntk_flow_job *job, double *state) {
  (void)state;
  double h = job->step, stage[3][3] = {{h / 2}, {0, h / 2}, {0, 0, h}}, final[4] = {h / 6, h / 3, h / 3, h / 6};
  keep_base(job);
  NTK_TRY(ntk_flow_motion(job, job->gradient, 0));
  for (size_t s = 1; s < 4; s++) {
    place(job, s, stage[s - 1]);
    NTK_TRY(ntk_flow_motion_here(job, s));
  }
  place(job, 4, final);
  gather(job, 4, final);
  return NULL;
}

static const ntk_key adaptive_keys[] = {
    {"tolerance", NTK_T_NUMBER, NTK_KEY_OPEN_MIN, 0, 1, NULL, NULL, NULL, "1e-6", NULL,
     "largest error of a substep in a coordinate x: tolerance (1 + |x|)"},
    {"substeps", NTK_T_INTEGER, 0, 1, 1e9, NULL, NULL, NULL, "10000", NULL, "an error after so many in one iteration"},
    NTK_KEYS_END,
};

static void start_adaptive(double *state) { state[0] = 1; }

/* Error of the substep over the tolerance: the embedded second order beside the third (Bogacki and Shampine 1989). */
static double error_of(const ntk_flow_job *job, double h, double tolerance) {
  const ntk_flow *flow = job->flow;
  double *const *slope = flow->slope, largest = 0;
  for (size_t k = 0; k < flow->n * flow->d; k++) {
    double error = h * (-5.0 / 72 * slope[0][k] + slope[1][k] / 12 + slope[2][k] / 9 - slope[3][k] / 8);
    double scaled = fabs(error) / (tolerance * (1 + fmax(fabs(flow->base[k]), fabs(job->fake->x[k]))));
    if (!isfinite(scaled)) return INFINITY;
    if (scaled > largest) largest = scaled;
  }
  return largest;
}

/* Shares of slopes 0 to 2 in the place of each stage; the last is the third-order result. */
static const double adaptive_stage[3][3] = {{1.0 / 2}, {0, 3.0 / 4}, {2.0 / 9, 1.0 / 3, 4.0 / 9}};

static void scale(double h, const double *share, double *weight) {
  for (size_t s = 0; s < 3; s++) weight[s] = h * share[s];
}

/* Slopes 1 to 3 and the third-order result of a substep h; slope 3 is the slope at the result. */
static ntk_error *substep(ntk_flow_job *job, double h) {
  for (size_t s = 1; s < 4; s++) {
    double weight[3];
    scale(h, adaptive_stage[s - 1], weight);
    place(job, s, weight);
    NTK_TRY(ntk_flow_motion_here(job, s));
  }
  return NULL;
}

/* A substep that is good enough: it starts from its result next, where the slope is known. */
static void accept(ntk_flow_job *job, double h) {
  ntk_flow *flow = job->flow;
  size_t bytes = flow->n * flow->d * sizeof(double);
  double weight[3];
  scale(h, adaptive_stage[2], weight);
  gather(job, 3, weight);
  keep_base(job);
  memcpy(flow->slope[0], flow->slope[3], bytes);
  if (flow->weights) memcpy(flow->pull[0], flow->pull[3], bytes);
}

/* A substep that leads out of the numbers is one with an infinite error; every rank finds the same. */
static ntk_error *try_substep(ntk_flow_job *job, double h, double tolerance, double *error) {
  ntk_error *err = substep(job, h);
  *error = err ? INFINITY : error_of(job, h, tolerance);
  if (err && ntk_error_code(err) == NTK_E_NONFINITE) ntk_error_free(&err);
  return err;
}

/* state[0]: the substep to try next, as a part of the step. */
static ntk_error *advance_adaptive(ntk_flow_job *job, double *state) {
  ntk_flow *flow = job->flow;
  double tolerance = ntk_get_number(flow->integrator_keys, "tolerance"), done = 0;
  long long limit = ntk_get_integer(flow->integrator_keys, "substeps");
  keep_base(job);
  NTK_TRY(ntk_flow_motion(job, job->gradient, 0));
  for (long long tries = 0; done < 1; tries++) {
    if (tries == limit) return ntk_fail(NTK_E_NUMERIC, "adaptive integrator: %lld substeps brought it through %.3g of the step only", limit, done);
    bool is_last = done + state[0] >= 1;
    double part = is_last ? 1 - done : state[0];
    double error;
    NTK_TRY(try_substep(job, part * job->step, tolerance, &error));
    double change = fmin(5, fmax(0.2, 0.9 / cbrt(fmax(error, 1e-9))));
    if (error <= 1) {
      done = is_last ? 1 : done + part;
      accept(job, part * job->step);
      if (!is_last || part * change > state[0]) state[0] = fmin(1, part * change);
    } else {
      state[0] = part * change;
    }
  }
  return NULL;
}

static const ntk_integrator integrators[] = {
    {{"euler", NULL, "x <- x - step g(x)", "one step with the discriminator trained before it, as GANs do", NULL, NULL},
     1,
     0,
     1,
     false,
     NULL,
     advance_euler},
    {{"rk4", NULL, "x <- x - step/6 (g1 + 2 g2 + 2 g3 + g4)", "classical Runge-Kutta, order 4; the discriminator is trained at each stage",
      "Kutta 1901", NULL},
     4,
     0,
     4,
     true,
     NULL,
     advance_rk4},
    {{"adaptive", adaptive_keys, "dx/ds = -g(x) over ds = step, in substeps",
      "Runge-Kutta 3(2), substeps controlled by the error; the discriminator is trained at each stage", "Bogacki and Shampine 1989", NULL},
     4,
     1,
     8,
     true,
     start_adaptive,
     advance_adaptive},
};

enum { INTEGRATORS = sizeof integrators / sizeof *integrators };

static const ntk_choice *choice_at(size_t i) { return &integrators[i].choice; }

const ntk_choices *ntk_integrator_choices(void) {
  static const ntk_choices choices = {"integrators", "time stepping of the flow", INTEGRATORS, choice_at};
  return &choices;
}

const ntk_integrator *ntk_integrator_named(const char *name) {
  for (size_t i = 0; i < INTEGRATORS; i++)
    if (!strcmp(integrators[i].choice.name, name)) return &integrators[i];
  return NULL;
}
