/** Passes that are no dense layer: layer normalisation and the sum of branches with independent weights. */
#include <float.h>
#include <math.h>

#include "kernel/tile/layer.h"
#include "kernel/tile/passes.h"

/** sqrt(q s) - r without cancellation for small angles. */
NTK_INLINE double shortfall(double norm, double r, double s2) { return r > 0 ? s2 / ntk_larger(norm + r, DBL_MIN) : norm - r; }

/* (x - mean)/sqrt(variance + epsilon) over the units: as a dual function, whose variances behind it are q/(q + epsilon). */
NTK_INLINE ntk_dual normalise(const ntk_pass *pass, ntk_pair pair) {
  const double eps = NTK_NORM_EPSILON;
  const ntk_variance row = pass->row_before;
  double root_eps = sqrt(row.q + eps), row_factor = 1 / root_eps, square = row_factor * row_factor;
  double column_eps = sqrt(pair.s + eps), f = row_factor / column_eps;
  double p_after = eps * f * f * pair.p, roots = p_after / ntk_larger(pass->row_after.root + pair.root_after, DBL_MIN);
  ntk_dual v;
  v.r = f * pair.r;
  v.s2 = f * f * pair.s2;
  v.delta = roots * roots + 2 * f * shortfall(row.root * pair.root, pair.r, pair.s2);
  v.p = p_after;
  v.v_dot = f;
  v.v_r = f;
  v.slope_a = -square * f * (0.5 * (pair.p + pair.delta) + eps * pair.p * row_factor / (root_eps + column_eps));
  v.curve = 0;
  v.curve_a = -0.5 * square * f;
  return v;
}

NTK_INLINE void sum_pass(const ntk_pass *pass, const bool ntk, const bool gradient) {
  const double *in = pass->in;
  double *out = pass->out;
  const double *in_root = pass->before.root, *out_root = pass->after.root;
  const ntk_variance row_in = pass->row_before, row_out = pass->row_after;
  const size_t count = pass->groups * NTK_LANES;
#pragma omp simd
  for (size_t j = 0; j < count; j++) {
    double r = in[NTK_R * NTK_BLOCK + j], s2 = in[NTK_S2 * NTK_BLOCK + j], p = in[NTK_P * NTK_BLOCK + j];
    double other_r = out[NTK_R * NTK_BLOCK + j], other_s2 = out[NTK_S2 * NTK_BLOCK + j], other_p = out[NTK_P * NTK_BLOCK + j];
    double norm = row_in.root * in_root[j], other_norm = row_out.root * out_root[j];
    double fall = shortfall(norm, r, s2), other_fall = shortfall(other_norm, other_r, other_s2);
    /* sqrt(q_in s_out) - sqrt(q_out s_in): through p, or directly where the variances are so different that p has lost s. */
    double root_a = row_in.root * out_root[j], root_b = row_out.root * in_root[j], roots = root_a + root_b;
    double part_a = row_out.q * p, part_b = row_in.q * other_p;
    bool through_p = fabs(part_a) + fabs(part_b) < roots * roots;
    double quotient = (part_a - part_b) / ntk_larger(roots, DBL_MIN);
    double difference = through_p ? quotient : root_a - root_b;
    double mixed = fall * other_norm + other_fall * norm - fall * other_fall;
    out[NTK_S2 * NTK_BLOCK + j] = s2 + other_s2 + difference * difference + 2 * ntk_larger(mixed, 0);
    out[NTK_R * NTK_BLOCK + j] = r + other_r;
    out[NTK_P * NTK_BLOCK + j] = p + other_p;
    out[NTK_DELTA * NTK_BLOCK + j] += in[NTK_DELTA * NTK_BLOCK + j];
    if (ntk) out[NTK_T * NTK_BLOCK + j] += in[NTK_T * NTK_BLOCK + j];
    if (gradient) {
      out[NTK_DELTA_A * NTK_BLOCK + j] += in[NTK_DELTA_A * NTK_BLOCK + j];
      out[NTK_R_B * NTK_BLOCK + j] += in[NTK_R_B * NTK_BLOCK + j];
      if (ntk) {
        out[NTK_T_A * NTK_BLOCK + j] += in[NTK_T_A * NTK_BLOCK + j];
        out[NTK_T_B * NTK_BLOCK + j] += in[NTK_T_B * NTK_BLOCK + j];
      }
    }
  }
}

static void sum_nngp_value(const ntk_pass *pass) { sum_pass(pass, false, false); }
static void sum_ntk_value(const ntk_pass *pass) { sum_pass(pass, true, false); }
static void sum_nngp_gradient(const ntk_pass *pass) { sum_pass(pass, false, true); }
static void sum_ntk_gradient(const ntk_pass *pass) { sum_pass(pass, true, true); }

NTK_LAYER_TABLE(norm, normalise);
const ntk_pass_function NTK_TILE(ntk_sum)[NTK_MODES] = {sum_nngp_value, sum_ntk_value, sum_nngp_gradient, sum_ntk_gradient};
