/** The table of networks and what each expands to (Jacot et al. 2018; He et al. 2016 for the residual one). */
#include "kernel/networks.h"

#include <math.h>
#include <string.h>

#include "kernel/activation.h"
#include "kernel/layers.h"

/* clang-format off: one key a line */
#define ACTIVATION_KEYS                                                                                      \
  {                                                                                                          \
    "activation", NTK_T_NAMED, NTK_KEY_REQUIRED | NTK_KEY_LIST, 0, 0, NULL, "activations", NULL, NULL, NULL, \
        "activation, or a list of them: parallel branches at each layer, outputs summed"                     \
  }
#define DENSE_KEYS                                                                                                                                 \
  {"weight_stddev", NTK_T_NUMBER, NTK_KEY_OPEN_MIN, 0, 1e6, NULL, NULL, NULL, "1.0", NULL, "standard deviation of the weights (W)"},               \
      {"bias_stddev", NTK_T_NUMBER, NTK_KEY_NULLABLE, 0, 1e6, NULL, NULL, NULL, "0.0", NULL, "of the biases; null: no bias parameter"},            \
      {"last_bias_stddev", NTK_T_NUMBER, NTK_KEY_NULLABLE, 0, 1e6, NULL, NULL, NULL, "0.0", NULL, "of the last layer's bias; null: no parameter"}, \
      {"parameterization", NTK_T_WORD, 0, 0, 0, "ntk|standard", NULL, NULL, "ntk", NULL, "where the 1/sqrt(width) is: forward or initialisation"}, \
      {"width", NTK_T_INTEGER, 0, 1, 1e9, NULL, NULL, NULL, "128", "units", "hidden layers' output width; enters `standard` only"}, {              \
    "input_transform", NTK_T_WORD, 0, 0, 0, "identity|tanh|atanh", NULL, NULL, "identity", NULL, "elementwise, before the network"                 \
  }

static const ntk_key mlp_keys[] = {
    {"depth", NTK_T_INTEGER, NTK_KEY_REQUIRED, 0, 1000, NULL, NULL, NULL, NULL, "layers", "hidden layers"},
    ACTIVATION_KEYS,
    {"layer_norm", NTK_T_BOOL, 0, 0, 0, NULL, NULL, NULL, "false", NULL, "layer normalisation before each activation but the first"},
    DENSE_KEYS,
    NTK_KEYS_END};

static const ntk_key resnet_keys[] = {
    {"blocks", NTK_T_INTEGER, NTK_KEY_REQUIRED, 0, 1000, NULL, NULL, NULL, NULL, NULL, "residual blocks"},
    {"block_depth", NTK_T_INTEGER, 0, 1, 1000, NULL, NULL, NULL, "1", "layers", "hidden layers in a block"},
    ACTIVATION_KEYS,
    {"layer_norm", NTK_T_BOOL, 0, 0, 0, NULL, NULL, NULL, "false", NULL, "false: the residual network has no layer normalisation"},
    DENSE_KEYS,
    NTK_KEYS_END};

static const ntk_key image_keys[] = {
    {"height", NTK_T_INTEGER, NTK_KEY_REQUIRED, 1, 65536, NULL, NULL, NULL, NULL, "pixels", "lines"},
    {"width", NTK_T_INTEGER, NTK_KEY_REQUIRED, 1, 65536, NULL, NULL, NULL, NULL, "pixels", "pixels a line"},
    {"channels", NTK_T_INTEGER, NTK_KEY_REQUIRED, 1, 65536, NULL, NULL, NULL, NULL, NULL, "numbers a pixel (they vary fastest)"},
    NTK_KEYS_END};

static const ntk_key dcgan_keys[] = {
    {"image", NTK_T_SECTION, NTK_KEY_REQUIRED, 0, 0, NULL, NULL, image_keys, NULL, NULL, "shape of the points"},
    {"variant", NTK_T_WORD, 0, 0, 0, "as_intended|as_published", NULL, NULL, "as_intended", NULL,
     "as_intended: three blocks of stride 2, 32 x 32 pixels or more; as_published: what the code of GAN(TK)2 runs"},
    ACTIVATION_KEYS,
    {"layer_norm", NTK_T_BOOL, 0, 0, 0, NULL, NULL, NULL, "false", NULL, "layer normalisation before each activation but the first"},
    DENSE_KEYS,
    NTK_KEYS_END};

static const ntk_key layers_keys[] = {
    {"image", NTK_T_SECTION, NTK_KEY_NULLABLE, 0, 0, NULL, NULL, image_keys, "null", NULL, "shape of the points, where they are images"},
    {"layers", NTK_T_NAMED, NTK_KEY_REQUIRED | NTK_KEY_LIST, 0, 0, NULL, "layers", NULL, NULL, NULL, "from the input to the output"},
    {"input_transform", NTK_T_WORD, 0, 0, 0, "identity|tanh|atanh", NULL, NULL, "identity", NULL, "elementwise, before the network"},
    NTK_KEYS_END};
/* clang-format on */

static const ntk_key rbf_keys[] = {
    {"bandwidth", NTK_T_NUMBER, NTK_KEY_OPEN_MIN, 0, 1e100, NULL, NULL, NULL, "1.0", "points", "length scale of the kernel"}, NTK_KEYS_END};

static double atanh_derivative(double x, double value) {
  (void)value;
  return 1 / ((1 - x) * (1 + x));
}
static double tanh_derivative(double x, double value) {
  (void)x;
  return (1 - value) * (1 + value);
}

static const ntk_transform TRANSFORMS[] = {{"tanh", tanh, tanh_derivative, 0}, {"atanh", atanh, atanh_derivative, 1}};

static const ntk_transform *find_transform(const char *name) {
  for (size_t i = 0; i < sizeof TRANSFORMS / sizeof *TRANSFORMS; i++) {
    if (!strcmp(TRANSFORMS[i].name, name)) return &TRANSFORMS[i];
  }
  return NULL;
}

/* What builders share: the settings of all dense layers, and where the output is. */
typedef struct {
  const ntk_value *network;
  ntk_program *program;
  bool standard;
  double width;
} builder;

static ntk_dense dense(const builder *b, double fan_in, const char *bias_key) {
  return ntk_dense_make(ntk_get_number(b->network, "weight_stddev"), ntk_value_get(b->network, bias_key), b->standard, fan_in);
}

static ntk_error *plain(const builder *b, size_t from, size_t to, ntk_dense layer) {
  return ntk_program_layer(b->program, from, to, NTK_DUAL_IDENTITY, NULL, 0.3, layer);
}

static ntk_error *one_activation(const builder *b, const ntk_value *choice, size_t from, size_t to, ntk_dense layer) {
  ntk_unit unit;
  NTK_TRY(ntk_unit_of(choice, &unit));
  return ntk_program_layer(b->program, from, to, unit.dual, unit.constants, unit.cost, layer);
}

/* Registers: the state is in `at`; `spare` and `extra` are free. */
typedef struct {
  size_t at, spare, extra;
} registers;

/* at <- sum over the parallel activations of dense(activation(at)). */
static ntk_error *hidden(const builder *b, registers *use, ntk_dense layer) {
  const ntk_value *activations = ntk_value_get(b->network, "activation");
  size_t count = ntk_value_count(activations);
  if (!count) return ntk_fail(NTK_E_CONFIG, "activation: expected at least one activation");
  if (count == 1) return one_activation(b, ntk_value_item(activations, 0), use->at, use->at, layer);
  NTK_TRY(one_activation(b, ntk_value_item(activations, 0), use->at, use->spare, layer));
  for (size_t i = 1; i < count; i++) {
    size_t branch = i + 1 < count ? use->extra : use->at;
    NTK_TRY(one_activation(b, ntk_value_item(activations, i), use->at, branch, layer));
    NTK_TRY(ntk_program_sum(b->program, branch, use->spare));
  }
  *use = (registers){use->spare, use->at, use->extra};
  return NULL;
}

static builder start(const ntk_value *network, ntk_kernel *kernel) {
  const char *parameterization = ntk_get_text(network, "parameterization");
  kernel->transform = find_transform(ntk_get_text(network, "input_transform"));
  return (builder){
      .network = network, .program = &kernel->program, .standard = !strcmp(parameterization, "standard"), .width = ntk_get_number(network, "width")};
}

static ntk_error *build_mlp(const ntk_value *network, ntk_kernel *kernel) {
  builder b = start(network, kernel);
  registers use = {0, 1, 2};
  int64_t depth = ntk_get_integer(network, "depth");
  bool norm = ntk_get_bool(network, "layer_norm");
  NTK_TRY(plain(&b, 0, 0, dense(&b, (double)kernel->dimension, "bias_stddev")));
  for (int64_t i = 0; i < depth; i++) {
    if (norm && i) NTK_TRY(ntk_program_norm(b.program, use.at, use.at));
    NTK_TRY(hidden(&b, &use, dense(&b, b.width, i + 1 < depth ? "bias_stddev" : "last_bias_stddev")));
  }
  ntk_program_finish(b.program, use.at);
  return NULL;
}

/* The skip of a block is a dense layer, as in GAN(TK)2, not the identity. */
static ntk_error *build_resnet(const ntk_value *network, ntk_kernel *kernel) {
  enum { SKIP = 3 };
  builder b = start(network, kernel);
  registers use = {0, 1, 2};
  if (ntk_get_bool(network, "layer_norm"))
    return ntk_fail(NTK_E_CONFIG, "layer_norm: the peer's resnet has none; write the network as {type: layers, layers: [...]}");
  int64_t blocks = ntk_get_integer(network, "blocks"), depth = ntk_get_integer(network, "block_depth");
  ntk_dense inner = dense(&b, b.width, "bias_stddev");
  NTK_TRY(plain(&b, 0, 0, dense(&b, (double)kernel->dimension, "bias_stddev")));
  for (int64_t i = 0; i < blocks; i++) {
    NTK_TRY(plain(&b, use.at, SKIP, inner));
    for (int64_t j = 0; j < depth; j++) NTK_TRY(hidden(&b, &use, inner));
    NTK_TRY(ntk_program_sum(b.program, SKIP, use.at));
  }
  NTK_TRY(hidden(&b, &use, dense(&b, b.width, "last_bias_stddev")));
  ntk_program_finish(b.program, use.at);
  return NULL;
}

/* exp(-|x-x'|^2/(2 h^2)) is the dual function of rbf on the input, where delta = |x-x'|^2/d. */
static ntk_error *build_rbf(const ntk_value *network, ntk_kernel *kernel) {
  double constants[NTK_CONSTANTS] = {0}, h = ntk_get_number(network, "bandwidth");
  kernel->mode = 0;
  ntk_rbf_constants(1, (double)kernel->dimension / (2 * h * h), constants);
  NTK_TRY(ntk_program_layer(&kernel->program, 0, 0, NTK_DUAL_RBF, constants, 0.7, (ntk_dense){1, 0, 0, 0}));
  ntk_program_finish(&kernel->program, 0);
  return NULL;
}

static ntk_error *build_layers(const ntk_value *network, ntk_kernel *kernel) {
  kernel->transform = find_transform(ntk_get_text(network, "input_transform"));
  return ntk_build_layers(network, kernel);
}

static ntk_error *build_dcgan(const ntk_value *network, ntk_kernel *kernel) {
  kernel->transform = find_transform(ntk_get_text(network, "input_transform"));
  return ntk_build_dcgan(network, kernel);
}

typedef struct {
  ntk_choice choice;
  ntk_error *(*build)(const ntk_value *network, ntk_kernel *kernel);
} network_row;

static const network_row TABLE[] = {
    {{"mlp", mlp_keys, "dense, then depth times (activation, dense)", "multilayer perceptron of infinite width",
      "Jacot, Gabriel, Hongler 2018; Lee et al. 2018", NULL},
     build_mlp},
    {{"resnet", resnet_keys, "dense, then blocks times (dense(x) + F(x)), activation, dense", "residual network; the skip is a dense layer",
      "Franceschi et al. 2022 (GAN(TK)2)", NULL},
     build_resnet},
    {{"dcgan", dcgan_keys, "conv 3x3, then 4 times (activation, conv 4x4), flatten", "convolutional network",
      "Radford et al. 2016; Franceschi et al. 2022 (GAN(TK)2)", NULL},
     build_dcgan},
    {{"layers", layers_keys, "the layers one after the other", "any network, layer by layer (ntkgan list layers)", "Novak et al. 2020", NULL},
     build_layers},
    {{"rbf", rbf_keys, "k(x, x') = exp(-|x-x'|^2 / (2 bandwidth^2))", "the Gaussian kernel itself", "Gretton et al. 2012", NULL}, build_rbf},
};

enum { COUNT = sizeof TABLE / sizeof *TABLE };

static const ntk_choice *network_at(size_t i) { return &TABLE[i].choice; }

const ntk_choices *ntk_network_choices(void) {
  static const ntk_choices choices = {"networks", "discriminators: infinitely wide networks and direct kernels", COUNT, network_at};
  return &choices;
}

ntk_error *ntk_network_build(const ntk_value *network, ntk_kernel *kernel) {
  const char *type = ntk_choice_name(network);
  for (size_t i = 0; i < COUNT; i++) {
    if (!strcmp(TABLE[i].choice.name, type)) return TABLE[i].build(network, kernel);
  }
  return ntk_fail(NTK_E_INTERNAL, "network '%s' has no row in the kernel's table", type);
}
