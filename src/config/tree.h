/** Insides of values and arenas, for the files of this room only. */
#ifndef NTK_CONFIG_TREE_H
#define NTK_CONFIG_TREE_H

#include "config/value.h"

typedef struct {
  const char *key; /* NULL in a list */
  ntk_where key_where;
  const ntk_value *value;
} ntk_item;

struct ntk_value {
  ntk_value_kind kind;
  ntk_where where;
  bool boolean;
  double number;
  const char *text;
  size_t count, capacity;
  ntk_item *items;
  size_t nodes;   /* of the tree below, itself included, shared parts counted at each place */
  unsigned depth; /* levels of containers, itself included */
};

/** Zeroed memory that lives as long as the arena. */
NTK_CHECKED ntk_error *ntk_arena_take(ntk_arena *arena, size_t bytes, void *out);
NTK_CHECKED ntk_error *ntk_arena_text(ntk_arena *arena, const char *text, size_t length, const char **out);

/** Type of an unquoted scalar by the YAML 1.2 core rules; *number is set for NTK_NUMBER, *boolean for NTK_BOOL. */
ntk_value_kind ntk_scalar_kind(const char *text, double *number, bool *boolean);

/** Copy of the top node only (items shared), written at `where`. */
NTK_CHECKED ntk_error *ntk_value_alias(ntk_arena *arena, const ntk_value *v, ntk_where where, const ntk_value **out);

/** Structural equality: numbers by value, maps regardless of order. */
bool ntk_value_equal(const ntk_value *a, const ntk_value *b);

#endif
