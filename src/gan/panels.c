#include "gan/panels.h"

#include <math.h>

enum { N = NTK_PANEL_NODES };

/* Roots, ascending, and weights of the Legendre polynomial of degree N by Newton's method (Abramowitz and Stegun 25.4.29). */
static void find_roots(double root[N], double share[N]) {
  for (int i = 0; i < N; i++) {
    double x = -cos(3.14159265358979323846 * (i + 0.75) / (N + 0.5)), slope = 1;
    for (int step = 0; step < 20; step++) {
      double before = 1, now = x;
      for (int k = 2; k <= N; k++) {
        double next = ((2 * k - 1) * x * now - (k - 1) * before) / k;
        before = now;
        now = next;
      }
      slope = N * (x * now - before) / (x * x - 1);
      x -= now / slope;
    }
    root[i] = x;
    share[i] = 2 / ((1 - x * x) * slope * slope);
  }
}

void ntk_panels_set(double t, double rate, ntk_panels *out) {
  double root[N], share[N];
  size_t halvings = 0;
  while (halvings < NTK_MOST_PANELS / 2 - 2 && ldexp(t / 2, -(int)halvings) * rate > 1) halvings++;
  *out = (ntk_panels){.panels = 2 * (halvings + 1)};
  for (size_t k = 0; k <= halvings; k++) {
    double length = ldexp(t / 2, -(int)(halvings - k));
    out->edge[k + 1] = length;
    out->edge[out->panels - 1 - k] = t - length;
  }
  out->edge[out->panels] = t;
  find_roots(root, share);
  for (size_t k = 0; k < out->panels; k++) {
    double half = (out->edge[k + 1] - out->edge[k]) / 2;
    for (int i = 0; i < N; i++) {
      out->time[out->count] = out->edge[k] + half * (1 + root[i]);
      out->share[out->count++] = half * share[i];
    }
  }
}

void ntk_panels_interpolate(const ntk_panels *p, double s, size_t *first, double weight[N]) {
  size_t panel = 0;
  while (panel + 1 < p->panels && s > p->edge[panel + 1]) panel++;
  *first = panel * N;
  const double *x = p->time + *first, width = p->edge[panel + 1] - p->edge[panel];
  for (int i = 0; i < N; i++) {
    weight[i] = 1;
    for (int k = 0; k < N; k++)
      if (k != i) weight[i] *= ((s - x[k]) / width) / ((x[i] - x[k]) / width);
  }
}
