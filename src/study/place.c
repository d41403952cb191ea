#include "study/place.h"

#include <stdlib.h>

#include "base/mem.h"

ntk_error *ntk_place_create(const int *node, int workers, ntk_place *out) {
  *out = (ntk_place){.workers = workers, .free = workers};
  NTK_TRY(NTK_NEW((size_t)workers, &out->node));
  NTK_TRY(NTK_NEW((size_t)workers, &out->free_here));
  NTK_TRY(NTK_NEW((size_t)workers, &out->busy));
  int *name = NULL; /* of each node as given */
  NTK_TRY(NTK_NEW((size_t)workers, &name));
  for (int w = 0; w < workers; w++) {
    int n = 0;
    while (n < out->nodes && name[n] != node[w]) n++;
    if (n == out->nodes) name[out->nodes++] = node[w];
    out->node[w] = n;
    out->free_here[n]++;
  }
  free(name);
  return NULL;
}

void ntk_place_free(ntk_place *place) {
  free(place->node);
  free(place->free_here);
  free(place->busy);
  *place = (ntk_place){.workers = 0};
}

/* The node to take `size` workers from: the least room that is enough, else the most. */
static int choose_node(const ntk_place *place, int size) {
  int best = -1;
  for (int n = 0; n < place->nodes; n++) {
    int room = place->free_here[n], most = best < 0 ? 0 : place->free_here[best];
    bool better = most >= size ? room >= size && room < most : room > most;
    if (best < 0 ? room > 0 : better) best = n;
  }
  return best;
}

static int ascending(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

void ntk_place_take(ntk_place *place, int size, int *members) {
  for (int taken = 0; taken < size;) {
    int n = choose_node(place, size - taken);
    for (int w = 0; w < place->workers && taken < size && place->free_here[n] > 0; w++) {
      if (place->busy[w] || place->node[w] != n) continue;
      place->busy[w] = true;
      place->free_here[n]--;
      place->free--;
      members[taken++] = w;
    }
  }
  if (size > 1) qsort(members, (size_t)size, sizeof *members, ascending);
}

void ntk_place_give(ntk_place *place, int worker) {
  place->busy[worker] = false;
  place->free_here[place->node[worker]]++;
  place->free++;
}
