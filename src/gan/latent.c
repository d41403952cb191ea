#include "gan/latent.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "field/field.h"
#include "gan/draw.h"
#include "kernel/kernel.h"
#include "net/net.h"

struct ntk_latent {
  const ntk_comm *comm;
  const ntk_value *parameters;
  ntk_rng rng;
  size_t n, d, dimension, batch; /* batch 0: all */
  ntk_kernel *kernel;
  ntk_prepared *points;
  ntk_prepared *fresh; /* NULL: none */
  ntk_measure outputs; /* at the fresh points */
  double *origin;      /* g_0 there */
  size_t *index;       /* batch: the points of this step */
  ntk_prepared *drawn; /* the same; NULL: all */
  double *packed;      /* batch x d */
};

bool ntk_latent_starts(const ntk_value *parameters) { return !strcmp(ntk_choice_name(ntk_value_get(parameters, "g0")), "network"); }
bool ntk_latent_has_batch(const ntk_value *parameters) { return ntk_has(parameters, "batch"); }

ntk_error *ntk_latent_points(const ntk_value *parameters, ntk_rng rng, ntk_measure *out) {
  rng.stream = NTK_STREAM_LATENT;
  return ntk_error_prefix(ntk_measure_create(ntk_value_get(parameters, "latent"), rng, out), "generator.latent");
}

static ntk_error *create_kernel(const ntk_value *parameters, size_t dimension, ntk_kernel **out) {
  const ntk_value *network = ntk_value_get(parameters, "network");
  *out = NULL;
  if (ntk_has(network, "image"))
    return ntk_fail(NTK_E_CONFIG,
                    "generator.network: a network over images (%s) is no generator here: a convolutional generator's kernel is a matrix over pixels, "
                    "not one number for two latent points; use one without `image`, such as mlp",
                    ntk_choice_name(network));
  return ntk_error_prefix(ntk_kernel_create(network, ntk_get_text(parameters, "kernel"), dimension, out), "generator.network");
}

static ntk_error *check_fresh(const ntk_value *parameters, size_t dimension, ntk_latent_cost *cost) {
  size_t count, own;
  if (!ntk_has(parameters, "fresh")) return NULL;
  if (!ntk_latent_starts(parameters))
    return ntk_fail(NTK_E_CONFIG, "generator.fresh: new latent points need a generator that starts as a network: g0: {network: {width: N}}");
  NTK_TRY(ntk_error_prefix(ntk_measure_size(ntk_value_get(parameters, "fresh"), &count, &own), "generator.fresh"));
  if (own != dimension)
    return ntk_fail(NTK_E_CONFIG, "generator.fresh has dimension %zu, generator.latent has %zu: they must be equal", own, dimension);
  cost->fresh = (double)count;
  return NULL;
}

ntk_error *ntk_latent_check(const ntk_value *parameters, size_t n, ntk_latent_cost *cost) {
  size_t count, dimension;
  ntk_kernel *kernel;
  *cost = (ntk_latent_cost){0};
  NTK_TRY(ntk_error_prefix(ntk_measure_size(ntk_value_get(parameters, "latent"), &count, &dimension), "generator.latent"));
  if (count < n) return ntk_fail(NTK_E_CONFIG, "generator.latent has %zu points, data.fake %zu: each fake point needs its own", count, n);
  NTK_TRY(create_kernel(parameters, dimension, &kernel));
  cost->kernel = ntk_kernel_cost(kernel, 0);
  ntk_kernel_free(&kernel);
  NTK_TRY(check_fresh(parameters, dimension, cost));
  if (!ntk_latent_starts(parameters)) return NULL;
  NTK_TRY(ntk_error_prefix(ntk_net_check(ntk_value_get(parameters, "network")), "generator.g0"));
  cost->weights =
      ntk_net_weights(ntk_value_get(parameters, "network"), (size_t)ntk_get_integer(ntk_choice_parameters(ntk_value_get(parameters, "g0")), "width"));
  return NULL;
}

static ntk_error *create_fresh(ntk_latent *l) {
  ntk_measure z = {0};
  ntk_rng rng = l->rng;
  rng.stream = NTK_STREAM_FRESH;
  NTK_TRY_ALL(l->comm, ntk_measure_create(ntk_value_get(l->parameters, "fresh"), rng, &z));
  ntk_error *err = ntk_field_prepare(l->comm, l->kernel, z.n, z.x, &l->fresh);
  l->outputs = (ntk_measure){.n = z.n, .d = l->d, .mass = z.mass};
  z.mass = NULL;
  ntk_measure_free(&z);
  if (!err) err = ntk_alloc(l->outputs.n * l->d, sizeof(double), &l->outputs.x);
  if (!err) err = ntk_alloc(l->outputs.n * l->d, sizeof(double), &l->origin);
  return ntk_agree(l->comm, err);
}

static ntk_error *create_batch(ntk_latent *l) {
  size_t batch = ntk_latent_has_batch(l->parameters) ? (size_t)ntk_get_integer(l->parameters, "batch") : 0;
  if (!batch || batch >= l->n) return NULL;
  l->batch = batch;
  NTK_TRY(NTK_NEW(batch, &l->index));
  return ntk_alloc(batch * (l->d > l->dimension ? l->d : l->dimension), sizeof(double), &l->packed);
}

/* What each rank makes by itself. */
static ntk_error *create_own(ntk_latent *l, ntk_measure *z) {
  ntk_latent_cost cost;
  NTK_TRY(ntk_latent_check(l->parameters, l->n, &cost));
  NTK_TRY(ntk_latent_points(l->parameters, l->rng, z));
  l->dimension = z->d;
  NTK_TRY(create_kernel(l->parameters, z->d, &l->kernel));
  NTK_TRY(ntk_kernel_set_centre(l->kernel, l->n, z->x));
  return create_batch(l);
}

static ntk_error *create(ntk_latent *l) {
  ntk_measure z = {0};
  ntk_error *err = ntk_agree(l->comm, create_own(l, &z));
  if (!err) err = ntk_error_prefix(ntk_field_prepare(l->comm, l->kernel, l->n, z.x, &l->points), "generator.latent");
  ntk_measure_free(&z);
  if (!err && ntk_has(l->parameters, "fresh")) err = ntk_error_prefix(create_fresh(l), "generator.fresh");
  return err;
}

ntk_error *ntk_latent_create(const ntk_comm *comm, const ntk_value *parameters, ntk_rng rng, size_t n, size_t d, ntk_latent **out) {
  ntk_latent *l;
  *out = NULL;
  NTK_TRY_ALL(comm, NTK_NEW(1, &l));
  *l = (ntk_latent){.comm = comm, .parameters = parameters, .rng = rng, .n = n, .d = d};
  ntk_error *err = create(l);
  if (err)
    ntk_latent_free(&l);
  else
    *out = l;
  return err;
}

void ntk_latent_free(ntk_latent **latent) {
  ntk_latent *l = *latent;
  if (!l) return;
  ntk_latent_undraw(l);
  ntk_prepared_free(&l->points);
  ntk_prepared_free(&l->fresh);
  ntk_kernel_free(&l->kernel);
  ntk_measure_free(&l->outputs);
  free(l->origin);
  free(l->index);
  free(l->packed);
  free(l);
  *latent = NULL;
}

ntk_error *ntk_latent_start(ntk_latent *l, double *x) {
  ntk_net *net = NULL;
  ntk_rng rng = l->rng;
  if (!ntk_latent_starts(l->parameters)) return NULL;
  rng.stream = NTK_STREAM_START;
  size_t width = (size_t)ntk_get_integer(ntk_choice_parameters(ntk_value_get(l->parameters, "g0")), "width");
  ntk_error *err = ntk_agree(l->comm, ntk_net_create(ntk_value_get(l->parameters, "network"), l->dimension, width, l->d, rng, &net));
  if (!err) err = ntk_net_evaluate(l->comm, net, l->n, ntk_prepared_points(l->points), x, NULL);
  if (!err && l->fresh) err = ntk_net_evaluate(l->comm, net, l->outputs.n, ntk_prepared_points(l->fresh), l->origin, NULL);
  ntk_net_free(&net);
  return ntk_error_prefix(err, "generator.g0");
}

/* Rows of the batch, one after the other. */
static void pack(const ntk_latent *l, size_t width, const double *rows) {
  for (size_t k = 0; k < l->batch; k++) memcpy(l->packed + k * width, rows + l->index[k] * width, width * sizeof *rows);
}

ntk_error *ntk_latent_move(const ntk_latent *l, const double *force, double *motion) {
  if (!l->drawn) return ntk_field_sum(l->comm, l->kernel, l->points, l->points, l->d, force, motion, NULL);
  pack(l, l->d, force);
  return ntk_field_sum(l->comm, l->kernel, l->points, l->drawn, l->d, l->packed, motion, NULL);
}

void ntk_latent_undraw(ntk_latent *l) { ntk_prepared_free(&l->drawn); }

static ntk_error *draw(ntk_latent *l, long long iteration) {
  ntk_rng rng = l->rng;
  rng.stream = NTK_STREAM_PULL;
  NTK_TRY_ALL(l->comm, ntk_draw(rng, (uint64_t)iteration, l->n, l->batch, 0, l->index));
  pack(l, l->dimension, ntk_prepared_points(l->points));
  return ntk_field_prepare(l->comm, l->kernel, l->batch, l->packed, &l->drawn);
}

ntk_error *ntk_latent_draw(ntk_latent *l, long long iteration, double *force) {
  ntk_latent_undraw(l);
  if (!l->batch) return NULL;
  NTK_TRY(draw(l, iteration));
  double scale = (double)l->n / (double)l->batch;
  pack(l, l->d, force);
  memset(force, 0, l->n * l->d * sizeof *force);
  for (size_t k = 0; k < l->batch; k++)
    for (size_t a = 0; a < l->d; a++) force[l->index[k] * l->d + a] = scale * l->packed[k * l->d + a];
  return NULL;
}

size_t ntk_latent_fresh_count(const ntk_latent *l) { return l->outputs.n; }

ntk_error *ntk_latent_fresh(ntk_latent *l, const double *weights, const ntk_measure **out) {
  *out = &l->outputs;
  NTK_TRY(ntk_field_sum(l->comm, l->kernel, l->fresh, l->points, l->d, weights, l->outputs.x, NULL));
  for (size_t k = 0; k < l->outputs.n * l->d; k++) l->outputs.x[k] += l->origin[k];
  return NULL;
}
