/** Writing JSON into a text buffer. Reading it back: config/value.h. */
#ifndef NTK_BASE_JSON_H
#define NTK_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

/** Writer state: `ntk_json j = NTK_JSON(&text);`. Commas and quotes are placed by the writer; nesting up to 95. One line, no spaces
 *  but after ':' and ','. Numbers in shortest exact form; non-finite numbers as null. */
typedef struct {
  ntk_text *text;
  unsigned depth;
  bool has_items[96];
} ntk_json;

#define NTK_JSON(t)   \
  {                   \
    (t), 0, { false } \
  }

/** In an object pass the key; in an array or at the top pass NULL. */
void ntk_json_object(ntk_json *j, const char *key);
void ntk_json_array(ntk_json *j, const char *key);
void ntk_json_end_object(ntk_json *j);
void ntk_json_end_array(ntk_json *j);
void ntk_json_string(ntk_json *j, const char *key, const char *value);
void ntk_json_number(ntk_json *j, const char *key, double value);
void ntk_json_integer(ntk_json *j, const char *key, long long value);
void ntk_json_bool(ntk_json *j, const char *key, bool value);
void ntk_json_null(ntk_json *j, const char *key);
void ntk_json_numbers(ntk_json *j, const char *key, const double *values, size_t count);

/** Inserts `raw`, which must be valid JSON on one line. */
void ntk_json_raw(ntk_json *j, const char *key, const char *raw);

#endif
