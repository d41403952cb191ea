/* The table of sources: a row here and a function are all that a source is. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "data/data.h"
#include "data/source.h"

#define MANY 9007199254740992.0 /* 2^53 */
#define HUGE_LENGTH 1e150       /* lengths whose squares are finite */

#define REQUIRED_POINTS \
  { "points", NTK_T_INTEGER, NTK_KEY_REQUIRED, 1, MANY, NULL, NULL, NULL, NULL, NULL, "how many points are drawn" }
#define OPTIONAL_POINTS                                                                 \
  {                                                                                     \
    "points", NTK_T_INTEGER, NTK_KEY_NULLABLE, 1, MANY, NULL, NULL, NULL, "null", NULL, \
        "how many of the points are used, from the first (null: all)"                   \
  }
#define DIMENSION \
  { "dimension", NTK_T_INTEGER, NTK_KEY_REQUIRED, 1, 1e9, NULL, NULL, NULL, NULL, NULL, "coordinates of a point" }
#define LENGTH(name, fallback, help) \
  { name, NTK_T_NUMBER, 0, 0, HUGE_LENGTH, NULL, NULL, NULL, fallback, NULL, help }
#define NUMBER(name, fallback, help) \
  { name, NTK_T_NUMBER, 0, -HUGE_LENGTH, HUGE_LENGTH, NULL, NULL, NULL, fallback, NULL, help }
#define COUNT(name, fallback, help) \
  { name, NTK_T_INTEGER, 0, 1, 1e9, NULL, NULL, NULL, fallback, NULL, help }

/* What every source can do with its points, in the order it is done. */
#define COMMON                                                                                                                                   \
  {"weights", NTK_T_PATH, NTK_KEY_NULLABLE, 0, 0, NULL, NULL, NULL, "null", NULL, "file of n x 1 masses, scaled to sum 1 (null: equal)"},        \
      {"shuffle", NTK_T_BOOL, 0, 0, 0, NULL, NULL, NULL, "false", NULL, "put the points in random order"},                                       \
      {"subset", NTK_T_INTEGER, NTK_KEY_NULLABLE, 1, MANY, NULL, NULL, NULL, "null", NULL, "use the first so many, after shuffling"},            \
      {"transform", NTK_T_WORD, 0, 0, 0, "none|standardize|minmax", NULL, NULL, "none", NULL, "per coordinate: to mean 0, stddev 1; to [0, 1]"}, \
      NUMBER("scale", "1.0", "factor, after transform"), NUMBER("shift", "0.0", "added to every coordinate, after scale"), NTK_KEYS_END

static const ntk_key gaussian_keys[] = {
    DIMENSION,
    LENGTH("stddev", "1.0", "standard deviation of each coordinate"),
    {"mean", NTK_T_NUMBERS, 0, -HUGE_LENGTH, HUGE_LENGTH, NULL, NULL, NULL, "[0.0]", NULL, "center: one number for all coordinates, or one each"},
    REQUIRED_POINTS,
    COMMON,
};

static const ntk_key ring_keys[] = {
    COUNT("modes", "8", "Gaussians on the circle"),
    LENGTH("radius", "5.0", "radius of the circle"),
    LENGTH("stddev", "0.5", "standard deviation of a mode"),
    REQUIRED_POINTS,
    COMMON,
};

static const ntk_key grid_keys[] = {
    COUNT("side", "5", "Gaussians along each axis"),
    COUNT("dimension", "2", "coordinates of a point"),
    LENGTH("spacing", "2.0", "distance of neighbours"),
    LENGTH("stddev", "0.05", "standard deviation of a mode"),
    REQUIRED_POINTS,
    COMMON,
};

static const ntk_key uniform_keys[] = {
    DIMENSION, NUMBER("low", "0.0", "lower end of each coordinate"), NUMBER("high", "1.0", "upper end of each coordinate"), REQUIRED_POINTS, COMMON,
};

static const ntk_key sphere_keys[] = {
    DIMENSION, LENGTH("radius", "1.0", "radius of the sphere"), LENGTH("stddev", "0.0", "standard deviation of noise"), REQUIRED_POINTS, COMMON,
};

static const ntk_key spiral_keys[] = {
    LENGTH("turns", "2.0", "turns from the center to the end"),
    LENGTH("radius", "5.0", "distance of the end from the center"),
    LENGTH("stddev", "0.1", "standard deviation of noise"),
    REQUIRED_POINTS,
    COMMON,
};

static const ntk_key values_keys[] = {
    DIMENSION,
    {"values", NTK_T_NUMBERS, NTK_KEY_REQUIRED, 0, 0, NULL, NULL, NULL, NULL, NULL, "coordinates, point after point"},
    OPTIONAL_POINTS,
    COMMON,
};

static const ntk_key file_keys[] = {
    {"path", NTK_T_PATH, NTK_KEY_REQUIRED, 0, 0, NULL, NULL, NULL, NULL, NULL, "a.npy, a.csv, a.txt, a.tsv, a.h5:/path, or an IDX file (.gz too)"},
    OPTIONAL_POINTS,
    COMMON,
};

static const ntk_source sources[] = {
    {{"gaussian", gaussian_keys, "x_i = mean + stddev N(0, I)", "one Gaussian", NULL, NULL}, ntk_dimension_given, ntk_fill_gaussian, NULL, NULL},
    {{"ring", ring_keys, "x_i = radius (cos a, sin a) + stddev N(0, I), a = 2 pi (i mod modes)/modes", "Gaussians on a circle in the plane",
      "Franceschi et al. 2022, section 6 (eight Gaussians)", NULL},
     ntk_dimension_plane,
     ntk_fill_ring,
     NULL,
     NULL},
    {{"grid", grid_keys, "x_i = spacing (c - (side - 1)/2) + stddev N(0, I), c the digits of i to the base side",
      "Gaussians on a square (cubic) grid", "Gulrajani et al. 2017, section 5 (25 Gaussians, before their scaling)", NULL},
     ntk_dimension_given,
     ntk_fill_grid,
     NULL,
     NULL},
    {{"uniform", uniform_keys, "x_ia = low + (high - low) U(0, 1)", "uniform in a cube", NULL, NULL},
     ntk_dimension_given,
     ntk_fill_uniform,
     NULL,
     NULL},
    {{"sphere", sphere_keys, "x_i = radius g/|g| + stddev N(0, I), g ~ N(0, I)", "uniform on a sphere", "Muller 1959", NULL},
     ntk_dimension_given,
     ntk_fill_sphere,
     NULL,
     NULL},
    {{"spiral", spiral_keys, "x_i = radius t (cos a, sin a) + stddev N(0, I), a = 2 pi turns t, t = sqrt(U(0, 1))", "Archimedean spiral in the plane",
      NULL, NULL},
     ntk_dimension_plane,
     ntk_fill_spiral,
     NULL,
     NULL},
    {{"points", values_keys, "x_ia = values[i dimension + a]", "points given in the study", NULL, NULL},
     NULL,
     NULL,
     ntk_size_values,
     ntk_read_values},
    {{"file", file_keys, "x_i = row i of the file", "points from a file", NULL, NULL}, NULL, NULL, ntk_size_file, ntk_read_file},
};

enum { SOURCES = sizeof sources / sizeof *sources };

static const ntk_choice *at(size_t i) { return &sources[i].choice; }

const ntk_choices *ntk_data_choices(void) {
  static const ntk_choices choices = {"data", "sources of points", SOURCES, at};
  return &choices;
}

const ntk_source *ntk_source_of(const ntk_value *entry) {
  const char *name = ntk_choice_name(entry);
  for (size_t i = 0; i < SOURCES; i++)
    if (strcmp(sources[i].choice.name, name) == 0) return &sources[i];
  return NULL;
}

ntk_error *ntk_source_wrong(const ntk_value *parameters, const char *key, const char *format, ...) {
  const ntk_value *value = ntk_value_get(parameters, key);
  ntk_where where = ntk_value_where(value && ntk_value_where(value).line ? value : parameters);
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (!where.line) return ntk_fail(NTK_E_CONFIG, "%s: %s", key, text);
  return ntk_fail(NTK_E_CONFIG, "%s:%d:%d: %s: %s", where.source, where.line, where.column, key, text);
}
