// ranks: 1 2 4
// Agreement on errors, splitting, completing replicated arrays.
#include "base/comm.h"
#include "check.h"

static ntk_comm world;

static void an_error_of_one_rank_is_everyones(void **state) {
  (void)state;
  for (int failing = 0; failing < world.size; failing++) {
    ntk_error *mine = world.rank >= failing ? ntk_fail(NTK_E_IO, "rank %d has no disk", world.rank) : NULL;
    char expected[64];
    snprintf(expected, sizeof expected, "rank %d has no disk", failing);
    FAILS(ntk_agree(&world, mine), NTK_E_IO, expected);
  }
  OK(ntk_agree(&world, NULL));
}

static void texts_and_bytes_reach_all(void **state) {
  (void)state;
  int root = world.size - 1;
  char *text = world.rank == root ? strdup("study: ring\n") : NULL;
  OK(ntk_comm_bcast_text(&world, &text, root));
  assert_string_equal(text, "study: ring\n");
  free(text);
}

static void replicated_arrays_are_completed(void **state) {
  (void)state;
  size_t start[8] = {0};
  for (int r = 0; r < world.size; r++) start[r + 1] = start[r] + (size_t)(r == 1 ? 0 : 3 + r); /* one rank holds nothing */
  double values[64] = {0};
  for (size_t i = start[world.rank]; i < start[world.rank + 1]; i++) values[i] = 10.0 + (double)i;
  OK(ntk_comm_gather_all(&world, values, start));
  for (size_t i = 0; i < start[world.size]; i++) assert_true(values[i] == 10.0 + (double)i);
}

static void groups_are_split_in_order(void **state) {
  (void)state;
  ntk_comm group;
  OK(ntk_comm_split(&world, world.rank == 0 && world.size > 1 ? -1 : world.rank % 2, &group));
  if (world.rank == 0 && world.size > 1) {
    assert_int_equal(group.size, 0);
    return;
  }
  double most = world.rank;
  OK(ntk_comm_max(&group, &most));
  assert_true((int)most % 2 == world.rank % 2 && most >= world.rank);
  ntk_comm_free(&group);
}

static void memory_of_a_node_is_seen_by_all_its_ranks(void **state) {
  (void)state;
  enum { COUNT = 100003 };
  ntk_area area[2];
  for (size_t k = 0; k < 2; k++) OK(ntk_comm_share(&world, COUNT * sizeof(double), &area[k]));
  for (size_t k = 0; k < 2; k++) {
    double *x = area[k].start;
    size_t ranks = area[k].mapped ? (size_t)world.node_size : 1, rank = area[k].mapped ? (size_t)world.node_rank : 0;
    assert_int_equal(area[k].mapped > 0, world.size > 1);
    assert_int_equal((uintptr_t)x % 64, 0);
    for (size_t i = 0; i < COUNT; i++) assert_true(x[i] == 0);
    OK(ntk_comm_publish(&world, NULL));
    for (size_t i = rank; i < COUNT; i += ranks) x[i] = (double)(i + k);
    OK(ntk_comm_publish(&world, NULL));
    for (size_t i = 0; i < COUNT; i++) assert_true(x[i] == (double)(i + k));
  }
  ntk_area_free(&area[world.rank % 2]); /* in any order */
  OK(ntk_comm_wait_node(&world));
  assert_true(((double *)area[(world.rank + 1) % 2].start)[COUNT - 1] > 0);
  ntk_area_free(&area[(world.rank + 1) % 2]);
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  check_ok(ntk_comm_create(MPI_COMM_WORLD, &world), "world", __FILE__, __LINE__);
  const struct CMUnitTest tests[] = {cmocka_unit_test(an_error_of_one_rank_is_everyones), cmocka_unit_test(texts_and_bytes_reach_all),
                                     cmocka_unit_test(replicated_arrays_are_completed), cmocka_unit_test(groups_are_split_in_order),
                                     cmocka_unit_test(memory_of_a_node_is_seen_by_all_its_ranks)};
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  ntk_comm_free(&world);
  MPI_Finalize();
  return failed;
}
