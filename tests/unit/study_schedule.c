// ranks: 1
/* Which run begins next, and on which workers: the queue and the places, without MPI, on invented runs and nodes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "study/place.h"
#include "study/queue.h"

enum { MOST = 2000 };
static ntk_row rows[MOST];
static size_t numbers[MOST];
static const ntk_gap no_gap = {0, 0};

static ntk_ledger invent(const int (*runs)[2], size_t count) { /* {group, wall seconds} */
  for (size_t i = 0; i < count; i++) {
    rows[i] = (ntk_row){.index = i, .group = runs[i][0], .seconds = (double)runs[i][0] * runs[i][1]};
    numbers[i] = i;
  }
  return (ntk_ledger){.row_count = count, .rows = rows};
}

static ntk_queue *queue_of(const ntk_ledger *ledger, int workers) {
  ntk_queue *queue = NULL;
  assert_null(ntk_queue_create(ledger, numbers, ledger->row_count, workers, &queue));
  return queue;
}

static void check_order(ntk_queue *queue, int free, const size_t *expected, size_t count) {
  size_t row, first;
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(ntk_queue_left(queue), count - i);
    assert_true(ntk_queue_first(queue, &first));
    assert_true(ntk_queue_take(queue, free, &no_gap, &row));
    assert_int_equal(row, first);
    assert_int_equal(row, expected[i]);
  }
  assert_false(ntk_queue_first(queue, &first));
  assert_false(ntk_queue_take(queue, free, &no_gap, &row));
}

static void large_groups_then_long_runs_then_as_written(void **state) {
  (void)state;
  static const int runs[][2] = {{1, 5}, {1, 9}, {4, 1}, {1, 9}, {4, 2}, {1, 8}, {1, 8}, {1, 8}};
  static const size_t expected[] = {4, 2, 1, 3, 5, 6, 7, 0};
  const ntk_ledger ledger = invent(runs, 8);
  ntk_queue *queue = queue_of(&ledger, 1); /* nobody takes a quarter of 59 s */
  check_order(queue, 4, expected, 8);
  ntk_queue_free(&queue);
  assert_null(queue);
}

/* A single run of 100 s beside 12 runs of 4 ranks and 1 s, on 4 workers: at the end it would be alone. */
static void what_would_be_the_tail_comes_first(void **state) {
  (void)state;
  int runs[13][2];
  for (int i = 0; i < 12; i++) memcpy(runs[i], (int[2]){4, 1}, sizeof runs[i]);
  memcpy(runs[12], (int[2]){1, 100}, sizeof runs[12]);
  const ntk_ledger ledger = invent((const int(*)[2])runs, 13);
  ntk_queue *queue = queue_of(&ledger, 4);
  size_t row;
  assert_true(ntk_queue_take(queue, 4, &no_gap, &row));
  assert_int_equal(row, 12);
  ntk_queue_free(&queue);
}

static void a_waiting_large_run_is_overtaken_only_without_harm(void **state) {
  (void)state;
  static const int runs[][2] = {{4, 3}, {1, 3}, {1, 2}, {2, 2}, {1, 1}, {4, 3}, {4, 3}, {4, 3}};
  const ntk_ledger ledger = invent(runs, 8);
  ntk_queue *queue = queue_of(&ledger, 4);
  size_t row;
  assert_false(ntk_queue_take(queue, 3, &no_gap, &row)); /* would delay it */
  assert_true(ntk_queue_take(queue, 3, &(ntk_gap){2.5, 0}, &row) && row == 3);
  assert_true(ntk_queue_take(queue, 1, &(ntk_gap){2.5, 0}, &row) && row == 2); /* 1 is too long */
  assert_true(ntk_queue_take(queue, 1, &(ntk_gap){0.5, 1}, &row) && row == 1); /* a worker that it leaves over */
  assert_false(ntk_queue_take(queue, 0, &(ntk_gap){9, 9}, &row));
  assert_true(ntk_queue_take(queue, 1, &(ntk_gap){1, 0}, &row) && row == 4);
  assert_false(ntk_queue_take(queue, 3, &(ntk_gap){9, 3}, &row)); /* only large ones are left */
  assert_int_equal(ntk_queue_left(queue), 4);
  assert_true(ntk_queue_take(queue, 4, &no_gap, &row) && row == 0);
  ntk_queue_free(&queue);
}

/* Workers on nodes of sizes 4, 2, 3: numbers as a launcher that deals round-robin would give them. */
static const int node[] = {7, 5, 9, 7, 5, 9, 7, 9, 7};

static void check_take(ntk_place *place, int size, const int *expected) {
  int members[9], before = place->free;
  ntk_place_take(place, size, members);
  assert_memory_equal(members, expected, (size_t)size * sizeof *members);
  assert_int_equal(place->free, before - size);
}

static void groups_fill_nodes_before_they_span_them(void **state) {
  (void)state;
  ntk_place place;
  assert_null(ntk_place_create(node, 9, &place));
  assert_int_equal(place.nodes, 3);
  check_take(&place, 1, (int[]){1});       /* the smallest node has the least left over */
  check_take(&place, 3, (int[]){2, 5, 7}); /* exactly a node */
  check_take(&place, 3, (int[]){0, 3, 6}); /* on one node */
  check_take(&place, 2, (int[]){4, 8});    /* only by spanning */
  assert_int_equal(place.free, 0);
  for (int w = 0; w < 9; w++) ntk_place_give(&place, w);
  check_take(&place, 6, (int[]){0, 1, 3, 4, 6, 8}); /* two nodes, the remainder where it leaves least: 4 + 2, not 4 + 2 of 3 */
  check_take(&place, 3, (int[]){2, 5, 7});
  ntk_place_free(&place);
}

/* Small runs do not scatter: as long as they fit on few nodes, a whole node stays free for a large one. */
static void small_runs_leave_whole_nodes(void **state) {
  (void)state;
  enum { NODES = 8, EACH = 16 };
  int nodes[NODES * EACH], member;
  for (int w = 0; w < NODES * EACH; w++) nodes[w] = w / EACH;
  ntk_place place;
  assert_null(ntk_place_create(nodes, NODES * EACH, &place));
  unsigned seed = 1;
  for (int step = 0; step < 5000; step++) { /* 60 of 128 workers busy, one ends, one begins */
    int busy = NODES * EACH - place.free;
    if (busy < 60) {
      ntk_place_take(&place, 1, &member);
      continue;
    }
    do member = (int)((seed = seed * 1103515245u + 12345u) >> 16) % (NODES * EACH);
    while (!place.busy[member]);
    ntk_place_give(&place, member);
  }
  int whole = 0;
  for (int n = 0; n < NODES; n++) whole += place.free_here[n] == EACH;
  assert_true(whole >= 4);
  ntk_place_free(&place);
}

/* The whole policy on a clock of its own: 40 large and 1500 small runs on 8 workers end close to the bound, work / workers. */
static void a_mixed_sweep_has_no_long_tail(void **state) {
  (void)state;
  enum { WORKERS = 8, LARGE = 40, COUNT = 1540 };
  int(*runs)[2] = calloc(COUNT, sizeof *runs);
  double work = 0, now = 0, end[WORKERS] = {0};
  int busy[WORKERS] = {0}, size[WORKERS] = {0}, members[WORKERS], samenode[WORKERS] = {0}, (*of)[WORKERS] = calloc(WORKERS, sizeof *of);
  unsigned seed = 7;
  assert_true(runs && of);
  for (int i = 0; i < COUNT; i++) {
    seed = seed * 1103515245u + 12345u;
    runs[i][0] = i < LARGE ? 2 + (int)(seed >> 16) % 5 : 1;
    runs[i][1] = i < LARGE ? 20 + (int)(seed >> 20) % 60 : 1 + (int)(seed >> 20) % 5;
    work += runs[i][0] * runs[i][1];
  }
  const ntk_ledger ledger = invent((const int(*)[2])runs, COUNT);
  ntk_queue *queue = queue_of(&ledger, WORKERS);
  ntk_place place;
  assert_null(ntk_place_create(samenode, WORKERS, &place));
  while (ntk_queue_left(queue) || place.free < WORKERS) {
    size_t row, first;
    while (place.free > 0 && ntk_queue_first(queue, &first)) {
      ntk_gap gap = {0, 0};
      for (int free = place.free, wanted = rows[first].group; free < wanted;) { /* the next group to end, and so on */
        double next = INFINITY;
        for (int w = 0; w < WORKERS; w++)
          if (busy[w] && end[w] - now > gap.seconds && end[w] - now < next) next = end[w] - now;
        gap.seconds = next;
        free = place.free;
        for (int w = 0; w < WORKERS; w++)
          if (busy[w] && end[w] - now <= next) free += size[w];
        gap.workers = free > wanted ? free - wanted : 0;
      }
      if (!ntk_queue_take(queue, place.free, &gap, &row)) break;
      ntk_place_take(&place, rows[row].group, members);
      busy[members[0]] = 1;
      size[members[0]] = rows[row].group;
      end[members[0]] = now + ntk_queue_wall(&rows[row]);
      memcpy(of[members[0]], members, sizeof members);
    }
    double next = INFINITY;
    for (int w = 0; w < WORKERS; w++)
      if (busy[w] && end[w] < next) next = end[w];
    now = next;
    for (int w = 0; w < WORKERS; w++) {
      if (!busy[w] || end[w] > now) continue;
      busy[w] = 0;
      for (int k = 0; k < size[w]; k++) ntk_place_give(&place, of[w][k]);
    }
  }
  print_message("%.0f s, bound %.0f s\n", now, work / WORKERS);
  assert_true(now < 1.03 * work / WORKERS);
  ntk_place_free(&place);
  ntk_queue_free(&queue);
  free(runs);
  free(of);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(large_groups_then_long_runs_then_as_written),
      cmocka_unit_test(what_would_be_the_tail_comes_first),
      cmocka_unit_test(a_waiting_large_run_is_overtaken_only_without_harm),
      cmocka_unit_test(groups_fill_nodes_before_they_span_them),
      cmocka_unit_test(small_runs_leave_whole_nodes),
      cmocka_unit_test(a_mixed_sweep_has_no_long_tail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
