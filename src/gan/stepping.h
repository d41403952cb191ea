/** Private to gan/: a step of a flow, made of exchangeable parts. */
#ifndef NTK_GAN_STEPPING_H
#define NTK_GAN_STEPPING_H

#include "gan/flow.h"
#include "gan/generator.h"
#include "gan/total.h"

enum { NTK_FLOW_STAGES = 4 };

typedef struct ntk_integrator ntk_integrator;
typedef struct ntk_optimizer ntk_optimizer;
typedef struct ntk_annealing ntk_annealing;

struct ntk_flow {
  ntk_generator *generator;
  const ntk_integrator *integrator;
  const ntk_optimizer *optimizer;
  const ntk_annealing *annealing;
  bool is_total; /* the gradient goes through the discriminator's training */
  ntk_total_kind total;
  const ntk_value *integrator_keys, *optimizer_keys, *annealing_keys; /* checked parameters, borrowed from the run's settings */
  size_t n, d;
  double step;
  long long iterations;
  size_t count;
  double *state;   /* count: the optimizer's arrays, each n x d; `weights` and the optimizer's arrays for them; then the integrator's numbers */
  double *weights; /* n x d, in `state`: what the forces have summed up to, so that x = g_0(z) + K_g weights; NULL without fresh points */
  double *force, *objective, *base;
  double *slope[NTK_FLOW_STAGES]; /* n x d each: motions; as many as the integrator has stages */
  double *pull[NTK_FLOW_STAGES];  /* n x d each, with `weights`: the forces behind them */
  long long summed;
  double time; /* sum of the first `summed` step sizes */
};

/** A step that is being made. */
typedef struct {
  ntk_flow *flow;
  ntk_discriminator *discriminator;
  const ntk_measure *real;
  const double *gradient; /* grad(c o f) at the points the step starts from */
  ntk_measure *fake;
  double step;
  long long iteration;
} ntk_flow_job;

/** slope[stage] = sum_j k_g(z_i, z_j) force_j, force_j = mass_j gradient_j (of a batch: times n/batch, 0 outside it), kept in pull[stage]. */
NTK_CHECKED ntk_error *ntk_flow_motion(ntk_flow_job *job, const double *gradient, size_t stage);
/** The same with the discriminator trained at the fake points as they are now. */
NTK_CHECKED ntk_error *ntk_flow_motion_here(ntk_flow_job *job, size_t stage);

struct ntk_integrator {
  ntk_choice choice;
  size_t stages, numbers;       /* arrays of slopes; numbers it remembers from step to step */
  double evaluations;           /* of the trained discriminator, at each iteration (for plans) */
  bool is_continuous;           /* follows the flow itself: no optimizer can stand between */
  void (*start)(double *state); /* NULL: with zeros */
  ntk_error *(*advance)(ntk_flow_job *job, double *state);
};

struct ntk_optimizer {
  ntk_choice choice;
  size_t (*arrays)(const ntk_value *parameters);                                         /* n x d arrays it remembers */
  bool is_coordinatewise;                                                                /* acts on coordinates by themselves: of free points only */
  void (*move)(const ntk_flow_job *job, const double *motion, double *state, double *x); /* x (n x d) by a step */
};

struct ntk_annealing {
  ntk_choice choice;
  double (*factor)(const ntk_value *parameters, double fraction); /* of the step where `fraction` of the iterations are done */
};

/** Rows of the tables by name; NULL: none. */
const ntk_integrator *ntk_integrator_named(const char *name);
const ntk_optimizer *ntk_optimizer_named(const char *name);
const ntk_annealing *ntk_annealing_named(const char *name);

#endif
