/** Small questions about numbers. */
#ifndef NTK_BASE_NUMBERS_H
#define NTK_BASE_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>

static inline size_t ntk_min_size(size_t a, size_t b) { return a < b ? a : b; }

/** Whether all of rows x columns numbers, rows `ld` apart, are finite: at the speed of reading them. */
static inline bool ntk_are_finite(size_t rows, size_t columns, const double *numbers, size_t ld) {
  double sum = 0;
  for (size_t i = 0; i < rows; i++)
#pragma omp simd reduction(+ : sum)
    for (size_t j = 0; j < columns; j++) sum += 0 * numbers[i * ld + j];
  return sum == 0;
}

#endif
