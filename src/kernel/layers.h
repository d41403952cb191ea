/** Building networks layer by layer, over vectors or over images. */
#ifndef NTK_KERNEL_LAYERS_H
#define NTK_KERNEL_LAYERS_H

#include "config/value.h"
#include "kernel/object.h"

/** A dense layer or convolution. The variance of a standard-parameterized layer's weights is W^2/fan_in, so its gradient carries fan_in
 *  (Sohl-Dickstein et al. 2020). `bias` NULL or a null value: no bias parameter. */
ntk_dense ntk_dense_make(double weight_stddev, const ntk_value *bias, bool standard, double fan_in);

/** Dual function, constants and cost of a checked activation. */
typedef struct {
  ntk_dual_name dual;
  double constants[NTK_CONSTANTS];
  double cost;
} ntk_unit;
NTK_CHECKED ntk_error *ntk_unit_of(const ntk_value *activation, ntk_unit *out);

/** Starts the kernel's image program from a checked {height, width, channels}. */
NTK_CHECKED ntk_error *ntk_image_of(const ntk_value *image, ntk_kernel *kernel);

/** The builders of {type: layers} and {type: dcgan}; see networks.h. */
NTK_CHECKED ntk_error *ntk_build_layers(const ntk_value *network, ntk_kernel *kernel);
NTK_CHECKED ntk_error *ntk_build_dcgan(const ntk_value *network, ntk_kernel *kernel);

#endif
