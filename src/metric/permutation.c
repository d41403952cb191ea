#include "metric/permutation.h"

void ntk_choose(ntk_rng rng, uint64_t draw, size_t count, size_t chosen, size_t *order, unsigned char *mark) {
  bool invert = chosen > count - chosen;
  size_t fewer = invert ? count - chosen : chosen;
  for (size_t i = 0; i < count; i++) {
    order[i] = i;
    mark[i] = invert;
  }
  for (size_t i = 0; i < fewer; i++) { /* Fisher and Yates, stopped early */
    size_t j = i + (size_t)ntk_integer(rng, draw * count + i, count - i), taken = order[j];
    order[j] = order[i];
    mark[taken] = !invert;
  }
}

double ntk_u_statistic(size_t n, size_t m, double own, double row, double all) {
  double a = (double)n, b = (double)m;
  return own / (a * (a - 1)) + (all - 2 * row + own) / (b * (b - 1)) - 2 * (row - own) / (a * b);
}

ntk_error *ntk_p_value(const ntk_comm *comm, size_t hits, size_t permutations, double *p_value) {
  long long sum = (long long)hits;
  NTK_TRY(ntk_comm_sum_integers(comm, 1, &sum));
  *p_value = (1 + (double)sum) / (1 + (double)permutations);
  return NULL;
}
