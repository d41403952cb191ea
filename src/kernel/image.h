/** The evaluator of networks over images: insides shared by its files. */
#ifndef NTK_KERNEL_IMAGE_H
#define NTK_KERNEL_IMAGE_H

#include "kernel/object.h"
#include "kernel/tile/image.h"

/** Bytes of a workspace's fields; it has as many lanes (column images at a time) as fit, and at least one group. The larger part should stay in
 *  the second-level cache. */
enum { NTK_IMAGE_BUDGET = 8 << 20, NTK_IMAGE_LANES = 64 };

/** Fields of one value in one segment: forward r, delta, T, then the adjoints of r and T; [position][lane]. */
typedef struct {
  double *r, *delta, *t, *beta, *tau;
  bool exact; /* delta is kept, else it follows from the variances */
} ntk_image_slot;

typedef struct ntk_image_workspace ntk_image_workspace;
struct ntk_image_workspace {
  size_t lanes;
  double *memory;
  ntk_image_slot *slots; /* [segment*values + value] */
  double **alpha;        /* adjoint of the row's variance, of values */
  double *gradient;      /* d x lanes */
  double *scratch;
  double *in, *out; /* blocks of a pass; `in` has unit tangents */
  double *features; /* of a pass, NULL without series */
  ntk_series series;
  int *taps[2];
  double *row;                 /* the row image's tables, side by side */
  double *diagonals, **q, **t; /* of one image: its variance and T at each position, of values */
  ntk_prepared view;           /* one image in every lane: for its pairs of positions with itself */
};

/** A row image against a block of column images. */
typedef struct {
  const ntk_kernel *kernel;
  const ntk_image_program *program;
  ntk_image_workspace *w;
  const ntk_prepared *x, *z;
  size_t row, column, groups;
  bool ntk, self;
} ntk_image_run;

NTK_CHECKED ntk_error *ntk_image_workspace_create(const ntk_kernel *kernel, ntk_image_workspace **out);
void ntk_image_workspace_free(ntk_image_workspace **workspace);

static inline ntk_image_slot *ntk_image_slot_of(const ntk_image_run *run, size_t segment, size_t value) {
  return &run->w->slots[segment * (run->program->count + 1) + value];
}

/** Classes of a value along both axes when the segment's root has the displacement. */
typedef struct {
  ntk_class axis[2];
  size_t positions;
  bool displaced;
} ntk_image_classes;
ntk_image_classes ntk_image_classes_of(const ntk_image_program *program, size_t segment, size_t value, const long shift[2]);

/** Window loops' arguments for operation `op` from class `below` to class `above`: taps, columns. The arrays are left to the caller. */
ntk_image_window ntk_image_window_of(const ntk_image_run *run, const ntk_image_op *op, const ntk_image_classes *above,
                                     const ntk_image_classes *below);

/** Calls `use` with every displacement in front of a pooling layer whose result has displacement `shift`. */
typedef void (*ntk_image_below)(const ntk_image_run *run, void *context, const long shift[2]);
void ntk_image_each_below(const ntk_image_run *run, const ntk_image_op *op, const long shift[2], ntk_image_below use, void *context);

/** A pair of positions of a field: the row image's, the column images', and its place among the elements. */
typedef struct {
  size_t row, column, element;
} ntk_image_pair;
/** The pass of a pointwise operation on one pair, its state loaded from `from` into w->in. */
ntk_pass ntk_image_load(const ntk_image_run *run, const ntk_image_op *op, const ntk_image_slot *from, ntk_image_pair pair);
/** Calls `use` for every pair of positions of the classes. */
typedef void (*ntk_image_use)(const ntk_image_run *run, void *context, ntk_image_pair pair);
void ntk_image_each_pair(const ntk_image_run *run, const ntk_image_classes *classes, ntk_image_use use, void *context);

/** One operation, or a whole segment, forward. */
void ntk_image_forward_op(const ntk_image_run *run, size_t segment, size_t value, const long shift[2]);
void ntk_image_forward(const ntk_image_run *run, size_t segment, const long shift[2]);

/** Adjoint of a segment after its forward evaluation; the root's beta and tau are given. Adds to alpha and to the gradient. */
void ntk_image_reverse(const ntk_image_run *run, size_t segment, const long shift[2]);
/** Takes alpha of all values down to the input and from there to the gradient. */
void ntk_image_reverse_diagonal(const ntk_image_run *run);

/** Copies image `i` into every lane of the view. */
void ntk_image_fill_view(const ntk_image_run *run, size_t i);

#endif
