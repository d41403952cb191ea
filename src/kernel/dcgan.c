/* {type: dcgan}: the convolutional discriminator of Radford et al. 2016 as GAN(TK)2 builds it. */
#include <string.h>

#include "kernel/layers.h"

typedef struct {
  size_t stride;
  ntk_padding padding;
} block_shape;

enum { BLOCKS = 4 };

/* The released code of GAN(TK)2 has a flag inverted: `as_published` is what it runs, `as_intended` what its paper describes. */
static const block_shape AS_PUBLISHED[BLOCKS] = {{1, NTK_PAD_VALID}, {1, NTK_PAD_VALID}, {1, NTK_PAD_VALID}, {2, NTK_PAD_SAME}};
static const block_shape AS_INTENDED[BLOCKS] = {{2, NTK_PAD_SAME}, {2, NTK_PAD_SAME}, {2, NTK_PAD_SAME}, {1, NTK_PAD_VALID}};

typedef struct {
  const ntk_value *network;
  ntk_image_program *program;
  bool standard;
} builder;

static ntk_dense conv(const builder *b, size_t size, double channels, const ntk_value *bias) {
  return ntk_dense_make(ntk_get_number(b->network, "weight_stddev"), bias, b->standard, channels * (double)(size * size));
}

/* The sum over parallel activations of conv(activation). */
static ntk_error *block(const builder *b, block_shape shape, ntk_dense dense, size_t *value) {
  const size_t size[2] = {4, 4}, stride[2] = {shape.stride, shape.stride};
  const ntk_value *activations = ntk_value_get(b->network, "activation");
  size_t start = *value, sum = 0;
  if (!ntk_value_count(activations)) return ntk_fail(NTK_E_CONFIG, "activation: expected at least one activation");
  for (size_t i = 0; i < ntk_value_count(activations); i++) {
    ntk_unit unit;
    *value = start;
    NTK_TRY(ntk_unit_of(ntk_value_item(activations, i), &unit));
    NTK_TRY(ntk_image_activation(b->program, unit.dual, unit.constants, unit.cost, value));
    NTK_TRY(ntk_image_window_op(b->program, NTK_IMAGE_WINDOW, size, stride, shape.padding, dense, value));
    if (i) NTK_TRY(ntk_image_add(b->program, sum, value));
    sum = *value;
  }
  return NULL;
}

ntk_error *ntk_build_dcgan(const ntk_value *network, ntk_kernel *kernel) {
  static const size_t three[2] = {3, 3}, one[2] = {1, 1};
  NTK_TRY(ntk_image_of(ntk_value_get(network, "image"), kernel));
  const block_shape *shapes = strcmp(ntk_get_text(network, "variant"), "as_published") ? AS_INTENDED : AS_PUBLISHED;
  builder b = {network, kernel->image, !strcmp(ntk_get_text(network, "parameterization"), "standard")};
  size_t value = 0, width = (size_t)ntk_get_integer(network, "width");
  double channels = (double)kernel->image->channels, w = ntk_get_number(network, "weight_stddev");
  /* The first convolution's bias is a parameter that starts at 0. */
  ntk_dense first = ntk_dense_make(w, NULL, b.standard, 9 * channels);
  if (b.standard) first.constant = 1;
  NTK_TRY(ntk_image_window_op(b.program, NTK_IMAGE_WINDOW, three, one, NTK_PAD_SAME, first, &value));
  for (size_t i = 0; i < BLOCKS; i++) {
    if (i && ntk_get_bool(network, "layer_norm")) NTK_TRY(ntk_image_normalise(b.program, &value));
    channels = width >> (BLOCKS - 1 - i) ? (double)(width >> (BLOCKS - 1 - i)) : 1;
    NTK_TRY(block(&b, shapes[i], conv(&b, 4, channels, ntk_value_get(network, i + 1 < BLOCKS ? "bias_stddev" : "last_bias_stddev")), &value));
  }
  const size_t whole[2] = {b.program->extent[value][0], b.program->extent[value][1]};
  if (whole[0] * whole[1] > 1) NTK_TRY(ntk_image_window_op(b.program, NTK_IMAGE_WINDOW, whole, one, NTK_PAD_VALID, (ntk_dense){1, 0, 0, 0}, &value));
  return ntk_image_finish(b.program, value);
}
