/** Errors as values.
 *
 *  Every function of ntkgan that can fail returns `ntk_error *`: NULL on success, otherwise an object that the caller owns
 *  and must pass up or release with ntk_error_free(). There is no hidden error state; the library never prints or exits.
 */
#ifndef NTKGAN_ERROR_H
#define NTKGAN_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define NTK_CHECKED __attribute__((warn_unused_result))
#define NTK_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define NTK_CHECKED
#define NTK_PRINTF(f, a)
#endif

/** Error codes: name, meaning, exit status of the command when it is the outcome (interface: 1 run, 2 request, 3 system, 75 stopped). */
#define NTK_ERROR_CODES(X)                                          \
  X(NTK_E_USAGE, "usage", 2)          /* command line            */ \
  X(NTK_E_CONFIG, "study", 2)         /* study or network spec   */ \
  X(NTK_E_INPUT, "input", 2)          /* a data file             */ \
  X(NTK_E_NONFINITE, "non-finite", 1) /* a run produced NaN, inf */ \
  X(NTK_E_NUMERIC, "numeric", 1)      /* no convergence, LAPACK  */ \
  X(NTK_E_MEMORY, "memory", 3)                                      \
  X(NTK_E_IO, "i/o", 3)                                             \
  X(NTK_E_MPI, "mpi", 3)                                            \
  X(NTK_E_INTERNAL, "internal", 3)                                  \
  X(NTK_E_STOPPED, "stopped", 75) /* asked to stop, state saved */

typedef enum {
  NTK_OK = 0,
#define NTK_ERROR_ENUM(name, word, status) name,
  NTK_ERROR_CODES(NTK_ERROR_ENUM)
#undef NTK_ERROR_ENUM
} ntk_code;

typedef struct ntk_error ntk_error;

/** Code of an error; NTK_OK for NULL. */
ntk_code ntk_error_code(const ntk_error *e);

/** Text of an error, "" for NULL. Borrowed; valid until the error is freed. One line a fact, no trailing newline. */
const char *ntk_error_message(const ntk_error *e);

/** Exit status that the interface gives to a code. */
int ntk_code_status(ntk_code code);

/** One word for a code ("study", "i/o", ...). */
const char *ntk_code_word(ntk_code code);

/** Releases *e and sets it to NULL; NULL-safe. */
void ntk_error_free(ntk_error **e);

#ifdef __cplusplus
}
#endif
#endif
