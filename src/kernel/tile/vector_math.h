/** Elementary functions that GCC may call as vector functions of the C library (libmvec, x86-64 glibc >= 2.35); plain libm elsewhere. */
#ifndef NTK_KERNEL_TILE_VECTOR_MATH_H
#define NTK_KERNEL_TILE_VECTOR_MATH_H

#include <math.h>

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#if __GLIBC_PREREQ(2, 35)
__attribute__((simd("notinbranch"))) double cos(double);
__attribute__((simd("notinbranch"))) double exp(double);
__attribute__((simd("notinbranch"))) double expm1(double);
__attribute__((simd("notinbranch"))) double sin(double);
#endif
#endif

#endif
