/** A network over images as a list of operations on fields (Novak et al. 2019; Arora et al. 2019, section 4).
 *
 *  The state of a pair of images is a field over pairs of positions (a, a'). Convolutions shift both alike, activations act on each pair, so pairs
 *  whose displacement a' - a differs never mix, except by pooling. The field is therefore evaluated one displacement class at a time: with a flatten
 *  read-out only the class 0 (equal positions) is needed; a pooling layer asks for the classes that its windows reach, one after the other. Memory
 *  is O(H W) for a pair of images whatever the network.
 *
 *  Operations below a pooling layer, up to the next one, form a segment; segment 0 ends with the output. Value i + 1 is what operation i gives,
 *  value 0 the input. Behind a segment's end a class may need several classes below also for a convolution: around an image whose size its stride does
 *  not divide, positions of one displacement come from two. Such convolutions end a segment as well ("split").
 */
#ifndef NTK_KERNEL_IMAGE_PROGRAM_H
#define NTK_KERNEL_IMAGE_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "kernel/tile/image.h"

typedef enum {
  NTK_IMAGE_WINDOW,    /* dense layer of the mean over a window that both positions share: convolution, flatten, dense */
  NTK_IMAGE_POOL,      /* mean over a window for each position: average pooling */
  NTK_IMAGE_POINTWISE, /* activation or layer normalisation */
  NTK_IMAGE_SUM        /* two branches with independent weights */
} ntk_image_kind;

/** A window along one axis: position o of `out` covers [o stride - before, o stride - before + size) of `in`. */
typedef struct {
  size_t in, out, size, stride, before;
  bool circular;
} ntk_axis;

typedef enum { NTK_PAD_SAME, NTK_PAD_VALID, NTK_PAD_CIRCULAR } ntk_padding;

typedef struct {
  ntk_image_kind kind;
  size_t from, other;
  ntk_axis axis[2];
  double share; /* one over the window's positions (their square for POOL) */
  ntk_dense dense;
  bool norm;
  ntk_dual_name dual;
  double constants[NTK_CONSTANTS];
  double cost;   /* POINTWISE: of its loop over vectors, in those of relu */
  size_t table;  /* POINTWISE: where its tables start among those of an image */
  size_t fields; /* and how many of NTK_IMAGE_TABLES it has */
  size_t child;  /* POOL, split WINDOW: the segment in front, else 0 */
} ntk_image_op;

static inline bool ntk_image_is_series(const ntk_image_op *op) { return op->kind == NTK_IMAGE_POINTWISE && !op->norm && op->dual == NTK_DUAL_SERIES; }

/** Piecewise linear, but not even: loops of its own. */
static inline bool ntk_image_is_rectified(const ntk_image_op *op) {
  return op->kind == NTK_IMAGE_POINTWISE && !op->norm && op->dual == NTK_DUAL_AB_RELU && !(op->constants[4] > 0);
}

/** What one class of the segment's root needs. */
typedef struct {
  size_t root;
  bool *member;        /* of values */
  size_t (*stride)[2]; /* of values: displacements there over those of the root */
  size_t *last;        /* of values: the last operation of the segment that reads it, else the number of operations */
  size_t *buffer;      /* of values: which of the segment's buffers holds it */
  size_t *sizes;       /* of buffers: positions */
  size_t buffers;
} ntk_image_segment;

typedef struct {
  size_t height, width, channels;
  ntk_image_op *ops;
  size_t count, capacity;
  size_t (*extent)[2]; /* of values */
  size_t tables;       /* of an image: numbers */
  ntk_image_segment *segments;
  size_t segment_count;
  bool *used;   /* of values: reaches the output */
  bool *still;  /* of values: T is 0, no weights are in front */
  bool *varies; /* of values: its variance matters, an activation is behind it */
  bool torus;   /* displacements are counted around the image */
  bool has_pool;
  bool ends_linear; /* no activation is behind the pooling layers next to the output */
} ntk_image_program;

NTK_CHECKED ntk_error *ntk_image_start(ntk_image_program *program, size_t height, size_t width, size_t channels);
/** Appending; *value is the state in, then out. */
NTK_CHECKED ntk_error *ntk_image_window_op(ntk_image_program *program, ntk_image_kind kind, const size_t size[2], const size_t stride[2],
                                           ntk_padding padding, ntk_dense dense, size_t *value);
NTK_CHECKED ntk_error *ntk_image_activation(ntk_image_program *program, ntk_dual_name dual, const double *constants, double cost, size_t *value);
NTK_CHECKED ntk_error *ntk_image_normalise(ntk_image_program *program, size_t *value);
NTK_CHECKED ntk_error *ntk_image_add(ntk_image_program *program, size_t other, size_t *value);
/** Ends building: the output is `result`, one position. */
NTK_CHECKED ntk_error *ntk_image_finish(ntk_image_program *program, size_t result);
void ntk_image_program_free(ntk_image_program *program);

static inline size_t ntk_image_positions(const ntk_image_program *program, size_t value) {
  return program->extent[value][0] * program->extent[value][1];
}

/** One class of displacements along an axis: positions first + i, i < count, each with its partner. */
typedef struct {
  size_t extent, count;
  long first, shift;
  bool torus;
} ntk_class;

static inline long ntk_wrapped(long position, long extent) {
  long rest = position % extent;
  return rest < 0 ? rest + extent : rest;
}

ntk_class ntk_class_make(bool torus, size_t extent, long shift);
long ntk_class_partner(const ntk_class *class, long position);
/** Displacement in front of an operation whose result has displacement `shift`, in one segment. */
long ntk_class_below(bool torus, const ntk_axis *axis, long shift);

/** Whether displacement `below` in front of an operation reaches results of displacement `shift`; `pool`: the windows move apart. */
bool ntk_class_reaches(bool torus, const ntk_axis *axis, bool pool, long shift, long below);

/** Which elements of `in` an element of `out` sums (or, `transposed`, the other way round): list[start[i]] up to list[start[i + 1]]; start has one
 *  entry more than elements, list room for ntk_class_most_taps(). Pooling reads an element when the partner lies in the partner's window. */
void ntk_class_taps(const ntk_axis *axis, bool pool, const ntk_class *out, const ntk_class *in, bool transposed, int *start, int *list);
size_t ntk_class_most_taps(const ntk_axis *axis, bool pool);

#endif
