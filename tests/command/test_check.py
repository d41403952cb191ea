# ranks: 1
"""Mistakes in studies are told with file, line and column before anything starts; help, list and schema agree with the reader."""

import json
import os
import re

import pytest
import yaml
from support import ntkgan

STUDY = """\
study: eight-gaussians
seed: 1
repeat: 3
data:
  real: {type: ring, modes: 8, radius: 5.0, stddev: 0.5, points: 500}
  fake: {type: gaussian, dimension: 2, stddev: 1.0, points: 500}
discriminator:
  width: infinite
  kernel: ntk
  network: {type: mlp, depth: 3, activation: relu, weight_stddev: 1.0, bias_stddev: 1.0}
  loss: ipm
  time: 1.0
  normalization: measure
generator: {type: particles}
train: {iterations: 20000, step: 1000, integrator: euler}
record:
  every: 100
  trajectory: true
  metrics: [mmd2, sinkhorn, energy]
  spectrum: {every: 5000, eigenvalues: all, eigenvectors: 16}
sweep:
  discriminator.loss: [ipm, lsgan]
  discriminator.network:
    relu:         {type: mlp, depth: 3, activation: relu, bias_stddev: 1.0}
    relu-no-bias: {type: mlp, depth: 3, activation: relu, bias_stddev: 0.0}
    sigmoid:      {type: mlp, depth: 3, activation: sigmoid_like, bias_stddev: 0.2}
    rbf:          {type: rbf, bandwidth: 1.41421356}
"""


def write(folder, content, name="s.yaml"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


BOMB = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12))

# what is changed, the place and words of the first line of the answer
MISTAKES = {
    "misspelt key": (STUDY.replace("seed:", "sed:"), r":2:1: sed: unknown key \(did you mean 'seed'\?\)"),
    "misspelt parameter": (STUDY.replace("modes:", "mods:"), r":5:22: data\.real\.mods: unknown key \(did you mean 'modes'\?\)"),
    "misspelt name": (STUDY.replace("loss: ipm", "loss: imp"), r":11:9: discriminator\.loss: .*did you mean 'ipm'"),
    "misspelt swept name": (STUDY.replace("lsgan]", "lsgna]"), r":22:29: discriminator\.loss: .*did you mean 'lsgan'"),
    "misspelt swept path": (STUDY.replace("discriminator.loss", "discriminator.los"), r":22:3: sweep: .*did you mean 'loss'"),
    "wrong type": (STUDY.replace("repeat: 3", "repeat: three"), r":3:9: repeat: expected an integer .*\"three\""),
    "list for a number": (STUDY.replace("repeat: 3", "repeat: [3]"), r":3:9: repeat: expected an integer .*a list"),
    "out of range": (STUDY.replace("step: 1000", "step: -5"), r":15:34: train\.step: expected a number > 0, found -5"),
    "NaN": (STUDY.replace("step: 1000", "step: .nan"), r":15:34: train\.step: .*NaN"),
    "nan as a word": (STUDY.replace("step: 1000", "step: nan"), r":15:34: train\.step: expected a number"),
    "infinite": (STUDY.replace("step: 1000", "step: .inf"), r":15:34: train\.step: .*not finite"),
    "overflow": (STUDY.replace("step: 1000", "step: 1e999"), r":15:34: train\.step: .*not finite"),
    "20-digit integer": (STUDY.replace("seed: 1", "seed: 12345678901234567890"), r":2:7: seed: .*2\^53"),
    "missing file": (STUDY.replace("{type: gaussian, dimension: 2, stddev: 1.0, points: 500}", "{type: file, path: nowhere.npy}"),
                     r":6:28: data\.fake\.path: cannot read .*/nowhere\.npy: No such file"),
    "tab": (STUDY.replace("  kernel: ntk", "\tkernel: ntk"), r":9:1: a tab in the indentation"),
    "duplicate key": (STUDY + "seed: 2\n", r":28:1: 'seed' is given twice \(first at line 2\)"),
    "alias bomb": (BOMB + STUDY, r":\d+:\d+: more than 1000000 values"),
    "binary junk": (bytes(range(256)) * 8, r":1:1: a NUL byte"),
    "not UTF-8": (STUDY.replace("eight-gaussians", "caf\u00e9").encode("latin-1"), r":1:11: byte 0xe9"),
    "empty": ("", r":1:1: the file is empty"),
    "only comments": ("# nothing\n", r":1:1: nothing in it"),
    "a list": ("- 1\n", r":1:1: expected a study"),
    "two documents": (STUDY + "---\na: 1\n", r":28:1: a second document"),
    "open bracket": (STUDY.replace("lsgan]", "lsgan"), r":\d+:\d+: not valid YAML"),
    "null": (STUDY.replace("seed: 1", "seed:"), r":2:6: seed: expected an integer .*nothing"),
    "missing key": (STUDY.replace("iterations: 20000, ", ""), r":15:8: train\.iterations: required: an integer"),
    "every and at": (STUDY.replace("every: 100", "every: 100\n  at: [1]"), r":17:3: record\.every: either this or 'at', not both"),
    "unequal zip": (STUDY + "  zip: [{seed: [1, 2], train.step: [1]}]\n", r":28:24: sweep: zip needs lists of equal length"),
    "deep": ("a: " + "[" * 100000, r":1:67: nested deeper than 64 levels"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake(name, tmp_path):
    content, pattern = MISTAKES[name]
    path = write(tmp_path, content)
    done = ntkgan("check", path, status=2, timeout=20)
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert 1 <= len(lines) <= 5, done.stderr
    assert lines[0].startswith(f"{path}:"), done.stderr
    assert re.search(pattern, lines[0]), done.stderr


@pytest.mark.parametrize("name", ["misspelt key", "empty", "NaN", "missing file"])
def test_run_starts_nothing(name, tmp_path):
    path = write(tmp_path, MISTAKES[name][0])
    ntkgan("run", path, "-o", tmp_path / "out", status=2, timeout=20)
    assert [p.name for p in tmp_path.iterdir()] == ["s.yaml"]


def test_good_study_is_silent(tmp_path):
    done = ntkgan("check", write(tmp_path, STUDY))
    assert (done.stdout, done.stderr) == ("", "")


def test_study_that_cannot_be_read(tmp_path):
    assert "folder" in ntkgan("check", tmp_path, status=2).stderr
    assert "No such file" in ntkgan("check", tmp_path / "none.yaml", status=2).stderr
    ntkgan("check", status=2)


def test_set(tmp_path):
    path = write(tmp_path, STUDY)
    ntkgan("check", path, "--set", "train.step=0.5")
    wrong = ntkgan("check", path, "--set", "train.stp=0.5", status=2).stderr
    assert wrong.startswith("--set train.stp:1:1: train.stp: unknown key (did you mean 'step'?)")
    runs = yaml.safe_load(ntkgan("check", path, "--resolved", "--set", "discriminator.loss=lsgan").stdout)
    assert [r["label"] for r in runs[:4]] == ["relu/r0", "relu/r1", "relu/r2", "relu-no-bias/r0"]
    assert all(list(r["settings"]["discriminator"]["loss"]) == ["lsgan"] for r in runs)


def test_resolved_reads_back(tmp_path):
    path = write(tmp_path, STUDY)
    runs = yaml.safe_load(ntkgan("check", path, "--resolved").stdout)
    assert [r["label"] for r in runs][::3] == [f"{loss}/{net}/r0" for loss in ("ipm", "lsgan") for net in ("relu", "relu-no-bias", "sigmoid", "rbf")]
    assert len({r["id"] for r in runs}) == 24 and all(re.fullmatch("[0-9a-f]{16}", r["id"]) for r in runs)
    assert runs[0]["settings"]["discriminator"]["tolerance"] is not None
    as_json = json.loads(ntkgan("check", path, "--resolved", "--json").stdout)
    assert [r["id"] for r in as_json] == [r["id"] for r in runs]
    single = write(tmp_path, yaml.safe_dump(runs[4 * 3]["settings"]), "single.yaml")
    again = yaml.safe_load(ntkgan("check", single, "--resolved").stdout)
    assert again[0]["id"] == runs[4 * 3]["id"] and again[0]["settings"] == runs[4 * 3]["settings"]


def test_ids_follow_the_content_of_files(tmp_path):
    text = STUDY.replace("{type: gaussian, dimension: 2, stddev: 1.0, points: 500}", "{type: file, path: FILE}")
    os.makedirs(tmp_path / "deep")

    def ids(file):
        path = write(tmp_path, text.replace("FILE", str(file)))
        return [r["id"] for r in yaml.safe_load(ntkgan("check", path, "--resolved").stdout)]

    write(tmp_path, "1,2\n3,4\n", "a.csv")
    write(tmp_path / "deep", "1,2\n3,4\n", "b.csv")
    assert ids("a.csv") == ids("deep/b.csv") == ids(tmp_path / "a.csv")
    before = ids("a.csv")
    write(tmp_path, "1,2\n3,5\n", "a.csv")
    assert not set(before) & set(ids("a.csv"))


def test_json_schema(tmp_path):
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(ntkgan("schema").stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    good = yaml.safe_load(STUDY)
    assert not list(validator.iter_errors(good))
    for name in ("misspelt key", "misspelt parameter", "misspelt name", "wrong type", "out of range", "20-digit integer", "every and at",
                 "misspelt swept path"):
        assert list(validator.iter_errors(yaml.safe_load(MISTAKES[name][0]))), name
    without = {key: value for key, value in good.items() if key not in ("train", "sweep")}
    assert list(validator.iter_errors(without))


def test_help_and_list():
    config = ntkgan("help", "config").stdout
    for key in ("study *", "seed", "iterations *", "checkpoint_every", "exclude"):
        assert key in config
    assert "ntkgan check STUDY.yaml" in ntkgan("help", "check").stdout
    assert "did you mean 'config'" in ntkgan("help", "confg", status=2).stderr
    assert "did you mean 'losses'" in ntkgan("list", "loses", status=2).stderr
    for kind in ("activations", "losses", "metrics", "data", "networks"):
        text = ntkgan("list", kind).stdout
        entries = json.loads(ntkgan("list", kind, "--json").stdout)
        assert entries and all(f"\n{e['name']}" in text and e["help"] for e in entries)
        assert all("help" in p for e in entries for p in e["parameters"])
    assert "activations" in ntkgan("list").stdout
