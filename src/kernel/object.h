/** Insides of the room's objects. */
#ifndef NTK_KERNEL_OBJECT_H
#define NTK_KERNEL_OBJECT_H

#include "kernel/features.h"
#include "kernel/kernel.h"
#include "kernel/program.h"

/** Elementwise map of the coordinates in front of the network, with its derivative. `limit`: |x| must be less (0 = any x). */
typedef struct {
  const char *name;
  double (*value)(double x);
  double (*derivative)(double x, double value);
  double limit;
} ntk_transform;

struct ntk_kernel {
  ntk_program program;
  int mode; /* NTK_MODE_NTK or 0 */
  size_t dimension;
  const ntk_transform *transform; /* NULL = identity */
  const ntk_engine *engine;
  const char *warning;
};

/** What is tabulated of a variance, in the order of the arrays. */
enum { NTK_V_Q, NTK_V_ROOT, NTK_V_INVERSE, NTK_V_TANGENT, NTK_V_SLOPE, NTK_V_T, NTK_V_FIELDS };

struct ntk_prepared {
  size_t count, dimension;
  size_t stride;           /* of arrays over points: count rounded up with room for a whole group of lanes behind any point */
  double *points;          /* n x d, as given */
  double *inputs;          /* n x d, transformed; `points` itself without a transform */
  double *factors;         /* n x d, derivative of the transform; NULL without */
  double *columns;         /* d x stride, transformed, when d <= NTK_DIRECT_DIMENSION; else NULL */
  double *variances;       /* [(stage*NTK_V_FIELDS + field)*stride + point] */
  double *diagonal;        /* k(x, x) */
  ntk_features **features; /* one an operation, NULL where it is no series */
  size_t operations;
};

enum { NTK_PANEL_ROWS = 128, NTK_PANEL_COLUMNS = 2 * NTK_BLOCK };

struct ntk_workspace {
  double *registers; /* one state each */
  double *scratch;   /* 4 NTK_BLOCK */
  double *weights;   /* NTK_PANEL_COLUMNS, zero-padded copy of weight column 0 */
  double *ones;      /* NTK_BLOCK */
  double *products;  /* NTK_PANEL_ROWS x NTK_PANEL_COLUMNS: x.z of a panel (large d) */
  double *values;    /* NTK_PANEL_ROWS x NTK_PANEL_COLUMNS: k of a panel (several weight columns) */
  double *weighted;  /* NTK_PANEL_ROWS x NTK_PANEL_COLUMNS: w k_B of a panel (large d) */
  double *gradient;  /* NTK_PANEL_ROWS x d */
  double *radial;    /* NTK_PANEL_ROWS: coefficient of x in the gradient */
};

static inline const double *ntk_variance_array(const ntk_prepared *points, size_t stage, size_t field) {
  return points->variances + (stage * NTK_V_FIELDS + field) * points->stride;
}

/** The loops for the best instruction set of this machine (or NTKGAN_ISA's), and that set's name. */
const ntk_engine *ntk_engine_choose(const char **name);

/** The recursion of one point with |x|^2/d = q through all stages: entry[(stage*NTK_V_FIELDS + field)*stride]. Returns k(x, x). */
double ntk_point_recursion(const ntk_kernel *kernel, double q, double *entry, size_t stride);

#endif
