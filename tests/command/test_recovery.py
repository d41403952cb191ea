# ranks: 2
"""What was saved is checked before it is used: damaged checkpoints and run files cost what was damaged and nothing else."""

import os
import shutil
import signal

import h5py
import pytest

from studies import assert_equal_results, events, has_checkpoint, start, study, undisturbed, wait_for
from support import ntkgan

pytestmark = pytest.mark.slow

ONE = ["--only", "lsgan/10", "--set", "resources.checkpoint_iterations=100"]


@pytest.fixture(scope="module")
def interrupted(study, tmp_path_factory):
    """A folder whose one run was stopped with two generations of its checkpoint there."""
    folder = tmp_path_factory.mktemp("interrupted") / "out"
    job = start("run", study, "-o", folder, "--ranks", 1, *ONE)
    wait_for(lambda: any(folder.glob("checkpoints/*.previous")), job)
    job.send_signal(signal.SIGTERM)
    output, _ = job.communicate(timeout=60)
    assert job.returncode == 75, output
    return folder


def resume(study, folder, *arguments):
    done = ntkgan("run", study, "-o", folder, "--ranks", 1, *ONE, *arguments)
    assert list((folder / "checkpoints").iterdir()) == []
    return done.stderr


def same_run(folder, undisturbed):
    (path,) = (folder / "runs").iterdir()
    with h5py.File(path) as ours, h5py.File(undisturbed / "runs" / path.name) as theirs:
        for name in ["trajectory/fake", "metrics/mmd2", "metrics/energy", "loss"]:
            assert ours[name][()].tobytes() == theirs[name][()].tobytes(), name
    return True


def iteration(path):
    with h5py.File(path) as checkpoint:
        return int(checkpoint.attrs["iteration"])


def flip(path, at):
    with open(path, "r+b") as file:
        file.seek(at if at >= 0 else os.path.getsize(path) + at)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))


def test_a_resumed_run_equals_an_undisturbed_one(study, undisturbed, interrupted, tmp_path):
    folder = shutil.copytree(interrupted, tmp_path / "out")
    (newest,) = folder.glob("checkpoints/*.h5")
    assert f"resumed at iteration {iteration(newest)}" in resume(study, folder)
    assert same_run(folder, undisturbed)


def test_a_resumed_run_takes_the_same_centre(tmp_path):
    """Points far from the origin (more than 16 coordinates) are multiplied less the mean of the real ones."""
    study = tmp_path / "study.yaml"
    study.write_text(
        "study: far\ndata:\n  real: {type: gaussian, dimension: 20, points: 60, shift: 1000}\n  fake: {type: gaussian, dimension: 20, points: 60, shift: 999}\n"
        "discriminator:\n  network: {type: mlp, depth: 2, activation: relu, bias_stddev: 1.0}\n  loss: ipm\n"
        "train: {iterations: 3000, step: 1.0e-3}\nrecord: {every: 3000, trajectory: true, metrics: [mmd2]}\nresources: {checkpoint_iterations: 100}\n"
    )
    ntkgan("run", study, "-o", tmp_path / "whole", "--ranks", 1)
    job = start("run", study, "-o", tmp_path / "out", "--ranks", 1)
    wait_for(has_checkpoint(tmp_path / "out"), job)
    job.send_signal(signal.SIGTERM)
    assert job.wait(timeout=60) == 75
    assert "resumed at iteration" in ntkgan("run", study, "-o", tmp_path / "out", "--ranks", 1).stderr
    (ours,), (theirs,) = (list((tmp_path / folder / "runs").iterdir()) for folder in ("out", "whole"))
    with h5py.File(ours) as a, h5py.File(theirs) as b:
        for name in ["trajectory/fake", "metrics/mmd2", "loss"]:
            assert a[name][()].tobytes() == b[name][()].tobytes(), name


@pytest.mark.parametrize("damage", ["bit", "truncated", "empty", "missing"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(study, undisturbed, interrupted, tmp_path, damage):
    folder = shutil.copytree(interrupted, tmp_path / "out")
    (newest,) = folder.glob("checkpoints/*.h5")
    (previous,) = folder.glob("checkpoints/*.previous")
    before = iteration(previous)
    assert 0 < before < iteration(newest)
    if damage == "missing":
        newest.unlink()
    elif damage in ("truncated", "empty"):
        os.truncate(newest, 0 if damage == "empty" else newest.stat().st_size - 1000)
    else:
        flip(newest, newest.stat().st_size // 2)
    said = resume(study, folder)
    assert ("is damaged" in said) == (damage != "missing")
    assert f"resumed at iteration {before}" in said
    assert same_run(folder, undisturbed)


def test_without_any_usable_checkpoint_the_run_starts_over(study, undisturbed, interrupted, tmp_path):
    folder = shutil.copytree(interrupted, tmp_path / "out")
    for path in (folder / "checkpoints").iterdir():
        flip(path, 1000)
    said = resume(study, folder)
    assert said.count("is damaged") == 2 and "starting over" in said and "resumed" not in said
    assert same_run(folder, undisturbed)


def test_a_checkpoint_is_taken_up_on_another_number_of_ranks(study, undisturbed, interrupted, tmp_path):
    folder = shutil.copytree(interrupted, tmp_path / "out")
    done = ntkgan("run", study, "-o", folder, "--ranks", 2, *ONE, "--set", "resources.ranks_per_run=2")
    assert "made on 1 rank and is taken up on 2" in done.stderr and "resumed at iteration" in done.stderr
    assert same_run(folder, undisturbed)


def test_a_damaged_run_file_is_found_and_computed_again(study, undisturbed, tmp_path):
    """One bit, with the file's size and time as they were."""
    folder = shutil.copytree(undisturbed, tmp_path / "out")
    damaged, *others = sorted((folder / "runs").iterdir())
    before = {path: path.stat().st_mtime_ns for path in others}
    times = damaged.stat()
    flip(damaged, damaged.stat().st_size // 2)
    os.utime(damaged, ns=(times.st_atime_ns, times.st_mtime_ns))
    done = ntkgan("run", study, "-o", folder, "--ranks", 1)
    assert done.stderr.count("computed again") == 1
    assert {path: path.stat().st_mtime_ns for path in others} == before
    assert len(events(folder, "started")) == 5
    assert_equal_results(folder, undisturbed)
