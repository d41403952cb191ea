# ranks: 2
"""Memory of a run on several ranks: what is prepared of its points is there once, not once a rank."""

import itertools
import json
import pathlib
import time

import h5py
import numpy as np
import pytest

from studies import family, start
from support import ntkgan
from support import ntkgan

pytestmark = pytest.mark.slow

# Many numbers a point: features of three activations, or its own coordinates (twice: as they are and with the tables). Points are few or many.
CASES = {"features": (2, "tanh", 20000, 173e6), "coordinates": (1000, "relu", 8000, 128e6)}
FEW = 300
STUDY = """
study: memory
data:
  real: {type: gaussian, dimension: DIMENSION, stddev: 1.2, points: POINTS}
  fake: {type: gaussian, dimension: DIMENSION, stddev: 1.0, points: 300}
discriminator:
  network: {type: mlp, depth: 3, activation: ACTIVATION, bias_stddev: 1.0}
  loss: ipm
train: {iterations: 2, step: 1}
record: {every: 1, trajectory: true}
sweep: {discriminator.loss: [ipm]}
"""


def share_of(process):
    """A process's memory; what it shares with others is divided among them."""
    try:
        text = pathlib.Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:  # it has ended
        return 0
    return next((1024 * int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")), 0)


def is_rank(process):
    try:
        return b"OMPI_COMM_WORLD_RANK=" in pathlib.Path(f"/proc/{process}/environ").read_bytes()
    except OSError:
        return False


def peak(study, folder, ranks):
    """Of all ranks together; what the plan said of it; and the trajectory."""
    on = ["--ranks", ranks, "--set", f"resources.ranks_per_run={ranks}"]
    planned = ranks * json.loads(ntkgan("plan", study, *on, "--json").stdout)["runs"][0]["memory_bytes_per_rank"]
    job, most = start("run", study, "-o", folder, *on), 0
    while job.poll() is None:
        most = max(most, sum(share_of(process) for process in family(job.pid) if ranks == 1 or is_rank(process)))
        time.sleep(0.02)
    assert job.returncode == 0, job.communicate()[0]
    with h5py.File(next((folder / "runs").iterdir())) as file:
        return most, planned, {name: file[name][...] for name in file if isinstance(file[name], h5py.Dataset)}


@pytest.mark.parametrize("case", CASES)
def test_prepared_points_are_there_once(tmp_path, case):
    dimension, activation, many, size = CASES[case]
    most, planned, results = {}, {}, {}
    for ranks, points in itertools.product((1, 2, 4), (FEW, many)):
        study = tmp_path / "study.yaml"
        study.write_text(STUDY.replace("DIMENSION", str(dimension)).replace("ACTIVATION", activation).replace("POINTS", str(points)))
        most[ranks, points], planned[ranks, points], results[ranks, points] = peak(study, tmp_path / f"{ranks}-{points}", ranks)
    grown = {ranks: most[ranks, many] - most[ranks, FEW] for ranks in (1, 2, 4)}
    expected = {ranks: planned[ranks, many] - planned[ranks, FEW] for ranks in (1, 2, 4)}
    assert grown[1] > 0.9 * size
    assert grown[2] < 1.15 * grown[1] and grown[4] < 1.35 * grown[1]
    assert all(most[key] < planned[key] for key in most)
    assert all(grown[ranks] < expected[ranks] < 3 * grown[ranks] for ranks in (1, 2, 4))
    for ranks in (2, 4):
        assert results[1, many].keys() == results[ranks, many].keys() and len(results[1, many]) > 0
        assert all(np.array_equal(results[1, many][name], results[ranks, many][name]) for name in results[1, many])
