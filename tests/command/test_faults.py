# ranks: 1
"""Every open, write, fsync, rename and allocation of the program fails in turn: a clear message and the right status, never a crash, a hang or half a
file, and the same command then completes as if nothing had been. A sample here; every single call with FAULTS=all (`make faults`)."""

import os
import random
import re
import shutil
import subprocess

import h5py
import pytest

from studies import datasets
from support import PROGRAM, ROOT, different, ntkgan

pytestmark = pytest.mark.slow

ALL = os.environ.get("FAULTS") == "all"
STUDY = """
study: small
seed: 3
data:
  real: {type: ring, modes: 8, radius: 5.0, stddev: 0.5, points: 12}
  fake: {type: gaussian, dimension: 2, stddev: 1.0, points: 12}
discriminator: {network: {type: mlp, depth: 1, activation: relu, bias_stddev: 1.0}, loss: ipm}
train: {iterations: 12, step: 5}
record: {every: 4, trajectory: true, metrics: [mmd2]}
resources: {checkpoint_every: 0.000001}
sweep: {discriminator.loss: [ipm, lsgan]}
"""
# What fails, how, and how many calls of a sample.
FAULTS = [("open", "EIO", 4), ("write", "ENOSPC", 3), ("write", "EIO", 2), ("fsync", "EIO", 3), ("rename", "ENOSPC", 3), ("alloc", "ENOMEM", 10)]
HARMLESS = [("write", "short", 2), ("write", "EINTR", 2), ("fsync", "EINTR", 2)]


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    path = tmp_path_factory.mktemp("shim") / "faults.so"
    source = ROOT / "tests" / "faults" / "faults.c"
    subprocess.run(["cc", "-std=c11", "-D_GNU_SOURCE", "-O1", "-fPIC", "-shared", "-o", path, source, "-ldl"], check=True)
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    path = tmp_path_factory.mktemp("faults")
    (path / "study.yaml").write_text(STUDY)
    (path / "points.csv").write_text("1,2\n3,4\n5,6\n")
    ntkgan("run", "study.yaml", "-o", "whole", "--ranks", 1, cwd=path)
    return path


def run(place, shim, arguments, **fault):
    """The command with a fault; None instead of its outcome when it hangs."""
    environment = {**os.environ, "LD_PRELOAD": str(shim), **{f"FAULT_{key.upper()}": str(value) for key, value in fault.items()}}
    command = ["timeout", "--signal=KILL", "60", PROGRAM, *map(str, arguments)]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=place, env=environment)


def count(place, shim, arguments, **fault):
    """Number of calls of each kind that the command makes."""
    done = run(place, shim, arguments, count=place / "count", **fault)
    assert done.returncode == 0, done.stderr
    return {word: int(number) for word, number in (line.split() for line in (place / "count").read_text().splitlines())}


def chosen(total, size, label):
    """Numbers of the calls that are to fail: all of them, or the same sample each time."""
    numbers = range(1, total + 1)
    if ALL or total <= size:
        return list(numbers)
    return sorted(random.Random(label).sample(numbers, size))


def wrong_end(done, statuses):
    """What is wrong about the end of a command in words; "" = nothing."""
    if done.returncode not in statuses:
        return f"exit {done.returncode}"
    said = done.stderr.strip()
    return "no message" if done.returncode and not said else ""


def wrong_recovery(place, out, arguments, recorded):
    """The same command without a fault: what is wrong with its outcome; "" = nothing."""
    again = ntkgan(*arguments, *(["--retry-failed"] if recorded else []), status=None, cwd=place)
    if again.returncode:
        return f"then exit {again.returncode}: {again.stderr[-300:]}"
    if differ := different(datasets(out), datasets(place / "whole")):
        return f"then other numbers: {differ}"
    left = [str(path.name) for path in out.rglob("*.part")] + [str(path.name) for path in (out / "checkpoints").glob("*")]
    return f"then left {left}" if left else ""


def try_study(place, shim, kind, mode, size, ranks, rank=None, statuses=(0, 1, 3)):
    where = {} if rank is None else {"rank": rank}
    out = place / f"out-{kind}-{mode}-{rank}"
    arguments = ["run", "study.yaml", "-o", out.name, "--ranks", ranks]
    shutil.rmtree(out, ignore_errors=True)
    total, wrong = count(place, shim, arguments, **where)[kind], []
    for number in chosen(total, size, f"{kind} {mode} {rank}"):
        shutil.rmtree(out, ignore_errors=True)
        done = run(place, shim, arguments, kind=kind, mode=mode, at=number, **where)
        problem = wrong_end(done, statuses)
        if not problem:
            problem = wrong_recovery(place, out, arguments, done.returncode in (1, 3))
        if problem:
            wrong.append(f"{kind} {number} of {total} {mode}: {problem}\n{done.stderr[-400:]}")
    assert not wrong, f"{len(wrong)} wrong\n" + "\n".join(wrong[:20])


@pytest.mark.parametrize(("kind", "mode", "size"), FAULTS)
def test_a_study_survives_what_fails(place, shim, kind, mode, size):
    try_study(place, shim, kind, mode, size, 1, statuses=(0, 1, 2, 3) if kind == "open" else (0, 1, 3))


@pytest.mark.parametrize(("kind", "mode", "size"), HARMLESS)
def test_interrupted_and_short_writes_change_nothing(place, shim, kind, mode, size):
    try_study(place, shim, kind, mode, size, 1, statuses=(0,))


@pytest.mark.parametrize(("kind", "rank", "size"), [("alloc", 0, 1), ("alloc", 2, 2), ("write", 0, 1)])
def test_what_fails_in_one_rank_hangs_no_other(place, shim, kind, rank, size):
    try_study(place, shim, kind, "ENOMEM" if kind == "alloc" else "ENOSPC", size, 2, rank)


COMMANDS = [
    ["check", "study.yaml"],
    ["plan", "study.yaml"],
    ["status", "whole"],
    ["status", "whole", "--json"],
    ["list", "activations"],
    ["schema"],
    ["help", "config"],
    ["submit", "study.yaml", "-o", "submitted", "--dry-run"],
    ["gram", "points.csv", "--network", "{type: mlp, depth: 1, activation: relu}", "-o", "gram.h5"],
    ["metric", "energy", "points.csv", "points.csv"],
]


def untimed(text):
    return re.sub(r"[0-9.e-]+ s\b", "", text)


def whole(path):
    with h5py.File(path) as file:
        return file["gram"][()].shape == (3, 3)


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda words: " ".join(words[:2]))
def test_a_command_whose_memory_or_disk_fails_says_so(place, shim, arguments):
    normal = run(place, shim, arguments)
    totals, wrong = count(place, shim, arguments), []
    for kind, mode, size in [("alloc", "ENOMEM", 6), ("open", "EIO", 3), ("write", "ENOSPC", 3), ("fsync", "EIO", 2), ("rename", "EIO", 2)]:
        for number in chosen(totals[kind], size, f"{arguments} {kind}"):
            (place / "gram.h5").unlink(missing_ok=True)
            done = run(place, shim, arguments, kind=kind, mode=mode, at=number)
            problem = wrong_end(done, (0, 2, 3) if kind == "open" else (0, 3))
            if not problem and done.returncode == 0 and untimed(done.stdout) != untimed(normal.stdout):
                problem = "exit 0 with other output"
            if not problem and ((place / "gram.h5.part").exists() or ((place / "gram.h5").exists() and not whole(place / "gram.h5"))):
                problem = "half a file is left"
            if problem:
                wrong.append(f"{kind} {number} of {totals[kind]} {mode}: {problem}\n{done.stderr[-300:]}")
    assert not wrong, f"{len(wrong)} wrong\n" + "\n".join(wrong[:20])
