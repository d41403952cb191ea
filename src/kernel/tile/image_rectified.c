/** Piecewise linear activations over images, as ab_relu.c with less to compute (see chain.h): u = 1 - |cos| comes from r, and of close or opposite pairs
 *  from delta, which has not lost digits. Not for even functions, whose result at opposite points is small. */
#include <math.h>

#include "kernel/tile/angle.h"
#include "kernel/tile/layer.h"
#include "kernel/tile/passes.h"

/* 1 - |cos| down to which it comes from r. */
#define WIDE_ANGLE 0.25

typedef struct {
  double u, sine, theta, loss, excess; /* loss = sin(theta) - theta cos(theta), excess = theta - sin(theta) */
  bool obtuse;
} angle_state;

NTK_INLINE angle_state angle_of(double u, bool obtuse, bool at_origin) {
  const double pi = 3.14159265358979323846;
  u = u < 1 ? u : 1;
  double sine = sqrt(u * (2 - u)), more = sine * (u * ntk_angle_series(u)), acute = sine + more;
  angle_state a = {.u = u, .sine = at_origin ? 0 : sine, .obtuse = obtuse};
  a.theta = obtuse ? pi - acute : acute;
  a.loss = obtuse ? sine + a.theta * (1 - u) : u * acute - more;
  a.excess = obtuse ? a.theta - sine : more;
  /* Without a variance the two count as orthogonal. */
  a.theta = at_origin ? 0.5 * pi : a.theta;
  a.excess = at_origin ? 0.5 * pi : a.excess;
  return a;
}

/* The pairs of one position of the row. */
typedef struct {
  const double *root, *inverse; /* of the columns */
  double row_root, row_inverse;
  double f, g;
  size_t element;
} position;

NTK_INLINE void rectify(const ntk_image_pointwise *w, position at, const bool given, const bool keep, const bool ntk, const bool gradient) {
  const double *in_r = w->r + at.element, *in_delta = given ? w->delta + at.element : NULL, *in_t = ntk ? w->t + at.element : NULL;
  double *out_r = w->out_r + at.element, *out_delta = keep ? w->out_delta + at.element : NULL, *out_t = ntk ? w->out_t + at.element : NULL;
  double *by_r = gradient ? w->slopes[NTK_IMAGE_BY_R] + at.element : NULL, *by_q = gradient ? w->slopes[NTK_IMAGE_BY_Q] + at.element : NULL;
  double *t_by_q = gradient && ntk ? w->slopes[NTK_IMAGE_T_BY_Q] + at.element : NULL;
  double *t_by_r = gradient && ntk ? w->slopes[NTK_IMAGE_T_BY_R] + at.element : NULL;
  const double half_square = 0.5 * at.row_inverse * at.row_inverse;
#pragma omp simd
  for (size_t j = 0; j < NTK_LANES; j++) {
    double norm = at.row_root * at.root[j], inverse = at.row_inverse * at.inverse[j], gap = at.row_root - at.root[j];
    double r = in_r[j], u = 1 - fabs(r) * inverse;
    if (given) {
      ntk_image_range range = ntk_image_range_of(in_delta[j], at.row_root, at.root[j]);
      double close = 0.5 * inverse * (r < 0 ? range.above : range.below);
      u = u > WIDE_ANGLE ? u : close;
    } else {
      u = u > NTK_IMAGE_ROUNDING ? u : 0;
    }
    angle_state a = angle_of(u, r < 0, inverse == 0);
    double dot = at.g - at.f * a.theta, fall = a.obtuse ? 2 - a.u : a.u;
    out_r[j] = at.f * (norm * a.sine) + dot * r;
    if (keep) out_delta[j] = at.g * (gap * gap) + 2 * norm * ntk_larger(at.g * fall - at.f * a.loss, 0);
    double t = ntk ? in_t[j] : 0;
    if (ntk) out_t[j] = dot * t;
    if (gradient) {
      by_r[j] = dot;
      by_q[j] = at.f * (a.excess + a.sine * (gap * at.row_inverse));
      /* The symmetric derivative has no term 1/S where S = 0. */
      double curve = at.f * inverse / ntk_larger(a.sine, 1e-150) * t;
      curve = a.sine > 0 ? curve : 0;
      if (ntk) t_by_r[j] = curve;
      if (ntk) t_by_q[j] = curve * (at.row_root * gap + norm * fall) * half_square;
    }
  }
}

NTK_INLINE void rectified(const ntk_image_pointwise *w, const bool given, const bool keep, const bool ntk, const bool gradient) {
  const double f = w->constants[0], g = w->constants[1];
  for (size_t line = 0; line < w->patch.lines; line++)
    for (size_t i = 0; i < w->patch.count; i++) {
      const size_t row = w->patch.row + line * w->patch.step + i, column = (w->patch.column + line * w->patch.step + i) * w->lanes;
      const size_t element = (w->patch.element + line * w->patch.element_step + i) * w->lanes;
      for (size_t j = 0; j < w->lanes; j += NTK_LANES) {
        position at = {.root = w->column[NTK_IMAGE_ROOT] + column + j,
                       .inverse = w->column[NTK_IMAGE_INVERSE] + column + j,
                       .row_root = w->row[NTK_IMAGE_ROOT][row],
                       .row_inverse = w->row[NTK_IMAGE_INVERSE][row],
                       .f = f,
                       .g = g,
                       .element = element + j};
        rectify(w, at, given, keep, ntk, gradient);
      }
    }
}

#define LOOP(name, ntk, gradient)                                                                       \
  static void name##_apart(const ntk_image_pointwise *w) { rectified(w, false, false, ntk, gradient); } \
  static void name(const ntk_image_pointwise *w) {                                                      \
    if (w->delta) {                                                                                     \
      rectified(w, true, true, ntk, gradient);                                                          \
    } else {                                                                                            \
      rectified(w, false, true, ntk, gradient);                                                         \
    }                                                                                                   \
  }

LOOP(nngp_value, false, false)
LOOP(ntk_value, true, false)
LOOP(nngp_slopes, false, true)
LOOP(ntk_slopes, true, true)

const ntk_image_function NTK_TILE(ntk_image_rectified_apart)[NTK_MODES] = {nngp_value_apart, ntk_value_apart, nngp_slopes_apart, ntk_slopes_apart};
const ntk_image_function NTK_TILE(ntk_image_rectified)[NTK_MODES] = {nngp_value, ntk_value, nngp_slopes, ntk_slopes};
