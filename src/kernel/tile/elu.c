/** phi(x) = lambda (x for x > 0, alpha (exp(x) - 1) for x < 0): elu, selu. Polar coordinates of the plane of the two points: the signs of u and v are
 *  those of angular sectors, the radial integrals are closed forms of Mills' ratio, the angle is left to a Gauss-Legendre rule (the integrand is
 *  entire in it). Constants: lambda^2, alpha, 1 - alpha (the jump of phi').
 *
 *  Radial integrals of R exp(-R^2/2 - c R) and R^2 exp(-R^2/2 - c R): 1 - c m and m - c (1 - c m), m = m(c).
 */
#include <math.h>

#include "kernel/tile/angle.h"
#include "kernel/tile/layer.h"
#include "kernel/tile/mills.h"
#include "kernel/tile/passes.h"
#include "kernel/tile/vector_math.h"

typedef struct {
  double x, weight;
} quadrature_node;

/* Nodes x > 0 on [-1, 1]; the rules are symmetric. */
// clang-format off
static const quadrature_node GAUSS_12[] = {{0.12523340851146891547, 0.249147045813402785}, {0.36783149899818019375, 0.23349253653835480876}, {0.5873179542866174473, 0.20316742672306592175}, {0.76990267419430468704, 0.16007832854334622633}, {0.90411725637047485668, 0.10693932599531843096}, {0.98156063424671925069, 0.047175336386511827195}};
static const quadrature_node GAUSS_16[] = {{0.095012509837637440185, 0.18945061045506849629}, {0.28160355077925891323, 0.18260341504492358887}, {0.45801677765722738634, 0.16915651939500253819}, {0.61787624440264374845, 0.14959598881657673208}, {0.7554044083550030339, 0.12462897125553387205}, {0.86563120238783174388, 0.09515851168249278481}, {0.94457502307323257608, 0.062253523938647892863}, {0.9894009349916499326, 0.027152459411754094852}};
static const quadrature_node GAUSS_24[] = {{0.064056892862605626085, 0.12793819534675215697}, {0.19111886747361630916, 0.12583745634682829612}, {0.31504267969616337439, 0.1216704729278033912}, {0.43379350762604513849, 0.11550566805372560135}, {0.54542147138883953566, 0.10744427011596563478}, {0.64809365193697556925, 0.09761865210411388827}, {0.74012419157855436424, 0.086190161531953275917}, {0.82000198597390292195, 0.073346481411080305734}, {0.88641552700440103421, 0.059298584915436780746}, {0.93827455200273275852, 0.044277438817419806169}, {0.9747285559713094982, 0.028531388628933663181}, {0.99518721999702136018, 0.012341229799987199547}};
static const quadrature_node GAUSS_36[] = {{0.043018198473708607227, 0.08598327567039474749}, {0.12873610380938478865, 0.085346685739338627492}, {0.21350089231686557894, 0.084078218979661934933}, {0.2966849953440282705, 0.082187266704339709517}, {0.37767254711968921632, 0.079687828912071601909}, {0.45586394443342026721, 0.076598410645870674529}, {0.53068028592624516164, 0.072941885005653061354}, {0.60156765813598053508, 0.068745323835736442614}, {0.6680012365855210621, 0.064039797355015489556}, {0.72948917159355658209, 0.05886014424532481731}, {0.78557623013220651283, 0.053244713977759919092}, {0.83584716699247530642, 0.047235083490265978417}, {0.87992980089039713198, 0.040875750923644895474}, {0.91749777451565906608, 0.034213810770307229921}, {0.9482729843995075452, 0.027298621498568779094}, {0.97202769104969794934, 0.020181515297735471532}, {0.98858647890221223807, 0.012915947284065574405}, {0.9978304624840858362, 0.0055657196642450453613}};
// clang-format on

/* Parts of an end of [-1, 1] for variances so large that the integrand has a boundary layer of width 1/sqrt(q) there. */
static const double PARTS[] = {0, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 0.4, 1};

enum { FINE = 12, PART_COUNT = sizeof PARTS / sizeof *PARTS - 1, MOST_NODES = FINE * PART_COUNT };

typedef struct {
  size_t count;
  const quadrature_node *nodes;
} rule;

/* Relative errors below 1e-11 up to the variance named, at any angle. */
static rule choose(double q, quadrature_node room[MOST_NODES]) {
  if (q < 0.3) return (rule){6, GAUSS_12};
  if (q < 3) return (rule){8, GAUSS_16};
  if (q < 16) return (rule){12, GAUSS_24};
  if (q < 64) return (rule){18, GAUSS_36};
  size_t count = 0;
  for (size_t part = 0; part < PART_COUNT; part++) {
    double middle = 0.5 * (PARTS[part] + PARTS[part + 1]), half = 0.5 * (PARTS[part + 1] - PARTS[part]);
    for (size_t i = 0; i < FINE; i++) {
      double x = i % 2 ? GAUSS_12[i / 2].x : -GAUSS_12[i / 2].x;
      room[count++] = (quadrature_node){1 - (middle + half * x), half * GAUSS_12[i / 2].weight};
    }
  }
  return (rule){count, room};
}

/* A pair's share of one node. `theta` half the angle between the points, `co` half its complement. */
typedef struct {
  double value, dot, both, slope, mixed;
} node_terms;

NTK_INLINE node_terms at_node(double x, double theta, double co, double root_q, double root_s, double alpha, const bool gradient) {
  node_terms t = {0, 0, 0, 0, 0};
  /* Both negative: u = -a R, v = -b R. */
  double a = root_q * cos(theta + co * x), b = root_s * cos(theta - co * x), sum = a + b;
  double m_a = ntk_mills_slope(a), m_b = ntk_mills_slope(b), m_sum = ntk_mills_slope(sum);
  double weight = alpha * alpha * co, both = weight * (1 - sum * (NTK_MILLS_AT_0 + sum * m_sum));
  t.value = weight * (a * a * m_a + b * b * m_b - sum * sum * m_sum);
  t.dot = both;
  t.both = both;
  if (gradient) {
    t.slope = 0.5 * weight * (a * a * m_a - sum * sum * m_sum - NTK_MILLS_AT_0 * b);
    t.mixed = 0.5 * both;
  }
  /* One negative: |u| = a R, |v| = b R. */
  a = root_q * sin(theta * (1 + x)), b = root_s * sin(theta * (1 - x));
  m_a = ntk_mills_slope(a), m_b = ntk_mills_slope(b);
  double rest_a = 1 - a * (NTK_MILLS_AT_0 + a * m_a), rest_b = 1 - b * (NTK_MILLS_AT_0 + b * m_b);
  weight = alpha * theta;
  t.value += weight * (a * b) * (m_a + m_b - rest_a - rest_b);
  t.dot += weight * (rest_a + rest_b);
  if (gradient) {
    t.slope += 0.5 * weight * b * (NTK_MILLS_AT_0 + a * m_a - a * rest_a);
    t.mixed += 0.5 * weight * rest_a;
  }
  return t;
}

/* Sums over the rule into `value`; `half` are half the angles. */
NTK_INLINE void add_nodes(const ntk_pass *pass, rule use, const double *half, double *value, const bool gradient) {
  const double half_pi = 1.57079632679489661923, root_q = pass->row_before.root, alpha = pass->constants[1], *root_s = pass->before.root;
  const size_t count = pass->groups * NTK_LANES;
  for (size_t k = 0; k < 2 * use.count; k++) {
    const double weight = use.nodes[k / 2].weight, x = k % 2 ? use.nodes[k / 2].x : -use.nodes[k / 2].x;
#pragma omp simd
    for (size_t j = 0; j < count; j++) {
      node_terms t = at_node(x, half[j], half_pi - half[j], root_q, root_s[j], alpha, gradient);
      value[NTK_GIVEN_V * NTK_BLOCK + j] += weight * t.value;
      value[NTK_GIVEN_DOT * NTK_BLOCK + j] += weight * t.dot;
      if (gradient) {
        value[NTK_GIVEN_CURVE * NTK_BLOCK + j] += weight * t.both;
        value[NTK_GIVEN_SLOPE * NTK_BLOCK + j] += weight * t.slope;
        value[NTK_GIVEN_MIXED * NTK_BLOCK + j] += weight * t.mixed;
      }
    }
  }
}

/* Adds what is closed: both positive, and the jump of phi' at 0 but for its own square, which is added in `elu` (it is not finite at S = 0). */
NTK_INLINE void complete(const ntk_pass *pass, const double *half, double *value, const bool gradient) {
  const double pi = 3.14159265358979323846, scale = 0.15915494309189533577, root_scale = 0.39894228040143267794;
  const double square = pass->constants[0], alpha = pass->constants[1], jump = pass->constants[2];
  const double *in = pass->in, *inverse = pass->before.inverse, row_inverse = pass->row_before.inverse;
  const size_t count = pass->groups * NTK_LANES;
#pragma omp simd
  for (size_t j = 0; j < count; j++) {
    double r = in[NTK_R * NTK_BLOCK + j], area = sqrt(in[NTK_S2 * NTK_BLOCK + j]), angle = pi - 2 * half[j];
    value[NTK_GIVEN_V * NTK_BLOCK + j] = square * scale * (area + angle * r + value[NTK_GIVEN_V * NTK_BLOCK + j]);
    value[NTK_GIVEN_DOT * NTK_BLOCK + j] = square * scale * (angle + value[NTK_GIVEN_DOT * NTK_BLOCK + j]);
    if (gradient) {
      /* Standard deviations of one variable where the other is 0, and E[exp(v) [v < 0]] for them. */
      double of_v = area * row_inverse, of_u = area * inverse[j];
      double tail_v = 0.5 + root_scale * of_v * ntk_mills_slope(of_v), tail_u = 0.5 + root_scale * of_u * ntk_mills_slope(of_u);
      double at_u = root_scale * row_inverse, at_v = root_scale * inverse[j];
      double curve = jump * alpha * (at_u * tail_v + at_v * tail_u);
      double slope = 0.5 * jump * at_u * (root_scale * of_v + alpha * (tail_v - 0.5));
      double mixed = -0.5 * alpha * at_u * (0.5 + alpha * tail_v + jump * r * (row_inverse * row_inverse) * tail_v);
      value[NTK_GIVEN_CURVE * NTK_BLOCK + j] = square * (scale * value[NTK_GIVEN_CURVE * NTK_BLOCK + j] + curve);
      value[NTK_GIVEN_SLOPE * NTK_BLOCK + j] = square * (scale * value[NTK_GIVEN_SLOPE * NTK_BLOCK + j] + slope);
      value[NTK_GIVEN_MIXED * NTK_BLOCK + j] = square * (scale * value[NTK_GIVEN_MIXED * NTK_BLOCK + j] + mixed);
    }
  }
}

NTK_INLINE void given_values(const ntk_pass *pass, double *value, const bool gradient) {
  const size_t count = pass->groups * NTK_LANES;
  const double *in = pass->in;
  double half[NTK_BLOCK], most = pass->row_before.q;
  quadrature_node room[MOST_NODES];
  for (size_t j = 0; j < count; j++) most = ntk_larger(most, pass->before.q[j]);
#pragma omp simd
  for (size_t j = 0; j < count; j++) {
    ntk_pair pair = {
        .r = in[NTK_R * NTK_BLOCK + j], .s2 = in[NTK_S2 * NTK_BLOCK + j], .root = pass->before.root[j], .inverse = pass->before.inverse[j]};
    half[j] = 0.5 * ntk_angle(pass->row_before, pair);
    for (size_t f = 0; f < NTK_GIVEN; f++) value[f * NTK_BLOCK + j] = 0;
  }
  add_nodes(pass, choose(most, room), half, value, gradient);
  complete(pass, half, value, gradient);
}

NTK_INLINE ntk_dual elu(const ntk_pass *pass, ntk_pair pair) {
  const double scale = 0.15915494309189533577, inverse_q = pass->row_before.inverse * pass->row_before.inverse;
  const double square = pass->constants[0] * pass->constants[2] * pass->constants[2] * scale, *at = pass->given + pair.index;
  double area = sqrt(pair.s2), sharp = area > 0 ? square / area : 0;
  ntk_dual v;
  ntk_smooth_state(pass, pair, at[NTK_GIVEN_V * NTK_BLOCK], &v);
  v.v_dot = at[NTK_GIVEN_DOT * NTK_BLOCK];
  v.v_r = v.v_dot;
  v.slope_a = pass->row_after.slope - 2 * at[NTK_GIVEN_SLOPE * NTK_BLOCK] - v.v_dot;
  v.curve = at[NTK_GIVEN_CURVE * NTK_BLOCK] + sharp;
  v.curve_a = at[NTK_GIVEN_MIXED * NTK_BLOCK] + 0.5 * at[NTK_GIVEN_CURVE * NTK_BLOCK] + sharp * 0.25 * (pair.p + pair.delta) * inverse_q;
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
