/** Making and passing errors (see include/ntkgan/error.h for reading them). */
#ifndef NTK_BASE_ERR_H
#define NTK_BASE_ERR_H

#include <ntkgan/error.h>

/** New error with a printf-style message. Never returns NULL: when memory is out, a static NTK_E_MEMORY error. */
ntk_error *ntk_fail(ntk_code code, const char *format, ...) NTK_CHECKED NTK_PRINTF(2, 3);

/** NTK_E_IO (or NTK_E_MEMORY for ENOMEM) with "<what>: <strerror(errnum)>". */
ntk_error *ntk_fail_errno(int errnum, const char *format, ...) NTK_CHECKED NTK_PRINTF(2, 3);

/** Puts "context: " before the message of `e` and returns it; NULL stays NULL. */
ntk_error *ntk_error_prefix(ntk_error *e, const char *format, ...) NTK_CHECKED NTK_PRINTF(2, 3);

/** Keeps the first of two errors and frees the other: `err = ntk_error_join(err, close(...))`. */
ntk_error *ntk_error_join(ntk_error *first, ntk_error *second) NTK_CHECKED;

/** Return an error to the caller. For functions that hold nothing to release. */
#define NTK_TRY(expression)               \
  do {                                    \
    ntk_error *try_error_ = (expression); \
    if (try_error_) return try_error_;    \
  } while (0)

/** Store an error in the local variable `err` and leave through the label `out`, which releases and returns `err`. */
#define NTK_TRY_OUT(expression) \
  do {                          \
    err = (expression);         \
    if (err) goto out;          \
  } while (0)

#endif
