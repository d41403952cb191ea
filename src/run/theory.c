#include "run/theory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "field/field.h"

bool ntk_theory_asked(const ntk_value *settings, const char *what) {
  const ntk_value *list = ntk_value_find(settings, "record.theory");
  for (size_t i = 0; i < ntk_value_count(list); i++)
    if (!strcmp(ntk_value_text(ntk_value_item(list, i)), what)) return true;
  return false;
}

double ntk_theory_trainings(const ntk_value *settings) { return ntk_theory_asked(settings, "rates") ? 4 : 0; }

static ntk_error *add(ntk_records *r, const char *name, const char *long_name) { return ntk_series_add(r, name, long_name, "record.theory"); }

ntk_error *ntk_theory_build(const ntk_value *settings, ntk_records *r) {
  if (ntk_has(settings, "discriminator.centers"))
    NTK_TRY(add(r, "forgotten", "bound on the norm, in the kernel's space, of what the discriminator's limited memory has changed in f"));
  if (ntk_theory_asked(settings, "discriminator_loss"))
    NTK_TRY(add(r, "discriminator_loss",
                "what the discriminator has minimised: mean of l_fake(f) over fake points + mean of l_real(f) over real points"));
  bool follows = ntk_theory_asked(settings, "dissipation") || ntk_theory_asked(settings, "rates");
  if (follows && strcmp(ntk_get_text(settings, "train.gradient"), "alternating"))
    return ntk_fail(NTK_E_CONFIG, "record.theory: dissipation and rates are of the motion with f held fixed, they do not go with train.gradient: %s",
                    ntk_get_text(settings, "train.gradient"));
  bool alternates = ntk_get_bool(settings, "discriminator.carry_over") || ntk_has(settings, "discriminator.batch");
  if (alternates && ntk_theory_asked(settings, "rates"))
    return ntk_fail(NTK_E_CONFIG, "record.theory: rates are of a discriminator trained anew on all points, without carry_over and batch");
  if (ntk_theory_asked(settings, "dissipation"))
    NTK_TRY(add(r, "dissipation", "rate of the generator's objective by the motion of the points with f held fixed: mean of grad(c o f) dx/ds"));
  if (!ntk_theory_asked(settings, "rates")) return NULL;
  NTK_TRY(add(r, "objective_rate", "true rate dC/ds of the generator's objective, the discriminator trained anew at the moved points"));
  return add(r, "discriminator_loss_rate", "true rate dL/ds of the discriminator's loss after training, along the same motion");
}

static double mean(const ntk_measure *m, const double *values, double *products) {
  for (size_t i = 0; i < m->n; i++) products[i] = m->mass[i] * values[i];
  return ntk_sum(m->n, products);
}

/* C and L (without ridge) of a discriminator trained on fake and real. */
static ntk_error *levels(const ntk_comm *comm, ntk_discriminator *d, const ntk_measure *fake, const ntk_measure *real, double *objective,
                         double *loss) {
  const ntk_loss *l = ntk_discriminator_loss(d);
  size_t most = fake->n > real->n ? fake->n : real->n;
  double *f = NULL, *products = NULL;
  ntk_error *err = NTK_NEW(most, &f);
  if (!err) err = NTK_NEW(2 * most, &products);
  err = ntk_agree(comm, err);
  double *terms = err ? NULL : products + most;
  if (!err) err = ntk_discriminator_evaluate(d, fake->n, fake->x, f, NULL);
  for (size_t i = 0; !err && i < fake->n; i++) terms[i] = ntk_loss_objective(l, f[i]).value;
  if (!err) *objective = mean(fake, terms, products);
  for (size_t i = 0; !err && i < fake->n; i++) terms[i] = ntk_loss_term(l, true, f[i]).value;
  if (!err) *loss = mean(fake, terms, products);
  if (!err) err = ntk_discriminator_evaluate(d, real->n, real->x, f, NULL);
  for (size_t i = 0; !err && i < real->n; i++) terms[i] = ntk_loss_term(l, false, f[i]).value;
  if (!err) *loss += mean(real, terms, products);
  free(f);
  free(products);
  return err;
}

/* Root of the mean squared distance of the real points from their mean: the length that small steps are measured by. */
static double spread(const ntk_measure *m) {
  double sum = 0;
  for (size_t a = 0; a < m->d; a++) {
    double center = 0;
    for (size_t i = 0; i < m->n; i++) center += m->mass[i] * m->x[i * m->d + a];
    for (size_t i = 0; i < m->n; i++) sum += m->mass[i] * (m->x[i * m->d + a] - center) * (m->x[i * m->d + a] - center);
  }
  return sum > 0 ? sqrt(sum) : 1;
}

/* How long the flow may go so that no coordinate moves farther than 1e-4 of the spread; 0 where nothing moves. */
static double tiny_time(const ntk_run_state *s, const double *velocity) {
  double fastest = 0;
  for (size_t k = 0; k < s->fake.n * s->fake.d; k++) fastest = fmax(fastest, fabs(velocity[k]));
  return fastest > 0 ? 1e-4 * spread(&s->real) / fastest : 0;
}

/* dC/ds and dL/ds by the central difference of fourth order over x + {-2, -1, 1, 2} h v, trained anew at each. */
static ntk_error *rates(ntk_run_state *s, const double *velocity, double *objective_rate, double *loss_rate) {
  static const double at[4] = {-2, -1, 1, 2}, weight[4] = {1.0 / 12, -8.0 / 12, 8.0 / 12, -1.0 / 12};
  double h = tiny_time(s, velocity), *x = NULL;
  size_t size = s->fake.n * s->fake.d;
  *objective_rate = *loss_rate = 0;
  if (!(h > 0)) return NULL;
  ntk_error *err = ntk_agree(s->group, NTK_NEW(size, &x));
  for (size_t step = 0; step < 4 && !err; step++) {
    ntk_measure moved = {.n = s->fake.n, .d = s->fake.d, .x = x, .mass = s->fake.mass};
    double objective, loss;
    for (size_t k = 0; k < size; k++) x[k] = s->fake.x[k] + at[step] * h * velocity[k];
    err = ntk_discriminator_train(s->probe, &moved, &s->real);
    if (!err) err = levels(s->group, s->probe, &moved, &s->real, &objective, &loss);
    if (err) break;
    *objective_rate += weight[step] * objective / h;
    *loss_rate += weight[step] * loss / h;
  }
  free(x);
  return err;
}

static double dissipation(const ntk_run_state *s, const double *velocity, double *products) {
  size_t d = s->fake.d;
  for (size_t i = 0; i < s->fake.n; i++) {
    double along = 0;
    for (size_t a = 0; a < d; a++) along += s->gradient[i * d + a] * velocity[i * d + a];
    products[i] = s->fake.mass[i] * along;
  }
  return ntk_sum(s->fake.n, products);
}

static ntk_error *record_motion(ntk_run_state *s, double *velocity, double *products, double *row) {
  NTK_TRY(ntk_flow_velocity(s->flow, &s->fake, s->gradient, velocity));
  if (ntk_theory_asked(s->job->settings, "dissipation")) *row++ = dissipation(s, velocity, products);
  return ntk_theory_asked(s->job->settings, "rates") ? rates(s, velocity, row, row + 1) : NULL;
}

ntk_error *ntk_theory_record(ntk_run_state *s, double *row) {
  const ntk_value *settings = s->job->settings;
  double *velocity = NULL, *products = NULL, objective;
  ntk_error *err = NULL;
  if (ntk_has(settings, "discriminator.centers")) *row++ = ntk_discriminator_lost(s->discriminator);
  if (ntk_theory_asked(settings, "discriminator_loss")) err = levels(s->group, s->discriminator, &s->fake, &s->real, &objective, row++);
  if (!err && (ntk_theory_asked(settings, "dissipation") || ntk_theory_asked(settings, "rates"))) {
    err = NTK_NEW(s->fake.n * s->fake.d, &velocity);
    if (!err) err = NTK_NEW(s->fake.n, &products);
    err = ntk_agree(s->group, err);
    if (!err) err = record_motion(s, velocity, products, row);
  }
  free(velocity);
  free(products);
  return ntk_error_prefix(err, "record.theory");
}
