/** Insides of the room's objects. */
#ifndef NTK_KERNEL_OBJECT_H
#define NTK_KERNEL_OBJECT_H

#include "kernel/features.h"
#include "kernel/image_program.h"
#include "kernel/kernel.h"
#include "kernel/program.h"

/** Elementwise map of the coordinates in front of the network, with its derivative. `limit`: |x| must be less (0 = any x). */
typedef struct {
  const char *name;
  double (*value)(double x);
  double (*derivative)(double x, double value);
  double limit;
} ntk_transform;

/** How a kernel is evaluated: the tile functions of ntkgan/kernel.h and what they need. */
typedef struct {
  size_t (*tables)(const ntk_kernel *kernel); /* arrays over points in ntk_prepared.variances */
  ntk_error *(*prepare)(const ntk_kernel *kernel, ntk_prepared *points, size_t first,
                        size_t end);                                   /* fills them and the diagonal from points->inputs */
  ntk_error *(*cover)(const ntk_kernel *kernel, ntk_prepared *points); /* makes all octaves that the points need, and sizes the features' tables */
  ntk_error *(*workspace)(const ntk_kernel *kernel, ntk_workspace *workspace); /* fills it; ntk_workspace_free() releases */
  void (*values)(const ntk_kernel *kernel, ntk_workspace *workspace, const ntk_tile *tile, double *out, size_t ld);
  void (*gradients)(const ntk_kernel *kernel, ntk_workspace *workspace, const ntk_tile *tile, double *out, size_t ld);
  void (*apply)(const ntk_kernel *kernel, ntk_workspace *workspace, const ntk_tile *tile, size_t c, const double *w, double *value, double *gradient);
  void (*values_both)(const ntk_kernel *kernel, ntk_workspace *workspace, const ntk_tile *tile, size_t c, const ntk_both *both); /* or NULL */
  bool (*both_fits)(const ntk_kernel *kernel); /* whether `both` can do it, or NULL: gradients in both points, one weight column */
  void (*both)(const ntk_kernel *kernel, ntk_workspace *workspace, const ntk_tile *tile, const ntk_both *both);
  double (*cost)(const ntk_kernel *kernel);
  double gradient_factor; /* cost with gradients over that without */
} ntk_evaluator;

extern const ntk_evaluator ntk_dense_evaluator; /* points are vectors: tiles.c */
extern const ntk_evaluator ntk_image_evaluator; /* points are images: image_tiles.c */

struct ntk_kernel {
  const ntk_evaluator *evaluator;
  ntk_program program;      /* of the dense evaluator */
  ntk_image_program *image; /* of the image evaluator, else NULL */
  int mode;                 /* NTK_MODE_NTK or 0 */
  size_t chain;             /* activations of the chain that the program is (chain.h), else 0 */
  bool single;              /* loops in single precision */
  bool gaussian;            /* gaussian.h does it */
  size_t dimension;
  const ntk_transform *transform; /* NULL = identity */
  double *centre;                 /* d: of the transformed points, NULL = none (centre.h) */
  const ntk_engine *engine;
  const char *warning;
  ntk_octaves **octaves; /* one an operation: of sampled series, equal activations share them; NULL for others */
  bool has_dropout;      /* k(x, x) is then no function of the variances alone */
};

/** What the dense evaluator tabulates of a variance, in the order of the arrays. */
enum { NTK_V_Q, NTK_V_ROOT, NTK_V_INVERSE, NTK_V_TANGENT, NTK_V_SLOPE, NTK_V_T, NTK_V_FIELDS };

struct ntk_prepared {
  size_t count, dimension;
  size_t stride;           /* of arrays over points: count rounded up with room for a whole group of lanes behind any point */
  double *points;          /* n x d, as given */
  double *inputs;          /* n x d, transformed; `points` itself without a transform */
  double *factors;         /* n x d, derivative of the transform; NULL without */
  double *centred;         /* n x d, inputs less the kernel's centre; NULL without one */
  double *spans;           /* of them: two arrays over points, ntk_centred_sizes() and ntk_centred_leans(); NULL without */
  double *columns;         /* d x stride, transformed, when d <= NTK_DIRECT_DIMENSION and not for images; else NULL */
  double *variances;       /* [(stage*NTK_V_FIELDS + field)*stride + point], dense; of images [point*tables + table] */
  double *angles;          /* of a chain: see chain.c */
  float *singles;          /* tables of a chain that is computed in single precision: chain.c */
  double *diagonal;        /* k(x, x) */
  ntk_features **features; /* one an operation, NULL where it is no series; this process's, but for their tables */
  size_t operations;
  ntk_area memory[NTK_STAGES]; /* what the stages' arrays are in */
};

enum { NTK_PANEL_ROWS = 128, NTK_PANEL_COLUMNS = 512 };

typedef struct ntk_chain_step ntk_chain_step; /* chain.h */

struct ntk_workspace {
  double *registers;         /* one state each, and two more for a chain's */
  double *scratch;           /* 4 NTK_BLOCK */
  ntk_chain_step *chain;     /* of a chain: its activations for the columns of now */
  double *weights;           /* NTK_PANEL_COLUMNS, zero-padded copy of weight column 0 */
  double *columns;           /* NTK_PANEL_COLUMNS: sums over the rows */
  double *across;            /* (2 + d) NTK_PANEL_COLUMNS: the same of gradients, the coefficient of z first (chains): both.c */
  double *ones;              /* NTK_BLOCK */
  double *products;          /* NTK_PANEL_ROWS x NTK_PANEL_COLUMNS: x.z of a panel (large d) */
  double *values;            /* NTK_PANEL_ROWS x NTK_PANEL_COLUMNS: k of a panel (several weight columns) */
  double *weighted;          /* NTK_PANEL_ROWS x NTK_PANEL_COLUMNS: w k_B of a panel (large d) */
  double *gradient;          /* NTK_PANEL_ROWS x d */
  double *radial;            /* NTK_PANEL_ROWS: coefficient of x in the gradient */
  double *pull;              /* NTK_PANEL_ROWS: sums of `weighted` (large d) */
  double **packed;           /* an operation each: room for features of a block's columns, NULL where it is no series */
  const double **columns_of; /* the features that are in use: ntk_evaluate_columns() */
  size_t operations;
  struct ntk_image_workspace *image;
};

static inline const double *ntk_variance_array(const ntk_prepared *points, size_t stage, size_t field) {
  return points->variances + (stage * NTK_V_FIELDS + field) * points->stride;
}

/** The tables and the diagonal of vectors, of images. */
NTK_CHECKED ntk_error *ntk_dense_prepare(const ntk_kernel *kernel, ntk_prepared *points, size_t first, size_t end);
NTK_CHECKED ntk_error *ntk_dense_cover(const ntk_kernel *kernel, ntk_prepared *points);
NTK_CHECKED ntk_error *ntk_image_prepare(const ntk_kernel *kernel, ntk_prepared *points, size_t first, size_t end);
NTK_CHECKED ntk_error *ntk_image_cover(const ntk_kernel *kernel, ntk_prepared *points);

/** Operations of the network. */
size_t ntk_kernel_operations(const ntk_kernel *kernel);

/** Constants of an operation that is a series, else NULL. */
const double *ntk_kernel_series(const ntk_kernel *kernel, size_t operation);

/** Of the dense evaluator: both.c. */
bool ntk_both_fits(const ntk_kernel *kernel);
void ntk_both_apply(const ntk_kernel *kernel, ntk_workspace *workspace, const ntk_tile *tile, const ntk_both *both);

/** The dense evaluator's part of a workspace. */
NTK_CHECKED ntk_error *ntk_dense_workspace(const ntk_kernel *kernel, ntk_workspace *workspace);

/** The loops for the best instruction set of this machine (or NTKGAN_ISA's), and that set's name. */
const ntk_engine *ntk_engine_choose(const char **name);

/** The recursion of one point with |x|^2/d = q through all stages: entry[(stage*NTK_V_FIELDS + field)*stride]; *diagonal = k(x, x). `octaves` are the
 *  kernel's, or NULL: functions without closed form are then integrated, which is slow but makes no tables. */
NTK_CHECKED ntk_error *ntk_point_recursion(const ntk_kernel *kernel, ntk_octaves *const *octaves, double q, double *entry, size_t stride,
                                           double *diagonal);

#endif
