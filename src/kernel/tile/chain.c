#include "kernel/tile/chain.h"

#include <float.h>
#include <math.h>

#include "kernel/tile/angle.h"
#include "kernel/tile/layer.h"
#include "kernel/tile/passes.h"

/* Below it the sine is rounding, but its inverse still a number. */
#define SMALLEST_SINE 1e-150

/* r, S2 and q - r in front of the first activation, q - s and r of the input. */
typedef struct {
  double r, s2, gap, p, input_r;
} first_state;

/* (x_a v_b - x_b v_a)^2, v = z or x - z. */
NTK_INLINE double square_area(double x_a, double x_b, double z_a, double z_b, bool close) {
  double area = x_a * (close ? x_b - z_b : z_b) - x_b * (close ? x_a - z_a : z_a);
  return area * area;
}

/* Coordinates of few dimensions, as direct_few of input.c, with the dense layer. */
NTK_INLINE first_state from_points(const ntk_chain_source *source, const size_t j, const size_t d) {
  const double inverse = 1.0 / (double)d, *x = source->x, *z = source->z;
  const size_t stride = source->stride;
  double r = 0, delta = 0, along = 0, area2 = 0, s = source->column_q[j];
  for (size_t a = 0; a < d; a++) {
    double c = z[a * stride + j], difference = x[a] - c;
    r += x[a] * c;
    delta += difference * difference;
    along += x[a] * difference;
  }
  bool close = inverse * delta < s;
  if (d == 2) area2 = square_area(x[0], x[1], z[j], z[stride + j], close);
  if (d == 3) {
    area2 = square_area(x[0], x[1], z[j], z[stride + j], close) + square_area(x[0], x[2], z[j], z[2 * stride + j], close) +
            square_area(x[1], x[2], z[stride + j], z[2 * stride + j], close);
  }
  const ntk_dense in = source->dense;
  double s2 = inverse * inverse * area2;
  s2 = s2 > NTK_COLLINEAR * source->row_q * s ? s2 : 0;
  return (first_state){.r = in.weight * inverse * r + in.bias,
                       .s2 = in.weight * in.weight * s2 + in.weight * in.bias * inverse * delta,
                       .gap = in.weight * inverse * along,
                       .p = inverse * (2 * along - delta),
                       .input_r = inverse * r};
}

NTK_INLINE first_state from_general(const ntk_chain_source *source, const size_t j) {
  const double *in = source->general;
  const ntk_dense dense = source->dense;
  double r = in[NTK_R * NTK_BLOCK + j], delta = in[NTK_DELTA * NTK_BLOCK + j], p = in[NTK_P * NTK_BLOCK + j];
  return (first_state){.r = dense.weight * r + dense.bias,
                       .s2 = dense.weight * dense.weight * in[NTK_S2 * NTK_BLOCK + j] + dense.weight * dense.bias * delta,
                       .gap = 0.5 * dense.weight * (delta + p),
                       .p = p,
                       .input_r = r};
}

/* What an activation needs of the angle: u = 1 - |cos|, |u - 2| or u as the angle is (`fall` = 1 - cos), all exact for small ones. */
typedef struct {
  double u, sine, fall;
  bool obtuse;
} angle_state;

/* Without a variance the two count as orthogonal. */
NTK_INLINE angle_state first_angle(first_state in, double norm, double inverse) {
  double size = fabs(in.r), sum = norm + size;
  double u = in.s2 * inverse / ntk_larger(sum, DBL_MIN);
  u = u < 1 ? u : 1;
  bool obtuse = in.r < 0, at_origin = inverse == 0;
  return (angle_state){.u = at_origin ? 1 : u, .sine = at_origin ? 1 : sqrt(in.s2) * inverse, .fall = obtuse ? sum * inverse : u, .obtuse = obtuse};
}

/* v: see chain.h. */
NTK_INLINE angle_state later_angle(double c, double inverse, double v, const bool obtuse) {
  double fall = inverse == 0 ? 1 : c * inverse + v * v, other = 2 - fall;
  bool is_obtuse = obtuse && fall > 1;
  double u = obtuse ? (fall < other ? fall : other) : fall;
  return (angle_state){.u = u, .sine = sqrt(u * (2 - u)), .fall = fall, .obtuse = is_obtuse};
}

NTK_INLINE void chain_layer(const ntk_chain_pass *pass, const int place, const int mode, const bool may_be_obtuse, const size_t d) {
  const double pi = 3.14159265358979323846;
  const bool first = place & NTK_CHAIN_FIRST, last = place & NTK_CHAIN_LAST, ntk = mode & NTK_MODE_NTK, gradient = mode & NTK_MODE_GRADIENT;
  const ntk_chain_row row = pass->row;
  const double *root = pass->columns.root, *inverse_root = pass->columns.inverse;
  const double *tangent = pass->columns.tangent, *cosine = pass->columns.cosine;
  const ntk_chain_row next_row = pass->next_row;
  const double *next_root = pass->next_columns.root, *next_tangent = pass->next_columns.tangent, *next_height = pass->next_columns.height;
  const double f = pass->f, g = pass->g, bias = pass->bias, nngp = pass->nngp, constant = pass->constant;
  /* A copy: what the loop stores cannot change it. */
  const ntk_chain_source source = pass->source;
  const ntk_dense input = source.dense;
  const double f_tangent = f * pass->q_tangent, half_nngp = 0.5 * nngp, after_tangent = pass->after_tangent;
  const double curve_factor = 0.5 * pass->q_tangent * row.inverse * row.inverse;
  double *state = pass->state;
  const size_t count = pass->groups * NTK_LANES;
#pragma omp simd
  for (size_t j = 0; j < count; j++) {
    double norm = row.root * root[j], inverse = row.inverse * inverse_root[j];
    first_state in = {0, 0, 0, 0, 0};
    angle_state angle;
    if (first) {
      in = d ? from_points(&source, j, d) : from_general(&source, j);
      angle = first_angle(in, norm, inverse);
    } else {
      double v = gradient ? state[NTK_CHAIN_V * NTK_BLOCK + j] : row.cosine * cosine[j] * (row.tangent - tangent[j]);
      angle = later_angle(state[NTK_CHAIN_C * NTK_BLOCK + j], inverse, v, may_be_obtuse);
    }
    double u = angle.u, sine = angle.sine, more = sine * (u * ntk_angle_series(u)), acute = sine + more;
    double theta = acute, loss = u * acute - more; /* sin(theta) - theta cos(theta) */
    if (first || may_be_obtuse) {
      theta = angle.obtuse ? pi - acute : acute;
      loss = angle.obtuse ? sine + theta * (1 - u) : loss;
    }
    double dot = g - f * theta, norm_loss = f * norm * loss;
    double c = g * (norm * angle.fall) - norm_loss, r = first ? dot * in.r + f * (norm * sine) : g * norm - c;
    double t = first ? input.nngp_factor * in.input_r + input.constant : state[NTK_CHAIN_K * NTK_BLOCK + j];
    if (!last) state[NTK_CHAIN_C * NTK_BLOCK + j] = c;
    if (ntk) state[NTK_CHAIN_K * NTK_BLOCK + j] = dot * t + (nngp * r + constant);
    if (!ntk && last) state[NTK_CHAIN_K * NTK_BLOCK + j] = r + bias;
    if (gradient) {
      double gap = first ? in.gap : state[NTK_CHAIN_GAP * NTK_BLOCK + j];
      double delta_a = first ? 0 : state[NTK_CHAIN_DELTA_A * NTK_BLOCK + j], r_b = first ? input.weight : state[NTK_CHAIN_R_B * NTK_BLOCK + j];
      double new_delta_a = dot * delta_a + f_tangent * (theta - sine * (row.inverse * root[j])), new_r_b = dot * r_b;
      if (!last) state[NTK_CHAIN_GAP * NTK_BLOCK + j] = g * gap - norm_loss;
      if (!last || !ntk) state[NTK_CHAIN_DELTA_A * NTK_BLOCK + j] = new_delta_a;
      if (!last || !ntk) state[NTK_CHAIN_R_B * NTK_BLOCK + j] = new_r_b;
      double size = ntk_larger(sine, SMALLEST_SINE), inverse_size = 1;
      if (!last) {
        double sums = (next_row.root + next_root[j]) * (next_row.tangent + next_tangent[j]), quotient = 1 / ntk_larger(size * sums, DBL_MIN);
        double p = first ? in.p : state[NTK_CHAIN_P * NTK_BLOCK + j];
        if (first) state[NTK_CHAIN_P * NTK_BLOCK + j] = p;
        inverse_size = sums * quotient;
        state[NTK_CHAIN_V * NTK_BLOCK + j] = p * (next_row.height * next_height[j]) * (size * quotient);
      } else {
        inverse_size = 1 / size;
      }
      if (ntk) {
        double t_a = first ? 0.5 * input.nngp_factor : state[NTK_CHAIN_T_A * NTK_BLOCK + j];
        double t_b = first ? input.nngp_factor : state[NTK_CHAIN_T_B * NTK_BLOCK + j];
        /* The symmetric derivative has no term 1/S where S = 0. */
        double curve = f * inverse * t * inverse_size;
        curve = sine > 0 ? curve : 0;
        state[NTK_CHAIN_T_A * NTK_BLOCK + j] = dot * t_a + curve * (curve_factor * gap - 0.5 * delta_a) + half_nngp * (after_tangent - new_delta_a);
        state[NTK_CHAIN_T_B * NTK_BLOCK + j] = dot * t_b + curve * r_b + nngp * new_r_b;
      }
    }
  }
}

NTK_INLINE void first_layer(const ntk_chain_pass *pass, const int place, const int mode) {
  switch (pass->source.dimension) {
    case 1: chain_layer(pass, place, mode, true, 1); return;
    case 2: chain_layer(pass, place, mode, true, 2); return;
    case 3: chain_layer(pass, place, mode, true, 3); return;
    default: chain_layer(pass, place, mode, true, 0);
  }
}

NTK_INLINE void later_layer(const ntk_chain_pass *pass, const int place, const int mode) {
  if (pass->obtuse) {
    chain_layer(pass, place, mode, true, 0);
  } else {
    chain_layer(pass, place, mode, false, 0);
  }
}

#define PASS(name, which, place, mode) \
  static void name(const ntk_chain_pass *pass) { which(pass, place, mode); }
#define PLACE(name, which, place)             \
  PASS(name##_nngp_value, which, place, 0)    \
  PASS(name##_ntk_value, which, place, 1)     \
  PASS(name##_nngp_gradient, which, place, 2) \
  PASS(name##_ntk_gradient, which, place, 3)
#define ROW(name) \
  { name##_nngp_value, name##_ntk_value, name##_nngp_gradient, name##_ntk_gradient }

PLACE(middle, later_layer, 0)
PLACE(first, first_layer, NTK_CHAIN_FIRST)
PLACE(last, later_layer, NTK_CHAIN_LAST)
PLACE(only, first_layer, (NTK_CHAIN_FIRST | NTK_CHAIN_LAST))

const struct ntk_chain_engine NTK_TILE(ntk_chain) = {{ROW(middle), ROW(first), ROW(last), ROW(only)}};
