/* Checking numbers and file names. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/check.h"
#include "config/tree.h"

static const double largest_integer = 9007199254740992.0; /* 2^53: every integer up to it is a double */

/* What is wrong with a number beside its range; NULL = nothing. */
static const char *fault(const ntk_key *key, const ntk_value *raw) {
  if (isnan(raw->number)) return "not a number (NaN)";
  if (isinf(raw->number)) return "not finite";
  if (key->type != NTK_T_INTEGER) return NULL;
  if (raw->number != floor(raw->number)) return "not an integer";
  bool plain = raw->text[strspn(raw->text, "+-")] && !raw->text[strspn(raw->text, "+-0123456789")];
  bool rounded = plain && fabs(raw->number) == largest_integer && llabs(strtoll(raw->text, NULL, 10)) != 9007199254740992LL;
  return fabs(raw->number) > largest_integer || rounded ? "more than 2^53" : NULL;
}

ntk_error *ntk_check_number(ntk_checker *c, const ntk_key *key, const ntk_value *raw, const ntk_value **out) {
  ntk_value *copy;
  bool is_number = raw->kind == NTK_NUMBER;
  const char *wrong = is_number ? fault(key, raw) : NULL;
  if (is_number && !wrong) {
    double min, max;
    ntk_key_range(key, &min, &max);
    bool outside = raw->number < min || raw->number > max || (key->flags & NTK_KEY_OPEN_MIN && raw->number == min);
    if (!outside) {
      NTK_TRY(ntk_value_scalar(c->schema->arena, NTK_NUMBER, raw->text, raw->where, &copy));
      *out = copy;
      return NULL;
    }
  }
  bool is_infinite = (is_number && raw->number == INFINITY) || (raw->kind == NTK_STRING && !strcmp(raw->text, "inf"));
  const char *word = is_infinite ? "infinite" : raw->text;
  if ((raw->kind == NTK_STRING || is_infinite) && key->words && ntk_words_have(key->words, word)) {
    NTK_TRY(ntk_value_scalar(c->schema->arena, NTK_STRING, word, raw->where, &copy));
    *out = copy;
    return NULL;
  }
  ntk_text text = NTK_TEXT;
  ntk_text_add(&text, "expected ");
  ntk_key_describe(c->schema->catalog, key, &text);
  ntk_text_add(&text, ", found ");
  ntk_value_describe(raw, &text);
  if (wrong) ntk_text_addf(&text, ", which is %s", wrong);
  if (raw->kind == NTK_STRING && key->words) ntk_suggest(raw->text, &key->words, strchr(key->words, '|') ? 0 : 1, &text);
  ntk_error *err = ntk_checker_add(c, raw->where, "%s", text.bytes ? text.bytes : "");
  ntk_text_free(&text);
  return err;
}

size_t ntk_path_file_length(const char *path) {
  struct stat status;
  const char *colon = strrchr(path, ':');
  return !colon || colon == path || !stat(path, &status) ? strlen(path) : (size_t)(colon - path);
}

/* Why the file cannot be read, NULL if it can. */
static const char *file_fault(const char *file) {
  struct stat status;
  if (stat(file, &status)) return strerror(errno);
  if (S_ISDIR(status.st_mode)) return "is a folder";
  return access(file, R_OK) ? strerror(errno) : NULL;
}

ntk_error *ntk_check_path(ntk_checker *c, const ntk_key *key, const ntk_value *raw, const ntk_value **out) {
  (void)key;
  if (!strcmp(raw->text, "-")) return ntk_checker_add(c, raw->where, "expected the name of a file: standard input cannot be read again by every run");
  ntk_text path = NTK_TEXT;
  ntk_value *resolved;
  ntk_error *err = NULL;
  char *file = NULL;
  if (*raw->text != '/' && c->schema->folder && *c->schema->folder) ntk_text_addf(&path, "%s/", c->schema->folder);
  ntk_text_add(&path, raw->text);
  if (path.failed) {
    err = ntk_fail(NTK_E_MEMORY, "out of memory while checking a file name");
    goto out;
  }
  file = strndup(path.bytes, ntk_path_file_length(path.bytes));
  const char *wrong = !*raw->text ? "no name" : file ? file_fault(file) : "out of memory";
  if (wrong) {
    err = ntk_checker_add(c, raw->where, "cannot read %s: %s", file ? file : path.bytes, wrong);
    goto out;
  }
  NTK_TRY_OUT(ntk_value_scalar(c->schema->arena, NTK_STRING, path.bytes, raw->where, &resolved));
  *out = resolved;
out:
  free(file);
  ntk_text_free(&path);
  return err;
}
