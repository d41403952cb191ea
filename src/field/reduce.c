#include "field/field.h"

enum { LEAF = 128 };

double ntk_sum(size_t n, const double *values) {
  if (n <= LEAF) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += values[i];
    return sum;
  }
  size_t half = n / 2;
  return ntk_sum(half, values) + ntk_sum(n - half, values + half);
}

double ntk_dot(size_t n, const double *a, const double *b) {
  if (n <= LEAF) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
  }
  size_t half = n / 2;
  return ntk_dot(half, a, b) + ntk_dot(n - half, a + half, b + half);
}
