/* Hinge loss: f is piecewise linear in time (with a ridge: in 1 - e^(-ridge t)). Between events the points inside the margin push with their whole
 * mass, those outside not at all, and those at the margin with the parts of their mass that make the motion a gradient flow's: the element of the
 * subdifferential of least norm. That is a convex quadratic program for the parts; a part strictly between 0 and 1 means that the point slides
 * along the margin. An event is a point that reaches its margin. Source: Brezis 1973 (the minimal section). */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gan/box.h"
#include "gan/lead.h"
#include "gan/trainers.h"

typedef enum { INSIDE, MARGIN, OUTSIDE } place;

/* Relative to the largest speed that masses and kernel allow: what counts as standing still; and the weight of the squared parts that picks one
 * solution among points whose kernel rows are dependent. Both are at the level of rounding. */
static const double still = 1e-12, regularisation = 1e-14;
static const double least_part = 1e-13; /* smaller ones are rounding: at rest they would add up over a long time */

typedef struct {
  const ntk_training *training;
  ntk_lead *lead;
  size_t n;
  double *w, *f, *g, *speed; /* g = dw/dt, speed = df/dt at the start of a piece */
  double *part;              /* of the mass, for points at the margin */
  double *unit;
  place *at;
  bool *due;       /* at the margin when this piece ends */
  double **column; /* of K, for points at the margin */
  size_t *margin, margins;
  double scale; /* that speeds are compared with */
} hinge;

static double side(const hinge *s, size_t j) { return j < s->training->fakes ? -1 : 1; }

/* Point j is at its margin from now on. */
static ntk_error *enter(hinge *s, size_t j) {
  NTK_TRY(NTK_NEW(s->n, &s->column[j]));
  memset(s->unit, 0, s->n * sizeof *s->unit);
  s->unit[j] = 1;
  NTK_TRY(ntk_lead_multiply(s->lead, s->unit, s->column[j]));
  s->part[j] = s->at[j] == INSIDE ? 1 : 0;
  s->at[j] = MARGIN;
  s->f[j] = side(s, j);
  s->margin[s->margins++] = j;
  return NULL;
}

/* Points at the margin that move away from it. */
static void leave(hinge *s) {
  size_t kept = 0;
  for (size_t k = 0; k < s->margins; k++) {
    size_t j = s->margin[k];
    double outward = side(s, j) * s->speed[j];
    if (s->part[j] <= 0 && outward > still * s->scale)
      s->at[j] = OUTSIDE;
    else if (s->part[j] >= 1 && outward < -still * s->scale)
      s->at[j] = INSIDE;
    else
      s->margin[kept++] = j;
    if (s->at[j] == MARGIN) continue;
    free(s->column[j]);
    s->column[j] = NULL;
  }
  s->margins = kept;
}

/* Parts of the points at the margin, given the speed that the others cause. */
static ntk_error *share_parts(hinge *s) {
  size_t m = s->margins;
  const double *mass = s->training->mass;
  double *h = NULL, *c = NULL, *x = NULL, largest = 0, heaviest = 0;
  ntk_error *err = NTK_NEW(m * m, &h);
  if (!err) err = NTK_NEW(m, &c);
  if (!err) err = NTK_NEW(m, &x);
  for (size_t i = 0; !err && i < m; i++) {
    size_t a = s->margin[i];
    c[i] = side(s, a) * mass[a] * s->speed[a];
    x[i] = s->part[a];
    heaviest = fmax(heaviest, mass[a]);
    for (size_t k = 0; k < m; k++) {
      size_t b = s->margin[k];
      h[i * m + k] = side(s, a) * mass[a] * s->column[a][b] * side(s, b) * mass[b];
    }
    largest = fmax(largest, h[i * m + i]);
  }
  for (size_t i = 0; !err && i < m; i++) h[i * m + i] += regularisation * (double)m * largest;
  if (!err) err = ntk_box_minimise(m, h, c, still * s->scale * heaviest, x);
  for (size_t i = 0; !err && i < m; i++) s->part[s->margin[i]] = x[i] < least_part ? 0 : x[i] > 1 - least_part ? 1 : x[i];
  free(h);
  free(c);
  free(x);
  return err;
}

/* g and speed of the piece that begins here. */
static ntk_error *direct(hinge *s) {
  double ridge = s->training->ridge;
  for (size_t j = 0; j < s->n; j++) s->g[j] = s->at[j] == INSIDE ? side(s, j) * s->training->mass[j] : 0;
  NTK_TRY(ntk_lead_multiply(s->lead, s->g, s->speed));
  for (size_t j = 0; j < s->n; j++) s->speed[j] -= ridge * (s->f[j] - (s->training->fixed ? s->training->fixed[j] : 0));
  if (!s->margins) return NULL;
  NTK_TRY(share_parts(s));
  for (size_t k = 0; k < s->margins; k++) {
    size_t j = s->margin[k];
    s->g[j] = side(s, j) * s->training->mass[j] * s->part[j];
    for (size_t i = 0; s->g[j] != 0 && i < s->n; i++) s->speed[i] += s->column[j][i] * s->g[j];
  }
  leave(s);
  return NULL;
}

/* How long until point j is at its margin, in units where f is linear; infinite: never. */
static double distance(const hinge *s, size_t j) {
  double gap = 1 - side(s, j) * s->f[j], outward = side(s, j) * s->speed[j];
  if (s->training->mass[j] == 0) return INFINITY;
  if (s->at[j] == INSIDE && outward > 0) return fmax(gap, 0) / outward;
  if (s->at[j] == OUTSIDE && outward < 0) return fmin(gap, 0) / outward;
  return INFINITY;
}

static void advance(hinge *s, double length) {
  for (size_t j = 0; j < s->n; j++) {
    s->f[j] = s->at[j] == MARGIN ? side(s, j) : s->f[j] + length * s->speed[j];
    s->w[j] += length * (s->g[j] - s->training->ridge * s->w[j]);
  }
}

/* One piece: up to the next event, or to the end. */
static ntk_error *piece(hinge *s, double *time) {
  double ridge = s->training->ridge, rest = s->training->time - *time, first = INFINITY;
  double longest = ridge > 0 ? -expm1(-ridge * rest) / ridge : rest;
  NTK_TRY(direct(s));
  for (size_t j = 0; j < s->n; j++) first = fmin(first, distance(s, j));
  if (first >= longest) {
    *time = s->training->time;
    advance(s, longest);
    return NULL;
  }
  double together = first * (1 + 1e-13);
  for (size_t j = 0; j < s->n; j++) s->due[j] = distance(s, j) <= together;
  advance(s, first);
  *time += ridge > 0 ? -log1p(-ridge * first) / ridge : first;
  for (size_t j = 0; j < s->n; j++)
    if (s->due[j]) NTK_TRY(enter(s, j));
  return NULL;
}

static ntk_error *place_at_start(hinge *s, size_t j) {
  s->f[j] = ntk_training_start(s->training, 1, j);
  double gap = 1 - side(s, j) * s->f[j];
  s->at[j] = gap < 0 ? OUTSIDE : INSIDE;
  return gap == 0 ? enter(s, j) : NULL;
}

static ntk_error *follow(ntk_lead *lead, void *context) {
  hinge *s = context;
  double time = 0;
  s->lead = lead;
  size_t most = 1000 + 100 * s->n, events = 0;
  for (int sign = 0; sign < 2; sign++) { /* the speeds of all points pushing, in one direction and in their own */
    for (size_t j = 0; j < s->n; j++) s->g[j] = s->training->mass[j] * (sign ? side(s, j) : 1);
    NTK_TRY(ntk_lead_multiply(lead, s->g, s->speed));
    for (size_t j = 0; j < s->n; j++) s->scale = fmax(s->scale, fabs(s->speed[j]));
  }
  for (size_t j = 0; j < s->n; j++) NTK_TRY(place_at_start(s, j));
  while (time < s->training->time) {
    if (events++ == most) return ntk_fail(NTK_E_NUMERIC, "more than %zu events up to time %.6g of %.6g", most, time, s->training->time);
    NTK_TRY(ntk_error_prefix(piece(s, &time), "at time %.6g of %.6g", time, s->training->time));
  }
  return NULL;
}

static ntk_error *allocate(hinge *s) {
  double **numbers[] = {&s->w, &s->f, &s->g, &s->speed, &s->part, &s->unit};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) NTK_TRY(ntk_alloc(s->n, sizeof(double), numbers[i]));
  NTK_TRY(NTK_NEW(s->n, &s->at));
  NTK_TRY(NTK_NEW(s->n, &s->due));
  NTK_TRY(NTK_NEW(s->n, &s->column));
  return NTK_NEW(s->n, &s->margin);
}

static void release(hinge *s) {
  for (size_t j = 0; s->column && j < s->n; j++) free(s->column[j]);
  void *arrays[] = {s->w, s->f, s->g, s->speed, s->part, s->unit, s->at, s->due, s->column, s->margin};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) free(arrays[i]);
}

ntk_error *ntk_train_hinge(const ntk_training *training, const ntk_loss *loss, double *w) {
  (void)loss; /* it has no parameters */
  hinge s = {.training = training, .n = training->n};
  ntk_operator *op = NULL;
  ntk_error *err = ntk_agree(training->comm, allocate(&s));
  if (!err) err = ntk_operator_create(training->comm, training->kernel, training->points, NULL, training->budget, &op);
  if (!err) err = ntk_lead_run(op, follow, &s);
  if (!err) {
    memcpy(w, s.w, s.n * sizeof *w);
    err = ntk_comm_bcast(training->comm, w, s.n * sizeof *w, 0);
  }
  ntk_operator_free(&op);
  release(&s);
  return err;
}
