# ranks: 2
"""Large distributed runs and many small ones in one study, through the real command."""

import json

import h5py
import pytest

from studies import state
from support import ntkgan

pytestmark = pytest.mark.slow

# The large runs' matrix (n + m)^2 does not fit one rank's memory, so they need two; the small ones take one.
MIXED = """
study: mixed
repeat: 6
data:
  real: {type: ring, modes: 8, radius: 5.0, points: 40}
  fake: {type: gaussian, dimension: 2, points: 20}
discriminator:
  network: {type: mlp, depth: 1, activation: relu, bias_stddev: 1.0}
  loss: lsgan
train: {iterations: 3, step: 1}
record: {trajectory: false, metrics: [energy]}
resources: {memory_per_rank: 0.115}
sweep:
  data.real.points: [40, 2600]
"""


def journal(folder):
    for line in (folder / "journal-1.jsonl").read_text().splitlines():
        yield json.loads(line.split("\t")[0])


def test_large_and_small_runs_share_the_workers(tmp_path):
    (tmp_path / "study.yaml").write_text(MIXED)
    folder = tmp_path / "out"
    ntkgan("run", tmp_path / "study.yaml", "-o", folder, "--ranks", 3)
    assert state(folder)["done"] == 12
    busy, beside, most = {}, 0, 0
    for event in journal(folder):
        if event["event"] == "started":
            busy[event["id"]] = event["group"]
            assert event["group"] == (2 if event["label"].startswith("2600") else 1), event["label"]
            tiny = [group for group in busy.values() if group == 1]
            assert 2 * list(busy.values()).count(2) + min(len(tiny), 1) <= 3  # very short runs wait at their worker
            most = max(most, len(busy))
        elif event["event"] == "done":
            beside += busy.pop(event["id"]) == 1 and 2 in busy.values()
    assert most >= 2 and beside > 0  # small runs went on beside a large one


def test_the_number_of_ranks_of_a_run_changes_no_bit(tmp_path):
    (tmp_path / "study.yaml").write_text(MIXED.replace("repeat: 6", "repeat: 2"))
    tables = []
    for memory in ["0.115", "4"]:
        ntkgan("run", tmp_path / "study.yaml", "-o", tmp_path / memory, "--ranks", 2, "--set", f"resources.memory_per_rank={memory}")
        with h5py.File(tmp_path / memory / "index.h5") as index:
            tables.append({name: values[()].tobytes() for name, values in index["metrics"].items()})
    assert tables[0] == tables[1] and "energy" in tables[0]
