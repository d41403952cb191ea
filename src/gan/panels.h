/** Private to gan/: Gauss-Legendre quadrature and interpolation on panels that shrink towards both ends of an interval, where fast modes move. */
#ifndef NTK_GAN_PANELS_H
#define NTK_GAN_PANELS_H

#include <stddef.h>

enum { NTK_PANEL_NODES = 10, NTK_MOST_PANELS = 128 };

typedef struct {
  size_t panels, count; /* count = panels NTK_PANEL_NODES */
  double edge[NTK_MOST_PANELS + 1];
  double time[NTK_PANEL_NODES * NTK_MOST_PANELS];  /* nodes, ascending */
  double share[NTK_PANEL_NODES * NTK_MOST_PANELS]; /* of the integral */
} ntk_panels;

/** Panels of length x, x, 2x, 4x, ... from 0 to t/2, mirrored behind; x is about 1/rate, for functions whose fastest modes are e^(-rate s). */
void ntk_panels_set(double t, double rate, ntk_panels *out);

/** What the values at nodes *first .. *first + NTK_PANEL_NODES - 1 count for the value at time s within [0, t]. */
void ntk_panels_interpolate(const ntk_panels *panels, double s, size_t *first, double weight[NTK_PANEL_NODES]);

#endif
