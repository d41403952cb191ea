#include "gan/loss.h"

#include <string.h>

#include "gan/trainers.h"

/* Generator objectives c(f), c'(f). */
static void linear(const double *parameters, double f, double *c, double *slope) {
  (void)parameters;
  *c = -f;
  *slope = -1;
}

static void squared(const double *parameters, double f, double *c, double *slope) {
  double target = parameters[2];
  *c = (f - target) * (f - target);
  *slope = 2 * (f - target);
}

static const ntk_key lsgan_keys[] = {
    {"fake", NTK_T_NUMBER, 0, 0, 0, NULL, NULL, NULL, "-1", NULL, "label of fake points"},
    {"real", NTK_T_NUMBER, 0, 0, 0, NULL, NULL, NULL, "1", NULL, "label of real points"},
    {"generator", NTK_T_NUMBER, 0, 0, 0, NULL, NULL, NULL, "0", NULL, "value the generator wants f to have on fake points"},
    NTK_KEYS_END};

static const ntk_loss_entry losses[] = {
    {{"ipm", NULL, "l_fake = f, l_real = -f; c = -f (f_paper = -f)", "integral probability metric (WGAN): f = t (E_real k - E_fake k), closed form",
      "Franceschi et al. 2022, section 5.1; Arjovsky et al. 2017", NULL},
     ntk_train_ipm, linear, 0},
    {{"ipm_external", NULL, "l_fake = 0, l_real = -f; c = -f (f_paper = -f)", "the target term of the IPM alone: f = t E_real k, closed form",
      "GAN(TK)^2; Franceschi et al. 2022", NULL},
     ntk_train_ipm_external, linear, 0},
    {{"lsgan", lsgan_keys, "l_fake = (f - fake)^2, l_real = (f - real)^2; c = (f - generator)^2 (f_paper = f)",
      "least squares: w = M^1/2 2t phi1(-2t M^1/2 K M^1/2) M^1/2 labels, by a Krylov method",
      "Mao et al. 2017; Franceschi et al. 2022, section 5.2", "relative 1e-12 by default (discriminator.tolerance)"},
     ntk_train_lsgan, squared, 30},
};

static const ntk_choice *choice_at(size_t i) { return &losses[i].choice; }

const ntk_choices *ntk_loss_choices(void) {
  static const ntk_choices choices = {"losses", "adversarial losses (l_fake, l_real; c)", sizeof losses / sizeof *losses, choice_at};
  return &choices;
}

ntk_error *ntk_loss_create(const ntk_value *setting, ntk_loss *out) {
  *out = (ntk_loss){NULL, {0}};
  const char *name = ntk_choice_name(setting);
  const ntk_value *parameters = ntk_choice_parameters(setting);
  for (size_t i = 0; i < sizeof losses / sizeof *losses; i++)
    if (!strcmp(losses[i].choice.name, name)) out->entry = &losses[i];
  if (!out->entry) return ntk_fail(NTK_E_CONFIG, "no loss '%s'", name);
  const ntk_key *keys = out->entry->choice.keys;
  for (size_t i = 0; keys && keys[i].name; i++) out->parameters[i] = ntk_get_number(parameters, keys[i].name);
  return NULL;
}
