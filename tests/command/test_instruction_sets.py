# ranks: 2
"""Studies on each instruction set of this machine: the same numbers but for rounding, the set recorded, a checkpoint of another one left alone. Units of
the kernels and fields run on each by tests/run, single kernel values and gradients by test_accuracy.py."""

import json
import signal

import h5py
import numpy as np
import pytest

from studies import assert_equal_results, datasets, has_checkpoint, start, study, wait_for
from support import different, instruction_sets, ntkgan

STUDY = """
study: sets
seed: 5
data:
  real: {type: ring, modes: 8, radius: 5.0, stddev: 0.5, points: 70}
  fake: {type: gaussian, dimension: 2, stddev: 1.0, points: 50}
discriminator:
  network: {type: mlp, depth: 2, activation: relu, bias_stddev: 1.0}
  loss: ipm
train: {iterations: 10, step: 1}
record: {every: 5, trajectory: true, metrics: [mmd2, sinkhorn]}
sweep:
  discriminator.loss: [ipm, lsgan, hinge]
  discriminator.network:
    - {type: mlp, depth: 3, activation: relu, bias_stddev: 1.0}
    - {type: mlp, depth: 2, activation: [erf, tanh], bias_stddev: 0.5}
    - {type: rbf, bandwidth: 2.0}
"""
OTHERS = instruction_sets()[1:]


@pytest.fixture(scope="module")
def best(tmp_path_factory):
    place = tmp_path_factory.mktemp("best")
    (place / "study.yaml").write_text(STUDY)
    ntkgan("run", place / "study.yaml", "-o", place / "out", "--ranks", 1)
    return place


@pytest.mark.slow
@pytest.mark.parametrize("isa", OTHERS)
def test_a_study_is_the_same_but_for_rounding(best, tmp_path, isa):
    for ranks in (1, 2):
        ntkgan("run", best / "study.yaml", "-o", tmp_path / str(ranks), "--ranks", ranks, env={"NTKGAN_ISA": isa})
    mine, wanted = datasets(tmp_path / "1"), datasets(best / "out")
    assert mine.keys() == wanted.keys() and not different(mine, datasets(tmp_path / "2"))
    for name, values in wanted.items():
        assert np.allclose(mine[name], values, rtol=1e-9, atol=1e-9 * np.abs(values).max()), name
    assert different(mine, wanted), f"{isa} was not used"
    for path in (tmp_path / "1" / "runs").glob("*.h5"):
        with h5py.File(path) as file:
            assert file.attrs["instruction_set"] == isa
    assert f'"instruction_set":"{isa}"' in next((tmp_path / "1").glob("journal-*.jsonl")).read_text().replace(": ", ":")


@pytest.mark.slow
@pytest.mark.parametrize("isa", OTHERS[:1])
def test_a_checkpoint_of_another_set_is_left_alone(study, tmp_path, isa):
    arguments = ["run", study, "--ranks", 1, "--only", "lsgan/10", "--set", "resources.checkpoint_iterations=100"]
    job = start(*arguments, "-o", tmp_path / "out")
    wait_for(has_checkpoint(tmp_path / "out"), job)
    job.send_signal(signal.SIGTERM)
    assert job.wait(60) == 75
    said = ntkgan(*arguments, "-o", tmp_path / "out", env={"NTKGAN_ISA": isa}).stderr
    assert f"began with instruction set {instruction_sets()[0]}, this machine uses {isa}" in said
    assert "resumed at iteration" not in said
    ntkgan(*arguments, "-o", tmp_path / "alone", env={"NTKGAN_ISA": isa})
    assert_equal_results(tmp_path / "out", tmp_path / "alone")


def test_version_names_those_there_are():
    for isa in instruction_sets():
        assert json.loads(ntkgan("version", "--json", env={"NTKGAN_ISA": isa}).stdout)["instruction_set"] == isa
    for none in ({}, {"NTKGAN_ISA": ""}):
        assert json.loads(ntkgan("version", "--json", env=none).stdout)["instruction_set"] == instruction_sets()[0]


@pytest.mark.parametrize("command", [["version"], ["run", "STUDY", "-o", "OUT"], ["run", "STUDY", "-o", "OUT", "--ranks", "2"]])
def test_a_wrong_name_is_refused(best, tmp_path, command):
    words = {"STUDY": best / "study.yaml", "OUT": tmp_path / "out"}
    failed = ntkgan(*(words.get(word, word) for word in command), env={"NTKGAN_ISA": "avx512"}, status=2)
    assert f"NTKGAN_ISA=avx512: no instruction set of this machine and this build; they have {' '.join(instruction_sets())}\n" in failed.stderr
    assert not (tmp_path / "out").exists() and not failed.stdout
