/** Private to gram/: ELPA's header, whose variadic macros are not strict ISO C, without the warnings about it. */
#ifndef NTK_GRAM_ELPA_QUIET_H
#define NTK_GRAM_ELPA_QUIET_H

#pragma GCC system_header

#ifdef NTK_HAVE_ELPA
#include <elpa/elpa.h>
#endif

#endif
