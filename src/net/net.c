#include "net/net.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/build.h"

enum { ROWS = 64 }; /* of a block: fixed, so that bits do not depend on the number of ranks */

struct ntk_net {
  ntk_net_tape tape;
  const char *transform; /* of the coordinates: "identity", "tanh", "atanh"; borrowed from the table below */
};

ntk_error *ntk_net_create(const ntk_value *network, size_t dimension, size_t width, size_t outputs, ntk_rng rng, ntk_net **out) {
  static const char *const transforms[] = {"identity", "tanh", "atanh"};
  *out = NULL;
  NTK_TRY(ntk_net_check(network));
  ntk_net *net = NULL;
  NTK_TRY(NTK_NEW(1, &net));
  net->tape.inputs = dimension;
  const char *word = ntk_has(network, "input_transform") ? ntk_get_text(network, "input_transform") : "identity";
  for (size_t i = 0; i < sizeof transforms / sizeof *transforms; i++)
    if (!strcmp(transforms[i], word)) net->transform = transforms[i];
  ntk_error *err = net->transform ? ntk_net_build(network, width, outputs, rng, &net->tape)
                                  : ntk_fail(NTK_E_CONFIG, "input_transform: finite networks do not have %s", word);
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
