/* A small catalog of things to choose by name, for the tests of config/. */
#ifndef NTK_TEST_CONFIG_CATALOG_H
#define NTK_TEST_CONFIG_CATALOG_H

#include <string.h>

#include "config/schema.h"

static const ntk_key catalog_slope[] = {{"slope", NTK_T_NUMBER, 0, 0, 0, NULL, NULL, NULL, "0.2", NULL, "slope below zero"}, NTK_KEYS_END};
static const ntk_choice catalog_activations[] = {
    {"relu", NULL, "max(0, x)", "rectifier", "Cho and Saul 2009", NULL},
    {"leaky_relu", catalog_slope, "max(slope x, x)", "leaky rectifier", NULL, NULL},
    {"sigmoid_like", NULL, "erf", "erf sigmoid", NULL, "8 digits"},
};

static const ntk_key catalog_mlp[] = {
    {"depth", NTK_T_INTEGER, 0, 1, 1000, NULL, NULL, NULL, "3", NULL, "hidden layers"},
    {"activation", NTK_T_NAMED, NTK_KEY_LIST, 0, 0, NULL, "activations", NULL, "relu", NULL, "one, or several in parallel"},
    {"bias_stddev", NTK_T_NUMBER, NTK_KEY_NULLABLE, 0, 1e300, NULL, NULL, NULL, "0.0", NULL, "standard deviation of biases"},
    NTK_KEYS_END};
static const ntk_key catalog_rbf[] = {
    {"bandwidth", NTK_T_NUMBER, NTK_KEY_REQUIRED | NTK_KEY_OPEN_MIN, 0, 1e300, NULL, NULL, NULL, NULL, NULL, "width of the kernel"}, NTK_KEYS_END};
static const ntk_choice catalog_networks[] = {
    {"mlp", catalog_mlp, "dense layers", "multilayer perceptron", NULL, NULL},
    {"rbf", catalog_rbf, "exp(-|x - y|^2 / (2 bandwidth^2))", "Gaussian kernel", NULL, NULL},
};

static const ntk_key catalog_ring[] = {
    {"modes", NTK_T_INTEGER, 0, 1, 0, NULL, NULL, NULL, "8", NULL, "number of modes"},
    {"center", NTK_T_NUMBERS, 0, 0, 0, NULL, NULL, NULL, "[0, 0]", NULL, "center"},
    {"points", NTK_T_INTEGER, NTK_KEY_REQUIRED, 1, 9007199254740992.0, NULL, NULL, NULL, NULL, NULL, "number of points"},
    NTK_KEYS_END};
static const ntk_key catalog_file[] = {{"path", NTK_T_PATH, NTK_KEY_REQUIRED, 0, 0, NULL, NULL, NULL, NULL, NULL, "file of points"},
                                       {"shuffle", NTK_T_BOOL, 0, 0, 0, NULL, NULL, NULL, "false", NULL, "in random order"},
                                       NTK_KEYS_END};
static const ntk_choice catalog_data[] = {
    {"ring", catalog_ring, "modes on a circle", "ring", NULL, NULL},
    {"file", catalog_file, "points of a file", "file", NULL, NULL},
};

static const ntk_key catalog_labels[] = {{"fake", NTK_T_NUMBER, 0, 0, 0, NULL, NULL, NULL, "-1", NULL, "label of fake points"},
                                         {"real", NTK_T_NUMBER, 0, 0, 0, NULL, NULL, NULL, "1", NULL, "label of real points"},
                                         NTK_KEYS_END};
static const ntk_choice catalog_losses[] = {{"ipm", NULL, "f", "integral probability metric", NULL, NULL},
                                            {"lsgan", catalog_labels, "(f - a)^2", "least squares", NULL, NULL}};
static const ntk_key catalog_metric[] = {{"every", NTK_T_INTEGER, NTK_KEY_NULLABLE, 1, 0, NULL, NULL, NULL, "null", "iterations", "how often"},
                                         NTK_KEYS_END};
static const ntk_choice catalog_metrics[] = {{"mmd2", catalog_metric, "", "", NULL, NULL}, {"energy", catalog_metric, "", "", NULL, NULL}};
static const ntk_choice catalog_generators[] = {{"particles", NULL, "", "points themselves", NULL, NULL}};

static const ntk_choice catalog_integrators[] = {{"euler", NULL, "", "one step", NULL, NULL}};
static const ntk_choice catalog_annealings[] = {{"none", NULL, "", "the same step", NULL, NULL}};
static const ntk_choice catalog_starts[] = {{"zero", NULL, "", "zero", NULL, NULL}};
static const ntk_choice catalog_optimizers[] = {{"sgd", NULL, "", "gradient steps", NULL, NULL}};
static const ntk_choice catalog_lattices[] = {{"grid", NULL, "", "a rectangle", NULL, NULL}};

#define CATALOG_KIND(name) \
  static const ntk_choice *name##_at(size_t i) { return &catalog_##name[i]; }
CATALOG_KIND(activations)
CATALOG_KIND(networks)
CATALOG_KIND(data)
CATALOG_KIND(losses)
CATALOG_KIND(metrics)
CATALOG_KIND(generators)
CATALOG_KIND(integrators)
CATALOG_KIND(annealings)
CATALOG_KIND(optimizers)
CATALOG_KIND(starts)
CATALOG_KIND(lattices)

#define CATALOG_ROW(name) \
  { #name, "help of " #name, sizeof catalog_##name / sizeof *catalog_##name, name##_at }
static const ntk_choices catalog_kinds[] = {CATALOG_ROW(activations), CATALOG_ROW(networks),   CATALOG_ROW(data),        CATALOG_ROW(losses),
                                            CATALOG_ROW(metrics),     CATALOG_ROW(generators), CATALOG_ROW(integrators), CATALOG_ROW(annealings),
                                            CATALOG_ROW(optimizers),  CATALOG_ROW(starts),     CATALOG_ROW(lattices)};
static const ntk_catalog catalog = {sizeof catalog_kinds / sizeof *catalog_kinds, catalog_kinds};

#endif
