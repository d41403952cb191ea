/* The networks that can be drawn, one builder a type. */
#include "net/build.h"

#include <math.h>
#include <string.h>

#include "net/net.h"

/* What the builders share. */
typedef struct {
  const ntk_value *network;
  ntk_net_tape *tape;
  size_t width, outputs;
  ntk_rng rng;
} builder;

/* Weights of variance weight_stddev^2/inputs: both parametrisations draw the same function. `keys` has the weights' and the bias'. */
static ntk_error *dense_of(const builder *b, const ntk_value *keys, size_t from, size_t width, const char *bias_key, size_t *to) {
  double inputs = (double)ntk_net_tape_width(b->tape, from), bias = ntk_has(keys, bias_key) ? ntk_get_number(keys, bias_key) : 0;
  return ntk_net_tape_dense(b->tape, from, width, ntk_get_number(keys, "weight_stddev") / sqrt(inputs), bias, b->rng, to);
}

static ntk_error *dense(const builder *b, size_t from, size_t width, const char *bias_key, size_t *to) {
  return dense_of(b, b->network, from, width, bias_key, to);
}

/* The sum over the parallel activations of dense(activation(from)). */
static ntk_error *hidden(const builder *b, size_t from, size_t width, const char *bias_key, size_t *to) {
  const ntk_value *activations = ntk_value_get(b->network, "activation");
  for (size_t i = 0; i < ntk_value_count(activations); i++) {
    ntk_net_unit unit;
    size_t bent, branch;
    NTK_TRY(ntk_net_unit_of(ntk_value_item(activations, i), &unit));
    NTK_TRY(ntk_net_tape_unit(b->tape, from, unit, &bent));
    NTK_TRY(dense(b, bent, width, bias_key, &branch));
    if (i) NTK_TRY(ntk_net_tape_sum(b->tape, *to, branch, &branch));
    *to = branch;
  }
  return NULL;
}

static ntk_error *build_mlp(const builder *b) {
  int64_t depth = ntk_get_integer(b->network, "depth");
  size_t at;
  NTK_TRY(dense(b, 0, depth ? b->width : b->outputs, "bias_stddev", &at));
  for (int64_t i = 0; i < depth; i++) {
    bool last = i + 1 == depth;
    if (i && ntk_get_bool(b->network, "layer_norm")) NTK_TRY(ntk_net_tape_norm(b->tape, at, &at));
    NTK_TRY(hidden(b, at, last ? b->outputs : b->width, last ? "last_bias_stddev" : "bias_stddev", &at));
  }
  return NULL;
}

static ntk_error *build_resnet(const builder *b) {
  int64_t blocks = ntk_get_integer(b->network, "blocks"), depth = ntk_get_integer(b->network, "block_depth");
  size_t at, skip;
  NTK_TRY(dense(b, 0, b->width, "bias_stddev", &at));
  for (int64_t i = 0; i < blocks; i++) {
    NTK_TRY(dense(b, at, b->width, "bias_stddev", &skip));
    for (int64_t j = 0; j < depth; j++) NTK_TRY(hidden(b, at, b->width, "bias_stddev", &at));
    NTK_TRY(ntk_net_tape_sum(b->tape, skip, at, &at));
  }
  return hidden(b, at, b->outputs, "last_bias_stddev", &at);
}

/* Random Fourier features of the Gaussian kernel (Rahimi and Recht 2007): sqrt 2 sin(z.x/h + phase), z normal, phases over the whole circle. */
static ntk_error *build_rbf(const builder *b) {
  double h = ntk_get_number(b->network, "bandwidth");
  const double turns = 100; /* standard deviation of the phases: over the circle they are uniform to e^-5000 */
  size_t at;
  NTK_TRY(ntk_net_tape_dense(b->tape, 0, b->width, 1 / h, turns, b->rng, &at));
  NTK_TRY(ntk_net_tape_unit(b->tape, at, ntk_net_wave(), &at));
  return ntk_net_tape_dense(b->tape, at, b->outputs, 1 / sqrt((double)b->width), 0, b->rng, &at);
}

static ntk_error *sum(const builder *b, size_t one, size_t other, const char *what, size_t *to) {
  size_t widths[2] = {ntk_net_tape_width(b->tape, one), ntk_net_tape_width(b->tape, other)};
  if (widths[0] != widths[1]) return ntk_fail(NTK_E_CONFIG, "%s: %zu and %zu units cannot be added in a finite network", what, widths[0], widths[1]);
  return ntk_net_tape_sum(b->tape, one, other, to);
}

/* Layers one after the other from array *at on; the dense layer `last` has as many units as the network has outputs. */
static ntk_error *walk(const builder *b, const ntk_value *layers, const ntk_value *last, size_t *at) {
  for (size_t i = 0; i < ntk_value_count(layers); i++) {
    const ntk_value *layer = ntk_value_item(layers, i), *keys = ntk_choice_parameters(layer);
    const char *name = ntk_choice_name(layer);
    size_t start = *at, total = 0;
    if (!strcmp(name, "dense")) {
      NTK_TRY(dense_of(b, keys, *at, layer == last ? b->outputs : b->width, "bias_stddev", at));
    } else if (!strcmp(name, "activation")) {
      ntk_net_unit unit;
      NTK_TRY(ntk_net_unit_of(keys, &unit));
      NTK_TRY(ntk_net_tape_unit(b->tape, *at, unit, at));
    } else if (!strcmp(name, "layer_norm")) {
      NTK_TRY(ntk_net_tape_norm(b->tape, *at, at));
    } else if (!strcmp(name, "residual")) {
      NTK_TRY(walk(b, keys, last, at));
      NTK_TRY(sum(b, start, *at, name, at));
    } else if (!strcmp(name, "parallel")) {
      for (size_t k = 0; k < ntk_value_count(keys); k++) {
        *at = start;
        NTK_TRY(walk(b, ntk_value_item(keys, k), last, at));
        if (k) NTK_TRY(sum(b, total, *at, name, at));
        total = *at;
      }
    } else {
      return ntk_fail(NTK_E_CONFIG, "no finite random network with a layer %s here: it takes dense, activation, layer_norm, residual, parallel",
                      name);
    }
  }
  return NULL;
}

static const ntk_value *last_layer(const ntk_value *network) {
  const ntk_value *layers = ntk_value_get(network, "layers");
  return ntk_value_item(layers, ntk_value_count(layers) - 1);
}

static ntk_error *build_layers(const builder *b) {
  size_t at = 0;
  return walk(b, ntk_value_get(b->network, "layers"), last_layer(b->network), &at);
}

static const struct {
  const char *name;
  ntk_error *(*build)(const builder *b);
} TABLE[] = {{"mlp", build_mlp}, {"resnet", build_resnet}, {"rbf", build_rbf}, {"layers", build_layers}};

enum { COUNT = sizeof TABLE / sizeof *TABLE };

static size_t row_of(const ntk_value *network) {
  for (size_t i = 0; i < COUNT; i++)
    if (!strcmp(TABLE[i].name, ntk_choice_name(network))) return i;
  return COUNT;
}

ntk_error *ntk_net_build(const ntk_value *network, size_t width, size_t outputs, ntk_rng rng, ntk_net_tape *tape) {
  const builder b = {network, tape, width, outputs, rng};
  return TABLE[row_of(network)].build(&b);
}

/* By drawing it with one unit a layer: what is refused does not depend on the width but where arrays of other widths than that meet. */
ntk_error *ntk_net_check(const ntk_value *network) {
  ntk_net_tape tape = {.inputs = 2};
  if (row_of(network) == COUNT || ntk_has(network, "image"))
    return ntk_fail(NTK_E_CONFIG, "no finite random network of type %s here: it takes mlp, resnet, rbf, or layers over vectors",
                    ntk_choice_name(network));
  if (ntk_has(network, "layers") && strcmp(ntk_choice_name(last_layer(network)), "dense"))
    return ntk_fail(NTK_E_CONFIG, "a finite random network ends with a dense layer, not with %s", ntk_choice_name(last_layer(network)));
  ntk_error *err = ntk_net_build(network, 3, 1, (ntk_rng){0}, &tape);
  ntk_net_tape_free(&tape);
  return err;
}

/* Dense layers in a list of layers, its branches included. */
static double dense_layers(const ntk_value *layers) {
  double count = 0;
  for (size_t i = 0; i < ntk_value_count(layers); i++) {
    const ntk_value *layer = ntk_value_item(layers, i), *keys = ntk_choice_parameters(layer);
    count += !strcmp(ntk_choice_name(layer), "dense");
    if (!strcmp(ntk_choice_name(layer), "residual")) count += dense_layers(keys);
    for (size_t k = 0; !strcmp(ntk_choice_name(layer), "parallel") && k < ntk_value_count(keys); k++) count += dense_layers(ntk_value_item(keys, k));
  }
  return count;
}

double ntk_net_weights(const ntk_value *network, size_t width) {
  double square = (double)width * (double)width, parallel = (double)ntk_value_count(ntk_value_get(network, "activation"));
  if (ntk_has(network, "layers")) return square * dense_layers(ntk_value_get(network, "layers"));
  if (ntk_has(network, "blocks"))
    return square * (double)ntk_get_integer(network, "blocks") * (1 + parallel * (double)ntk_get_integer(network, "block_depth"));
  return ntk_has(network, "depth") ? square * parallel * (double)ntk_get_integer(network, "depth") : (double)width;
}
