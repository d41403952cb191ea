// ranks: 1
/* Studies: checking with positions, sweeps, labels, settings of the command line, run ids. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/study.h"
#include "unit/config_catalog.h"

#define HEAD                                           \
  "study: s\n"                                         \
  "data:\n"                                            \
  "  real: {type: ring, points: 10}\n"                 \
  "  fake: {type: ring, points: 20}\n"                 \
  "discriminator: {network: {type: mlp}, loss: ipm}\n" \
  "train: {iterations: 5, step: 0.1}\n"

static char folder[] = "/tmp/ntkgan-config-XXXXXX";

static ntk_error *load_in(const char *path, const char *text, const char *const *sets, size_t set_count, ntk_study **out) {
  const ntk_study_source source = {path, text, strlen(text), sets, set_count};
  return ntk_study_load(&catalog, &source, out);
}

static ntk_study *load(const char *text, const char *set) {
  ntk_study *study = NULL;
  ntk_error *e = load_in("s.yaml", text, &set, set ? 1 : 0, &study);
  if (e) fail_msg("%s", ntk_error_message(e));
  return study;
}

static void check_mistake(const char *text, const char *set, const char *expected) {
  ntk_study *study = NULL;
  ntk_error *e = load_in("s.yaml", text, &set, set ? 1 : 0, &study);
  if (!e) fail_msg("accepted, expected \"%s\"", expected);
  assert_null(study);
  if (!strstr(ntk_error_message(e), expected)) fail_msg("got \"%s\"\nexpected \"%s\"", ntk_error_message(e), expected);
  size_t lines = 1;
  for (const char *c = ntk_error_message(e); *c; c++) lines += *c == '\n';
  assert_true(lines <= 5);
  ntk_error_free(&e);
}

/* Labels of all runs joined by blanks. */
static void check_labels(const char *text, const char *set, const char *expected) {
  ntk_study *study = load(text, set);
  ntk_text all = NTK_TEXT;
  for (size_t i = 0; i < ntk_study_count(study); i++) {
    ntk_run_spec run;
    assert_null(ntk_study_run(study, i, &run));
    assert_int_equal(run.index, i);
    ntk_text_addf(&all, "%s%s", i ? " " : "", run.label);
    ntk_run_spec_free(&run);
  }
  assert_string_equal(all.bytes, expected);
  ntk_text_free(&all);
  ntk_study_free(&study);
}

static void mistakes_are_found_at_their_place(void **state) {
  (void)state;
  static const struct {
    const char *text, *expected;
  } cases[] = {
      {HEAD "sed: 1\n", "s.yaml:7:1: sed: unknown key (did you mean 'seed'?)"},
      {HEAD "swep: {}\n", "s.yaml:7:1: swep: unknown key (did you mean 'sweep'?)"},
      {HEAD "seed: x\n", "s.yaml:7:7: seed: expected an integer >= 0, found \"x\""},
      {HEAD "seed: -1\n", "s.yaml:7:7: seed: expected an integer"},
      {HEAD "seed: 1.5\n", "found 1.5, which is not an integer"},
      {HEAD "seed: 12345678901234567890\n", "s.yaml:7:7: seed: expected an integer"},
      {HEAD "seed: 9007199254740993\n", "which is more than 2^53"},
      {HEAD "seed:\n", "found nothing"},
      {HEAD "repeat: 0\n", "s.yaml:7:9: repeat: expected an integer from 1 to 1000000, found 0"},
      {HEAD "record: {every: 10, at: [1]}\n", "s.yaml:7:10: record.every: either this or 'at', not both"},
      {HEAD "record: {metrics: [mmd]}\n", "s.yaml:7:20: record.metrics: expected mmd2 or energy, found 'mmd' (did you mean 'mmd2'?)"},
      {HEAD "record: {metrics: [{mmd2: {evry: 3}}]}\n", "s.yaml:7:28: record.metrics.mmd2.evry: unknown key (did you mean 'every'?)"},
      {HEAD "record: {trajectory: yes}\n", "record.trajectory: expected true or false, found \"yes\""},
      {HEAD "record: {spectrum: {eigenvalues: alle}}\n", "or all, found \"alle\" (did you mean 'all'?)"},
      {HEAD "generator: {type: partcles}\n", "s.yaml:7:19: generator.type: expected particles, found 'partcles' (did you mean 'particles'?)"},
      {HEAD "generator: {}\n", "s.yaml:7:12: generator.type: required: particles"},
      {"study: s\n", "s.yaml:1:1: data: required: a mapping (key: value) with real"},
      {"study: s\ndat: {real: 1}\n", "s.yaml:2:1: dat: unknown key (did you mean 'data'?)\ns.yaml:1:1: data: required"},
      {"study: 5\n", "s.yaml:1:8: study: expected a text, found 5 (put it in quotes)"},
      {"study: a/b\n", "s.yaml:1:8: study: expected a name that can be a folder's"},
      {"- 1\n", "s.yaml:1:1: expected a study (lines 'key: value'), found a list"},
      {"study: s\ndata: {real: {type: ring}}\n", "s.yaml:2:14: data.real.points: required: an integer >= 1"},
      {"study: s\ndata:\n  fake: {type: ring}\n", "s.yaml:3:3: data.real: required: {type: ..., ...} with type ring or file"},
      {"study: s\ntrain: {iterations: .nan, step: 1}\n", "s.yaml:2:21: train.iterations: expected an integer >= 0"},
      {"study: s\ntrain: {iterations: .nan, step: 1}\n", "found .nan, which is not a number (NaN)"},
      {"study: s\ntrain: {iterations: 1, step: .inf}\n", "train.step: expected a number > 0, found .inf, which is not finite"},
      {"study: s\ntrain: {iterations: 1, step: 0}\n", "s.yaml:2:30: train.step: expected a number > 0, found 0"},
      {"study: s\ntrain: {iterations: 1, step: nan}\n", "found \"nan\""},
      {"study: s\ntrain: 7\n", "s.yaml:2:8: train: expected a mapping (key: value), found 7"},
      {"study: s\ndata: {real: {type: file, path: nowhere.npy}}\n",
       "s.yaml:2:33: data.real.path: cannot read nowhere.npy: No such file or directory"},
      {"study: s\ndata: {real: {type: file, path: /tmp}}\n", "data.real.path: cannot read /tmp: is a folder"},
      {"study: s\ndata: {real: {type: file, path: /tmp/nowhere.h5:/x}}\n", "cannot read /tmp/nowhere.h5: No such file"},
      {"study: s\ndata: {real: {type: ring, center: [1, x]}}\n",
       "s.yaml:2:39: data.real.center: expected a number or a list of numbers, found \"x\""},
      {"study: s\ndiscriminator: {loss: {ipm: {}, lsgan: {}}}\n", "s.yaml:2:23: discriminator.loss: expected ipm or lsgan, found a mapping"},
      {"study: s\ndiscriminator: {loss: {lsgan: 3}}\n", "s.yaml:2:31: discriminator.loss.lsgan: expected parameters of lsgan"},
      {"study: s\ndiscriminator: {loss: {ipm: {fake: 1}}}\n", "discriminator.loss.ipm.fake: unknown key (no parameters here)"},
      {"study: s\ndiscriminator: {kernel: ntkk}\n", "s.yaml:2:25: discriminator.kernel: expected ntk or nngp, found \"ntkk\""},
      {"study: s\ndiscriminator: {network: {type: mlp, activation: [relu, rleu]}}\n", "s.yaml:2:57: discriminator.network.activation: expected"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check_mistake(cases[i].text, NULL, cases[i].expected);
}

static void mistakes_in_sweeps_are_found_at_their_place(void **state) {
  (void)state;
  static const struct {
    const char *text, *expected;
  } cases[] = {
      {HEAD "sweep:\n  discriminator.los: [ipm]\n",
       "s.yaml:8:3: sweep: 'discriminator.los' is no path of a study: unknown key 'los' (did you mean 'loss'?)"},
      {HEAD "sweep:\n  discriminator.loss: [ipm, lsgn]\n",
       "s.yaml:8:29: discriminator.loss: expected ipm or lsgan, found 'lsgn' (did you mean 'lsgan'?)"},
      {HEAD "sweep:\n  discriminator.network:\n    a: {type: mlp, depth: 0}\n",
       "s.yaml:9:27: discriminator.network.depth: expected an integer from 1"},
      {HEAD "sweep: {data.real.pionts: [1]}\n", "data.real.pionts: unknown key (did you mean 'points'?)"},
      {HEAD "sweep: {seed.x: [1]}\n", "s.yaml:7:9: sweep: 'seed.x' is no path of a study: seed has no parts"},
      {HEAD "sweep: {repeat: [1]}\n", "s.yaml:7:9: sweep: 'repeat' cannot be swept"},
      {HEAD "sweep: {seed: 1}\n", "s.yaml:7:15: sweep: 'seed': expected a list of values"},
      {HEAD "sweep: {seed: []}\n", "expected a list of values"},
      {HEAD "sweep: {seed: [1, 2, 1.0]}\n", "s.yaml:7:22: sweep: 'seed': this value is there already"},
      {HEAD "sweep: {zip: [{seed: [1, 2], train.step: [1]}]}\n", "zip needs lists of equal length: 'train.step' has 1 values, 'seed' has 2"},
      {HEAD "sweep: {seed: [1, 2], exclude: [{sed: 1}]}\n", "sweep: exclude: 'sed' is not swept"},
      {HEAD "sweep: {seed: [1, 2], exclude: [{seed: 3}]}\n", "s.yaml:7:40: sweep: exclude: not a value of 'seed'"},
      {HEAD "sweep: {seed: [1, 2], exclude: [{seed: 1}, {seed: 2}]}\n", "no combination is left"},
      {HEAD "sweep: {seed: [1, 2], zip: {seed: [3]}}\n", "'seed' is swept twice"},
      {HEAD "seed: x\nsweep: {seed: [1, 2]}\n", "s.yaml:7:7: seed: expected an integer"},
      {HEAD "sweep: [1]\n", "s.yaml:7:8: sweep: expected a mapping of paths"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check_mistake(cases[i].text, NULL, cases[i].expected);
}

static void mistakes_on_the_command_line_are_named(void **state) {
  (void)state;
  check_mistake(HEAD, "train.stp=1", "--set train.stp:1:1: train.stp: unknown key (did you mean 'step'?)");
  check_mistake(HEAD, "train.step", "--set train.step: expected KEY=VALUE");
  check_mistake(HEAD, "train.step=", "no value after '='");
  check_mistake(HEAD, "train.step=-1", "--set train.step:1:1: train.step: expected a number > 0, found -1");
  check_mistake(HEAD, "train.step=[", "--set train.step:2:1: not valid YAML");
  check_mistake(HEAD, "study.x=1", "--set study.x:1:1: 'x' cannot be set");
}

static void many_mistakes_are_cut_short(void **state) {
  (void)state;
  check_mistake(HEAD "a: 1\nb: 1\nc: 1\nd: 1\ne: 1\nf: 1\n", NULL, "s.yaml:10:1: d: unknown key\nand 2 more mistakes");
}

static void sweeps_are_products_in_order(void **state) {
  (void)state;
  check_labels(HEAD, NULL, "run");
  check_labels(HEAD "repeat: 2\n", NULL, "run/r0 run/r1");
  const char *text = HEAD
      "sweep:\n"
      "  discriminator.loss: [ipm, {lsgan: {fake: 0}}]\n"
      "  discriminator.network:\n"
      "    a: {type: mlp}\n"
      "    b b/c: {type: rbf, bandwidth: 1}\n";
  check_labels(text, NULL, "ipm/a ipm/b_b_c lsgan/a lsgan/b_b_c");
  check_labels(text, "repeat=2", "ipm/a/r0 ipm/a/r1 ipm/b_b_c/r0 ipm/b_b_c/r1 lsgan/a/r0 lsgan/a/r1 lsgan/b_b_c/r0 lsgan/b_b_c/r1");
  check_labels(text, "discriminator.loss=lsgan", "a b_b_c");
  check_labels(text, "sweep.discriminator.loss=[ipm]", "ipm/a ipm/b_b_c");
  check_labels(text, "sweep=null", "run");
  check_labels(HEAD "sweep: {train.step: [1e-1, 0.5], data.real.center: [[0, 1], 2]}\n", NULL, "1e-1/0,1 1e-1/2 0.5/0,1 0.5/2");
  check_labels(HEAD "sweep: {discriminator.network: [{type: mlp}, {type: mlp, depth: 2}, mlp, {type: rbf, bandwidth: 1}]}\n", NULL,
               "mlp mlp-2 mlp-3 rbf");
}

static void zip_and_exclude_work(void **state) {
  (void)state;
  check_labels(HEAD "sweep: {seed: [1, 2], zip: [{train.step: [3, 4], train.iterations: [5, 6]}]}\n", NULL, "1/3/5 1/4/6 2/3/5 2/4/6");
  check_labels(HEAD "sweep: {zip: [{train.step: [3, 4], train.iterations: [5, 6]}], seed: [1, 2]}\n", NULL, "3/5/1 3/5/2 4/6/1 4/6/2");
  check_labels(HEAD "sweep: {seed: [1, 2], train.step: [3, 4], exclude: [{seed: 1, train.step: 4.0}]}\n", NULL, "1/3 2/3 2/4");
  check_labels(HEAD "sweep: {seed: {x: 1, y: 2}, train.step: [3, 4], exclude: [{seed: x}, {train.step: 4}]}\n", NULL, "y/3");
  check_labels(HEAD "sweep: {seed: [1, 2], train.step: [3, 4], exclude: [{seed: 1, train.step: 4}]}\n", "seed=1", "3");
  check_labels(HEAD "sweep: {seed: [1, 2], train.step: [3, 4], exclude: [{seed: 1, train.step: 4}]}\n", "seed=7", "3 4");
  /* a combination that would be a mistake may be left out */
  check_labels(HEAD
               "sweep:\n  discriminator.network: {m: {type: mlp}, r: {type: rbf, bandwidth: 1}}\n  discriminator.network.depth: [1, 2]\n"
               "  exclude: {discriminator.network: r}\n",
               NULL, "m/1 m/2");
}

static void check_setting(const char *text, const char *set, size_t index, const char *path, const char *expected) {
  ntk_study *study = load(text, set);
  ntk_run_spec run;
  assert_null(ntk_study_run(study, index, &run));
  assert_string_equal(ntk_get_text(run.settings, path), expected);
  ntk_run_spec_free(&run);
  ntk_study_free(&study);
}

static void a_sweep_supplies_what_is_missing(void **state) {
  (void)state;
  check_labels(
      "study: s\ndata:\n  real: {type: ring}\n  fake: {type: ring, points: 2}\ndiscriminator: {network: {type: rbf, bandwidth: 2}}\n"
      "train: {iterations: 5, step: 0.1}\n"
      "sweep: {discriminator.loss: [ipm], data.real.points: [5, 6], discriminator.network: [{type: mlp}]}\n",
      "discriminator.network.depth=4", "ipm/5/mlp ipm/6/mlp");
}

static void values_reach_the_runs(void **state) {
  (void)state;
  const char *text = HEAD
      "sweep:\n"
      "  discriminator.network.depth: [5, 6]\n"
      "  discriminator.network: {x: {type: mlp}, y: {type: mlp, bias_stddev: 2}}\n";
  check_setting(text, NULL, 3, "discriminator.network.depth", "6");
  check_setting(text, NULL, 3, "discriminator.network.bias_stddev", "2");
  check_setting(text, NULL, 2, "discriminator.network.bias_stddev", "0.0");
  check_setting(text, "discriminator.network.bias_stddev=9", 3, "discriminator.network.bias_stddev", "9");
  check_setting(text, "train.step=0.25", 3, "train.step", "0.25");
  check_setting(HEAD, NULL, 0, "record.every", "100");
  check_setting(HEAD "record: {at: 3}\n", NULL, 0, "record.every", "");
}

static void defaults_are_filled_in(void **state) {
  (void)state;
  ntk_study *study = load(HEAD "record: {metrics: [mmd2, {energy: {every: 5}}]}\nrepeat: 3\n", NULL);
  ntk_run_spec run;
  assert_int_equal(ntk_study_count(study), 3);
  assert_null(ntk_study_run(study, 2, &run));
  assert_int_equal(run.repetition, 2);
  const ntk_value *activation = ntk_value_find(run.settings, "discriminator.network.activation");
  assert_int_equal(ntk_value_kind_of(activation), NTK_LIST);
  assert_string_equal(ntk_choice_name(ntk_value_item(activation, 0)), "relu");
  assert_int_equal(ntk_value_where(activation).line, 0);
  assert_string_equal(ntk_value_where(activation).source, "default");
  assert_string_equal(ntk_value_where(ntk_value_find(run.settings, "train.step")).source, "s.yaml");
  const ntk_value *metrics = ntk_value_find(run.settings, "record.metrics");
  assert_int_equal(ntk_value_count(metrics), 2);
  assert_true(ntk_get_number(ntk_choice_parameters(ntk_value_item(metrics, 1)), "every") == 5);
  assert_false(ntk_has(run.settings, "record.spectrum"));
  assert_string_equal(ntk_choice_name(ntk_value_get(run.settings, "generator")), "particles");
  assert_null(ntk_value_get(run.settings, "repeat"));
  ntk_run_spec_free(&run);
  ntk_study_free(&study);
}

/* Id of run `index` of a study that stands in `path`. */
static void id_of(const char *path, const char *text, size_t index, char id[17]) {
  ntk_study *study = NULL;
  ntk_error *e = load_in(path, text, NULL, 0, &study);
  if (e) fail_msg("%s", ntk_error_message(e));
  ntk_run_spec run;
  assert_null(ntk_study_run(study, index, &run));
  e = ntk_study_run_id(study, &run, id);
  if (e) fail_msg("%s", ntk_error_message(e));
  assert_int_equal(strlen(id), 16);
  assert_int_equal(strspn(id, "0123456789abcdef"), 16);
  ntk_run_spec_free(&run);
  ntk_study_free(&study);
}

static void check_same_id(const char *a, const char *b, int same) {
  char x[17], y[17];
  id_of("s.yaml", a, 0, x);
  id_of("s.yaml", b, 0, y);
  if ((strcmp(x, y) == 0) != same) fail_msg("ids %s and %s of\n%s\n%s", x, y, a, b);
}

static void ids_follow_what_matters(void **state) {
  (void)state;
  check_same_id(HEAD,
                "train: {step: 1.0e-1, iterations: 5.0}\ndiscriminator: {loss: {ipm: {}}, network: {type: mlp, depth: 3}}\nstudy: other\n"
                "data: {fake: {points: 20, type: ring}, real: {points: 1e1, type: ring}}\n",
                1);
  check_same_id(HEAD, HEAD "seed: 0\nrepeat: 4\nresources: {ranks_per_run: 2, checkpoint_every: 5}\nrecord: {every: 100, spectrum: null}\n", 1);
  check_same_id(HEAD "repeat: 4\n", HEAD "seed: 0\nrepeat: 4\nresources: {ranks_per_run: 2}\nrecord: {every: 100, spectrum: null, metrics: []}\n", 1);
  check_same_id(HEAD, HEAD "repeat: 4\n", 1);
  check_same_id(HEAD, HEAD "sweep: {discriminator.loss: [ipm, lsgan]}\n", 1);
  check_same_id(HEAD, HEAD "seed: 1\n", 0);
  check_same_id(HEAD, HEAD "record: {every: 99}\n", 0);
  check_same_id(HEAD, HEAD "record: {at: [0]}\n", 0);
  check_same_id(HEAD, HEAD "record: {spectrum: {}}\n", 0);
  check_same_id(HEAD "record: {spectrum: {}}\n", HEAD "record: {spectrum: {eigenvalues: all}}\n", 1);
  check_same_id(HEAD "record: {metrics: mmd2}\n", HEAD "record: {metrics: [{mmd2: {every: null}}]}\n", 1);
  char a[17], b[17];
  id_of("s.yaml", HEAD "repeat: 2\n", 0, a);
  id_of("s.yaml", HEAD "repeat: 2\n", 1, b);
  assert_string_not_equal(a, b);
  id_of("s.yaml", HEAD, 0, b);
  assert_string_equal(a, b); /* more repetitions change no id */
}

/* Canonical JSON of what is not default. */
static void stripped_json(const ntk_key *keys, const char *text, ntk_text *out) {
  ntk_arena *arena;
  const ntk_value *raw, *checked, *stripped;
  assert_null(ntk_arena_create(&arena));
  const ntk_schema schema = {arena, &catalog, NULL};
  assert_null(ntk_value_parse(arena, "t", text, strlen(text), &raw));
  assert_null(ntk_schema_check(&schema, keys, "", raw, &checked));
  assert_null(ntk_schema_strip(&schema, keys, checked, &stripped));
  ntk_json j = NTK_JSON(out);
  ntk_value_json(&j, NULL, stripped);
  ntk_arena_free(&arena);
}

static void a_new_key_with_a_default_changes_nothing(void **state) {
  (void)state;
  static const ntk_key inner_old[] = {{"a", NTK_T_NUMBER, 0, 0, 0, NULL, NULL, NULL, "1", NULL, ""}, NTK_KEYS_END};
  static const ntk_key inner_new[] = {{"z", NTK_T_SECTION, 0, 0, 0, NULL, NULL, inner_old, NULL, NULL, ""},
                                      {"a", NTK_T_NUMBER, 0, 0, 0, NULL, NULL, NULL, "1", NULL, ""},
                                      {"b", NTK_T_NAMED, NTK_KEY_LIST, 0, 0, NULL, "activations", NULL, "[relu, leaky_relu]", NULL, ""},
                                      NTK_KEYS_END};
  static const ntk_key before[] = {{"n", NTK_T_TYPED, 0, 0, 0, NULL, "networks", inner_old, "mlp", NULL, ""},
                                   {"s", NTK_T_SECTION, 0, 0, 0, NULL, NULL, inner_old, NULL, NULL, ""},
                                   NTK_KEYS_END};
  static const ntk_key after[] = {{"t", NTK_T_TYPED, 0, 0, 0, NULL, "networks", NULL, "{type: rbf, bandwidth: 2}", NULL, ""},
                                  {"s", NTK_T_SECTION, 0, 0, 0, NULL, NULL, inner_new, NULL, NULL, ""},
                                  {"n", NTK_T_TYPED, 0, 0, 0, NULL, "networks", inner_new, "{type: mlp}", NULL, ""},
                                  NTK_KEYS_END};
  static const char *const texts[] = {"{}", "{s: {a: 2}}", "{n: {type: mlp, depth: 4}}", "{n: {type: rbf, bandwidth: 1, a: 3}, s: {a: 1.0}}"};
  static const char *const expected[] = {"{}", "{\"s\": {\"a\": 2}}", "{\"n\": {\"depth\": 4, \"type\": \"mlp\"}}",
                                         "{\"n\": {\"a\": 3, \"bandwidth\": 1, \"type\": \"rbf\"}}"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    ntk_text x = NTK_TEXT, y = NTK_TEXT;
    stripped_json(before, texts[i], &x);
    stripped_json(after, texts[i], &y);
    assert_string_equal(x.bytes, expected[i]);
    assert_string_equal(y.bytes, expected[i]);
    ntk_text_free(&x);
    ntk_text_free(&y);
  }
}

/* The published id of a study: it must stay, for results on disk are found by it. */
static void ids_stay(void **state) {
  (void)state;
  char id[17];
  id_of("s.yaml", HEAD, 0, id);
  assert_string_equal(id, "a7035f32ad530acc");
}

static void write_file(const char *name, const char *content) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(content, file);
  fclose(file);
}

static void id_with_file(const char *file, char id[17]) {
  char study[128], text[512];
  snprintf(study, sizeof study, "%s/s.yaml", folder);
  snprintf(text, sizeof text, "%ssweep: {data.real: [{type: file, path: '%s'}]}\n", HEAD, file);
  id_of(study, text, 0, id);
}

static void ids_follow_contents_of_files(void **state) {
  (void)state;
  char a[17], b[17], path[128];
  assert_non_null(mkdtemp(folder));
  write_file("a.csv", "1,2\n");
  write_file("b.csv", "1,2\n");
  id_with_file("a.csv", a);
  id_with_file("b.csv", b);
  assert_string_equal(a, b);
  snprintf(path, sizeof path, "%s/a.csv", folder);
  id_with_file(path, b);
  assert_string_equal(a, b);
  id_with_file("a.csv:/x", b);
  assert_string_not_equal(a, b);
  write_file("b.csv", "1,3\n");
  id_with_file("b.csv", b);
  assert_string_not_equal(a, b);
  for (const char *const *name = (const char *const[]){"a.csv", "b.csv", NULL}; *name; name++) {
    snprintf(path, sizeof path, "%s/%s", folder, *name);
    unlink(path);
  }
  rmdir(folder);
}

static void large_sweeps_are_bounded(void **state) {
  (void)state;
  ntk_text text = NTK_TEXT;
  ntk_text_add(&text, HEAD "sweep:\n");
  static const char *const paths[] = {"seed", "train.step", "train.iterations"};
  for (size_t p = 0; p < 3; p++) {
    ntk_text_addf(&text, "  %s: [1", paths[p]);
    for (int i = 2; i <= 300; i++) ntk_text_addf(&text, ", %d", i);
    ntk_text_add(&text, "]\n");
  }
  check_mistake(text.bytes, NULL, "the sweep makes more than 10000000 runs");
  ntk_study *study = load(text.bytes, "seed=1");
  assert_int_equal(ntk_study_count(study), 90000);
  assert_int_equal(ntk_study_axes(study), 2);
  assert_string_equal(ntk_study_axis(study, 0), "train.step");
  ntk_study_free(&study);
  ntk_text_free(&text);
}

static void settings_read_back_equal(void **state) {
  (void)state;
  ntk_study *study =
      load(HEAD "record: {metrics: [mmd2], spectrum: {every: 5}, at: [0, 3]}\nsweep: {discriminator.loss: {x: {lsgan: {fake: 0}}}}\n", NULL);
  ntk_run_spec run;
  assert_null(ntk_study_run(study, 0, &run));
  ntk_text yaml = NTK_TEXT;
  ntk_value_yaml(&yaml, run.settings);
  ntk_study *again = load(yaml.bytes, NULL);
  ntk_run_spec same;
  assert_null(ntk_study_run(again, 0, &same));
  char a[17], b[17];
  assert_null(ntk_study_run_id(study, &run, a));
  assert_null(ntk_study_run_id(again, &same, b));
  assert_string_equal(a, b);
  ntk_text_free(&yaml);
  ntk_run_spec_free(&run);
  ntk_run_spec_free(&same);
  ntk_study_free(&study);
  ntk_study_free(&again);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(mistakes_are_found_at_their_place),
      cmocka_unit_test(mistakes_in_sweeps_are_found_at_their_place),
      cmocka_unit_test(mistakes_on_the_command_line_are_named),
      cmocka_unit_test(many_mistakes_are_cut_short),
      cmocka_unit_test(sweeps_are_products_in_order),
      cmocka_unit_test(zip_and_exclude_work),
      cmocka_unit_test(a_sweep_supplies_what_is_missing),
      cmocka_unit_test(values_reach_the_runs),
      cmocka_unit_test(defaults_are_filled_in),
      cmocka_unit_test(ids_follow_what_matters),
      cmocka_unit_test(a_new_key_with_a_default_changes_nothing),
      cmocka_unit_test(ids_stay),
      cmocka_unit_test(ids_follow_contents_of_files),
      cmocka_unit_test(large_sweeps_are_bounded),
      cmocka_unit_test(settings_read_back_equal),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
