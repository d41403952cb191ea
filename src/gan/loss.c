#include "gan/loss.h"

#include <string.h>

#include "gan/terms.h"
#include "gan/trainers.h"

#define GENERATOR_HELP "nonsaturating: c = l_real(f); minimax: c = -l_fake(f)"

static const ntk_key lsgan_keys[] = {
    {"fake", NTK_T_NUMBER, 0, 0, 0, NULL, NULL, NULL, "-1", NULL, "label of fake points"},
    {"real", NTK_T_NUMBER, 0, 0, 0, NULL, NULL, NULL, "1", NULL, "label of real points"},
    {"generator", NTK_T_NUMBER, 0, 0, 0, NULL, NULL, NULL, "0", NULL, "value the generator wants f to have on fake points"},
    NTK_KEYS_END};

static const ntk_key vanilla_keys[] = {{"generator", NTK_T_WORD, 0, 0, 0, "nonsaturating|minimax", NULL, NULL, "nonsaturating", NULL, GENERATOR_HELP},
                                       NTK_KEYS_END};

static const ntk_key fgan_keys[] = {
    {"alpha", NTK_T_NUMBER, 0, -100, 100, NULL, NULL, NULL, "0.5", NULL,
     "of divergence alpha: phi(u) = (u^alpha - 1 - alpha (u - 1)) / (alpha (alpha - 1)), not 0 or 1 (there it is reverse_kl or kl)"},
    {"divergence", NTK_T_WORD, 0, 0, 0, "kl|reverse_kl|pearson|hellinger|js|tv|alpha", NULL, NULL, "kl", NULL,
     "phi(u) = u log u | -log u | (u-1)^2 | (sqrt u - 1)^2 | u log u - (u+1) log((u+1)/2), i.e. 2 JSD | |u-1|/2 | see alpha"},
    {"generator", NTK_T_WORD, 0, 0, 0, "nonsaturating|minimax", NULL, NULL, "minimax", NULL, GENERATOR_HELP},
    NTK_KEYS_END};

static void choose_objective(const ntk_value *parameters, ntk_loss *loss) {
  bool minimax = !strcmp(ntk_get_text(parameters, "generator"), "minimax");
  loss->objective = minimax ? loss->fake : loss->real;
  loss->objective_sign = minimax ? -1 : 1;
}

static ntk_error *create_vanilla(const ntk_value *parameters, ntk_loss *loss) {
  choose_objective(parameters, loss);
  return NULL;
}

static ntk_error *create_fgan(const ntk_value *parameters, ntk_loss *loss) {
  const char *name = ntk_get_text(parameters, "divergence");
  double alpha = ntk_get_number(parameters, "alpha");
  const ntk_divergence *divergence = ntk_divergence_find(name, alpha);
  if (!divergence) return ntk_fail(NTK_E_CONFIG, "no divergence '%s'", name);
  if (!strcmp(name, "alpha") && (alpha == 0 || alpha == 1))
    return ntk_fail(NTK_E_CONFIG, "loss: the alpha divergence with alpha %g is {divergence: %s}", alpha, alpha == 0 ? "reverse_kl" : "kl");
  loss->fake = divergence->fake;
  loss->real = divergence->real;
  if (!strcmp(name, "pearson")) loss->train = ntk_train_pearson; /* quadratic in f: no equation has to be integrated */
  choose_objective(parameters, loss);
  return NULL;
}

static const ntk_loss_entry losses[] = {
    {{"ipm", NULL, "l_fake = f, l_real = -f; c = -f (f_paper = -f)", "integral probability metric (WGAN): f = t (E_real k - E_fake k), closed form",
      "Franceschi et al. 2022, section 5.1; Arjovsky et al. 2017", NULL},
     ntk_term_linear,
     ntk_term_opposite,
     ntk_term_opposite,
     ntk_train_linear,
     NULL,
     2,
     true,
     true,
     true,
     0},
    {{"ipm_external", NULL, "l_fake = 0, l_real = -f; c = -f (f_paper = -f)", "the target term of the IPM alone: f = t E_real k, closed form",
      "GAN(TK)^2; Franceschi et al. 2022", NULL},
     ntk_term_zero,
     ntk_term_opposite,
     ntk_term_opposite,
     ntk_train_linear,
     NULL,
     2,
     true,
     true,
     true,
     0},
    {{"lsgan", lsgan_keys, "l_fake = (f - fake)^2, l_real = (f - real)^2; c = (f - generator)^2 (f_paper = f)",
      "least squares: w = M^1/2 2t phi1(-2t M^1/2 K M^1/2) M^1/2 labels, by a Krylov method", "Mao et al. 2017; Franceschi et al. 2022, section 5.2",
      "relative 1e-12 by default (discriminator.tolerance)"},
     ntk_term_square_fake,
     ntk_term_square_real,
     ntk_term_square_generator,
     ntk_train_lsgan,
     NULL,
     2,
     true,
     true,
     true,
     30},
    {{"vanilla", vanilla_keys, "l_fake = -log(1 - sigmoid f), l_real = -log sigmoid f; c = l_real or -l_fake (f_paper = f)",
      "the first GAN: logistic regression of real against fake; the weights' differential equation is integrated", "Goodfellow et al. 2014",
      "local error 0.1 discriminator.tolerance a step"},
     ntk_term_softplus,
     ntk_term_softplus_opposite,
     ntk_term_softplus_opposite,
     ntk_train_ode,
     create_vanilla,
     1,
     true,
     true,
     true,
     300},
    {{"vanilla_closed_form", vanilla_keys, "f = k(., Z) u(t A)/A labels, A = M K, u + e^u = 1 + t A, labels -1, 1; c as vanilla (f_paper = f)",
      "the peer's approximation of vanilla: its scalar solution for each eigenvalue", "GAN(TK)^2 (inf_vanilla)",
      "equals vanilla only where the labels are an eigenvector of K; else off by 1e-4 to 0.1 for t = 0.1 to 10"},
     ntk_term_softplus,
     ntk_term_softplus_opposite,
     ntk_term_softplus_opposite,
     ntk_train_vanilla_closed_form,
     create_vanilla,
     1,
     false,
     false,
     false,
     30},
    {{"hinge", NULL, "l_fake = max(0, 1 + f), l_real = max(0, 1 - f); c = -f (f_paper = f)",
      "f is piecewise linear in time: exact steps from one point's margin to the next, points may slide along theirs",
      "Lim, Ye 2017; Miyato et al. 2018", NULL},
     ntk_term_hinge_fake,
     ntk_term_hinge_real,
     ntk_term_opposite,
     ntk_train_hinge,
     NULL,
     2,
     false,
     true,
     true,
     1000},
    {{"fgan", fgan_keys, "l_fake = phi*(T), l_real = -T with T = g(f); c = -l_fake or l_real (f_paper = f)",
      "divergence D_phi(real | fake) = E_fake phi(real/fake), approached from below; the weights' differential equation is integrated",
      "Nowozin, Cseke, Tomioka 2016, tables 2 and 6", "local error 0.1 discriminator.tolerance a step"},
     NULL,
     NULL,
     NULL,
     ntk_train_ode,
     create_fgan,
     2,
     true,
     true,
     true,
     500},
};

static const ntk_choice *choice_at(size_t i) { return &losses[i].choice; }

const ntk_choices *ntk_loss_choices(void) {
  static const ntk_choices choices = {"losses", "adversarial losses (l_fake, l_real; c)", sizeof losses / sizeof *losses, choice_at};
  return &choices;
}

ntk_error *ntk_loss_create(const ntk_value *discriminator, ntk_loss *out) {
  *out = (ntk_loss){.objective_sign = 1};
  const ntk_value *setting = ntk_value_get(discriminator, "loss"), *parameters = ntk_choice_parameters(setting);
  const char *name = ntk_choice_name(setting);
  for (size_t i = 0; i < sizeof losses / sizeof *losses; i++)
    if (!strcmp(losses[i].choice.name, name)) out->entry = &losses[i];
  if (!out->entry) return ntk_fail(NTK_E_CONFIG, "no loss '%s'", name);
  if (!out->entry->momentum && ntk_has(discriminator, "momentum")) return ntk_fail(NTK_E_CONFIG, "momentum: loss %s has none", name);
  if (!out->entry->ridge && ntk_get_number(discriminator, "ridge") > 0) return ntk_fail(NTK_E_CONFIG, "ridge: loss %s has none", name);
  out->train = out->entry->train;
  out->fake = out->entry->fake;
  out->real = out->entry->real;
  out->objective = out->entry->objective;
  size_t count = 0;
  for (const ntk_key *key = out->entry->choice.keys; key && key->name; key++)
    if (key->type == NTK_T_NUMBER) out->parameters[count++] = ntk_get_number(parameters, key->name);
  return out->entry->create ? out->entry->create(parameters, out) : NULL;
}

ntk_jet ntk_loss_objective(const ntk_loss *loss, double f) {
  ntk_jet jet = loss->objective(loss->parameters, f);
  double sign = loss->objective_sign;
  return (ntk_jet){sign * jet.value, sign * jet.slope, sign * jet.curvature};
}
