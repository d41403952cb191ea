/* What is made of the wanted motion: plain steps, momentum, Adam; and the sizes of the steps. */
#include <math.h>
#include <string.h>

#include "gan/stepping.h"

static const ntk_key sgd_keys[] = {{"momentum", NTK_T_NUMBER, 0, 0, 0.999999, NULL, NULL, NULL, "0.0", NULL, "p of v <- p v + g, x <- x - step v"},
                                   NTK_KEYS_END};
static const ntk_key adam_keys[] = {
    {"beta1", NTK_T_NUMBER, 0, 0, 0.99999999, NULL, NULL, NULL, "0.9", NULL, "decay of the mean of the gradient"},
    {"beta2", NTK_T_NUMBER, 0, 0, 0.99999999, NULL, NULL, NULL, "0.999", NULL, "decay of the mean of its square"},
    {"epsilon", NTK_T_NUMBER, NTK_KEY_OPEN_MIN, 0, 1e300, NULL, NULL, NULL, "1e-8", NULL, "added to the root of the mean square"},
    NTK_KEYS_END,
};

static size_t arrays_of_sgd(const ntk_value *parameters) { return ntk_get_number(parameters, "momentum") > 0; }

static void move_sgd(const ntk_flow_job *job, const double *motion, double *state, double *x) {
  const ntk_flow *flow = job->flow;
  double momentum = ntk_get_number(flow->optimizer_keys, "momentum");
  for (size_t k = 0; k < flow->n * flow->d; k++) {
    double direction = motion[k];
    if (momentum > 0) direction = state[k] = momentum * state[k] + direction;
    x[k] -= job->step * direction;
  }
}

static size_t arrays_of_adam(const ntk_value *parameters) {
  (void)parameters;
  return 2;
}

static void move_adam(const ntk_flow_job *job, const double *motion, double *state, double *x) {
  const ntk_flow *flow = job->flow;
  size_t count = flow->n * flow->d;
  double a = ntk_get_number(flow->optimizer_keys, "beta1"), b = ntk_get_number(flow->optimizer_keys, "beta2");
  double epsilon = ntk_get_number(flow->optimizer_keys, "epsilon"), steps = (double)job->iteration + 1;
  double mean_share = 1 - pow(a, steps), square_share = 1 - pow(b, steps), *mean = state, *square = state + count;
  for (size_t k = 0; k < count; k++) {
    mean[k] = a * mean[k] + (1 - a) * motion[k];
    square[k] = b * square[k] + (1 - b) * motion[k] * motion[k];
    x[k] -= job->step * (mean[k] / mean_share) / (sqrt(square[k] / square_share) + epsilon);
  }
}

static const ntk_optimizer optimizers[] = {
    {{"sgd", sgd_keys, "v <- momentum v + g; x <- x - step v", "gradient steps; momentum 0 is the flow's Euler step", "Polyak 1964", NULL},
     arrays_of_sgd,
     false,
     move_sgd},
    {{"adam", adam_keys, "x <- x - step m / (sqrt(s) + epsilon), m and s the bias-corrected means of g and g^2",
      "Adam on the coordinates of free particles, g_i = grad(c o f)(x_i)/N", "Kingma and Ba 2015, algorithm 1", NULL},
     arrays_of_adam,
     true,
     move_adam},
};

static double factor_none(const ntk_value *parameters, double fraction) {
  (void)parameters;
  (void)fraction;
  return 1;
}

static const ntk_key power_keys[] = {{"power", NTK_T_NUMBER, 0, 0, 1e3, NULL, NULL, NULL, "1.0", NULL, "how fast the step goes to zero at the end"},
                                     NTK_KEYS_END};

static double factor_power(const ntk_value *parameters, double fraction) { return pow(1 - fraction, ntk_get_number(parameters, "power")); }

static const ntk_key cosine_keys[] = {{"floor", NTK_T_NUMBER, 0, 0, 1, NULL, NULL, NULL, "0.0", NULL, "share of the step that is left at the end"},
                                      NTK_KEYS_END};

static double factor_cosine(const ntk_value *parameters, double fraction) {
  double least = ntk_get_number(parameters, "floor");
  return least + (1 - least) * (1 + cos(3.14159265358979323846 * fraction)) / 2;
}

static const ntk_annealing annealings[] = {
    {{"none", NULL, "step", "the same step at every iteration", NULL, NULL}, factor_none},
    {{"power", power_keys, "step (1 - iteration/iterations)^power", "the step goes to zero at the last iteration", NULL, NULL}, factor_power},
    {{"cosine", cosine_keys, "step (floor + (1 - floor) (1 + cos(pi iteration/iterations)) / 2)", "half a wave from the step down to its floor",
      "Loshchilov and Hutter 2017, equation 5", NULL},
     factor_cosine},
};

enum { OPTIMIZERS = sizeof optimizers / sizeof *optimizers, ANNEALINGS = sizeof annealings / sizeof *annealings };

static const ntk_choice *optimizer_at(size_t i) { return &optimizers[i].choice; }
static const ntk_choice *annealing_at(size_t i) { return &annealings[i].choice; }

const ntk_choices *ntk_optimizer_choices(void) {
  static const ntk_choices choices = {"optimizers", "what is made of the gradient at the fake points", OPTIMIZERS, optimizer_at};
  return &choices;
}

const ntk_choices *ntk_annealing_choices(void) {
  static const ntk_choices choices = {"annealings", "how the step changes with the iterations", ANNEALINGS, annealing_at};
  return &choices;
}

const ntk_optimizer *ntk_optimizer_named(const char *name) {
  for (size_t i = 0; i < OPTIMIZERS; i++)
    if (!strcmp(optimizers[i].choice.name, name)) return &optimizers[i];
  return NULL;
}

const ntk_annealing *ntk_annealing_named(const char *name) {
  for (size_t i = 0; i < ANNEALINGS; i++)
    if (!strcmp(annealings[i].choice.name, name)) return &annealings[i];
  return NULL;
}
