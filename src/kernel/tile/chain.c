#include "kernel/tile/chain.h"

#include <tgmath.h>

#include "kernel/tile/angle.h"
#include "kernel/tile/layer.h"
#include "kernel/tile/passes.h"
#include "kernel/tile/real.h"

/* Below it the sine is rounding, but its inverse still a number. */
#ifdef NTK_SINGLE
#define SMALLEST_SINE 1e-18F
#define ANGLE_SERIES ntk_angle_series_single
#else
#define SMALLEST_SINE 1e-150
#define ANGLE_SERIES ntk_angle_series
#endif

/* In front of the first activation: sin^2 and cos of the angle, q - r; q - s and r of the input. */
typedef struct {
  ntk_real square, cosine, gap, p, input_r;
} first_state;

/* The same from r, S2, delta, p of the input, by the dense layer. */
NTK_INLINE first_state through_dense(const ntk_chain_source *source, const size_t j, double r, double s2, double delta, double p) {
  const ntk_dense dense = source->dense;
  double inverse = source->row_inverse * source->column_inverse[j];
  double s2_behind = dense.weight * dense.weight * s2 + dense.weight * dense.bias * delta;
  return (first_state){.square = NTK_REAL(s2_behind * inverse * inverse),
                       .cosine = NTK_REAL((dense.weight * r + dense.bias) * inverse),
                       .gap = NTK_REAL(0.5 * dense.weight * (delta + p)),
                       .p = NTK_REAL(p),
                       .input_r = NTK_REAL(r)};
}

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
  double s2 = inverse * inverse * area2;
  s2 = s2 > NTK_COLLINEAR * source->row_q * s ? s2 : 0;
  return through_dense(source, j, inverse * r, s2, inverse * delta, inverse * (2 * along - delta));
}

NTK_INLINE first_state from_general(const ntk_chain_source *source, const size_t j) {
  const double *in = source->general;
  return through_dense(source, j, in[NTK_R * NTK_BLOCK + j], in[NTK_S2 * NTK_BLOCK + j], in[NTK_DELTA * NTK_BLOCK + j], in[NTK_P * NTK_BLOCK + j]);
}

/* What an activation needs of the angle: u = 1 - |cos|, sine, fall = 1 - cos, all exact for small ones. */
typedef struct {
  ntk_real u, sine, fall;
  bool obtuse;
} angle_state;

/* Without a variance the two count as orthogonal. */
NTK_INLINE angle_state first_angle(first_state in, ntk_real inverse) {
  ntk_real sum = 1 + fabs(in.cosine), u = in.square / sum, sine = sqrt(in.square);
  u = u < 1 ? u : 1;
  bool obtuse = in.cosine < 0, at_origin = inverse == 0;
  return (angle_state){.u = at_origin ? 1 : u, .sine = at_origin ? 1 : sine, .fall = obtuse ? sum : u, .obtuse = obtuse};
}

/* v: see chain.h. */
NTK_INLINE angle_state later_angle(ntk_real c, ntk_real inverse, ntk_real v, const bool obtuse) {
  ntk_real fall = inverse == 0 ? 1 : c * inverse + v * v, other = 2 - fall;
  bool is_obtuse = obtuse && fall > 1;
  ntk_real u = obtuse ? (fall < other ? fall : other) : fall;
  return (angle_state){.u = u, .sine = sqrt(u * (2 - u)), .fall = fall, .obtuse = is_obtuse};
}

NTK_INLINE void chain_layer(const ntk_chain_pass *pass, const int place, const int mode, const bool may_be_obtuse, const size_t d) {
  const ntk_real pi = NTK_REAL(3.14159265358979323846), half = NTK_REAL(0.5);
  const bool first = place & NTK_CHAIN_FIRST, last = place & NTK_CHAIN_LAST, ntk = mode & NTK_MODE_NTK, gradient = mode & NTK_MODE_GRADIENT;
  const ntk_real row_root = NTK_REAL(pass->row.root), row_inverse = NTK_REAL(pass->row.inverse);
  const ntk_real row_tangent = NTK_REAL(pass->row.tangent), row_cosine = NTK_REAL(pass->row.cosine);
  const ntk_real next_row_root = NTK_REAL(pass->next_row.root), next_row_tangent = NTK_REAL(pass->next_row.tangent);
  const ntk_real next_row_height = NTK_REAL(pass->next_row.height);
  const ntk_real *root = pass->columns.root, *inverse_root = pass->columns.inverse, *tangent = pass->columns.tangent, *cosine = pass->columns.cosine;
  const ntk_real *next_root = pass->next_columns.root, *next_tangent = pass->next_columns.tangent, *next_height = pass->next_columns.height;
  const ntk_real f = NTK_REAL(pass->f), g = NTK_REAL(pass->g), nngp = NTK_REAL(pass->nngp), constant = NTK_REAL(pass->constant);
  const ntk_real bias = NTK_REAL(pass->bias), q_tangent = NTK_REAL(pass->q_tangent), after_tangent = NTK_REAL(pass->after_tangent);
  /* A copy: what the loop stores cannot change it. */
  const ntk_chain_source source = pass->source;
  const ntk_real input_nngp = NTK_REAL(source.dense.nngp_factor), input_constant = NTK_REAL(source.dense.constant);
  const ntk_real input_weight = NTK_REAL(source.dense.weight);
  const ntk_real f_tangent = f * q_tangent, half_nngp = half * nngp, curve_factor = half * q_tangent * row_inverse * row_inverse;
  ntk_real *state = pass->state;
  double *out_k = pass->k, *out_a = pass->a, *out_b = pass->b;
  const size_t count = pass->groups * NTK_LANES;
#pragma omp simd
  for (size_t j = 0; j < count; j++) {
    ntk_real norm = row_root * root[j], inverse = row_inverse * inverse_root[j];
    first_state in = {0, 0, 0, 0, 0};
    angle_state angle;
    if (first) {
      in = d ? from_points(&source, j, d) : from_general(&source, j);
      angle = first_angle(in, inverse);
    } else {
      ntk_real v = gradient ? state[NTK_CHAIN_V * NTK_BLOCK + j] : row_cosine * cosine[j] * (row_tangent - tangent[j]);
      angle = later_angle(state[NTK_CHAIN_C * NTK_BLOCK + j], inverse, v, may_be_obtuse);
    }
    ntk_real u = angle.u, sine = angle.sine, more = sine * (u * ANGLE_SERIES(u)), acute = sine + more;
    ntk_real theta = acute, loss = u * acute - more; /* sin(theta) - theta cos(theta) */
    if (first || may_be_obtuse) {
      theta = angle.obtuse ? pi - acute : acute;
      loss = angle.obtuse ? sine + theta * (1 - u) : loss;
    }
    ntk_real dot = g - f * theta, norm_loss = f * norm * loss;
    ntk_real c = g * (norm * angle.fall) - norm_loss, r = first ? norm * (dot * in.cosine + f * sine) : g * norm - c;
    ntk_real t = first ? input_nngp * in.input_r + input_constant : state[NTK_CHAIN_T * NTK_BLOCK + j];
    ntk_real new_t = dot * t + (nngp * r + constant);
    if (last) {
      out_k[j] = ntk ? new_t : r + bias;
    } else {
      state[NTK_CHAIN_C * NTK_BLOCK + j] = c;
      if (ntk) state[NTK_CHAIN_T * NTK_BLOCK + j] = new_t;
    }
    if (gradient) {
      ntk_real gap = first ? in.gap : state[NTK_CHAIN_GAP * NTK_BLOCK + j];
      ntk_real delta_a = first ? 0 : state[NTK_CHAIN_DELTA_A * NTK_BLOCK + j], r_b = first ? input_weight : state[NTK_CHAIN_R_B * NTK_BLOCK + j];
      ntk_real new_delta_a = dot * delta_a + f_tangent * (theta - sine * (row_inverse * root[j])), new_r_b = dot * r_b;
      ntk_real size = ntk_real_larger(sine, SMALLEST_SINE), inverse_size;
      if (last) {
        inverse_size = 1 / size;
      } else {
        ntk_real sums = (next_row_root + next_root[j]) * (next_row_tangent + next_tangent[j]);
        ntk_real quotient = 1 / ntk_real_larger(size * sums, NTK_REAL_SMALLEST), p = first ? in.p : state[NTK_CHAIN_P * NTK_BLOCK + j];
        inverse_size = sums * quotient;
        state[NTK_CHAIN_V * NTK_BLOCK + j] = p * (next_row_height * next_height[j]) * (size * quotient);
        if (first) state[NTK_CHAIN_P * NTK_BLOCK + j] = p;
        state[NTK_CHAIN_GAP * NTK_BLOCK + j] = g * gap - norm_loss;
        state[NTK_CHAIN_DELTA_A * NTK_BLOCK + j] = new_delta_a;
        state[NTK_CHAIN_R_B * NTK_BLOCK + j] = new_r_b;
      }
      if (ntk) {
        ntk_real t_a = first ? half * input_nngp : state[NTK_CHAIN_T_A * NTK_BLOCK + j];
        ntk_real t_b = first ? input_nngp : state[NTK_CHAIN_T_B * NTK_BLOCK + j];
        /* The symmetric derivative has no term 1/S where S = 0. */
        ntk_real curve = f * inverse * t * inverse_size;
        curve = sine > 0 ? curve : 0;
        ntk_real new_t_a = dot * t_a + curve * (curve_factor * gap - half * delta_a) + half_nngp * (after_tangent - new_delta_a);
        ntk_real new_t_b = dot * t_b + curve * r_b + nngp * new_r_b;
        if (!last) state[NTK_CHAIN_T_A * NTK_BLOCK + j] = new_t_a;
        if (!last) state[NTK_CHAIN_T_B * NTK_BLOCK + j] = new_t_b;
        if (last) out_a[j] = new_t_a;
        if (last) out_b[j] = new_t_b;
      } else if (last) {
        out_a[j] = new_delta_a;
        out_b[j] = new_r_b;
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

const struct ntk_chain_engine NTK_REAL_TILE(ntk_chain) = {{ROW(middle), ROW(first), ROW(last), ROW(only)}};
