#include "gan/generator.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gan/flow.h"

typedef struct {
  ntk_choice choice;
  bool has_latent;
} generator_entry;

struct ntk_generator {
  const generator_entry *entry;
  ntk_latent *latent;
};

static const ntk_key start_keys[] = {
    {"width", NTK_T_INTEGER, 0, 1, 65536, NULL, NULL, NULL, "1024", "units", "hidden units of the random network; its error is of order width^-1/2"},
    NTK_KEYS_END};

static const ntk_choice starts[] = {
    {"data", NULL, "x_i(0) = data.fake's i-th point", "outputs start where the study says", NULL, NULL},
    {"network", start_keys, "x_i(0) = g_0(z_i), one random network of the same keys as `network` with d outputs",
     "outputs start at those of a wide finite network at its initialisation, one for each latent point; data.fake is not used and may be left out",
     "Jacot et al. 2018", "the draw is that of (seed, repetition)"},
};

static const ntk_choice *start_at(size_t i) { return &starts[i]; }

const ntk_choices *ntk_generator_start_choices(void) {
  static const ntk_choices choices = {"generator_starts", "generators before the first step (g0)", sizeof starts / sizeof *starts, start_at};
  return &choices;
}

static const ntk_key kernel_keys[] = {
    {"network", NTK_T_TYPED, NTK_KEY_REQUIRED, 0, 0, NULL, "networks", NULL, NULL, NULL,
     "architecture of the generator (no convolutions: their kernel is a matrix over pixels)"},
    {"kernel", NTK_T_WORD, 0, 0, 0, "ntk|nngp", NULL, NULL, "ntk", NULL, "which kernel of it: all layers trained, or the last only"},
    {"latent", NTK_T_TYPED, NTK_KEY_REQUIRED, 0, 0, NULL, "data", NULL, NULL, NULL,
     "latent points z_i, one for each fake point (g0: data: of more, the first are used)"},
    {"g0", NTK_T_NAMED, 0, 0, 0, NULL, "generator_starts", NULL, "data", NULL,
     "where x_i starts: data (at data.fake's i-th point) or {network: {width: N}} (at the output for z_i)"},
    {"batch", NTK_T_INTEGER, NTK_KEY_NULLABLE, 1, 9007199254740992.0, NULL, NULL, NULL, "null", "points",
     "latent points, drawn anew for each step, whose gradients make it, times N over their number; all x_i move (null: all)"},
    {"fresh", NTK_T_TYPED, NTK_KEY_NULLABLE, 0, 0, NULL, "data", NULL, "null", NULL,
     "new latent points, whose outputs are recorded beside the trajectory and in every metric as fresh_NAME; with g0: network"},
    NTK_KEYS_END,
};

static const generator_entry generators[] = {
    {{"particles", NULL, "dx_i = -(step/N) grad(c o f)(x_i)", "no generator network: each fake point moves freely (Wasserstein gradient flow)",
      "Franceschi et al. 2022, section 4.3", NULL},
     false},
    {{"kernel", kernel_keys, "dx_i = -(step/N) sum_j k_g(z_i, z_j) grad(c o f)(x_j)",
      "an infinitely wide generator fed with z: fake points move together as its kernel has it (Stein flow; stable steps are up to N times smaller)",
      "Franceschi et al. 2022, section 4.3", NULL},
     true},
};

static const ntk_choice *choice_at(size_t i) { return &generators[i].choice; }

const ntk_choices *ntk_generator_choices(void) {
  static const ntk_choices choices = {"generators", "what moves the fake points", sizeof generators / sizeof *generators, choice_at};
  return &choices;
}

static const generator_entry *entry_of(const ntk_value *entry) {
  for (size_t i = 0; i < sizeof generators / sizeof *generators; i++)
    if (!strcmp(generators[i].choice.name, ntk_choice_name(entry))) return &generators[i];
  return NULL;
}

ntk_error *ntk_generator_create(const ntk_comm *comm, const ntk_value *entry, ntk_rng rng, size_t n, size_t d, ntk_generator **out) {
  *out = NULL;
  ntk_generator *generator;
  NTK_TRY_ALL(comm, NTK_NEW(1, &generator));
  generator->entry = entry_of(entry);
  ntk_error *err = generator->entry ? NULL : ntk_fail(NTK_E_CONFIG, "no generator '%s'", ntk_choice_name(entry));
  if (!err && generator->entry->has_latent) err = ntk_latent_create(comm, ntk_choice_parameters(entry), rng, n, d, &generator->latent);
  if (err)
    ntk_generator_free(&generator);
  else
    *out = generator;
  return err;
}

void ntk_generator_free(ntk_generator **generator) {
  if (!*generator) return;
  ntk_latent_free(&(*generator)->latent);
  free(*generator);
  *generator = NULL;
}

ntk_latent *ntk_generator_latent(const ntk_generator *generator) { return generator->latent; }

ntk_error *ntk_generator_move(const ntk_generator *generator, size_t n, size_t d, const double *force, double *motion) {
  if (generator->latent) return ntk_error_prefix(ntk_latent_move(generator->latent, force, motion), "generator");
  memcpy(motion, force, n * d * sizeof *motion);
  return NULL;
}

double ntk_generator_unit(const ntk_generator *generator, size_t n) { return generator->latent ? 1 : (double)n; }

ntk_error *ntk_generator_cost(const ntk_value *entry, size_t n, ntk_latent_cost *cost) {
  *cost = (ntk_latent_cost){0};
  return entry_of(entry)->has_latent ? ntk_latent_check(ntk_choice_parameters(entry), n, cost) : NULL;
}
