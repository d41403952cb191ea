#include "gan/flow.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gan/generator.h"
#include "gan/stepping.h"

/* Rows of the tables, and that they go together. */
static ntk_error *choose(const ntk_value *settings, ntk_flow *flow) {
  const ntk_value *integrator = ntk_value_find(settings, "train.integrator"), *optimizer = ntk_value_find(settings, "train.optimizer");
  const ntk_value *annealing = ntk_value_find(settings, "train.annealing");
  flow->integrator = ntk_integrator_named(ntk_choice_name(integrator));
  flow->optimizer = ntk_optimizer_named(ntk_choice_name(optimizer));
  flow->annealing = ntk_annealing_named(ntk_choice_name(annealing));
  if (!flow->integrator || !flow->optimizer || !flow->annealing)
    return ntk_fail(NTK_E_CONFIG, "train: no such integrator, optimizer or annealing (%s, %s, %s)", ntk_choice_name(integrator),
                    ntk_choice_name(optimizer), ntk_choice_name(annealing));
  const char *gradient = ntk_get_text(settings, "train.gradient");
  flow->is_total = strcmp(gradient, "alternating");
  flow->total = !strcmp(gradient, "total") ? NTK_TOTAL_LOSS : NTK_TOTAL_OBJECTIVE;
  if (flow->is_total) NTK_TRY(ntk_total_check(ntk_value_get(settings, "discriminator")));
  flow->integrator_keys = ntk_choice_parameters(integrator);
  flow->optimizer_keys = ntk_choice_parameters(optimizer);
  flow->annealing_keys = ntk_choice_parameters(annealing);
  if (flow->integrator->is_continuous && (flow->optimizer->is_coordinatewise || flow->optimizer->arrays(flow->optimizer_keys)))
    return ntk_fail(NTK_E_CONFIG, "train.optimizer: momentum and adam are made of euler's steps, integrator %s follows the flow itself",
                    flow->integrator->choice.name);
  const ntk_value *d = ntk_value_get(settings, "discriminator");
  if (flow->integrator->is_continuous && (ntk_get_bool(d, "carry_over") || ntk_has(d, "batch")))
    return ntk_fail(NTK_E_CONFIG, "train.integrator: carry_over and batch are made of euler's steps, integrator %s trains at each of its stages anew",
                    flow->integrator->choice.name);
  const ntk_value *generator = ntk_value_get(settings, "generator");
  bool is_free = !strcmp(ntk_choice_name(generator), "particles");
  if (flow->integrator->is_continuous && !is_free && ntk_latent_has_batch(ntk_choice_parameters(generator)))
    return ntk_fail(NTK_E_CONFIG, "generator.batch: batches are made of euler's steps, integrator %s follows the flow of all points",
                    flow->integrator->choice.name);
  if (flow->optimizer->is_coordinatewise && !is_free)
    return ntk_fail(NTK_E_CONFIG, "train.optimizer: %s acts on the coordinates of free points, it needs generator particles",
                    flow->optimizer->choice.name);
  return NULL;
}

/* Whether the forces are summed up, for outputs at other points. */
static bool has_fresh(const ntk_flow *flow) {
  const ntk_latent *latent = ntk_generator_latent(flow->generator);
  return latent && ntk_latent_fresh_count(latent) > 0;
}

static ntk_error *allocate(ntk_flow *flow) {
  size_t size = flow->n * flow->d, arrays = flow->optimizer->arrays(flow->optimizer_keys) * size, numbers = arrays;
  if (has_fresh(flow)) numbers += size + arrays;
  flow->count = numbers + flow->integrator->numbers;
  NTK_TRY(NTK_NEW(flow->count, &flow->state));
  if (has_fresh(flow)) flow->weights = flow->state + arrays;
  if (flow->integrator->start) flow->integrator->start(flow->state + numbers);
  NTK_TRY(NTK_NEW(size, &flow->force));
  for (size_t s = 0; s < flow->integrator->stages; s++) {
    NTK_TRY(NTK_NEW(size, &flow->slope[s]));
    if (flow->weights) NTK_TRY(NTK_NEW(size, &flow->pull[s]));
  }
  if (!flow->integrator->is_continuous) return NULL;
  NTK_TRY(NTK_NEW(flow->n, &flow->objective));
  return NTK_NEW(size, &flow->base);
}

ntk_error *ntk_flow_create(const ntk_comm *comm, const ntk_value *settings, ntk_rng rng, size_t n, size_t d, ntk_flow **out) {
  *out = NULL;
  ntk_flow *flow;
  NTK_TRY_ALL(comm, NTK_NEW(1, &flow));
  flow->n = n;
  flow->d = d;
  flow->step = ntk_get_number(settings, "train.step");
  flow->iterations = ntk_get_integer(settings, "train.iterations");
  ntk_error *err = ntk_agree(comm, choose(settings, flow));
  if (!err) err = ntk_generator_create(comm, ntk_value_get(settings, "generator"), rng, n, d, &flow->generator);
  if (!err) err = ntk_agree(comm, allocate(flow));
  if (err)
    ntk_flow_free(&flow);
  else
    *out = flow;
  return err;
}

void ntk_flow_free(ntk_flow **flow) {
  if (!*flow) return;
  ntk_generator_free(&(*flow)->generator);
  free((*flow)->state);
  free((*flow)->force);
  free((*flow)->objective);
  free((*flow)->base);
  for (size_t s = 0; s < NTK_FLOW_STAGES; s++) {
    free((*flow)->slope[s]);
    free((*flow)->pull[s]);
  }
  free(*flow);
  *flow = NULL;
}

ntk_error *ntk_flow_gradient(ntk_flow *flow, ntk_discriminator *d, const ntk_measure *fake, double *c, double *gradient) {
  NTK_TRY(ntk_discriminator_objective(d, flow->n, fake->x, c, flow->is_total ? NULL : gradient));
  return flow->is_total && gradient ? ntk_discriminator_total_gradient(d, flow->total, gradient) : NULL;
}

/* mass_i scale gradient_i. */
static void weigh(const ntk_flow *flow, const ntk_measure *fake, double scale, const double *gradient, double *force) {
  for (size_t i = 0; i < flow->n; i++)
    for (size_t a = 0; a < flow->d; a++) force[i * flow->d + a] = scale * fake->mass[i] * gradient[i * flow->d + a];
}

ntk_error *ntk_flow_motion(ntk_flow_job *job, const double *gradient, size_t stage) {
  ntk_flow *flow = job->flow;
  ntk_latent *latent = ntk_generator_latent(flow->generator);
  double *force = flow->weights ? flow->pull[stage] : flow->force;
  weigh(flow, job->fake, 1, gradient, force);
  if (latent) NTK_TRY(ntk_latent_draw(latent, job->iteration, force));
  ntk_error *err = ntk_generator_move(flow->generator, flow->n, flow->d, force, flow->slope[stage]);
  if (latent) ntk_latent_undraw(latent);
  return err;
}

ntk_error *ntk_flow_motion_here(ntk_flow_job *job, size_t stage) {
  ntk_flow *flow = job->flow;
  NTK_TRY(ntk_discriminator_train(job->discriminator, job->fake, job->real));
  NTK_TRY(ntk_flow_gradient(flow, job->discriminator, job->fake, flow->objective, flow->force));
  return ntk_flow_motion(job, flow->force, stage);
}

ntk_error *ntk_flow_velocity(ntk_flow *flow, const ntk_measure *fake, const double *gradient, double *velocity) {
  weigh(flow, fake, -ntk_generator_unit(flow->generator, flow->n), gradient, flow->force);
  return ntk_generator_move(flow->generator, flow->n, flow->d, flow->force, velocity);
}

static double step_at(const ntk_flow *flow, long long iteration) {
  return flow->step * flow->annealing->factor(flow->annealing_keys, (double)iteration / (double)flow->iterations);
}

ntk_error *ntk_flow_step(ntk_flow *flow, long long iteration, ntk_discriminator *d, const ntk_measure *real, const double *gradient,
                         ntk_measure *fake) {
  ntk_flow_job job = {flow, d, real, gradient, fake, step_at(flow, iteration), iteration};
  return flow->integrator->advance(&job, flow->state + flow->count - flow->integrator->numbers);
}

double ntk_flow_time(ntk_flow *flow, long long iterations) {
  if (!strcmp(flow->annealing->choice.name, "none")) return flow->step * (double)iterations;
  if (iterations < flow->summed) flow->time = 0, flow->summed = 0;
  for (; flow->summed < iterations; flow->summed++) flow->time += step_at(flow, flow->summed);
  return flow->time;
}

double *ntk_flow_state(ntk_flow *flow, size_t *count) {
  *count = flow->count;
  return flow->state;
}

ntk_error *ntk_flow_estimate(const ntk_value *settings, size_t n, ntk_flow_cost *out) {
  ntk_flow flow = {0};
  ntk_latent_cost cost;
  NTK_TRY(choose(settings, &flow));
  NTK_TRY(ntk_generator_cost(ntk_value_get(settings, "generator"), n, &cost));
  *out = (ntk_flow_cost){flow.integrator->evaluations, cost.kernel, cost.fresh, cost.weights};
  return NULL;
}

/* Parameters of a generator whose outputs start at those of a random network; NULL: the points start at data.fake. */
static const ntk_value *starts_itself(const ntk_value *settings) {
  const ntk_value *generator = ntk_value_get(settings, "generator"), *parameters = ntk_choice_parameters(generator);
  return strcmp(ntk_choice_name(generator), "particles") && ntk_latent_starts(parameters) ? parameters : NULL;
}

static ntk_error *no_points(const ntk_value *settings) {
  ntk_where where = ntk_value_where(ntk_value_get(settings, "data"));
  return ntk_fail(NTK_E_CONFIG,
                  "%s:%d:%d: data.fake: required: where the generated points start (without it: generator: {type: kernel, g0: network})",
                  where.source, where.line, where.column);
}

ntk_error *ntk_flow_size(const ntk_value *settings, size_t *n, size_t *d) {
  const ntk_value *own = starts_itself(settings), *fake = ntk_value_find(settings, "data.fake");
  size_t real, dimension;
  NTK_TRY(ntk_error_prefix(ntk_measure_size(ntk_value_find(settings, "data.real"), &real, d), "data.real"));
  if (own) return ntk_error_prefix(ntk_measure_size(ntk_value_get(own, "latent"), n, &dimension), "generator.latent");
  if (!fake) return no_points(settings);
  NTK_TRY(ntk_error_prefix(ntk_measure_size(fake, n, &dimension), "data.fake"));
  return dimension == *d ? NULL : ntk_fail(NTK_E_CONFIG, "data.fake has dimension %zu, data.real has %zu: they must be equal", dimension, *d);
}

ntk_error *ntk_flow_points(const ntk_value *settings, ntk_rng rng, ntk_measure *out) {
  const ntk_value *own = starts_itself(settings);
  size_t n, d;
  *out = (ntk_measure){0};
  NTK_TRY(ntk_flow_size(settings, &n, &d));
  rng.stream = NTK_STREAM_FAKE;
  if (!own) return ntk_error_prefix(ntk_measure_create(ntk_value_find(settings, "data.fake"), rng, out), "data.fake");
  NTK_TRY(ntk_latent_points(own, rng, out));
  free(out->x);
  out->x = NULL;
  out->d = d;
  ntk_error *err = NTK_NEW(out->n * d, &out->x);
  if (err) ntk_measure_free(out);
  return err;
}

ntk_error *ntk_flow_start(ntk_flow *flow, ntk_measure *fake) {
  ntk_latent *latent = ntk_generator_latent(flow->generator);
  return latent ? ntk_latent_start(latent, fake->x) : NULL;
}

size_t ntk_flow_fresh_count(const ntk_flow *flow) { return has_fresh(flow) ? ntk_latent_fresh_count(ntk_generator_latent(flow->generator)) : 0; }

ntk_error *ntk_flow_fresh(ntk_flow *flow, const ntk_measure **out) {
  *out = NULL;
  if (!has_fresh(flow)) return NULL;
  return ntk_error_prefix(ntk_latent_fresh(ntk_generator_latent(flow->generator), flow->weights, out), "generator.fresh");
}
