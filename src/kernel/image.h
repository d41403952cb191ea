/** The evaluator of networks over images: insides shared by its files. */
#ifndef NTK_KERNEL_IMAGE_H
#define NTK_KERNEL_IMAGE_H

#include "kernel/object.h"

/** Bytes of a workspace's fields and of its panel. Fields should stay in the second-level cache: as many lanes (column images at a time) as fit, but
 *  at least one group. Activations that go by passes cost much for a pair of positions and little for a lane: there more of them are better. */
enum { NTK_IMAGE_FIELDS = 1 << 19, NTK_IMAGE_PASS_FIELDS = 8 << 20, NTK_IMAGE_PANEL = 16 << 20 };
/** Numbers of features that are kept of a block of column images, at most; about as many belong to a position of one. */
enum { NTK_IMAGE_COLUMN_FEATURES = 6 << 20, NTK_IMAGE_POSITION_FEATURES = 64 };
enum { NTK_IMAGE_LANES = 64, NTK_IMAGE_PANEL_LANES = 256 };

/** Fields of one value in one segment, [position][lane]: forward r, delta, T; in reverse the adjoints of r and T take their place. */
typedef struct {
  double *r, *delta, *t;            /* T: NULL where it is 0 */
  double *slopes[NTK_IMAGE_SLOPES]; /* of the pointwise operation that makes the value */
  bool exact;                       /* delta is kept, else it follows from the variances */
} ntk_image_slot;

/** Taps of one operation along one axis for the displacements that it met last. */
typedef struct {
  int *start, *list;
  long above, below;
  bool valid;
} ntk_image_axis_taps;

/** Features of a series activation at one position: of the row image (row, row_terms) or of the column images. Kept while `stamp` is the workspace's. */
typedef struct {
  size_t stamp;
  ntk_series series;
} ntk_image_features;

/** What is kept of the row image or of the column images: entries [table of the operation + position], in memory of `size` numbers that starts anew
 *  with every image. */
typedef struct {
  size_t stamp;
  ntk_image_features *entries;
  double *memory;
  size_t used, size;
} ntk_image_kept;

/** Column images side by side. */
typedef struct {
  const double *tables; /* [table][lane] */
  const double *pixels; /* [position][channel][lane] */
} ntk_image_columns;

typedef struct ntk_image_workspace ntk_image_workspace;
struct ntk_image_workspace {
  size_t lanes; /* at most */
  double *memory;
  ntk_image_slot *slots; /* [segment*values + value] */
  ntk_image_slot *sums;  /* of values of segment 0 with a segment in front, see ntk_image_run.sums */
  double **alpha;        /* adjoint of the row's variance, of values */
  double *gradient;      /* d x lanes */
  double *scratch;
  double *in, *out; /* blocks of a pass; `in` has unit tangents */
  double *features; /* of a pass, NULL without series */
  ntk_image_kept row_features, column_features;
  size_t block;              /* of the panel, whose features are kept; none: (size_t)-1 */
  ntk_image_axis_taps *taps; /* [(operation*2 + axis)*2 + transposed] */
  int *tap_memory;
  double output[NTK_IMAGE_LANES];
  double *panel; /* blocks of column images, one behind the other */
  size_t panel_lanes;
  double *diagonals, **q, **t; /* of one image: its variance and T at each position, of values */
  double *view;                /* one image in every lane, for its pairs of positions with itself: tables, pixels */
};

/** A row image against a block of column images. */
typedef struct {
  const ntk_kernel *kernel;
  const ntk_image_program *program;
  ntk_image_workspace *w;
  const double *row_tables, *row_pixels;
  ntk_image_columns columns;
  ntk_features *const *row_features, *const *column_features;
  size_t lanes;
  bool ntk, self; /* self: row and columns are one image, gradients are those of both */
  bool sums;      /* programs that end linearly: the reverse of segment 0 comes first and leaves there what its forward evaluation needs */
} ntk_image_run;

NTK_CHECKED ntk_error *ntk_image_workspace_create(const ntk_kernel *kernel, ntk_image_workspace **out);
void ntk_image_workspace_free(ntk_image_workspace **workspace);

static inline ntk_image_slot *ntk_image_slot_of(const ntk_image_run *run, size_t segment, size_t value) {
  return &run->w->slots[segment * (run->program->count + 1) + value];
}

/** T of a slot, NULL where it is 0 or not wanted. */
static inline double *ntk_image_t(const ntk_image_run *run, const ntk_image_slot *slot) { return run->ntk ? slot->t : NULL; }

/** Classes of a value along both axes when the segment's root has the displacement. */
typedef struct {
  ntk_class axis[2];
  size_t positions;
  bool displaced;
} ntk_image_classes;
ntk_image_classes ntk_image_classes_of(const ntk_image_program *program, size_t segment, size_t value, const long shift[2]);

/** Taps of an operation between two classes, for its sums or (transposed) for their adjoint; valid until the next call for this operation. */
void ntk_image_taps_of(const ntk_image_run *run, const ntk_image_op *op, const ntk_image_classes *above, const ntk_image_classes *below,
                       bool transposed, ntk_image_taps taps[2]);

/** Calls `use` with every displacement in front of an operation with a child segment whose result has displacement `shift`. */
typedef void (*ntk_image_below)(const ntk_image_run *run, void *context, const long shift[2]);
void ntk_image_each_below(const ntk_image_run *run, const ntk_image_op *op, const long shift[2], ntk_image_below use, void *context);

/** Calls `use` for the patches that the pairs of positions of the classes are made of. */
typedef void (*ntk_image_use)(const ntk_image_run *run, void *context, const ntk_image_patch *patch);
void ntk_image_each_patch(const ntk_image_classes *classes, const ntk_image_run *run, ntk_image_use use, void *context);

/** Forgets the features of the row image or of the column images: there are others now. */
static inline void ntk_image_forget(ntk_image_kept *kept) {
  kept->stamp++;
  kept->used = 0;
}

/** The series of an operation for two positions, valid until the next call. */
ntk_series ntk_image_series_of(const ntk_image_run *run, const ntk_image_op *op, size_t row, size_t column);

/** A pointwise operation, forward; `gradient`: with its slopes. */
void ntk_image_pointwise_op(const ntk_image_run *run, const ntk_image_op *op, const ntk_image_slot *from, ntk_image_slot *to,
                            const ntk_image_classes *classes, bool gradient);

/** One operation, or a whole segment, forward; with slopes for the segment's reverse (not for that of segments below it). */
void ntk_image_forward_op(const ntk_image_run *run, size_t segment, size_t value, const long shift[2], bool gradient);
void ntk_image_forward(const ntk_image_run *run, size_t segment, const long shift[2], bool gradient);

/** The result of an operation with a segment in front: first its constants, then what one class adds, whose root is evaluated. */
void ntk_image_begin_classes(const ntk_image_run *run, const ntk_image_op *op, const ntk_image_classes *above, ntk_image_slot *to);
void ntk_image_add_class(const ntk_image_run *run, const ntk_image_op *op, const ntk_image_classes *above, const long shift[2], ntk_image_slot *to);

/** Adjoint of a segment after its forward evaluation with slopes; the root's r and T are taken by its adjoints. Adds to alpha and to the gradient. */
void ntk_image_reverse(const ntk_image_run *run, size_t segment, const long shift[2]);
/** Takes alpha of all values down to the input and from there to the gradient. */
void ntk_image_reverse_diagonal(const ntk_image_run *run);

/** The run's row image in every lane of the view, and a run of it with itself. */
ntk_image_run ntk_image_with_itself(const ntk_image_run *run);

/** What a pair of images costs, in entries of a dense layer. */
double ntk_image_cost(const ntk_kernel *kernel);

/** The tables of image i. */
static inline double *ntk_image_tables_of(const ntk_kernel *kernel, const ntk_prepared *points, size_t i) {
  return points->variances + i * kernel->image->tables;
}

#endif
