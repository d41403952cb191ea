/* Labels of swept values: parts of run labels, matched by --only, shown in tables. */
#include <string.h>

#include "config/sweep.h"
#include "config/tree.h"

enum { LONGEST = 48 };

void ntk_label_clean(const char *text, ntk_text *out) {
  size_t start = out->length;
  for (const char *c = text; *c; c++) {
    unsigned char u = (unsigned char)*c;
    if (out->length - start >= LONGEST && (u & 0xC0) != 0x80) break;
    bool fit = u >= 0x80 || (u > ' ' && !strchr("/*?[]{}\"'\\`$|&;<>()!~", *c) && u != 0x7f);
    ntk_text_add_bytes(out, fit ? c : "_", 1);
  }
  if (out->length == start) ntk_text_add(out, "_");
}

static void add_items(const ntk_value *v, ntk_text *out) {
  for (size_t i = 0; i < v->count; i++) {
    if (i) ntk_text_add(out, ",");
    if (v->items[i].key) ntk_text_addf(out, "%s=", v->items[i].key);
    const ntk_value *item = v->items[i].value;
    if (item->kind == NTK_LIST || item->kind == NTK_MAP)
      add_items(item, out);
    else
      ntk_text_add(out, item->kind == NTK_NULL ? "null" : item->text);
    if (out->length > (size_t)4 * LONGEST) return;
  }
}

void ntk_label(const ntk_value *v, ntk_text *out) {
  ntk_text text = NTK_TEXT;
  const char *name = v->kind == NTK_MAP ? ntk_choice_name(v) : v->kind == NTK_NULL ? "null" : v->text;
  if (name && *name)
    ntk_text_add(&text, name);
  else
    add_items(v, &text);
  if (text.failed) out->failed = true;
  ntk_label_clean(text.bytes ? text.bytes : "", out);
  ntk_text_free(&text);
}
