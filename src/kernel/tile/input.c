/** The input state: r, S2, delta and p of a row against a block of columns. */
#include <math.h>
#include <string.h>

#include "kernel/tile/area.h"
#include "kernel/tile/layer.h"
#include "kernel/tile/passes.h"

/* Where products of whole vectors have lost two digits of delta, four of S2 or, from a centre that is far from one of the points, two of r. */
#define CLOSE 1e-2
#define NEARLY_COLLINEAR 1e-4
#define FAR 1e-4

/** S2 is the area of the two points. */
NTK_INLINE void direct_few(const ntk_input *input, const size_t d) {
  const double inverse = 1.0 / (double)d;
  const double *x = input->x, *z = input->z, *column_q = input->columns.q;
  double *out = input->out;
  const double q = input->row.q;
  const size_t stride = input->stride, count = input->groups * NTK_LANES;
#pragma omp simd
  for (size_t j = 0; j < count; j++) {
    double r = 0, delta = 0, p = 0;
    for (size_t a = 0; a < d; a++) {
      double c = z[a * stride + j], difference = x[a] - c;
      r += x[a] * c;
      delta += difference * difference;
      p += difference * (x[a] + c);
    }
    r *= inverse, delta *= inverse, p *= inverse;
    double s2 = ntk_square_area(x, z, stride, j, d, delta < column_q[j]) * (inverse * inverse);
    out[NTK_R * NTK_BLOCK + j] = r;
    out[NTK_S2 * NTK_BLOCK + j] = s2 > NTK_COLLINEAR * q * column_q[j] ? s2 : 0;
    out[NTK_DELTA * NTK_BLOCK + j] = delta;
    out[NTK_P * NTK_BLOCK + j] = p;
  }
}

/** S2 = q |v - (x.v/|x|^2) x|^2/d with the same v, one coordinate at a time. */
static void direct_many(const ntk_input *input) {
  const size_t d = input->dimension, count = input->groups * NTK_LANES;
  const double inverse = 1.0 / (double)d, q = input->row.q, inverse_q = input->row.inverse * input->row.inverse;
  const double *column_q = input->columns.q;
  double *r = input->out + NTK_R * NTK_BLOCK, *s2 = input->out + NTK_S2 * NTK_BLOCK;
  double *delta = input->out + NTK_DELTA * NTK_BLOCK, *p = input->out + NTK_P * NTK_BLOCK, *along = input->scratch;
#pragma omp simd
  for (size_t j = 0; j < count; j++) r[j] = s2[j] = delta[j] = p[j] = along[j] = 0;
  for (size_t a = 0; a < d; a++) {
    const double x = input->x[a], *z = input->z + a * input->stride;
#pragma omp simd
    for (size_t j = 0; j < count; j++) {
      double difference = x - z[j];
      r[j] += x * z[j];
      along[j] += x * difference;
      delta[j] += difference * difference;
      p[j] += difference * (x + z[j]);
    }
  }
#pragma omp simd
  for (size_t j = 0; j < count; j++) {
    r[j] *= inverse, delta[j] *= inverse, p[j] *= inverse;
    along[j] = (delta[j] < column_q[j] ? along[j] * inverse : r[j]) * inverse_q;
  }
  for (size_t a = 0; a < d; a++) {
    const double x = input->x[a], *z = input->z + a * input->stride;
#pragma omp simd
    for (size_t j = 0; j < count; j++) {
      double v = (delta[j] < column_q[j] ? x - z[j] : z[j]) - along[j] * x;
      s2[j] += v * v;
    }
  }
#pragma omp simd
  for (size_t j = 0; j < count; j++) {
    double area = q * s2[j] * inverse;
    s2[j] = area > NTK_COLLINEAR * q * column_q[j] ? area : 0;
  }
}

void NTK_TILE(ntk_input_direct)(const ntk_input *input) {
  switch (input->dimension) {
    case 1: direct_few(input, 1); return;
    case 2: direct_few(input, 2); return;
    case 3: direct_few(input, 3); return;
    default: direct_many(input);
  }
}

/* With a centre delta has the rounding of |x - c|^2 + |z - c|^2 and p that of c.(x - c) and c.(z - c), not that of |x|^2. S2 is taken from the shorter
 * of x and z, u.u delta - (u.(u - v))^2, whose rounding does not grow with the longer one. */
NTK_INLINE size_t from_products(const ntk_input *input, const bool centred) {
  const double inverse = 1.0 / (double)input->dimension, q = input->row.q, *dot = input->dot, *column_q = input->columns.q;
  const double *sizes = input->sizes, *leans = input->leans, row_size = centred ? input->row_size : q, row_lean = input->row_lean;
  const size_t count = input->groups * NTK_LANES;
  double *out = input->out, *mark = input->scratch, marked = 0;
#pragma omp simd reduction(+ : marked)
  for (size_t j = 0; j < count; j++) {
    double s = column_q[j], size = centred ? sizes[j] : s, product = dot[j] * inverse, both = row_size + size;
    double p = centred ? (row_size - size) + (row_lean - leans[j]) : q - s, delta = ntk_larger(both - 2 * product, 0);
    double shorter = q < s ? q : s, along = centred ? 0.5 * (delta - fabs(p)) : shorter - product, most = q * s;
    double area = ntk_larger(shorter * delta - along * along, 0), s2 = area < most ? area : most, all = q + s + both;
    out[NTK_R * NTK_BLOCK + j] = centred ? 0.5 * (q + s - delta) : product;
    out[NTK_S2 * NTK_BLOCK + j] = s2;
    out[NTK_DELTA * NTK_BLOCK + j] = delta;
    out[NTK_P * NTK_BLOCK + j] = p;
    mark[j] = (delta < CLOSE * both || s2 <= NEARLY_COLLINEAR * shorter * ntk_larger(row_size, size) || (centred && most < FAR * all * all)) ? 1 : 0;
    marked += mark[j];
  }
  return (size_t)marked;
}

size_t NTK_TILE(ntk_input_products)(const ntk_input *input) { return input->sizes ? from_products(input, true) : from_products(input, false); }

/** As direct_many, one pair: the coordinates are the lanes. */
void NTK_TILE(ntk_input_pair)(size_t dimension, const double *x, const double *z, double *state) {
  double xx = 0, zz = 0, dot = 0, along = 0, delta = 0, p = 0, rest = 0;
#pragma omp simd reduction(+ : xx, zz, dot, along, delta, p)
  for (size_t a = 0; a < dimension; a++) {
    double difference = x[a] - z[a];
    xx += x[a] * x[a];
    zz += z[a] * z[a];
    dot += x[a] * z[a];
    along += x[a] * difference;
    delta += difference * difference;
    p += difference * (x[a] + z[a]);
  }
  const bool close = delta < zz;
  const double share = xx > 0 ? (close ? along : dot) / xx : 0, inverse = 1 / (double)dimension;
#pragma omp simd reduction(+ : rest)
  for (size_t a = 0; a < dimension; a++) {
    double v = (close ? x[a] - z[a] : z[a]) - share * x[a];
    rest += v * v;
  }
  state[NTK_R * NTK_BLOCK] = dot * inverse;
  state[NTK_S2 * NTK_BLOCK] = rest > NTK_COLLINEAR * zz ? xx * inverse * (rest * inverse) : 0;
  state[NTK_DELTA * NTK_BLOCK] = delta * inverse;
  state[NTK_P * NTK_BLOCK] = p * inverse;
}

/** What the input has before any layer: no NTK, and the derivatives of the coordinates themselves. */
void NTK_TILE(ntk_input_seed)(size_t groups, int mode, double *out) {
  const size_t bytes = groups * NTK_LANES * sizeof *out;
  if (mode & NTK_MODE_NTK) memset(out + NTK_T * NTK_BLOCK, 0, bytes);
  if (!(mode & NTK_MODE_GRADIENT)) return;
  memset(out + NTK_DELTA_A * NTK_BLOCK, 0, bytes);
  for (size_t j = 0; j < groups * NTK_LANES; j++) out[NTK_R_B * NTK_BLOCK + j] = 1;
  if (!(mode & NTK_MODE_NTK)) return;
  memset(out + NTK_T_A * NTK_BLOCK, 0, bytes);
  memset(out + NTK_T_B * NTK_BLOCK, 0, bytes);
}
