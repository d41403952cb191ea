/* {type: layers}: the table of layers, and the walk over a list of them. */
#include "kernel/layers.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "kernel/activation.h"

ntk_dense ntk_dense_make(double weight_stddev, const ntk_value *bias, bool standard, double fan_in) {
  double w = weight_stddev, b = bias ? ntk_value_number(bias) : 0;
  bool has_bias = bias && ntk_value_kind_of(bias) != NTK_NULL;
  if (!has_bias) b = 0;
  ntk_dense layer = {.weight = w * w, .bias = b * b, .nngp_factor = w * w, .constant = b * b};
  if (standard) {
    layer.nngp_factor = fan_in;
    layer.constant = has_bias ? 1 : 0;
  }
  return layer;
}

ntk_error *ntk_unit_of(const ntk_value *activation, ntk_unit *out) {
  const ntk_activation *row = ntk_activation_find(ntk_choice_name(activation));
  if (!row) return ntk_fail(NTK_E_INTERNAL, "activation '%s' has no row in the kernel's table", ntk_choice_name(activation));
  *out = (ntk_unit){.dual = row->dual, .cost = row->cost};
  return ntk_activation_dual(row, ntk_choice_parameters(activation), &out->dual, out->constants);
}

/* The state while walking. Vectors: `at` is a register of the dense program, `free` the next unused one, and an activation waits for the dense
 * layer behind it. Images: `at` is a value. */
typedef struct {
  ntk_kernel *kernel;
  size_t at, free;
  double channels;
  bool has_unit;
  ntk_unit unit;
} walker;

static ntk_error *walk(walker *w, const ntk_value *layers);

static ntk_error *vector_dense(walker *w, ntk_dense dense) {
  static const ntk_unit none = {NTK_DUAL_IDENTITY, {0}, 0.3};
  const ntk_unit *unit = w->has_unit ? &w->unit : &none;
  w->has_unit = false;
  return ntk_program_layer(&w->kernel->program, w->at, w->at, unit->dual, unit->constants, unit->cost, dense);
}

/* Applies an activation that no dense layer follows. */
static ntk_error *flush(walker *w) { return w->has_unit ? vector_dense(w, (ntk_dense){1, 0, 0, 0}) : NULL; }

static bool is_vector(const walker *w) { return !w->kernel->image || ntk_image_positions(w->kernel->image, w->at) == 1; }

static ntk_dense dense_of(const ntk_value *keys, double fan_in) {
  bool standard = !strcmp(ntk_get_text(keys, "parameterization"), "standard");
  return ntk_dense_make(ntk_get_number(keys, "weight_stddev"), ntk_value_get(keys, "bias_stddev"), standard, fan_in);
}

static ntk_error *dense_layer(walker *w, const ntk_value *keys) {
  static const size_t one[2] = {1, 1};
  ntk_dense dense = dense_of(keys, w->channels);
  w->channels = ntk_get_number(keys, "width");
  if (!is_vector(w)) return ntk_fail(NTK_E_CONFIG, "a dense layer needs flatten or global_average_pool in front of it");
  return w->kernel->image ? ntk_image_window_op(w->kernel->image, NTK_IMAGE_WINDOW, one, one, NTK_PAD_VALID, dense, &w->at) : vector_dense(w, dense);
}

/* "3" or "[3, 5]": height and width. */
static ntk_error *read_pair(const ntk_value *keys, const char *key, size_t pair[2]) {
  const ntk_value *list = ntk_value_get(keys, key);
  size_t count = ntk_value_count(list);
  for (size_t i = 0; i < count; i++) {
    double number = ntk_value_number(ntk_value_item(list, i));
    if (number != floor(number)) return ntk_fail(NTK_E_CONFIG, "%s: expected integers, found %g", key, number);
  }
  if (count != 1 && count != 2) return ntk_fail(NTK_E_CONFIG, "%s: expected one integer or two, [height, width]", key);
  for (size_t i = 0; i < 2; i++) pair[i] = (size_t)ntk_value_number(ntk_value_item(list, i < count ? i : 0));
  return NULL;
}

static ntk_padding padding_of(const ntk_value *keys) {
  const char *word = ntk_get_text(keys, "padding");
  return !strcmp(word, "same") ? NTK_PAD_SAME : !strcmp(word, "valid") ? NTK_PAD_VALID : NTK_PAD_CIRCULAR;
}

static ntk_error *need_image(const walker *w, const char *name) {
  return w->kernel->image ? NULL
                          : ntk_fail(NTK_E_CONFIG, "%s needs images: give the network `image: {height: ..., width: ..., channels: ...}`", name);
}

static ntk_error *conv_layer(walker *w, const ntk_value *keys) {
  size_t size[2], stride[2];
  NTK_TRY(need_image(w, "conv"));
  NTK_TRY(read_pair(keys, "size", size));
  NTK_TRY(read_pair(keys, "stride", stride));
  ntk_dense dense = dense_of(keys, w->channels * (double)size[0] * (double)size[1]);
  w->channels = ntk_get_number(keys, "width");
  return ntk_image_window_op(w->kernel->image, NTK_IMAGE_WINDOW, size, stride, padding_of(keys), dense, &w->at);
}

static ntk_error *pool_layer(walker *w, const ntk_value *keys) {
  size_t size[2], stride[2];
  NTK_TRY(need_image(w, "average_pool"));
  NTK_TRY(read_pair(keys, "size", size));
  NTK_TRY(read_pair(keys, ntk_has(keys, "stride") ? "stride" : "size", stride));
  return ntk_image_window_op(w->kernel->image, NTK_IMAGE_POOL, size, stride, padding_of(keys), (ntk_dense){1, 0, 0, 0}, &w->at);
}

static ntk_error *whole_image(walker *w, ntk_image_kind kind) {
  static const size_t one[2] = {1, 1};
  if (is_vector(w)) return NULL;
  const size_t size[2] = {w->kernel->image->extent[w->at][0], w->kernel->image->extent[w->at][1]};
  return ntk_image_window_op(w->kernel->image, kind, size, one, NTK_PAD_VALID, (ntk_dense){1, 0, 0, 0}, &w->at);
}

static ntk_error *flatten_layer(walker *w, const ntk_value *keys) {
  (void)keys;
  if (w->kernel->image) w->channels *= (double)ntk_image_positions(w->kernel->image, w->at);
  return whole_image(w, NTK_IMAGE_WINDOW);
}

static ntk_error *global_pool_layer(walker *w, const ntk_value *keys) {
  (void)keys;
  NTK_TRY(need_image(w, "global_average_pool"));
  return whole_image(w, NTK_IMAGE_POOL);
}

static ntk_error *activation_layer(walker *w, const ntk_value *activation) {
  ntk_unit unit;
  NTK_TRY(ntk_unit_of(activation, &unit));
  if (w->kernel->image) return ntk_image_activation(w->kernel->image, unit.dual, unit.constants, unit.cost, &w->at);
  NTK_TRY(flush(w));
  w->unit = unit;
  w->has_unit = true;
  return NULL;
}

static ntk_error *norm_layer(walker *w, const ntk_value *keys) {
  (void)keys;
  if (w->kernel->image) return ntk_image_normalise(w->kernel->image, &w->at);
  NTK_TRY(flush(w));
  return ntk_program_norm(&w->kernel->program, w->at, w->at);
}

/* A branch from `start` on; vectors get a register of their own. */
static ntk_error *branch(walker *w, const walker *start, const ntk_value *layers) {
  size_t unused = w->free;
  *w = *start;
  w->free = unused;
  if (!w->kernel->image) {
    w->at = w->free++;
    NTK_TRY(ntk_program_layer(&w->kernel->program, start->at, w->at, NTK_DUAL_IDENTITY, NULL, 0.3, (ntk_dense){1, 0, 0, 0}));
  }
  return walk(w, layers);
}

/* w->at <- w->at + other, independent weights. */
static ntk_error *add(walker *w, size_t other) {
  return w->kernel->image ? ntk_image_add(w->kernel->image, other, &w->at) : ntk_program_sum(&w->kernel->program, other, w->at);
}

static ntk_error *residual_layer(walker *w, const ntk_value *layers) {
  NTK_TRY(flush(w));
  walker start = *w;
  if (!ntk_value_count(layers)) return ntk_fail(NTK_E_CONFIG, "residual: expected at least one layer");
  NTK_TRY(branch(w, &start, layers));
  w->free = start.free + 1;
  return add(w, start.at);
}

static ntk_error *parallel_layer(walker *w, const ntk_value *branches) {
  NTK_TRY(flush(w));
  walker start = *w;
  size_t count = ntk_value_count(branches), sum = 0;
  if (!count) return ntk_fail(NTK_E_CONFIG, "parallel: expected at least one list of layers");
  for (size_t i = 0; i < count; i++) {
    w->free = i ? start.free + 1 : start.free; /* the first branch's register keeps the sum */
    NTK_TRY(branch(w, &start, ntk_value_item(branches, i)));
    if (i && w->kernel->image) NTK_TRY(add(w, sum));
    if (i && !w->kernel->image) {
      NTK_TRY(ntk_program_sum(&w->kernel->program, w->at, sum));
      w->at = sum;
    }
    sum = w->at;
  }
  w->free = start.free + 1;
  return NULL;
}

/* clang-format off: one key a line */
#define WEIGHT_KEYS                                                                                                                                  \
  {"weight_stddev", NTK_T_NUMBER, NTK_KEY_OPEN_MIN, 0, 1e6, NULL, NULL, NULL, "1.0", NULL, "standard deviation of the weights (W)"},                 \
      {"bias_stddev", NTK_T_NUMBER, NTK_KEY_NULLABLE, 0, 1e6, NULL, NULL, NULL, "0.0", NULL, "of the biases; null: no bias parameter"},              \
      {"parameterization", NTK_T_WORD, 0, 0, 0, "ntk|standard", NULL, NULL, "ntk", NULL, "where the 1/sqrt(width) is: forward or initialisation"}, { \
    "width", NTK_T_INTEGER, 0, 1, 1e9, NULL, NULL, NULL, "128", NULL, "units or channels of the output; enters `standard` layers behind it only"     \
  }
#define SIZE_KEY(help) \
  { "size", NTK_T_NUMBERS, NTK_KEY_REQUIRED, 1, 1e5, NULL, NULL, NULL, NULL, "pixels", help }

static const ntk_key dense_keys[] = {WEIGHT_KEYS, NTK_KEYS_END};
static const ntk_key conv_keys[] = {
    SIZE_KEY("of the filter: [height, width], or one number for both"),
    {"stride", NTK_T_NUMBERS, 0, 1, 1e5, NULL, NULL, NULL, "1", "pixels", "[down, right], or one number for both"},
    {"padding", NTK_T_WORD, 0, 0, 0, "same|valid|circular", NULL, NULL, "same", NULL, "around the image: zeros, none, or its other side"},
    WEIGHT_KEYS,
    NTK_KEYS_END};
static const ntk_key pool_keys[] = {
    SIZE_KEY("of the window: [height, width], or one number for both"),
    {"stride", NTK_T_NUMBERS, 0, 1, 1e5, NULL, NULL, NULL, NULL, "pixels", "[down, right], or one number for both; the size if not given"},
    {"padding", NTK_T_WORD, 0, 0, 0, "same|valid|circular", NULL, NULL, "valid", NULL, "as for conv; `same` counts the padding as zeros"},
    NTK_KEYS_END};
static const ntk_key activation_keys[] = {{"", NTK_T_NAMED, NTK_KEY_REQUIRED, 0, 0, NULL, "activations", NULL, NULL, NULL, "the activation"},
                                          NTK_KEYS_END};
static const ntk_key residual_keys[] = {{"", NTK_T_NAMED, NTK_KEY_REQUIRED | NTK_KEY_LIST, 0, 0, NULL, "layers", NULL, NULL, NULL, "the layers of F"},
                                        NTK_KEYS_END};
static const ntk_key parallel_keys[] = {
    {"", NTK_T_NAMED, NTK_KEY_REQUIRED | NTK_KEY_LISTS, 0, 0, NULL, "layers", NULL, NULL, NULL, "one list of layers a branch"}, NTK_KEYS_END};
/* clang-format on */

#define CONV_SOURCE "Novak et al. 2019; Arora et al. 2019, section 4"

typedef struct {
  ntk_choice choice;
  ntk_error *(*append)(walker *w, const ntk_value *parameters);
} layer_row;

static const layer_row TABLE[] = {
    {{"dense", dense_keys, "W x / sqrt(n) + b", "fully connected layer", "Jacot, Gabriel, Hongler 2018", NULL}, dense_layer},
    {{"conv", conv_keys, "W * x / sqrt(n height width) + b", "convolution", CONV_SOURCE, NULL}, conv_layer},
    {{"activation", activation_keys, "phi(x)", "activation at every unit and pixel", NULL, NULL}, activation_layer},
    {{"layer_norm", NULL, "(x - mean) / sqrt(var + 1e-12)", "normalisation over units or channels", "Ba, Kiros, Hinton 2016", NULL}, norm_layer},
    {{"average_pool", pool_keys, "mean over windows", "average pooling", CONV_SOURCE, NULL}, pool_layer},
    {{"global_average_pool", NULL, "mean over the image", "average pooling over all pixels", CONV_SOURCE, NULL}, global_pool_layer},
    {{"flatten", NULL, "the pixels' channels as one vector", "from an image to a vector", CONV_SOURCE, NULL}, flatten_layer},
    {{"residual", residual_keys, "x + F(x)", "branch with an identity skip", "He et al. 2016", NULL}, residual_layer},
    {{"parallel", parallel_keys, "F(x) + G(x) + ...", "branches with independent weights, summed", NULL, NULL}, parallel_layer},
};

enum { COUNT = sizeof TABLE / sizeof *TABLE };

static const ntk_choice *layer_at(size_t i) { return &TABLE[i].choice; }

const ntk_choices *ntk_layer_choices(void) {
  static const ntk_choices choices = {"layers", "layers of {type: layers, layers: [...]}", COUNT, layer_at};
  return &choices;
}

/* "study.yaml:3:7: layers: ...", unless a layer inside has said where. */
static ntk_error *placed(const ntk_value *layer, ntk_error *err) {
  ntk_where where = ntk_value_where(layer);
  if (!err || ntk_error_code(err) != NTK_E_CONFIG || !where.line || strstr(ntk_error_message(err), ": layers: ")) return err;
  ntk_error *told = ntk_fail(NTK_E_CONFIG, "%s:%d:%d: layers: %s", where.source, where.line, where.column, ntk_error_message(err));
  ntk_error_free(&err);
  return told;
}

static ntk_error *walk(walker *w, const ntk_value *layers) {
  for (size_t i = 0; i < ntk_value_count(layers); i++) {
    const ntk_value *layer = ntk_value_item(layers, i);
    const char *name = ntk_choice_name(layer);
    ntk_error *err = NULL;
    for (size_t k = 0; k < COUNT; k++)
      if (!strcmp(TABLE[k].choice.name, name)) err = TABLE[k].append(w, ntk_choice_parameters(layer));
    NTK_TRY(placed(layer, err));
  }
  return flush(w);
}

ntk_error *ntk_image_of(const ntk_value *image, ntk_kernel *kernel) {
  size_t height = (size_t)ntk_get_integer(image, "height"), width = (size_t)ntk_get_integer(image, "width");
  size_t channels = (size_t)ntk_get_integer(image, "channels");
  if (height * width * channels != kernel->dimension)
    return ntk_fail(NTK_E_CONFIG, "image: %zu x %zu pixels with %zu channels are %zu coordinates, but the points have %zu", height, width, channels,
                    height * width * channels, kernel->dimension);
  NTK_TRY(NTK_NEW(1, &kernel->image));
  return ntk_image_start(kernel->image, height, width, channels);
}

ntk_error *ntk_build_layers(const ntk_value *network, ntk_kernel *kernel) {
  walker w = {.kernel = kernel, .free = 1, .channels = (double)kernel->dimension};
  const ntk_value *layers = ntk_value_get(network, "layers");
  if (!ntk_value_count(layers)) return ntk_fail(NTK_E_CONFIG, "layers: expected at least one layer");
  if (ntk_has(network, "image")) {
    NTK_TRY(ntk_image_of(ntk_value_get(network, "image"), kernel));
    w.channels = ntk_get_number(network, "image.channels");
  }
  NTK_TRY(walk(&w, layers));
  if (!kernel->image) {
    if (!kernel->program.count) NTK_TRY(vector_dense(&w, (ntk_dense){1, 0, 0, 0}));
    ntk_program_finish(&kernel->program, w.at);
    return NULL;
  }
  return placed(layers, ntk_image_finish(kernel->image, w.at));
}
