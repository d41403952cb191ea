#include "kernel/sparse.h"

#include <math.h>

/* Nodes that one value between them is interpolated from. */
enum { POINTS = 24, HALF = POINTS / 2 };

/* Position k of a node. */
static size_t position_of(size_t node) {
  if (node < NTK_SPARSE_LEAD) return node;
  size_t run = (node - NTK_SPARSE_LEAD) / NTK_SPARSE_RUN, at = (node - NTK_SPARSE_LEAD) % NTK_SPARSE_RUN, length = (size_t)2 << run;
  return NTK_SPARSE_LEAD + NTK_SPARSE_RUN * (length - 2) + at * length;
}

size_t ntk_sparse_most(size_t step) { return step == 2 ? NTK_SPARSE_NODES : 2 * NTK_SPARSE_NODES; }

size_t ntk_sparse_degree(size_t first, size_t step, size_t term) {
  return step == 2 ? first + 2 * position_of(term) : first + 2 * position_of(term / 2) + term % 2;
}

/* Adds to the weights of the nodes around it the Lagrange polynomials at the positions in front of node `next`. */
static void add_gap(size_t next, double *weight) {
  double x[POINTS], inverse[POINTS];
  for (size_t i = 0; i < POINTS; i++) x[i] = (double)position_of(next - HALF + i);
  for (size_t i = 0; i < POINTS; i++) {
    double product = 1;
    for (size_t j = 0; j < POINTS; j++) product *= j == i ? 1 : x[i] - x[j];
    inverse[i] = 1 / product;
  }
  for (size_t i = position_of(next - 1) + 1; i < position_of(next); i++) {
    double product = 1, k = (double)i;
    for (size_t j = 0; j < POINTS; j++) product *= k - x[j];
    for (size_t j = 0; j < POINTS; j++) weight[next - HALF + j] += product * inverse[j] / (k - x[j]);
  }
}

void ntk_sparse_roots(size_t step, double *out) {
  double weight[NTK_SPARSE_NODES + POINTS] = {0};
  for (size_t node = 0; node < NTK_SPARSE_NODES; node++) weight[node] = 1;
  for (size_t next = NTK_SPARSE_LEAD; next < NTK_SPARSE_NODES + HALF; next++) add_gap(next, weight);
  for (size_t term = 0; term < ntk_sparse_most(step); term++) out[term] = sqrt(weight[step == 2 ? term : term / 2]);
}
