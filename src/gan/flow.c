#include "gan/flow.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* A generator turns the wanted velocity of the particles into their motion. */
typedef struct {
  ntk_choice choice;
  void (*move)(const ntk_flow *flow, const double *gradient, ntk_measure *fake);
} generator_entry;

struct ntk_flow {
  const generator_entry *generator;
  double step;
};

static void move_particles(const ntk_flow *flow, const double *gradient, ntk_measure *fake) {
  for (size_t i = 0; i < fake->n; i++)
    for (size_t a = 0; a < fake->d; a++) fake->x[i * fake->d + a] -= flow->step * fake->mass[i] * gradient[i * fake->d + a];
}

static const generator_entry generators[] = {
    {{"particles", NULL, "dx_i = -(step/N) grad(c o f)(x_i)", "no generator network: each fake point moves freely (Wasserstein gradient flow)",
      "Franceschi et al. 2022, section 4.3", NULL},
     move_particles},
};

static const ntk_choice *choice_at(size_t i) { return &generators[i].choice; }

const ntk_choices *ntk_generator_choices(void) {
  static const ntk_choices choices = {"generators", "what moves the fake points", sizeof generators / sizeof *generators, choice_at};
  return &choices;
}

ntk_error *ntk_flow_create(const ntk_value *settings, ntk_flow **out) {
  *out = NULL;
  const char *name = ntk_choice_name(ntk_value_get(settings, "generator"));
  const generator_entry *generator = NULL;
  for (size_t i = 0; i < sizeof generators / sizeof *generators; i++)
    if (!strcmp(generators[i].choice.name, name)) generator = &generators[i];
  if (!generator) return ntk_fail(NTK_E_CONFIG, "no generator '%s'", name);
  NTK_TRY(NTK_NEW(1, out));
  (*out)->generator = generator;
  (*out)->step = ntk_get_number(settings, "train.step");
  return NULL;
}

void ntk_flow_free(ntk_flow **flow) {
  free(*flow);
  *flow = NULL;
}

ntk_error *ntk_flow_step(ntk_flow *flow, ntk_discriminator *d, const double *gradient, ntk_measure *fake) {
  (void)d; /* Euler needs no further evaluation */
  flow->generator->move(flow, gradient, fake);
  return NULL;
}

double ntk_flow_time(const ntk_flow *flow, long long iterations) { return flow->step * (double)iterations; }
