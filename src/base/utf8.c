#include "base/text.h"

size_t ntk_utf8_decode(const char *bytes, size_t left, unsigned long *code) {
  static const struct {
    unsigned char mask, lead;
    unsigned long least;
  } forms[] = {{0xE0, 0xC0, 0x80}, {0xF0, 0xE0, 0x800}, {0xF8, 0xF0, 0x10000}};
  const unsigned char *b = (const unsigned char *)bytes;
  if (!left) return 0;
  *code = b[0];
  if (b[0] < 0x80) return 1;
  for (size_t more = 1; more <= 3; more++) {
    if ((b[0] & forms[more - 1].mask) != forms[more - 1].lead) continue;
    if (left <= more) return 0;
    *code = (unsigned long)b[0] & (0x7Fu >> (more + 1));
    for (size_t i = 1; i <= more; i++) {
      if ((b[i] & 0xC0) != 0x80) return 0;
      *code = *code << 6 | (b[i] & 0x3Fu);
    }
    bool surrogate = *code >= 0xD800 && *code <= 0xDFFF;
    return *code < forms[more - 1].least || *code > 0x10FFFF || surrogate ? 0 : more + 1;
  }
  return 0;
}
