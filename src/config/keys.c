/* Every key of a study. A row here is all that parsing, checking, help, the man page and the JSON Schema need. */
#include "config/schema.h"

#define TWO_53 9007199254740992.0

static const ntk_key data_keys[] = {
    {"real", NTK_T_TYPED, NTK_KEY_REQUIRED, 0, 0, NULL, "data", NULL, NULL, NULL, "target points (beta)"},
    {"fake", NTK_T_TYPED, 0, 0, 0, NULL, "data", NULL, NULL, NULL,
     "generated points before the first step (alpha); required unless the generator starts by itself (generator: {type: kernel, g0: network})"},
    NTK_KEYS_END,
};

static const ntk_key discriminator_keys[] = {
    {"width", NTK_T_WORD, 0, 0, 0, "infinite", NULL, NULL, "infinite", NULL, "hidden units"},
    {"kernel", NTK_T_WORD, 0, 0, 0, "ntk|nngp", NULL, NULL, "ntk", NULL, "which kernel of the network: all layers trained, or the last only"},
    {"network", NTK_T_TYPED, NTK_KEY_REQUIRED, 0, 0, NULL, "networks", NULL, NULL, NULL, "architecture"},
    {"precision", NTK_T_WORD, 0, 0, 0, "double|single", NULL, NULL, "double", NULL,
     "of the kernel's tiles; single: relative error 1e-6 a pair, sums in double; for chains of relu, leaky_relu, ab_relu and for rbf of d <= 16"},
    {"loss", NTK_T_NAMED, NTK_KEY_REQUIRED, 0, 0, NULL, "losses", NULL, NULL, NULL, "loss, or {LOSS: {parameter: value}}"},
    {"time", NTK_T_NUMBER, 0, 0, 1e300, "infinite", NULL, NULL, "1.0", NULL, "training time of the discriminator at each generator step"},
    {"normalization", NTK_T_WORD, 0, 0, 0, "measure|peer", NULL, NULL, "measure", NULL, "masses in the loss: those of the measure, or GAN(TK)2's"},
    {"tolerance", NTK_T_NUMBER, NTK_KEY_OPEN_MIN, 0, 1, NULL, NULL, NULL, "1e-12", NULL, "relative tolerance of iterative solvers"},
    {"momentum", NTK_T_NUMBER, NTK_KEY_NULLABLE, 0, 1, NULL, NULL, NULL, "null", NULL,
     "p of the heavy ball: dw/dt = v, dv/dt = g(K w) + (p - 1) v; null: dw/dt = g(K w)"},
    {"ridge", NTK_T_NUMBER, 0, 0, 1e300, NULL, NULL, NULL, "0.0", NULL, "weight decay: dw/dt = g(K w) - ridge w, the loss plus ridge/2 |f|^2"},
    {"f0", NTK_T_NAMED, 0, 0, 0, NULL, "starts", NULL, "zero", NULL, "discriminator before training: zero or {network: {width: N}}"},
    {"carry_over", NTK_T_BOOL, 0, 0, 0, NULL, NULL, NULL, "false", NULL,
     "false: each generator step trains from f0; true: from where the last step ended, weights stay on the points where they were trained"},
    {"n_critic", NTK_T_INTEGER, 0, 1, 1e9, NULL, NULL, NULL, "1", NULL, "trainings for `time` at each generator step, each on a batch of its own"},
    {"batch", NTK_T_INTEGER, NTK_KEY_NULLABLE, 1, TWO_53, NULL, NULL, NULL, "null", "points",
     "fake points, and as many real ones, drawn anew for each training (null: all)"},
    {"centers", NTK_T_INTEGER, NTK_KEY_NULLABLE, 1, TWO_53, NULL, NULL, NULL, "null", "points",
     "with carry_over, so many old points keep their weights; the oldest are projected on the points of now (null: all)"},
    NTK_KEYS_END,
};

static const ntk_key train_keys[] = {
    {"iterations", NTK_T_INTEGER, NTK_KEY_REQUIRED, 0, TWO_53, NULL, NULL, NULL, NULL, NULL, "generator steps"},
    {"step", NTK_T_NUMBER, NTK_KEY_REQUIRED | NTK_KEY_OPEN_MIN, 0, 1e300, NULL, NULL, NULL, NULL, NULL, "learning rate of the generator"},
    {"integrator", NTK_T_TYPED, 0, 0, 0, NULL, "integrators", NULL, "{type: euler}", NULL,
     "time stepping of the flow from one iteration to the next"},
    {"gradient", NTK_T_WORD, 0, 0, 0, "alternating|total|total_objective", NULL, NULL, "alternating", NULL,
     "alternating: of c(f), f held fixed; through the training of f: of minus the discriminator's loss (total), of the mean of c(f) "
     "(total_objective)"},
    {"annealing", NTK_T_TYPED, 0, 0, 0, NULL, "annealings", NULL, "{type: none}", NULL, "how the step changes with the iterations"},
    {"optimizer", NTK_T_TYPED, 0, 0, 0, NULL, "optimizers", NULL, "{type: sgd}", NULL, "what is made of the gradient at the fake points"},
    NTK_KEYS_END,
};

static const ntk_key spectrum_keys[] = {
    {"every", NTK_T_INTEGER, NTK_KEY_NULLABLE, 1, TWO_53, NULL, NULL, NULL, "null", "iterations",
     "how often, from 0 on, and at the last (null: at the last only)"},
    {"at", NTK_T_INTEGER, NTK_KEY_LIST | NTK_KEY_EITHER, 0, TWO_53, NULL, NULL, NULL, NULL, "iterations",
     "instead of every: at these (0 = before the first step) and at the last"},
    {"eigenvalues", NTK_T_INTEGER, 0, 1, TWO_53, "all", NULL, NULL, "all", NULL, "how many, from the largest"},
    {"eigenvectors", NTK_T_INTEGER, 0, 0, TWO_53, NULL, NULL, NULL, "0", NULL, "how many, from the largest eigenvalue's"},
    NTK_KEYS_END,
};

static const ntk_key field_keys[] = {
    {"name", NTK_T_STRING, NTK_KEY_NULLABLE, 0, 0, NULL, NULL, NULL, "null", NULL, "group of the run file, /fields/NAME (null: the type)"},
    {"every", NTK_T_INTEGER, NTK_KEY_NULLABLE, 1, TWO_53, NULL, NULL, NULL, "null", "iterations",
     "how often, from 0 on, and at the last (null: before the first step and at the last)"},
    {"at", NTK_T_INTEGER, NTK_KEY_LIST | NTK_KEY_EITHER, 0, TWO_53, NULL, NULL, NULL, NULL, "iterations",
     "instead of every: at these (0 = before the first step) and at the last"},
    {"gradient", NTK_T_WORD, 0, 0, 0, "full|axes|none", NULL, NULL, "full", NULL, "all coordinates of grad f, its parts along the axes, or nothing"},
    {"alone", NTK_T_BOOL, 0, 0, 0, NULL, NULL, NULL, "false", NULL,
     "at each point x the discriminator is trained with x as the only generated point: what a lone particle meets there; recorded once"},
    NTK_KEYS_END,
};

static const ntk_key record_keys[] = {
    {"every", NTK_T_INTEGER, 0, 1, TWO_53, NULL, NULL, NULL, "100", "iterations", "how often, from 0 on; the last is always recorded"},
    {"at", NTK_T_INTEGER, NTK_KEY_LIST | NTK_KEY_EITHER, 0, TWO_53, NULL, NULL, NULL, NULL, "iterations",
     "instead of every: at these (0 = before the first step) and at the last"},
    {"trajectory", NTK_T_BOOL, 0, 0, 0, NULL, NULL, NULL, "true", NULL, "positions of the generated points"},
    {"metrics", NTK_T_NAMED, NTK_KEY_LIST, 0, 0, NULL, "metrics", NULL, "[]", NULL, "metrics, each a name or {NAME: {parameter: value}}"},
    {"theory", NTK_T_WORD, NTK_KEY_LIST, 0, 0, "discriminator_loss|dissipation|rates", NULL, NULL, "[]", NULL,
     "at each record: L; rate of C with f held fixed (-E|grad(c o f)|^2 for particles); true dC/ds, dL/ds (4 trainings, differences of order 4)"},
    {"fields", NTK_T_TYPED, NTK_KEY_LIST, 0, 0, NULL, "lattices", field_keys, "[]", NULL, "f, c(f) and grad f on lines, grids and slices"},
    {"spectrum", NTK_T_SECTION, NTK_KEY_NULLABLE, 0, 0, NULL, NULL, spectrum_keys, "null", NULL,
     "spectrum of the Gram matrix on fake and real points"},
    NTK_KEYS_END,
};

static const ntk_key resources_keys[] = {
    {"ranks_per_run", NTK_T_INTEGER, NTK_KEY_NO_ID, 1, 1e6, "auto", NULL, NULL, "auto", NULL, "MPI ranks that share one run"},
    {"memory_per_rank", NTK_T_NUMBER, NTK_KEY_NO_ID | NTK_KEY_NULLABLE | NTK_KEY_OPEN_MIN, 0, 1e6, NULL, NULL, NULL, "null", "GiB",
     "memory a rank may use (null: what the machine has)"},
    {"checkpoint_every", NTK_T_NUMBER, NTK_KEY_NO_ID | NTK_KEY_OPEN_MIN, 0, 1e9, NULL, NULL, NULL, "60", "s", "time between checkpoints of a run"},
    {"checkpoint_iterations", NTK_T_INTEGER, NTK_KEY_NO_ID | NTK_KEY_NULLABLE, 1, TWO_53, NULL, NULL, NULL, "null", NULL,
     "a checkpoint after so many iterations too"},
    NTK_KEYS_END,
};

static const ntk_key study_keys[] = {
    {"study", NTK_T_STRING, NTK_KEY_REQUIRED | NTK_KEY_NO_ID, 0, 0, NULL, NULL, NULL, NULL, NULL, "name of the study, of its results' folder too"},
    {"seed", NTK_T_INTEGER, 0, 0, TWO_53, NULL, NULL, NULL, "0", NULL, "every random number is a function of it and the repetition"},
    {"repeat", NTK_T_INTEGER, NTK_KEY_NO_ID, 1, 1e6, NULL, NULL, NULL, "1", NULL, "repetitions of each run with other random numbers"},
    {"data", NTK_T_SECTION, 0, 0, 0, NULL, NULL, data_keys, NULL, NULL, "where the points come from"},
    {"discriminator", NTK_T_SECTION, 0, 0, 0, NULL, NULL, discriminator_keys, NULL, NULL, "what is trained at each generator step"},
    {"generator", NTK_T_TYPED, 0, 0, 0, NULL, "generators", NULL, "{type: particles}", NULL, "how the generated points move"},
    {"train", NTK_T_SECTION, 0, 0, 0, NULL, NULL, train_keys, NULL, NULL, "the generator's steps"},
    {"record", NTK_T_SECTION, 0, 0, 0, NULL, NULL, record_keys, NULL, NULL, "what is kept of a run"},
    {"resources", NTK_T_SECTION, NTK_KEY_NO_ID, 0, 0, NULL, NULL, resources_keys, NULL, NULL, "how it is computed; changes no result"},
    NTK_KEYS_END,
};

const ntk_key *ntk_study_keys(void) { return study_keys; }
