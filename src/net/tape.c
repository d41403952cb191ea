#include "net/tape.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static const double norm_floor = 1e-12; /* added to the variance, as everywhere */

void ntk_net_tape_free(ntk_net_tape *tape) {
  for (size_t i = 0; i < tape->count; i++) {
    free(tape->ops[i].weights);
    free(tape->ops[i].bias);
  }
  free(tape->ops);
  *tape = (ntk_net_tape){0};
}

size_t ntk_net_tape_width(const ntk_net_tape *tape, size_t array) { return array ? tape->ops[array - 1].width : tape->inputs; }

static ntk_error *append(ntk_net_tape *tape, ntk_net_op op, size_t *to) {
  if (tape->count == tape->capacity) {
    size_t capacity = tape->capacity ? 2 * tape->capacity : 16;
    ntk_net_op *longer = NULL;
    NTK_TRY(ntk_alloc(capacity, sizeof *longer, &longer));
    if (tape->count) memcpy(longer, tape->ops, tape->count * sizeof *longer);
    free(tape->ops);
    tape->ops = longer;
    tape->capacity = capacity;
  }
  tape->ops[tape->count++] = op;
  *to = tape->count;
  return NULL;
}

ntk_error *ntk_net_tape_dense(ntk_net_tape *tape, size_t from, size_t width, double stddev, double bias_stddev, ntk_rng rng, size_t *to) {
  size_t inputs = ntk_net_tape_width(tape, from);
  ntk_rng own = ntk_rng_part(rng, (uint32_t)tape->count);
  NTK_TRY(append(tape, (ntk_net_op){.kind = NTK_NET_DENSE, .from = from, .width = width}, to));
  ntk_net_op *op = &tape->ops[*to - 1];
  NTK_TRY(NTK_NEW(width * inputs, &op->weights));
  for (size_t k = 0; k < width * inputs; k++) op->weights[k] = stddev * ntk_normal(own, k);
  if (!(bias_stddev > 0)) return NULL;
  NTK_TRY(NTK_NEW(width, &op->bias));
  for (size_t k = 0; k < width; k++) op->bias[k] = bias_stddev * ntk_normal(own, width * inputs + k);
  return NULL;
}

ntk_error *ntk_net_tape_unit(ntk_net_tape *tape, size_t from, ntk_net_unit unit, size_t *to) {
  return append(tape, (ntk_net_op){.kind = NTK_NET_UNIT, .from = from, .width = ntk_net_tape_width(tape, from), .unit = unit}, to);
}

ntk_error *ntk_net_tape_norm(ntk_net_tape *tape, size_t from, size_t *to) {
  return append(tape, (ntk_net_op){.kind = NTK_NET_NORM, .from = from, .width = ntk_net_tape_width(tape, from)}, to);
}

ntk_error *ntk_net_tape_sum(ntk_net_tape *tape, size_t from, size_t other, size_t *to) {
  return append(tape, (ntk_net_op){.kind = NTK_NET_SUM, .from = from, .other = other, .width = ntk_net_tape_width(tape, from)}, to);
}

ntk_error *ntk_net_block_create(const ntk_net_tape *tape, size_t rows, bool gradient, ntk_net_block *out) {
  *out = (ntk_net_block){.tape = tape};
  size_t widest = tape->inputs;
  NTK_TRY(NTK_NEW(tape->count + 1, &out->value));
  NTK_TRY(NTK_NEW(tape->count + 1, &out->adjoint));
  for (size_t i = 0; i <= tape->count; i++) {
    size_t width = ntk_net_tape_width(tape, i);
    if (width > widest) widest = width;
    NTK_TRY(ntk_alloc(rows * width, sizeof(double), &out->value[i]));
    if (gradient) NTK_TRY(ntk_alloc(rows * width, sizeof(double), &out->adjoint[i]));
  }
  return ntk_alloc(2 * rows * widest, sizeof(double), &out->spare);
}

void ntk_net_block_free(ntk_net_block *block) {
  for (size_t i = 0; block->tape && i <= block->tape->count; i++) {
    if (block->value) free(block->value[i]);
    if (block->adjoint) free(block->adjoint[i]);
  }
  free(block->value);
  free(block->adjoint);
  free(block->spare);
  *block = (ntk_net_block){0};
}

/* Mean and 1/stddev of a row. */
static void moments(size_t width, const double *x, double *mean, double *scale) {
  double sum = 0, square = 0;
  for (size_t k = 0; k < width; k++) sum += x[k];
  *mean = sum / (double)width;
  for (size_t k = 0; k < width; k++) square += (x[k] - *mean) * (x[k] - *mean);
  *scale = 1 / sqrt(square / (double)width + norm_floor);
}

static void dense_forward(const ntk_net_op *op, size_t rows, size_t inputs, const double *x, double *y) {
  for (size_t i = 0; i < rows; i++)
    for (size_t k = 0; k < op->width; k++) y[i * op->width + k] = op->bias ? op->bias[k] : 0;
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)op->width, (int)inputs, 1, x, (int)inputs, op->weights, (int)inputs, 1, y,
              (int)op->width);
}

void ntk_net_forward(ntk_net_block *block, size_t rows) {
  for (size_t i = 0; i < block->tape->count; i++) {
    const ntk_net_op *op = &block->tape->ops[i];
    const double *x = block->value[op->from], *other = block->value[op->other];
    double *y = block->value[i + 1], mean, scale;
    switch (op->kind) {
      case NTK_NET_DENSE: dense_forward(op, rows, ntk_net_tape_width(block->tape, op->from), x, y); break;
      case NTK_NET_UNIT: op->unit.apply(op->unit.constants, rows * op->width, x, y, NULL); break;
      case NTK_NET_NORM:
        for (size_t r = 0; r < rows; r++) {
          moments(op->width, x + r * op->width, &mean, &scale);
          for (size_t k = 0; k < op->width; k++) y[r * op->width + k] = (x[r * op->width + k] - mean) * scale;
        }
        break;
      case NTK_NET_SUM:
        for (size_t k = 0; k < rows * op->width; k++) y[k] = x[k] + other[k];
        break;
    }
  }
}

/* d/dx of sum_k a_k y_k, y = (x - mean) scale: scale (a - mean(a) - y mean(a y)). */
static void norm_backward(size_t width, const double *x, const double *y, const double *a, double *out) {
  double mean, scale, first = 0, second = 0;
  moments(width, x, &mean, &scale);
  for (size_t k = 0; k < width; k++) {
    first += a[k];
    second += a[k] * y[k];
  }
  for (size_t k = 0; k < width; k++) out[k] += scale * (a[k] - (first + y[k] * second) / (double)width);
}

void ntk_net_backward(ntk_net_block *block, size_t rows) {
  const ntk_net_tape *tape = block->tape;
  for (size_t i = 0; i <= tape->count; i++) memset(block->adjoint[i], 0, rows * ntk_net_tape_width(tape, i) * sizeof(double));
  size_t outputs = ntk_net_tape_width(tape, tape->count);
  for (size_t r = 0; r < rows; r++) block->adjoint[tape->count][r * outputs] = 1;
  for (size_t i = tape->count; i-- > 0;) {
    const ntk_net_op *op = &tape->ops[i];
    const double *a = block->adjoint[i + 1], *x = block->value[op->from];
    double *out = block->adjoint[op->from], *slope = block->spare;
    size_t inputs = ntk_net_tape_width(tape, op->from), count = rows * op->width;
    switch (op->kind) {
      case NTK_NET_DENSE:
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)rows, (int)inputs, (int)op->width, 1, a, (int)op->width, op->weights, (int)inputs,
                    1, out, (int)inputs);
        break;
      case NTK_NET_UNIT:
        op->unit.apply(op->unit.constants, count, x, slope + count, slope);
        for (size_t k = 0; k < count; k++) out[k] += a[k] * slope[k];
        break;
      case NTK_NET_NORM:
        for (size_t r = 0; r < rows; r++)
          norm_backward(op->width, x + r * op->width, block->value[i + 1] + r * op->width, a + r * op->width, out + r * op->width);
        break;
      case NTK_NET_SUM:
        for (size_t k = 0; k < count; k++) {
          out[k] += a[k];
          block->adjoint[op->other][k] += a[k];
        }
        break;
    }
  }
}
