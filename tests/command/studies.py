"""What the tests of whole studies share: a small study, its undisturbed results, jobs that are watched and killed."""

import json
import os
import pathlib
import signal
import subprocess
import time

import h5py
import pytest

from support import PROGRAM, file_datasets, ntkgan

STUDY = """
study: small
seed: 3
data:
  real: {type: ring, modes: 8, radius: 5.0, stddev: 0.5, points: 60}
  fake: {type: gaussian, dimension: 2, stddev: 1.0, points: 60}
discriminator:
  network: {type: mlp, depth: 2, activation: relu, bias_stddev: 1.0}
  loss: ipm
train: {iterations: 4000, step: 5}
record: {every: 2000, trajectory: true, metrics: [mmd2, energy]}
resources: {checkpoint_every: 0.1}
sweep:
  discriminator.loss: [ipm, lsgan]
  train.step: [5, 10]
"""
LABELS = ["ipm/5", "ipm/10", "lsgan/5", "lsgan/10"]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    path = tmp_path_factory.mktemp("study") / "study.yaml"
    path.write_text(STUDY)
    return path


@pytest.fixture(scope="module")
def undisturbed(study, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed") / "out"
    ntkgan("run", study, "-o", folder, "--ranks", 1)
    return folder


def start(*arguments):
    """Starts the command without waiting for it."""
    return subprocess.Popen([PROGRAM, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait_for(condition, job, timeout=60):
    end = time.monotonic() + timeout
    while not condition():
        assert job.poll() is None, f"the job ended too early: {job.communicate()[0]}"
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.01)


def has_checkpoint(folder):
    return lambda: any((folder / "checkpoints").glob("*.h5"))


def all_events(folder):
    """(kind, label or id) of the journals' complete lines, in order."""
    found = []
    for journal in sorted(folder.glob("journal-*.jsonl")):
        for line in journal.read_text().splitlines(keepends=True):
            if line.endswith("\n"):
                event = json.loads(line.split("\t")[0])
                found.append((event["event"], event.get("label", event.get("id"))))
    return found


def events(folder, kind):
    return [label for name, label in all_events(folder) if name == kind]


def state(folder):
    return json.loads(ntkgan("status", folder, "--json").stdout)


def datasets(folder):
    """Every numeric dataset of a study's run files, by file and name."""
    return {(path.name, name): values for path in (folder / "runs").glob("*.h5") for name, values in file_datasets(path).items()}


def assert_equal_results(folder, expected):
    """The numeric datasets of index and run files agree to the bit."""
    with h5py.File(folder / "index.h5") as ours, h5py.File(expected / "index.h5") as theirs:
        assert list(ours["metrics"]) == list(theirs["metrics"])
        for name in ours["metrics"]:
            assert ours["metrics"][name][()].tobytes() == theirs["metrics"][name][()].tobytes(), name
        assert sorted(ours["links"]) == sorted(theirs["links"])
        for identity in theirs["links"]:
            for name in ["trajectory/fake", "trajectory/iteration", "data/real", "loss"]:
                assert ours["links"][identity][name][()].tobytes() == theirs["links"][identity][name][()].tobytes(), name
    assert list(folder.rglob("*.part")) == []
    assert list((folder / "checkpoints").iterdir()) == []


def family(root):
    """The process ids of a process and all its descendants."""
    found, known = [root], {}
    for entry in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        known.setdefault(int(fields[1]), []).append(int(entry.parent.name))
    for parent in found:
        found += known.get(parent, [])
    return found


def kill_all(job):
    for process in family(job.pid):
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            pass
    job.communicate(timeout=60)
