#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "data/data.h"
#include "gan/discriminator.h"
#include "gan/flow.h"
#include "gan/loss.h"
#include "gram/gram.h"
#include "kernel/kernel.h"
#include "run/fields.h"
#include "run/records.h"
#include "run/run.h"
#include "run/schedule.h"
#include "run/series.h"
#include "run/theory.h"

/* Nominal rates of one core; a plan is right within a small factor, order and ETA are refined while running. */
static const double entry_seconds = 4e-9;     /* one kernel entry of cost 1 (src/kernel) */
static const double product_seconds = 1.2e-9; /* one entry of a stored triangle times a vector, for both halves */
static const double alone_seconds = 2e-5;     /* what a training takes beside its kernel entries */
static const double eigen_seconds = 3e-10;    /* times n^3 */
static const double sinkhorn_seconds = 4e-7;  /* a pair of points: about 200 temperatures, 4 exponentials each at 0.5 ns */

static const double base_bytes = 96e6;  /* the program with its libraries */
static const double copies = 5;         /* of fake points' coordinates: what was read, positions, forces, an integrator's, a checkpoint */
static const double real_copies = 2;    /* of real ones: a metric's, while it is evaluated */
static const double node_copies = 2;    /* of them once a node: what was read, before and after it is shared */
static const double point_numbers = 25; /* weights, values, losses of a point */

static const double weight_seconds = 5e-11; /* a weight of a finite network at a point */
static const double projection_products = 200;
static const double total_gradient_steps = 4; /* a step through the discriminator's training, in ordinary ones */

typedef struct {
  size_t n, m, d;
  double iterations, records, spectra, products, value_cost, gradient_cost, point_bytes;
  size_t vectors;
  ntk_flow_cost flow;
  ntk_discriminator_need need;
  ntk_fields_need fields;
} sizes;

/* The numbers of a record, made and thrown away. */
static ntk_error *try_series(const ntk_value *settings, const ntk_kernel *kernel, const sizes *z) {
  ntk_metric_list metrics = {0};
  ntk_records *records;
  NTK_TRY(NTK_NEW(1, &records));
  ntk_error *err = ntk_series_build(settings, kernel, z->d, 0, z->flow.fresh > 0, &metrics, records);
  ntk_metric_list_free(&metrics);
  ntk_records_free(records);
  free(records);
  return err;
}

/* Costs of the run's kernel, and what rests on it. */
static ntk_error *kernel_sizes(const ntk_value *settings, sizes *z) {
  const ntk_value *discriminator = ntk_value_get(settings, "discriminator");
  ntk_kernel *kernel = NULL;
  NTK_TRY(ntk_error_prefix(ntk_kernel_create(ntk_value_get(discriminator, "network"), ntk_get_text(discriminator, "kernel"), z->d, &kernel),
                           "discriminator.network"));
  ntk_error *err = ntk_error_prefix(ntk_kernel_set_precision(kernel, ntk_get_text(discriminator, "precision")), "discriminator");
  z->value_cost = ntk_kernel_cost(kernel, 0);
  z->gradient_cost = ntk_kernel_cost(kernel, 1);
  z->point_bytes = ntk_kernel_point_bytes(kernel);
  if (!err) err = try_series(settings, kernel, z);
  ntk_kernel_free(&kernel);
  return err;
}

static ntk_error *measure_sizes(const ntk_value *settings, sizes *z) {
  NTK_TRY(ntk_flow_size(settings, &z->n, &z->d));
  NTK_TRY(ntk_measure_size(ntk_value_find(settings, "data.real"), &z->m, &z->d));
  const ntk_value *discriminator = ntk_value_get(settings, "discriminator");
  NTK_TRY(ntk_flow_estimate(settings, z->n, &z->flow));
  NTK_TRY(kernel_sizes(settings, z));
  ntk_loss loss;
  NTK_TRY(ntk_error_prefix(ntk_discriminator_check(discriminator), "discriminator"));
  NTK_TRY(ntk_error_prefix(ntk_loss_create(discriminator, &loss), "discriminator"));
  z->products = loss.entry->products;
  return ntk_run_fields_estimate(settings, z->n, z->m, z->d, &z->fields);
}

static ntk_error *schedule_sizes(const ntk_value *settings, sizes *z) {
  const ntk_value *record = ntk_value_get(settings, "record");
  ntk_schedule schedule;
  long long iterations = ntk_get_integer(settings, "train.iterations");
  z->iterations = (double)iterations;
  NTK_TRY(ntk_schedule_create(record, iterations, &schedule));
  z->records = (double)ntk_schedule_count(&schedule);
  ntk_schedule_free(&schedule);
  z->spectra = 0;
  z->vectors = 0;
  if (!ntk_has(record, "spectrum")) return NULL;
  NTK_TRY(ntk_schedule_create(ntk_value_get(record, "spectrum"), iterations, &schedule));
  z->spectra = (double)ntk_schedule_count(&schedule);
  z->vectors = (size_t)ntk_get_integer(record, "spectrum.eigenvectors");
  ntk_schedule_free(&schedule);
  return NULL;
}

/* Of one iteration's trainings, and of evaluating what they start from. */
static double training_seconds(const sizes *z) {
  double points = z->need.points, n = (double)z->n, total = n + (double)z->m;
  double fill = z->value_cost * entry_seconds, one = z->products > 0 ? points * points / 2 * (fill + z->products * product_seconds) : 0;
  double old = points * z->need.centers * fill * z->need.trainings + n * z->need.centers * z->gradient_cost * entry_seconds;
  double forget = z->need.projections * total * total / 2 * (fill + projection_products * product_seconds);
  double network = z->need.network_weights * (points * z->need.trainings + 2 * n) * weight_seconds;
  return z->need.trainings * one + old + forget + network;
}

ntk_error *ntk_run_estimate(const ntk_value *settings, int ranks, ntk_run_need *out) {
  sizes z = {0};
  NTK_TRY(ntk_value_place(settings, measure_sizes(settings, &z)));
  NTK_TRY(schedule_sizes(settings, &z));
  z.need = ntk_discriminator_estimate(ntk_value_get(settings, "discriminator"), z.n, z.m, z.d, z.iterations);
  double n = (double)z.n, m = (double)z.m, total = n + m, p = (double)ranks;
  double step = n * total * z.gradient_cost * entry_seconds;
  step += training_seconds(&z);
  if (strcmp(ntk_get_text(settings, "train.gradient"), "alternating")) step *= total_gradient_steps;
  step = z.flow.evaluations * (step + n * n * z.flow.kernel_cost * entry_seconds);
  double record = 0, fresh = z.flow.fresh;
  const ntk_value *metrics = ntk_value_find(settings, "record.metrics");
  for (size_t i = 0; i < ntk_value_count(metrics); i++)
    record += !strncmp(ntk_choice_name(ntk_value_item(metrics, i)), "sinkhorn", 8)
                  ? (n + fresh) * m * sinkhorn_seconds
                  : (total * total + (fresh > 0 ? pow(fresh + m, 2) : 0)) * z.value_cost * entry_seconds;
  record += fresh * n * z.flow.kernel_cost * entry_seconds;
  record += ntk_theory_trainings(settings) * step + (ntk_value_count(ntk_value_find(settings, "record.theory")) ? step : 0);
  double fields = z.fields.points * total * z.gradient_cost * entry_seconds;
  fields += z.fields.trainings * (alone_seconds + (m + 1) * ((m + 1) * (z.value_cost * entry_seconds + z.products * product_seconds)));
  double spectrum = z.spectra > 0 ? pow(total, 3) * eigen_seconds : 0;
  double start = z.flow.weights * (n + fresh) * weight_seconds;
  out->seconds = start + z.iterations * step + fields + z.records * record + z.spectra * spectrum;
  out->step_seconds = step + fields / fmax(z.records, 1) + record + spectrum;
  bool trajectory = ntk_get_bool(settings, "record.trajectory");
  out->arrays = trajectory || z.spectra > 0 || z.fields.output_bytes > 0;
  double positions = trajectory ? z.records * (n + fresh) * (double)z.d * sizeof(double) : 0;
  double spectra = z.spectra * total * (1 + (double)z.vectors) * sizeof(double);
  out->output_bytes = out->arrays ? positions + spectra + z.fields.output_bytes + m * (double)z.d * sizeof(double) + 65536 : 0;
  double stored = z.products > 0 ? total * total / 2 / p * sizeof(double) : 0;
  double gram = z.spectra > 0 ? (double)ntk_gram_memory(z.n + z.m, (size_t)ranks, z.vectors) : 0;
  double reals = ntk_value_count(metrics) > 0 ? m * real_copies : 0;
  double arrays = (((n + fresh) * copies + reals) * (double)z.d + (total + fresh) * point_numbers) * sizeof(double);
  out->node_bytes = 2 * (total + fresh) * z.point_bytes + node_copies * m * (double)z.d * sizeof(double);
  out->memory_bytes = base_bytes + positions + spectra + z.fields.output_bytes + z.fields.memory_bytes + z.need.memory_bytes +
                      z.flow.weights * sizeof(double) + (stored > gram ? stored : gram) + arrays;
  return NULL;
}
