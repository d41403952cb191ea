/** What the unit tests share: cmocka with its includes, and assertions on errors as values. */
#ifndef NTK_TESTS_CHECK_H
#define NTK_TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ntkgan/error.h>

/** The expression gives no error. */
#define OK(expression) check_ok((expression), #expression, __FILE__, __LINE__)

static inline void check_ok(ntk_error *e, const char *what, const char *file, int line) {
  if (e) fail_msg("%s:%d: %s: %s", file, line, what, ntk_error_message(e));
}

/** The expression gives an error of this code whose message contains `part`. */
#define FAILS(expression, code, part) check_fails((expression), (code), (part), #expression, __FILE__, __LINE__)

static inline void check_fails(ntk_error *e, ntk_code code, const char *part, const char *what, const char *file, int line) {
  if (!e) fail_msg("%s:%d: %s: no error", file, line, what);
  if (ntk_error_code(e) != code || !strstr(ntk_error_message(e), part))
    fail_msg("%s:%d: %s: got (%s) \"%s\", expected (%s) with \"%s\"", file, line, what, ntk_code_word(ntk_error_code(e)), ntk_error_message(e),
             ntk_code_word(code), part);
  ntk_error_free(&e);
}

/** |a - b| <= tolerance, NaN fails. */
#define CLOSE(a, b, tolerance) check_close((a), (b), (tolerance), #a, __FILE__, __LINE__)

static inline void check_close(double a, double b, double tolerance, const char *what, const char *file, int line) {
  double gap = a > b ? a - b : b - a;
  if (!(gap <= tolerance)) fail_msg("%s:%d: %s: %.17g, expected %.17g within %.3g (off by %.3g)", file, line, what, a, b, tolerance, gap);
}

#endif
