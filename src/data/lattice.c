/* The table of lattices. Each row puts down its origin, its directions and the ends of its axes; the points follow from these. */
#include "data/lattice.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "data/source.h"

#define FAR 1e150 /* lengths whose squares are finite */

#define POINTS(help) \
  { "points", NTK_T_INTEGER, NTK_KEY_LIST, 2, 1e6, NULL, NULL, NULL, "[41]", NULL, help }
#define ENDS(name, flags, fallback, help) \
  { name, NTK_T_NUMBERS, flags, -FAR, FAR, NULL, NULL, NULL, fallback, NULL, help }

static const ntk_key line_keys[] = {
    ENDS("from", NTK_KEY_REQUIRED, NULL, "one end: one number for all coordinates, or one each"),
    ENDS("to", NTK_KEY_REQUIRED, NULL, "the other end"),
    POINTS("how many, both ends included"),
    NTK_KEYS_END,
};

static const ntk_key grid_keys[] = {
    ENDS("low", NTK_KEY_REQUIRED, NULL, "least coordinates: one number, or one an axis"),
    ENDS("high", NTK_KEY_REQUIRED, NULL, "largest coordinates"),
    POINTS("how many along each axis: one number, or one an axis"),
    NTK_KEYS_END,
};

static const ntk_key slice_keys[] = {
    {"through", NTK_T_STRING, NTK_KEY_LIST | NTK_KEY_REQUIRED, 0, 0, NULL, NULL, NULL, NULL, NULL,
     "2 (a line) or 3 (a plane) of: zero, real.N, fake.N (point N, from 0, before the first step); the first is where u = v = 0, u goes to the "
     "second"},
    ENDS("low", 0, "[-1.0]", "least u and v: one number, or one each"),
    ENDS("high", 0, "[1.0]", "largest u and v"),
    POINTS("how many along each axis: one number, or one each"),
    NTK_KEYS_END,
};

typedef struct {
  const ntk_value *entry;
  const ntk_measure *fake, *real;
  ntk_lattice *out;
  double low[NTK_LATTICE_AXES], high[NTK_LATTICE_AXES];
} draft;

typedef struct {
  ntk_choice choice;
  const char *names[NTK_LATTICE_AXES];
  ntk_error *(*axes)(const ntk_value *entry, const ntk_measure *fake, const ntk_measure *real, size_t *axes); /* coordinates are not looked at */
  ntk_error *(*place)(draft *draft);                                                                          /* origin, directions, low, high */
  ntk_error *(*try)(draft *draft); /* fails where `place` would whatever the points are; nothing is allocated */
} lattice_entry;

/* Number i of a list that holds one number for all, or `count`. */
static ntk_error *number(const ntk_value *entry, const char *key, size_t i, size_t count, double *out) {
  const ntk_value *list = ntk_value_get(entry, key);
  size_t given = ntk_value_count(list);
  if (given != 1 && given != count) return ntk_source_wrong(entry, key, "has %zu numbers, expected 1 or %zu", given, count);
  *out = ntk_value_number(ntk_value_item(list, given == 1 ? 0 : i));
  return NULL;
}

static ntk_error *ends(draft *t) {
  for (size_t a = 0; a < t->out->axes; a++) {
    NTK_TRY(number(t->entry, "low", a, t->out->axes, &t->low[a]));
    NTK_TRY(number(t->entry, "high", a, t->out->axes, &t->high[a]));
    if (!(t->low[a] < t->high[a])) return ntk_source_wrong(t->entry, "high", "%g is not above low = %g", t->high[a], t->low[a]);
  }
  return NULL;
}

static ntk_error *axes_of_line(const ntk_value *entry, const ntk_measure *fake, const ntk_measure *real, size_t *axes) {
  (void)entry;
  (void)fake;
  (void)real;
  *axes = 1;
  return NULL;
}

/* Scales to length 1; what is shorter than rounding of `scale` has no direction. */
static double normalise(size_t d, double *v, double scale) {
  double length = 0;
  for (size_t k = 0; k < d; k++) length += v[k] * v[k];
  length = sqrt(length);
  if (!(length > 1e-12 * scale)) return 0;
  for (size_t k = 0; k < d; k++) v[k] /= length;
  return length;
}

/* In one dimension the position is the coordinate itself, else the distance from `from`. */
static ntk_error *place_line(draft *t) {
  ntk_lattice *out = t->out;
  double scale = 0;
  for (size_t k = 0; k < out->d; k++) {
    double to = 0;
    NTK_TRY(number(t->entry, "from", k, out->d, &out->origin[k]));
    NTK_TRY(number(t->entry, "to", k, out->d, &to));
    out->direction[k] = to - out->origin[k];
    scale = fmax(scale, fabs(to));
  }
  t->high[0] = normalise(out->d, out->direction, scale);
  if (!(t->high[0] > 0)) return ntk_source_wrong(t->entry, "to", "is the same point as from");
  if (out->d > 1) return NULL;
  t->low[0] = out->origin[0];
  t->high[0] = out->origin[0] + t->high[0] * out->direction[0];
  if (t->low[0] > t->high[0]) return ntk_source_wrong(t->entry, "to", "is below from");
  out->origin[0] = 0;
  return NULL;
}

static ntk_error *try_line(draft *t) {
  ntk_error *err = NTK_NEW(t->out->d, &t->out->origin);
  if (!err) err = NTK_NEW(t->out->d, &t->out->direction);
  if (!err) err = place_line(t);
  ntk_lattice_free(t->out);
  return err;
}

static ntk_error *axes_of_grid(const ntk_value *entry, const ntk_measure *fake, const ntk_measure *real, size_t *axes) {
  (void)fake;
  *axes = real->d;
  if (real->d <= NTK_LATTICE_AXES) return NULL;
  return ntk_source_wrong(entry, "type", "a grid is for one or two dimensions, the points have %zu: take a slice", real->d);
}

static ntk_error *place_grid(draft *t) {
  for (size_t a = 0; a < t->out->axes; a++) t->out->direction[a * t->out->d + a] = 1;
  return ends(t);
}

/* "real.3" as a measure and an index; *measure is NULL for the origin. */
static ntk_error *read_word(const ntk_value *entry, const char *word, const ntk_measure *fake, const ntk_measure *real, const ntk_measure **measure,
                            size_t *index) {
  char *end = NULL;
  *measure = NULL;
  *index = 0;
  if (!strcmp(word, "zero")) return NULL;
  *measure = !strncmp(word, "real.", 5) ? real : !strncmp(word, "fake.", 5) ? fake : NULL;
  if (*measure && word[5] >= '0' && word[5] <= '9') *index = strtoull(word + 5, &end, 10);
  if (!end || *end) return ntk_source_wrong(entry, "through", "expected zero, real.N or fake.N, not '%s'", word);
  if (*index >= (*measure)->n) return ntk_source_wrong(entry, "through", "%s: there are %zu points, counted from 0", word, (*measure)->n);
  return NULL;
}

static ntk_error *axes_of_slice(const ntk_value *entry, const ntk_measure *fake, const ntk_measure *real, size_t *axes) {
  const ntk_value *through = ntk_value_get(entry, "through");
  size_t count = ntk_value_count(through), index;
  const ntk_measure *measure;
  if (count < 2 || count > 3) return ntk_source_wrong(entry, "through", "has %zu points, expected 2 (a line) or 3 (a plane)", count);
  for (size_t p = 0; p < count; p++) {
    const char *word = ntk_value_text(ntk_value_item(through, p));
    NTK_TRY(read_word(entry, word, fake, real, &measure, &index));
    for (size_t before = 0; before < p; before++)
      if (!strcmp(word, ntk_value_text(ntk_value_item(through, before)))) return ntk_source_wrong(entry, "through", "%s is there twice", word);
  }
  *axes = count - 1;
  return real->d >= *axes ? NULL : ntk_source_wrong(entry, "through", "a plane needs two dimensions, the points have %zu", real->d);
}

static ntk_error *point_named(const draft *t, const char *word, const double **x) {
  const ntk_measure *measure;
  size_t index;
  NTK_TRY(read_word(t->entry, word, t->fake, t->real, &measure, &index));
  *x = measure ? measure->x + index * measure->d : NULL;
  return NULL;
}

static ntk_error *place_slice(draft *t) {
  ntk_lattice *out = t->out;
  const ntk_value *through = ntk_value_get(t->entry, "through");
  const double *point[NTK_LATTICE_AXES + 1] = {NULL};
  for (size_t p = 0; p <= out->axes; p++) NTK_TRY(point_named(t, ntk_value_text(ntk_value_item(through, p)), &point[p]));
  for (size_t k = 0; k < out->d; k++) out->origin[k] = point[0] ? point[0][k] : 0;
  for (size_t a = 0; a < out->axes; a++) {
    double *direction = out->direction + a * out->d, scale = 0;
    for (size_t k = 0; k < out->d; k++) {
      direction[k] = (point[a + 1] ? point[a + 1][k] : 0) - out->origin[k];
      scale += direction[k] * direction[k];
    }
    for (int pass = 0; a && pass < 2; pass++) { /* twice: orthogonal to rounding */
      double along = 0;
      for (size_t k = 0; k < out->d; k++) along += direction[k] * out->direction[k];
      for (size_t k = 0; k < out->d; k++) direction[k] -= along * out->direction[k];
    }
    if (!(normalise(out->d, direction, sqrt(scale)) > 0))
      return ntk_source_wrong(t->entry, "through", a ? "the three points lie on a line" : "the first two points are the same");
  }
  return ends(t);
}

static const lattice_entry lattices[] = {
    {{"line", line_keys, "from + position (to - from)/|to - from|", "a straight line (in one dimension: an interval)", NULL, NULL},
     {"position"},
     axes_of_line,
     place_line,
     try_line},
    {{"grid", grid_keys, "(x, y), low <= x, y <= high", "a rectangle of the plane, or an interval in one dimension", NULL, NULL},
     {"x", "y"},
     axes_of_grid,
     place_grid,
     ends},
    {{"slice", slice_keys, "p + u e_u + v e_v",
      "a line or plane of a high-dimensional space, with orthonormal coordinates u, v, through given points",
      "Franceschi et al. 2022, figures 6 and 7", NULL},
     {"u", "v"},
     axes_of_slice,
     place_slice,
     ends},
};

static const ntk_choice *choice_at(size_t i) { return &lattices[i].choice; }

const ntk_choices *ntk_lattice_choices(void) {
  static const ntk_choices choices = {"lattices", "where fields are recorded", sizeof lattices / sizeof *lattices, choice_at};
  return &choices;
}

static const lattice_entry *row_of(const ntk_value *entry) {
  for (size_t i = 0; i < sizeof lattices / sizeof *lattices; i++)
    if (!strcmp(lattices[i].choice.name, ntk_choice_name(entry))) return &lattices[i];
  return NULL;
}

ntk_error *ntk_lattice_size(const ntk_value *entry, const ntk_measure *fake, const ntk_measure *real, size_t *axes, size_t shape[NTK_LATTICE_AXES]) {
  const lattice_entry *row = row_of(entry);
  if (!row) return ntk_fail(NTK_E_CONFIG, "no lattice '%s'", ntk_choice_name(entry));
  NTK_TRY(row->axes(entry, fake, real, axes));
  shape[0] = shape[1] = 1;
  for (size_t a = 0; a < *axes; a++) {
    double points = 0;
    NTK_TRY(number(entry, "points", a, *axes, &points));
    shape[a] = (size_t)points;
  }
  ntk_lattice out = {.d = real->d, .axes = *axes};
  draft t = {.entry = entry, .fake = fake, .real = real, .out = &out};
  return row->try(&t);
}

/* Equal steps with both ends exact. */
static double position_at(const draft *t, size_t a, size_t i) {
  double share = (double)i / (double)(t->out->shape[a] - 1);
  return (1 - share) * t->low[a] + share * t->high[a];
}

static ntk_error *make_points(const draft *t) {
  ntk_lattice *out = t->out;
  for (size_t a = 0; a < out->axes; a++) {
    NTK_TRY(NTK_NEW(out->shape[a], &out->position[a]));
    for (size_t i = 0; i < out->shape[a]; i++) out->position[a][i] = position_at(t, a, i);
  }
  NTK_TRY(NTK_NEW(out->n * out->d, &out->x));
  for (size_t p = 0; p < out->n; p++) {
    size_t index[NTK_LATTICE_AXES] = {p / out->shape[1], p % out->shape[1]};
    for (size_t k = 0; k < out->d; k++) {
      double x = out->origin[k];
      for (size_t a = 0; a < out->axes && a < NTK_LATTICE_AXES; a++) x += out->position[a][index[a]] * out->direction[a * out->d + k];
      out->x[p * out->d + k] = x;
    }
  }
  return NULL;
}

ntk_error *ntk_lattice_create(const ntk_value *entry, const ntk_measure *fake, const ntk_measure *real, ntk_lattice *out) {
  *out = (ntk_lattice){.d = real->d};
  draft t = {.entry = entry, .fake = fake, .real = real, .out = out};
  NTK_TRY(ntk_lattice_size(entry, fake, real, &out->axes, out->shape));
  const lattice_entry *row = row_of(entry);
  for (size_t a = 0; a < out->axes; a++) out->name[a] = row->names[a];
  out->n = out->shape[0] * out->shape[1];
  NTK_TRY(NTK_NEW(out->d, &out->origin));
  NTK_TRY(NTK_NEW(out->axes * out->d, &out->direction));
  ntk_error *err = row->place(&t);
  if (!err) err = make_points(&t);
  return err;
}

void ntk_lattice_free(ntk_lattice *lattice) {
  for (size_t a = 0; a < NTK_LATTICE_AXES; a++) free(lattice->position[a]);
  free(lattice->direction);
  free(lattice->origin);
  free(lattice->x);
  *lattice = (ntk_lattice){0};
}
