#include "gan/generator.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "data/data.h"
#include "field/field.h"
#include "gan/flow.h"

typedef struct {
  ntk_choice choice;
  ntk_error *(*create)(ntk_generator *generator, const ntk_value *parameters, ntk_rng rng, size_t n); /* NULL: nothing to build */
  ntk_error *(*move)(const ntk_generator *generator, size_t n, size_t d, const double *force, double *motion);
} generator_entry;

struct ntk_generator {
  const generator_entry *entry;
  const ntk_comm *comm;
  ntk_kernel *kernel;
  ntk_prepared *latent;
};

static ntk_error *move_particles(const ntk_generator *generator, size_t n, size_t d, const double *force, double *motion) {
  (void)generator;
  memcpy(motion, force, n * d * sizeof *motion);
  return NULL;
}

static ntk_error *move_by_kernel(const ntk_generator *generator, size_t n, size_t d, const double *force, double *motion) {
  (void)n;
  return ntk_field_sum(generator->comm, generator->kernel, generator->latent, generator->latent, d, force, motion, NULL);
}

static ntk_error *kernel_of(const ntk_value *parameters, size_t n, ntk_kernel **out) {
  const ntk_value *network = ntk_value_get(parameters, "network");
  size_t count, dimension;
  *out = NULL;
  if (ntk_has(network, "image"))
    return ntk_fail(NTK_E_CONFIG,
                    "generator.network: a network over images (%s) is no generator here: a convolutional generator's kernel is a matrix over pixels, "
                    "not one number for two latent points; use one without `image`, such as mlp",
                    ntk_choice_name(network));
  NTK_TRY(ntk_error_prefix(ntk_measure_size(ntk_value_get(parameters, "latent"), &count, &dimension), "generator.latent"));
  if (count < n) return ntk_fail(NTK_E_CONFIG, "generator.latent has %zu points, data.fake %zu: each fake point needs its own", count, n);
  return ntk_error_prefix(ntk_kernel_create(network, ntk_get_text(parameters, "kernel"), dimension, out), "generator.network");
}

static ntk_error *create_kernel(ntk_generator *generator, const ntk_value *parameters, ntk_rng rng, size_t n) {
  ntk_measure z = {0, 0, NULL, NULL};
  NTK_TRY(kernel_of(parameters, n, &generator->kernel));
  rng.stream = NTK_STREAM_LATENT;
  NTK_TRY(ntk_error_prefix(ntk_measure_create(ntk_value_get(parameters, "latent"), rng, &z), "generator.latent"));
  ntk_error *err = ntk_prepare(generator->kernel, n, z.x, &generator->latent);
  ntk_measure_free(&z);
  return ntk_error_prefix(err, "generator.latent");
}

static const ntk_key kernel_keys[] = {
    {"network", NTK_T_TYPED, NTK_KEY_REQUIRED, 0, 0, NULL, "networks", NULL, NULL, NULL,
     "architecture of the generator (no convolutions: their kernel is a matrix over pixels)"},
    {"kernel", NTK_T_WORD, 0, 0, 0, "ntk|nngp", NULL, NULL, "ntk", NULL, "which kernel of it: all layers trained, or the last only"},
    {"latent", NTK_T_TYPED, NTK_KEY_REQUIRED, 0, 0, NULL, "data", NULL, NULL, NULL,
     "latent points z_i, one for each fake point (of more, the first are used); x_i starts at data.fake's i-th point, not at the network's output"},
    NTK_KEYS_END,
};

static const generator_entry generators[] = {
    {{"particles", NULL, "dx_i = -(step/N) grad(c o f)(x_i)", "no generator network: each fake point moves freely (Wasserstein gradient flow)",
      "Franceschi et al. 2022, section 4.3", NULL},
     NULL,
     move_particles},
    {{"kernel", kernel_keys, "dx_i = -(step/N) sum_j k_g(z_i, z_j) grad(c o f)(x_j)",
      "an infinitely wide generator fed with z: fake points move together as its kernel has it (Stein flow; stable steps are up to N times smaller)",
      "Franceschi et al. 2022, section 4.3", NULL},
     create_kernel,
     move_by_kernel},
};

static const ntk_choice *choice_at(size_t i) { return &generators[i].choice; }

const ntk_choices *ntk_generator_choices(void) {
  static const ntk_choices choices = {"generators", "what moves the fake points", sizeof generators / sizeof *generators, choice_at};
  return &choices;
}

ntk_error *ntk_generator_create(const ntk_comm *comm, const ntk_value *entry, ntk_rng rng, size_t n, ntk_generator **out) {
  const char *name = ntk_choice_name(entry);
  *out = NULL;
  ntk_generator *generator;
  NTK_TRY(NTK_NEW(1, &generator));
  generator->comm = comm;
  for (size_t i = 0; i < sizeof generators / sizeof *generators; i++)
    if (!strcmp(generators[i].choice.name, name)) generator->entry = &generators[i];
  ntk_error *err = NULL;
  if (!generator->entry) err = ntk_fail(NTK_E_CONFIG, "no generator '%s'", name);
  if (!err && generator->entry->create) err = generator->entry->create(generator, ntk_choice_parameters(entry), rng, n);
  if (err)
    ntk_generator_free(&generator);
  else
    *out = generator;
  return err;
}

void ntk_generator_free(ntk_generator **generator) {
  if (!*generator) return;
  ntk_prepared_free(&(*generator)->latent);
  ntk_kernel_free(&(*generator)->kernel);
  free(*generator);
  *generator = NULL;
}

ntk_error *ntk_generator_move(const ntk_generator *generator, size_t n, size_t d, const double *force, double *motion) {
  return ntk_error_prefix(generator->entry->move(generator, n, d, force, motion), "generator");
}

double ntk_generator_unit(const ntk_generator *generator, size_t n) { return generator->kernel ? 1 : (double)n; }

ntk_error *ntk_generator_cost(const ntk_value *entry, size_t n, double *cost) {
  *cost = 0;
  if (strcmp(ntk_choice_name(entry), "kernel")) return NULL;
  ntk_kernel *kernel;
  NTK_TRY(kernel_of(ntk_choice_parameters(entry), n, &kernel));
  *cost = ntk_kernel_cost(kernel, 0);
  ntk_kernel_free(&kernel);
  return NULL;
}
