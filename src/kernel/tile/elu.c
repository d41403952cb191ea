/** phi(x) = lambda (x for x > 0, alpha (exp(x) - 1) for x < 0): elu, selu. Polar coordinates of the plane of the two points, that have the angle theta:
 *  the signs of u and v are those of angular sectors, and over a sector E exp of a combination w.(u, v) is, with m Mills' ratio, c = |w|, a multiple of
 *
 *    G(c, t) = int_0^t f(c cos a) da,   f(y) = 1 - y m(y) = int_0^inf R exp(-R^2/2 - y R) dR
 *
 *  for angles t between w and the ends of the sector; moments follow by parts. The four that are needed: c = |u + v| with the two angles that make up
 *  pi - theta, and each point's c with t = pi/2 - theta; those at t = pi/2 are m(0) m(c). Two forms, by tables (tools/elu_table.py):
 *
 *    near (c <= 8):  G = t - m(0) c sin t + c^2 H(c, t), H = int_0^t cos^2 a K(c cos a) da, m(y) = m(0) - y K(y): sums of H lose nothing for small c;
 *    far  (c >= 8):  G = (sin t/c) int_0^inf exp(-a y - y^2/2)/(1 + (2 a y + y^2)/c^2) dy, a = c cos t: lines from the origin that cross the sector's end.
 *
 *  Constants: lambda^2, alpha, 1 - alpha (the jump of phi').
 */
#include <math.h>

#include "kernel/tile/angle.h"
#include "kernel/tile/arctan.h"
#include "kernel/tile/elu_table.h"
#include "kernel/tile/lanes.h"
#include "kernel/tile/layer.h"
#include "kernel/tile/mills.h"
#include "kernel/tile/passes.h"

enum { MOST_POWERS = 24 };

/* Of a block. Where a variance is 0 the two points count as orthogonal. */
typedef struct {
  double theta[NTK_BLOCK], cosine[NTK_BLOCK], sine[NTK_BLOCK];
  double c[NTK_BLOCK];                          /* |u + v| */
  double t_row[NTK_BLOCK], t_column[NTK_BLOCK]; /* angles between u + v and the ends u = 0, v = 0 */
  /* near: c^2 H of both angles; q (H(pi/2) + H(pi/2 - theta)) and the difference, of row and column; far: G instead of c^2 H. */
  double sum[NTK_BLOCK], row_sum[NTK_BLOCK], row_gap[NTK_BLOCK], column_sum[NTK_BLOCK], column_gap[NTK_BLOCK];
  double far_sum[NTK_BLOCK], far_row[NTK_BLOCK], far_column[NTK_BLOCK];
  double far_whole[NTK_BLOCK], far_row_whole; /* G(c, pi/2) */
} elu_work;

NTK_INLINE void fill_angles(const ntk_pass *pass, elu_work *w) {
  const double pi = 3.14159265358979323846, root_q = pass->row_before.root, row_inverse = pass->row_before.inverse;
  const double *in = pass->in, *root_s = pass->before.root, *inverse_s = pass->before.inverse;
  const size_t count = pass->groups * NTK_LANES;
#pragma omp simd
  for (size_t j = 0; j < count; j++) {
    double r = in[NTK_R * NTK_BLOCK + j], s2 = in[NTK_S2 * NTK_BLOCK + j], p = in[NTK_P * NTK_BLOCK + j], inverse = row_inverse * inverse_s[j];
    ntk_pair pair = {.r = r, .s2 = s2, .root = root_s[j], .inverse = inverse_s[j]};
    double theta = ntk_angle(pass->row_before, pair), cosine = r * inverse, sine = inverse == 0 ? 1 : sqrt(s2) * inverse;
    double roots = ntk_larger(root_q + root_s[j], DBL_MIN), along = root_q + root_s[j] * cosine, across = root_s[j] * sine;
    /* By the law of tangents. */
    double half = ntk_arctan_of(p * sine, ntk_larger(roots * roots * (1 + cosine), DBL_MIN)), middle = 0.5 * (pi - theta);
    w->theta[j] = theta;
    w->cosine[j] = cosine;
    w->sine[j] = sine;
    w->c[j] = sqrt(along * along + across * across);
    w->t_row[j] = middle + half;
    w->t_column[j] = middle - half;
  }
}

/* The coefficients of the powers of the second variable, at a value of the first one. */
NTK_INLINE void fill_powers(const elu_table *table, const ntk_lanes *x, ntk_lanes power[MOST_POWERS][NTK_WIDE], const size_t wide) {
  const double *number = table->numbers;
  for (size_t group = 0; group < table->groups; group++) {
    ntk_lanes four[4][NTK_WIDE];
    for (size_t k = 0; k < 4; k++)
      for (size_t g = 0; g < wide; g++) four[k][g] = (ntk_lanes){0} + number[k];
    for (size_t i = 1; i < table->length[group]; i++)
      for (size_t k = 0; k < 4; k++)
        for (size_t g = 0; g < wide; g++) four[k][g] = four[k][g] * x[g] + number[4 * i + k];
    number += 4 * table->length[group];
    for (size_t k = 0; k < 4; k++)
      for (size_t g = 0; g < wide; g++) power[4 * group + k][g] = four[k][g];
  }
}

/* At `second` for each of wide lanes. */
NTK_INLINE ntk_lanes sum_powers(const elu_table *table, ntk_lanes power[MOST_POWERS][NTK_WIDE], size_t g, ntk_lanes second) {
  size_t last = 4 * table->groups - 1;
  ntk_lanes sum = power[last][g];
  for (size_t k = last; k-- > 0;) sum = sum * second + power[k][g];
  return sum;
}

/* 2 c (most + shift)/(most (c + shift)) - 1 for c <= most; *scale = 1/(c + shift). */
NTK_INLINE ntk_lanes near_variable(const elu_table *table, ntk_lanes c, ntk_lanes *scale) {
  *scale = 1 / (c + table->shift);
  return 2 * (table->most + table->shift) / table->most * c * *scale - 1;
}

NTK_INLINE ntk_lanes smaller_lanes(ntk_lanes a, double b) {
  ntk_lanes out = a;
  for (size_t l = 0; l < NTK_LANES; l++) out[l] = a[l] < b ? a[l] : b;
  return out;
}

/* The smallest table that `count` numbers fit in; larger ones than the last one's are of no use. */
NTK_INLINE const elu_table *choose(const double *c, const size_t count) {
  double most = 0;
#pragma omp simd reduction(max : most)
  for (size_t l = 0; l < count; l++) most = ntk_larger(most, c[l]);
  return most <= NEAR_2.most ? &NEAR_2 : most <= NEAR_4.most ? &NEAR_4 : &NEAR_8;
}

NTK_INLINE const elu_table *near_powers(const double *c, ntk_lanes power[MOST_POWERS][NTK_WIDE], ntk_lanes *scale, const size_t wide) {
  const elu_table *table = choose(c, wide * NTK_LANES);
  ntk_lanes x[NTK_WIDE];
  for (size_t g = 0; g < wide; g++) x[g] = near_variable(table, smaller_lanes(*(const ntk_lanes *)(c + g * NTK_LANES), table->most), &scale[g]);
  fill_powers(table, x, power, wide);
  return table;
}

/* The row's share: coefficients, 1/(c + shift), H(pi/2). */
typedef struct {
  const elu_table *table;
  ntk_lanes power[MOST_POWERS][NTK_WIDE], scale, whole;
} elu_row;

NTK_INLINE void near_lanes(const ntk_pass *pass, elu_row *row, elu_work *w, size_t j, const size_t wide) {
  const double half_pi = 1.57079632679489661923, scale_t = 0.81056946913870217155, root_q = pass->row_before.root, q = root_q * root_q;
  ntk_lanes scale[NTK_WIDE], power[MOST_POWERS][NTK_WIDE];
  const elu_table *table = near_powers(w->c + j, power, scale, wide);
  for (size_t g = 0; g < wide; g++) {
    size_t at = j + g * NTK_LANES;
    const ntk_lanes c = *(const ntk_lanes *)(w->c + at), a = *(const ntk_lanes *)(w->t_row + at), b = *(const ntk_lanes *)(w->t_column + at);
    ntk_lanes sum = a * sum_powers(table, power, g, scale_t * a * a - 1) + b * sum_powers(table, power, g, scale_t * b * b - 1);
    *(ntk_lanes *)(w->sum + at) = c * c * scale[g] * sum;
  }
  table = near_powers(pass->before.root + j, power, scale, wide);
  for (size_t g = 0; g < wide; g++) {
    size_t at = j + g * NTK_LANES;
    const ntk_lanes root = *(const ntk_lanes *)(pass->before.root + at), t = half_pi - *(const ntk_lanes *)(w->theta + at),
                    second = scale_t * t * t - 1;
    ntk_lanes whole = half_pi * sum_powers(table, power, g, (ntk_lanes){0} + 1), part = t * sum_powers(table, power, g, second);
    ntk_lanes row_part = t * row->scale * sum_powers(row->table, row->power, 0, second), size = root * root * scale[g];
    *(ntk_lanes *)(w->column_sum + at) = size * (whole + part);
    *(ntk_lanes *)(w->column_gap + at) = size * (whole - part);
    *(ntk_lanes *)(w->row_sum + at) = q * (row->whole + row_part);
    *(ntk_lanes *)(w->row_gap + at) = q * (row->whole - row_part);
  }
}

/* c^2 H where c, sqrt(q), sqrt(s) are at most NEAR_8.most. */
NTK_INLINE void fill_near(const ntk_pass *pass, elu_work *w) {
  const double half_pi = 1.57079632679489661923;
  const size_t count = pass->groups * NTK_LANES;
  elu_row row;
  double root[NTK_LANES];
  for (size_t l = 0; l < NTK_LANES; l++) root[l] = pass->row_before.root;
  row.table = near_powers(root, row.power, &row.scale, 1);
  row.whole = half_pi * row.scale * sum_powers(row.table, row.power, 0, (ntk_lanes){0} + 1);
  size_t j = 0;
  for (; j + NTK_WIDE * NTK_LANES <= count; j += NTK_WIDE * NTK_LANES) near_lanes(pass, &row, w, j, NTK_WIDE);
  for (; j < count; j += NTK_LANES) near_lanes(pass, &row, w, j, 1);
}

/* The powers of FAR at a, with the factor 1/(a + shift). */
NTK_INLINE void far_powers(ntk_lanes a, ntk_lanes power[MOST_POWERS][NTK_WIDE]) {
  ntk_lanes scale = 1 / (a + FAR.shift), x[NTK_WIDE];
  x[0] = (a - FAR.shift) * scale;
  fill_powers(&FAR, x, power, 1);
  for (size_t k = 0; k < 4 * FAR.groups; k++) power[k][0] *= scale;
}

/* G(c, pi/2) = m(0) m(c) to the last digit: far at z = 0. */
NTK_INLINE ntk_lanes far_whole(ntk_lanes c) {
  ntk_lanes power[MOST_POWERS][NTK_WIDE];
  far_powers(c, power);
  return NTK_MILLS_AT_0 * sum_powers(&FAR, power, 0, (ntk_lanes){0} - 1);
}

/* 1/c^2 and the second variable of FAR. */
NTK_INLINE ntk_lanes far_variable(ntk_lanes square, ntk_lanes *inverse) {
  const double most = FAR.most * FAR.most;
  for (size_t l = 0; l < NTK_LANES; l++) square[l] = square[l] > most ? square[l] : most;
  *inverse = 1 / square;
  return 2 * most * *inverse - 1;
}

/* G where c, sqrt(q), sqrt(s) are at least FAR.most. */
NTK_INLINE void fill_far(const ntk_pass *pass, elu_work *w) {
  const double root_q = pass->row_before.root;
  w->far_row_whole = far_whole((ntk_lanes){0} + root_q)[0];
  for (size_t j = 0; j < pass->groups * NTK_LANES; j += NTK_LANES) {
    const ntk_lanes root_s = *(const ntk_lanes *)(pass->before.root + j), cosine = *(const ntk_lanes *)(w->cosine + j);
    const ntk_lanes sine = *(const ntk_lanes *)(w->sine + j), c = *(const ntk_lanes *)(w->c + j), at_row = root_q * sine, at_column = root_s * sine;
    ntk_lanes inverse, of_row[MOST_POWERS][NTK_WIDE], of_column[MOST_POWERS][NTK_WIDE];
    far_powers(at_row, of_row);
    far_powers(at_column, of_column);
    *(ntk_lanes *)(w->far_whole + j) = far_whole(root_s);
    ntk_lanes z = far_variable(c * c, &inverse);
    *(ntk_lanes *)(w->far_sum + j) =
        inverse * ((root_q + root_s * cosine) * sum_powers(&FAR, of_column, 0, z) + (root_s + root_q * cosine) * sum_powers(&FAR, of_row, 0, z));
    z = far_variable((ntk_lanes){0} + root_q * root_q, &inverse);
    *(ntk_lanes *)(w->far_row + j) = inverse * (root_q * cosine * sum_powers(&FAR, of_row, 0, z));
    z = far_variable(root_s * root_s, &inverse);
    *(ntk_lanes *)(w->far_column + j) = inverse * (root_s * cosine * sum_powers(&FAR, of_column, 0, z));
  }
}

/* Sums over sectors: exp(u + v) where both are negative; (exp(u) - 1)(exp(v) - 1) there; exp(u + v) - exp(u) there; exp(u) where v > 0, exp(v) where
 * u > 0. */
typedef struct {
  double both, product, difference, row, column;
} sector_sums;

NTK_INLINE sector_sums sums_of(const elu_work *w, size_t j, double root_q, double root_s, const bool has_far) {
  const double pi = 3.14159265358979323846, theta = w->theta[j], rest = pi - theta, less = 1 - w->cosine[j], more = 1 + w->cosine[j];
  const double row_sum = w->row_sum[j], column_sum = w->column_sum[j], sum = w->sum[j];
  sector_sums near = {.both = rest - NTK_MILLS_AT_0 * ((root_q + root_s) * more) + sum,
                      .product = sum - row_sum - column_sum,
                      .difference = sum - row_sum - NTK_MILLS_AT_0 * root_s * more,
                      .row = theta - NTK_MILLS_AT_0 * root_q * less + w->row_gap[j],
                      .column = theta - NTK_MILLS_AT_0 * root_s * less + w->column_gap[j]};
  if (!has_far) return near;
  double most = FAR.most, row_whole = w->far_row_whole, column_whole = w->far_whole[j];
  bool row_far = root_q > most, column_far = root_s > most, sum_far = w->c[j] > most;
  double of_row = row_far ? row_whole + w->far_row[j] : rest - NTK_MILLS_AT_0 * root_q * more + row_sum;
  double of_column = column_far ? column_whole + w->far_column[j] : rest - NTK_MILLS_AT_0 * root_s * more + column_sum;
  double both = sum_far ? w->far_sum[j] : near.both;
  bool any = row_far || column_far || sum_far;
  return (sector_sums){.both = both,
                       .product = any ? both - of_row - of_column + rest : near.product,
                       .difference = any ? both - of_row : near.difference,
                       .row = row_far ? row_whole - w->far_row[j] : near.row,
                       .column = column_far ? column_whole - w->far_column[j] : near.column};
}

/* Puts the sectors together. What is closed: both positive, and the jump of phi' at 0. In the place of V_dot_q goes V_dot_q + V_dot_r/2. */
NTK_INLINE void complete(const ntk_pass *pass, const elu_work *w, double *value, const bool gradient, const bool has_far) {
  const double pi = 3.14159265358979323846, scale = 0.15915494309189533577, root_scale = 0.39894228040143267794;
  const double square = pass->constants[0], alpha = pass->constants[1], jump = pass->constants[2];
  const double *in = pass->in, *inverse = pass->before.inverse, *column_root = pass->before.root;
  const double row_inverse = pass->row_before.inverse, root_q = pass->row_before.root;
  const size_t count = pass->groups * NTK_LANES;
#pragma omp simd
  for (size_t j = 0; j < count; j++) {
    double r = in[NTK_R * NTK_BLOCK + j], area = sqrt(in[NTK_S2 * NTK_BLOCK + j]), angle = pi - w->theta[j], root_s = column_root[j];
    double cosine = w->cosine[j], sine = w->sine[j];
    sector_sums of = sums_of(w, j, root_q, root_s, has_far);
    /* Standard deviations of one variable where the other is 0, and Mills' ratio of them. */
    double of_u = root_q * sine, of_v = root_s * sine, slope_u = ntk_mills_slope(of_u), slope_v = ntk_mills_slope(of_v);
    double row_moment = root_q * root_s * (cosine * of.row + sine * slope_u), column_moment = root_q * root_s * (cosine * of.column + sine * slope_v);
    double v = alpha * alpha * of.product + alpha * (row_moment + column_moment);
    double dot = alpha * alpha * of.both + alpha * (of.row + of.column);
    value[NTK_GIVEN_V * NTK_BLOCK + j] = square * scale * (area + angle * r + v);
    value[NTK_GIVEN_DOT * NTK_BLOCK + j] = square * scale * (angle + dot);
    if (gradient) {
      double tail_v = 0.5 + root_scale * of_v * slope_v, tail_u = 0.5 + root_scale * of_u * slope_u;
      double at_u = root_scale * row_inverse, at_v = root_scale * inverse[j];
      double smooth = alpha * alpha * of.difference + alpha * (NTK_MILLS_AT_0 * root_s * (1 - cosine) + row_moment);
      double curve = jump * alpha * (at_u * tail_v + at_v * tail_u);
      double slope = 0.5 * jump * at_u * (root_scale * of_v + alpha * (tail_v - 0.5));
      double mixed = -0.5 * alpha * at_u * (0.5 + alpha * tail_v + jump * r * (row_inverse * row_inverse) * tail_v);
      double flat = square * (scale * (alpha * alpha * of.both) + curve), sharp = square * (jump * jump) * scale / ntk_larger(area, DBL_MIN);
      double turned = square * (0.5 * scale * (alpha * alpha * of.both + alpha * of.row) + mixed) + 0.5 * flat;
      /* The symmetric derivative has no term 1/S where S = 0. */
      sharp = area > 0 ? sharp : 0;
      value[NTK_GIVEN_CURVE * NTK_BLOCK + j] = flat + sharp;
      value[NTK_GIVEN_SLOPE * NTK_BLOCK + j] = square * (0.5 * scale * smooth + slope);
      value[NTK_GIVEN_MIXED * NTK_BLOCK + j] =
          turned + sharp * 0.25 * (in[NTK_P * NTK_BLOCK + j] + in[NTK_DELTA * NTK_BLOCK + j]) * (row_inverse * row_inverse);
    }
  }
}

NTK_INLINE void given_values(const ntk_pass *pass, double *value, const bool gradient) {
  const size_t count = pass->groups * NTK_LANES;
  double most = 0;
  elu_work w;
  for (size_t j = 0; j < count; j++) most = ntk_larger(most, pass->before.root[j]);
  most += pass->row_before.root;
  fill_angles(pass, &w);
  fill_near(pass, &w);
  if (most <= NEAR_8.most) {
    complete(pass, &w, value, gradient, false);
  } else {
    fill_far(pass, &w);
    complete(pass, &w, value, gradient, true);
  }
}

NTK_INLINE ntk_dual elu(const ntk_pass *pass, ntk_pair pair) {
  const double *at = pass->given + pair.index;
  ntk_dual v;
  ntk_smooth_state(pass, pair, at[NTK_GIVEN_V * NTK_BLOCK], &v);
  v.v_dot = at[NTK_GIVEN_DOT * NTK_BLOCK];
  v.v_r = v.v_dot;
  v.slope_a = pass->row_after.slope - 2 * at[NTK_GIVEN_SLOPE * NTK_BLOCK] - v.v_dot;
  v.curve = at[NTK_GIVEN_CURVE * NTK_BLOCK];
  v.curve_a = at[NTK_GIVEN_MIXED * NTK_BLOCK];
  return v;
}

NTK_INLINE void elu_pass(const ntk_pass *pass, const bool ntk, const bool gradient) {
  double value[NTK_GIVEN * NTK_BLOCK];
  ntk_pass with = *pass;
  given_values(pass, value, gradient);
  with.given = value;
  ntk_layer(&with, elu, ntk, gradient);
}

static void nngp_value(const ntk_pass *pass) { elu_pass(pass, false, false); }
static void ntk_value(const ntk_pass *pass) { elu_pass(pass, true, false); }
static void nngp_gradient(const ntk_pass *pass) { elu_pass(pass, false, true); }
static void ntk_gradient(const ntk_pass *pass) { elu_pass(pass, true, true); }

const ntk_pass_function NTK_TILE(ntk_layer_elu)[NTK_MODES] = {nngp_value, ntk_value, nngp_gradient, ntk_gradient};
