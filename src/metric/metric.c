#include "metric/metric.h"

#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "metric/distances.h"
#include "metric/mmd.h"
#include "metric/sinkhorn.h"
#include "metric/subsample.h"

enum { MAX_NUMBERS = 2, MAX_PARAMETERS = 4 };

typedef struct {
  ntk_choice choice;
  const char *parameters[MAX_PARAMETERS]; /* numbers read from the entry, in the order of ntk_metric.parameter */
  size_t count;
  const char *suffix[MAX_NUMBERS], *long_name[MAX_NUMBERS];
  ntk_error *(*evaluate)(const ntk_metric *metric, const ntk_comm *comm, const ntk_measure *fake, const ntk_measure *real, double *out);
} metric_kind;

struct ntk_metric {
  const metric_kind *kind;
  char *name[MAX_NUMBERS];
  double parameter[MAX_PARAMETERS];
  const ntk_kernel *kernel; /* the run's or `own` */
  ntk_kernel *own;
  ntk_rng rng;
  long long every;
  size_t points; /* 0 = all */
};

static ntk_error *mmd2(const ntk_metric *metric, const ntk_comm *comm, const ntk_measure *fake, const ntk_measure *real, double *out) {
  ntk_mmd mmd;
  const ntk_mmd_options options = {0, NTK_MMD_BINS, metric->rng, NULL};
  NTK_TRY(ntk_mmd_measures(comm, metric->kernel, fake, real, &options, &mmd));
  out[0] = mmd.biased;
  out[1] = mmd.unbiased;
  return NULL;
}

static ntk_error *sinkhorn(const ntk_metric *metric, const ntk_comm *comm, const ntk_measure *fake, const ntk_measure *real, double *out) {
  return ntk_sinkhorn_peer(comm, fake, real, metric->parameter[0], metric->parameter[1], out);
}

static ntk_error *sinkhorn_converged(const ntk_metric *metric, const ntk_comm *comm, const ntk_measure *fake, const ntk_measure *real, double *out) {
  const double *p = metric->parameter;
  return ntk_sinkhorn_converged(comm, fake, real, p[0], p[1], p[2], (size_t)p[3], out);
}

static ntk_error *energy(const ntk_metric *metric, const ntk_comm *comm, const ntk_measure *fake, const ntk_measure *real, double *out) {
  (void)metric;
  return ntk_energy_distance(comm, fake, real, out);
}

static ntk_error *gaussian(const ntk_metric *metric, const ntk_comm *comm, const ntk_measure *fake, const ntk_measure *real, double *out) {
  return ntk_gaussian_mmd2(comm, fake, real, metric->parameter[0], &out[0], &out[1]);
}

static ntk_error *line(const ntk_metric *metric, const ntk_comm *comm, const ntk_measure *fake, const ntk_measure *real, double *out) {
  (void)metric;
  (void)comm;
  return ntk_wasserstein_line(fake, real, out);
}

#define COMMON_KEYS                                                                                                        \
  {.name = "every",                                                                                                        \
   .type = NTK_T_INTEGER,                                                                                                  \
   .min = 0,                                                                                                               \
   .max = 0x1p53,                                                                                                          \
   .fallback = "0",                                                                                                        \
   .unit = "iterations",                                                                                                   \
   .help = "iterations between evaluations; 0 = at every record"},                                                         \
      {.name = "points",                                                                                                   \
       .type = NTK_T_INTEGER,                                                                                              \
       .flags = NTK_KEY_NULLABLE,                                                                                          \
       .min = 1,                                                                                                           \
       .max = 0x1p53,                                                                                                      \
       .fallback = "null",                                                                                                 \
       .help = "at most so many points of each set, a fixed random subset; null = all"},                                   \
      {.name = "name",                                                                                                     \
       .type = NTK_T_STRING,                                                                                               \
       .flags = NTK_KEY_NULLABLE,                                                                                          \
       .fallback = "null",                                                                                                 \
       .help = "name in the output (lower case, digits, '_'), for one metric with several settings; null = the metric's"}, \
      NTK_KEYS_END

#define BLUR(value)                                                                                                               \
  {                                                                                                                               \
    .name = "blur", .type = NTK_T_NUMBER, .flags = NTK_KEY_OPEN_MIN, .min = 0, .max = 1e300, .fallback = value, .unit = "length", \
    .help = "square root of the last temperature"                                                                                 \
  }
#define SCALING(value)                                                                                              \
  {                                                                                                                 \
    .name = "scaling", .type = NTK_T_NUMBER, .flags = NTK_KEY_OPEN_MIN, .min = 0, .max = 0.9999, .fallback = value, \
    .help = "factor between the lengths of successive temperatures"                                                 \
  }

static const ntk_key plain_keys[] = {COMMON_KEYS};
static const ntk_key mmd2_keys[] = {{.name = "network",
                                     .type = NTK_T_TYPED,
                                     .flags = NTK_KEY_NULLABLE,
                                     .kind = "networks",
                                     .fallback = "null",
                                     .help = "network of the kernel; null = the run's own"},
                                    {.name = "kernel",
                                     .type = NTK_T_WORD,
                                     .words = "ntk|nngp",
                                     .fallback = "ntk",
                                     .help = "which kernel of `network` (the run's own comes as the run has it)"},
                                    COMMON_KEYS};
static const ntk_key sinkhorn_keys[] = {BLUR("0.001"), SCALING("0.95"), COMMON_KEYS};
static const ntk_key converged_keys[] = {
    BLUR("0.1"),
    SCALING("0.9"),
    {.name = "tolerance",
     .type = NTK_T_NUMBER,
     .flags = NTK_KEY_OPEN_MIN,
     .min = 0,
     .max = 1,
     .fallback = "1e-10",
     .help = "largest change of a potential in a step, relative to the squared diameter"},
    {.name = "steps", .type = NTK_T_INTEGER, .min = 1, .max = 1e9, .fallback = "100000", .help = "an error after so many steps"},
    COMMON_KEYS};
static const ntk_key gaussian_keys[] = {{.name = "bandwidth",
                                         .type = NTK_T_NUMBER,
                                         .flags = NTK_KEY_OPEN_MIN,
                                         .min = 0,
                                         .max = 1e150,
                                         .fallback = "1.0",
                                         .unit = "length",
                                         .help = "sigma of the kernel exp(-|x-y|^2 / (2 sigma^2))"},
                                        COMMON_KEYS};

#define GRETTON "Gretton et al., JMLR 13 (2012), eqs. 3 and 5"
#define FEYDY "Feydy et al., AISTATS 2019"

static const metric_kind kinds[] = {
    {.choice = {.name = "mmd2",
                .keys = mmd2_keys,
                .formula = "sum_ij w_i w_j k(z_i, z_j), w = (fake masses, -real masses)",
                .help = "squared maximum mean discrepancy under the run's kernel or a given one",
                .source = GRETTON},
     .count = 2,
     .suffix = {"", "_unbiased"},
     .long_name = {"squared MMD under a network's kernel, V-statistic", "squared MMD under a network's kernel, U-statistic"},
     .evaluate = mmd2},
    {.choice = {.name = "sinkhorn",
                .keys = sinkhorn_keys,
                .formula = "mean_i (f_i - p_i) + mean_j (g_j - q_j), cost |x-y|^2/2, one averaged step a temperature",
                .help = "the Sinkhorn number that GAN(TK)^2 logs; tends to W2^2/2 as blur -> 0",
                .source = FEYDY "; geomloss 0.2.4",
                .accuracy = "not iterated to convergence: up to a few 1e-3 from W2^2/2"},
     .parameters = {"blur", "scaling"},
     .count = 1,
     .suffix = {""},
     .long_name = {"Sinkhorn divergence as geomloss evaluates it"},
     .evaluate = sinkhorn},
    {.choice = {.name = "sinkhorn_converged",
                .keys = converged_keys,
                .formula = "OT_e(a,b) - OT_e(a,a)/2 - OT_e(b,b)/2, e = blur^2, cost |x-y|^2/2",
                .help = "Sinkhorn divergence, iterated to convergence",
                .source = FEYDY,
                .accuracy = "as `tolerance` says; slow for a small blur"},
     .parameters = {"blur", "scaling", "tolerance", "steps"},
     .count = 1,
     .suffix = {""},
     .long_name = {"Sinkhorn divergence"},
     .evaluate = sinkhorn_converged},
    {.choice = {.name = "energy",
                .keys = plain_keys,
                .formula = "E|x-y| - E|x-x'|/2 - E|y-y'|/2, diagonal included",
                .help = "energy distance, half of the usual 2E|x-y| - E|x-x'| - E|y-y'|",
                .source = "Szekely and Rizzo 2013; geomloss 0.2.4"},
     .count = 1,
     .suffix = {""},
     .long_name = {"energy distance"},
     .evaluate = energy},
    {.choice = {.name = "gaussian_mmd2",
                .keys = gaussian_keys,
                .formula = "sum_ij w_i w_j exp(-|z_i-z_j|^2 / (2 bandwidth^2))",
                .help = "squared MMD under a Gaussian kernel",
                .source = GRETTON},
     .parameters = {"bandwidth"},
     .count = 2,
     .suffix = {"", "_unbiased"},
     .long_name = {"squared MMD under a Gaussian kernel, V-statistic", "squared MMD under a Gaussian kernel, U-statistic"},
     .evaluate = gaussian},
    {.choice = {.name = "w1_1d",
                .keys = plain_keys,
                .formula = "integral |F - G| of the distribution functions",
                .help = "Wasserstein-1 distance on the line, exact (dimension 1 only)",
                .source = "Vallender 1974"},
     .count = 1,
     .suffix = {""},
     .long_name = {"Wasserstein-1 distance"},
     .evaluate = line},
};

static const ntk_choice *choice_at(size_t i) { return &kinds[i].choice; }

const ntk_choices *ntk_metric_choices(void) {
  static const ntk_choices choices = {"metrics", "numbers about the fake and the real points", sizeof kinds / sizeof *kinds, choice_at};
  return &choices;
}

static const metric_kind *kind_named(const char *name) {
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (!strcmp(kinds[i].choice.name, name)) return &kinds[i];
  return NULL;
}

static ntk_error *make_names(ntk_metric *metric, const ntk_value *parameters) {
  const char *base = ntk_has(parameters, "name") ? ntk_get_text(parameters, "name") : metric->kind->choice.name;
  for (const char *c = base; *c; c++)
    if (!islower((unsigned char)*c) && !isdigit((unsigned char)*c) && *c != '_')
      return ntk_fail(NTK_E_CONFIG, "metric name '%s': expected lower-case letters, digits and '_'", base);
  if (!*base) return ntk_fail(NTK_E_CONFIG, "metric name is empty");
  for (size_t i = 0; i < metric->kind->count; i++) {
    ntk_text name = NTK_TEXT;
    ntk_text_addf(&name, "%s%s", base, metric->kind->suffix[i]);
    NTK_TRY(ntk_text_take(&name, &metric->name[i]));
  }
  return NULL;
}

/* Which kernel: only mmd2 has the key. */
static ntk_error *choose_kernel(ntk_metric *metric, const ntk_value *parameters, const ntk_kernel *kernel, size_t dimension) {
  metric->kernel = kernel;
  if (metric->kind->evaluate != mmd2) return NULL;
  if (ntk_has(parameters, "network")) {
    NTK_TRY(ntk_kernel_create(ntk_value_get(parameters, "network"), ntk_get_text(parameters, "kernel"), dimension, &metric->own));
    metric->kernel = metric->own;
  }
  if (!metric->kernel) return ntk_fail(NTK_E_CONFIG, "metric %s needs a network here: {mmd2: {network: ...}}", metric->name[0]);
  return NULL;
}

static ntk_error *configure(ntk_metric *metric, const ntk_value *parameters, const ntk_kernel *kernel, size_t dimension) {
  NTK_TRY(make_names(metric, parameters));
  metric->every = (long long)ntk_get_integer(parameters, "every");
  metric->points = ntk_has(parameters, "points") ? (size_t)ntk_get_integer(parameters, "points") : 0;
  for (size_t i = 0; i < MAX_PARAMETERS && metric->kind->parameters[i]; i++)
    metric->parameter[i] = ntk_get_number(parameters, metric->kind->parameters[i]);
  if (metric->kind->evaluate == line && dimension != 1)
    return ntk_fail(NTK_E_CONFIG, "metric w1_1d is for points on the line, these have %zu coordinates", dimension);
  return choose_kernel(metric, parameters, kernel, dimension);
}

ntk_error *ntk_metric_create(const ntk_value *entry, const ntk_kernel *kernel, size_t dimension, ntk_rng rng, ntk_metric **out) {
  *out = NULL;
  const metric_kind *kind = kind_named(ntk_choice_name(entry));
  if (!kind) return ntk_fail(NTK_E_CONFIG, "unknown metric '%s'", ntk_choice_name(entry));
  ntk_metric *metric = NULL;
  NTK_TRY(NTK_NEW(1, &metric));
  metric->kind = kind;
  metric->rng = rng;
  ntk_error *err = configure(metric, ntk_choice_parameters(entry), kernel, dimension);
  if (err)
    ntk_metric_free(&metric);
  else
    *out = metric;
  return err;
}

void ntk_metric_free(ntk_metric **metric) {
  if (!*metric) return;
  for (size_t i = 0; i < MAX_NUMBERS; i++) free((*metric)->name[i]);
  ntk_kernel_free(&(*metric)->own);
  free(*metric);
  *metric = NULL;
}

size_t ntk_metric_count(const ntk_metric *metric) { return metric->kind->count; }
const char *ntk_metric_name(const ntk_metric *metric, size_t i) { return metric->name[i]; }
const char *ntk_metric_long_name(const ntk_metric *metric, size_t i) { return metric->kind->long_name[i]; }
long long ntk_metric_every(const ntk_metric *metric) { return metric->every; }

ntk_error *ntk_metric_evaluate(ntk_metric *metric, const ntk_comm *comm, const ntk_measure *fake, const ntk_measure *real, double *out) {
  ntk_measure some_fake = {0}, some_real = {0};
  ntk_error *err = ntk_subsample(fake, metric->points, metric->rng, 0, &some_fake);
  err = err ? err : ntk_subsample(real, metric->points, metric->rng, 1, &some_real);
  fake = some_fake.x ? &some_fake : fake;
  real = some_real.x ? &some_real : real;
  if (!err && metric->own) err = ntk_kernel_set_centre(metric->own, real->n, real->x);
  NTK_TRY_OUT(ntk_agree(comm, err));
  err = metric->kind->evaluate(metric, comm, fake, real, out);
out:
  free(some_fake.x);
  free(some_fake.mass);
  free(some_real.x);
  free(some_real.mass);
  return err;
}
