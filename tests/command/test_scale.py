# ranks: 2
"""Many tiny runs in one study: no file a run, one index, everything counted."""

import json

import h5py
import numpy
import pytest

from studies import state
from support import ntkgan

pytestmark = pytest.mark.slow

RUNS = 6000  # text columns of that many rows are larger than what HDF5 keeps in one piece

TINY = f"""
study: tiny
repeat: {RUNS // 2}
data:
  real: {{type: gaussian, dimension: 2, points: 2}}
  fake: {{type: gaussian, dimension: 2, points: 2}}
discriminator:
  network: {{type: rbf, bandwidth: 1.0}}
  loss: ipm
train: {{iterations: 1, step: 1}}
record: {{trajectory: false, metrics: []}}
sweep:
  train.step: [1, 2]
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    root = tmp_path_factory.mktemp("tiny")
    (root / "study.yaml").write_text(TINY)
    ntkgan("run", root / "study.yaml", "-o", root / "out", "--ranks", 2)
    return root


def test_every_run_is_in_the_index_and_none_has_a_file(tiny):
    folder = tiny / "out"
    assert state(folder)["done"] == RUNS
    assert list((folder / "runs").iterdir()) == [] and list((folder / "checkpoints").iterdir()) == []
    with h5py.File(folder / "index.h5") as index:
        assert len(set(index["runs/id"].asstr()[()])) == RUNS
        assert (index["runs/state"].asstr()[()] == "done").all()
        assert index["metrics/loss"].shape == (RUNS, 2) and numpy.isfinite(index["metrics/loss"][()]).all()


def test_shards_and_another_number_of_workers_give_the_same(tiny, tmp_path):
    for shard in (2, 1):
        ntkgan("run", tiny / "study.yaml", "-o", tmp_path / "out", "--ranks", 1, "--shard", f"{shard}/2")
    ntkgan("index", tmp_path / "out")
    with h5py.File(tiny / "out" / "index.h5") as one, h5py.File(tmp_path / "out" / "index.h5") as other:
        for name in ["runs/id", "runs/label", "runs/repetition", "metrics/loss"]:
            assert numpy.array_equal(one[name][()], other[name][()]), name


def test_a_lost_stretch_of_the_journal_is_computed_again(tiny, tmp_path):
    """A hundred lines in the middle become rubbish: exactly the runs whose end they held are run again."""
    folder = tmp_path / "out"
    folder.mkdir()
    lines = (tiny / "out" / "journal-1.jsonl").read_bytes().splitlines(keepends=True)
    lost = lines[4000:4100]
    ended = sum(json.loads(line.split(b"\t")[0])["event"] == "done" for line in lost)
    (folder / "journal-1.jsonl").write_bytes(b"".join(lines[:4000] + [line[:20] + b"\0" + line[21:] for line in lost] + lines[4100:]))
    done = ntkgan("run", tiny / "study.yaml", "-o", folder, "--ranks", 1)
    assert "100 damaged lines ignored" in done.stderr and f"{ended} runs to do" in done.stderr
    assert state(folder)["done"] == RUNS
