/* Linked into the tests of `make sanitize`: a plugin of MPI that stays loaded keeps its name in the leak report, so that tests/lsan.supp can tell it. */
int dlclose(void *handle);
int dlclose(void *handle) {
  (void)handle;
  return 0;
}
