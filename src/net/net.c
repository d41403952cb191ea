#include "net/net.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/tape.h"

enum { ROWS = 64 }; /* of a block: fixed, so that bits do not depend on the number of ranks */

struct ntk_net {
  ntk_net_tape tape;
  const char *transform; /* of the coordinates: "identity", "tanh", "atanh"; borrowed from the table below */
};

/* What the builders share. */
typedef struct {
  const ntk_value *network;
  ntk_net_tape *tape;
  size_t width, outputs;
  ntk_rng rng;
} builder;

/* Weights of variance weight_stddev^2/inputs: both parametrisations draw the same function. */
static ntk_error *dense(const builder *b, size_t from, size_t width, const char *bias_key, size_t *to) {
  double inputs = (double)ntk_net_tape_width(b->tape, from);
  double bias = ntk_has(b->network, bias_key) ? ntk_get_number(b->network, bias_key) : 0;
  return ntk_net_tape_dense(b->tape, from, width, ntk_get_number(b->network, "weight_stddev") / sqrt(inputs), bias, b->rng, to);
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

static const struct {
  const char *name;
  ntk_error *(*build)(const builder *b);
} TABLE[] = {{"mlp", build_mlp}, {"resnet", build_resnet}};

enum { COUNT = sizeof TABLE / sizeof *TABLE };

static size_t row_of(const ntk_value *network) {
  for (size_t i = 0; i < COUNT; i++)
    if (!strcmp(TABLE[i].name, ntk_choice_name(network))) return i;
  return COUNT;
}

ntk_error *ntk_net_check(const ntk_value *network) {
  ntk_net_unit unit;
  if (row_of(network) == COUNT)
    return ntk_fail(NTK_E_CONFIG, "no finite random network of type %s here: it takes mlp or resnet", ntk_choice_name(network));
  const ntk_value *activations = ntk_value_get(network, "activation");
  for (size_t i = 0; i < ntk_value_count(activations); i++) NTK_TRY(ntk_net_unit_of(ntk_value_item(activations, i), &unit));
  return NULL;
}

double ntk_net_weights(const ntk_value *network, size_t width) {
  double square = (double)width * (double)width, parallel = (double)ntk_value_count(ntk_value_get(network, "activation"));
  if (!ntk_has(network, "blocks")) return square * parallel * (double)ntk_get_integer(network, "depth");
  return square * (double)ntk_get_integer(network, "blocks") * (1 + parallel * (double)ntk_get_integer(network, "block_depth"));
}

ntk_error *ntk_net_create(const ntk_value *network, size_t dimension, size_t width, size_t outputs, ntk_rng rng, ntk_net **out) {
  static const char *const transforms[] = {"identity", "tanh", "atanh"};
  *out = NULL;
  NTK_TRY(ntk_net_check(network));
  ntk_net *net = NULL;
  NTK_TRY(NTK_NEW(1, &net));
  net->tape.inputs = dimension;
  for (size_t i = 0; i < sizeof transforms / sizeof *transforms; i++)
    if (!strcmp(transforms[i], ntk_get_text(network, "input_transform"))) net->transform = transforms[i];
  builder b = {network, &net->tape, width, outputs, rng};
  ntk_error *err = net->transform ? TABLE[row_of(network)].build(&b) : ntk_fail(NTK_E_CONFIG, "input_transform: finite networks do not have it");
  if (err)
    ntk_net_free(&net);
  else
    *out = net;
  return err;
}

void ntk_net_free(ntk_net **net) {
  if (!*net) return;
  ntk_net_tape_free(&(*net)->tape);
  free(*net);
  *net = NULL;
}

static void transform(const ntk_net *net, size_t count, const double *x, double *out) {
  for (size_t k = 0; k < count; k++) out[k] = net->transform[0] == 't' ? tanh(x[k]) : net->transform[0] == 'a' ? atanh(x[k]) : x[k];
}

/* Times the transform's derivative; y = transform(x). */
static void chain(const ntk_net *net, size_t count, const double *x, const double *y, double *gradient) {
  for (size_t k = 0; k < count; k++) {
    if (net->transform[0] == 't') gradient[k] *= (1 - y[k]) * (1 + y[k]);
    if (net->transform[0] == 'a') gradient[k] /= (1 - x[k]) * (1 + x[k]);
  }
}

static void evaluate_rows(const ntk_net *net, ntk_net_block *block, size_t rows, const double *x, double *value, double *gradient) {
  size_t d = net->tape.inputs, last = net->tape.count, outputs = ntk_net_tape_width(&net->tape, last);
  transform(net, rows * d, x, block->value[0]);
  ntk_net_forward(block, rows);
  if (value) memcpy(value, block->value[last], rows * outputs * sizeof *value);
  if (!gradient) return;
  ntk_net_backward(block, rows);
  memcpy(gradient, block->adjoint[0], rows * d * sizeof *gradient);
  chain(net, rows * d, x, block->value[0], gradient);
}

/* Completes a replicated n x width array of which each rank holds its own blocks of rows. */
static ntk_error *share(const ntk_comm *comm, size_t n, size_t width, double *values, size_t *start) {
  size_t blocks = (n + ROWS - 1) / ROWS;
  for (size_t r = 0; r <= (size_t)comm->size; r++) {
    size_t row = blocks * r / (size_t)comm->size * ROWS;
    start[r] = (row < n ? row : n) * width;
  }
  return values ? ntk_comm_gather_all(comm, values, start) : NULL;
}

static ntk_error *check_finite(size_t n, size_t width, const double *values) {
  for (size_t k = 0; values && k < n * width; k++)
    if (!isfinite(values[k])) return ntk_fail(NTK_E_NONFINITE, "the random network at point %zu is not finite", k / width);
  return NULL;
}

ntk_error *ntk_net_evaluate(const ntk_comm *comm, const ntk_net *net, size_t n, const double *x, double *value, double *gradient) {
  size_t d = net->tape.inputs, outputs = ntk_net_tape_width(&net->tape, net->tape.count), blocks = (n + ROWS - 1) / ROWS, *start = NULL;
  ntk_net_block block = {0};
  ntk_error *err = NTK_NEW((size_t)comm->size + 1, &start);
  if (!err) err = ntk_net_block_create(&net->tape, ROWS, gradient, &block);
  err = ntk_agree(comm, err);
  size_t begin = blocks * (size_t)comm->rank / (size_t)comm->size, end = blocks * ((size_t)comm->rank + 1) / (size_t)comm->size;
  for (size_t b = begin; !err && b < end; b++) {
    size_t row = b * ROWS, rows = n - row < ROWS ? n - row : ROWS;
    evaluate_rows(net, &block, rows, x + row * d, value ? value + row * outputs : NULL, gradient ? gradient + row * d : NULL);
  }
  if (!err) err = share(comm, n, outputs, value, start);
  if (!err) err = share(comm, n, d, gradient, start);
  if (!err) err = check_finite(n, outputs, value);
  if (!err) err = check_finite(n, d, gradient);
  ntk_net_block_free(&block);
  free(start);
  return err;
}
