/** Which build of the tile loops to use. The build says what exists: -DNTK_ISA_<name>. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "kernel/object.h"

typedef struct {
  const char *name;
  const ntk_engine *engine;
  bool (*usable)(void);
} instruction_set;

/* Features one by one: not every compiler's __builtin_cpu_supports knows the levels' names. */
#ifdef NTK_ISA_x86_64_v4
extern const ntk_engine ntk_engine_x86_64_v4;
static bool has_v4(void) {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma");
}
#endif
#ifdef NTK_ISA_x86_64_v3
extern const ntk_engine ntk_engine_x86_64_v3;
static bool has_v3(void) {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
}
#endif
#ifdef NTK_ISA_x86_64
extern const ntk_engine ntk_engine_x86_64;
#endif
#ifdef NTK_ISA_generic
extern const ntk_engine ntk_engine_generic;
#endif
#if defined(NTK_ISA_x86_64) || defined(NTK_ISA_generic)
static bool always(void) { return true; }
#endif

static const instruction_set SETS[] = {
#ifdef NTK_ISA_x86_64_v4
    {"x86-64-v4", &ntk_engine_x86_64_v4, has_v4},
#endif
#ifdef NTK_ISA_x86_64_v3
    {"x86-64-v3", &ntk_engine_x86_64_v3, has_v3},
#endif
#ifdef NTK_ISA_x86_64
    {"x86-64", &ntk_engine_x86_64, always},
#endif
#ifdef NTK_ISA_generic
    {"generic", &ntk_engine_generic, always},
#endif
};

enum { COUNT = sizeof SETS / sizeof *SETS };

const ntk_engine *ntk_engine_choose(const char **name) {
  const char *wanted = getenv("NTKGAN_ISA");
  const instruction_set *chosen = NULL;
  for (size_t i = 0; i < COUNT; i++) {
    if (!SETS[i].usable()) continue;
    if (!chosen) chosen = &SETS[i];
    if (wanted && !strcmp(wanted, SETS[i].name)) chosen = &SETS[i];
  }
  if (name) *name = chosen->name;
  return chosen->engine;
}

const char *ntk_kernel_isa(void) {
  const char *name;
  (void)ntk_engine_choose(&name);
  return name;
}

void ntk_kernel_isas(ntk_text *out) {
  for (size_t i = 0, found = 0; i < COUNT; i++)
    if (SETS[i].usable()) ntk_text_addf(out, "%s%s", found++ ? " " : "", SETS[i].name);
}

ntk_error *ntk_kernel_check_isa(void) {
  const char *wanted = getenv("NTKGAN_ISA");
  if (!wanted || !*wanted || !strcmp(wanted, ntk_kernel_isa())) return NULL;
  ntk_text names = NTK_TEXT;
  ntk_kernel_isas(&names);
  ntk_error *err = ntk_fail(NTK_E_USAGE, "NTKGAN_ISA=%s: no instruction set of this machine and this build; they have %s", wanted,
                            names.failed ? ntk_kernel_isa() : names.bytes);
  ntk_text_free(&names);
  return err;
}
