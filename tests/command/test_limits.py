# ranks: 2
"""What ends a job from outside: the end of its allocation, an impatient user, a full disk."""

import os
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest

from studies import STUDY, events, kill_all, start, study, wait_for
from support import PROGRAM, ntkgan

pytestmark = pytest.mark.slow

ENDLESS = ["--set", "train.iterations=100000000", "--set", "record.every=100000000"]


def test_runs_save_before_the_allocation_ends(study, tmp_path):
    folder = tmp_path / "out"
    end = {"SLURM_JOB_END_TIME": str(int(time.time()) + 6)}
    done = ntkgan("run", study, "-o", folder, "--ranks", 1, *ENDLESS, env=end, status=75)
    assert "the allocation ends in" in done.stderr and "the time limit is near" in done.stderr
    assert len(events(folder, "started")) == 1 and any((folder / "checkpoints").glob("*.h5"))


def test_slurm_is_asked_when_the_environment_does_not_say(study, tmp_path):
    (tmp_path / "squeue").write_text('#!/bin/sh\n[ "$*" = "-h -j 17 -o %L" ] && echo 0:04\n')
    (tmp_path / "squeue").chmod(0o755)
    around = {"SLURM_JOB_ID": "17", "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = ntkgan("run", study, "-o", tmp_path / "out", "--ranks", 1, *ENDLESS, env=around, status=75)
    assert "the allocation ends in 4 s" in done.stderr


def test_a_run_that_cannot_reach_a_checkpoint_is_not_started(study, tmp_path):
    """One iteration of the large run takes longer than the allocation; the small ones are done."""
    text = STUDY.replace("train.step: [5, 10]", "data.real.points: [60, 100000]").replace("iterations: 4000", "iterations: 5")
    (tmp_path / "study.yaml").write_text(text)
    end = {"SLURM_JOB_END_TIME": str(int(time.time()) + 8)}
    done = ntkgan("run", tmp_path / "study.yaml", "-o", tmp_path / "out", "--ranks", 1, "--only", "ipm/*", env=end, status=75)
    assert events(tmp_path / "out", "started") == ["ipm/60"] == events(tmp_path / "out", "done"), done.stderr


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_second_interrupt_ends_it_at_once(tmp_path, ranks):
    """In the middle of an iteration that takes for ever."""
    text = STUDY.replace("train.step: [5, 10]", "data.real.points: [100000]")
    (tmp_path / "study.yaml").write_text(text)
    job = start("run", tmp_path / "study.yaml", "-o", tmp_path / "out", "--ranks", ranks, "--only", "ipm/*")
    try:
        wait_for(lambda: (tmp_path / "out").exists() and events(tmp_path / "out", "started"), job)
        job.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert job.poll() is None
        job.send_signal(signal.SIGINT)
        job.communicate(timeout=30)
    finally:
        kill_all(job)
    assert job.returncode == (-signal.SIGINT if ranks == 1 else 75)


def small_disk(megabytes, script):
    """Runs a shell script with a file system of that size at ./disk, which nobody else sees."""
    whole = f"mkdir -p disk && mount -t tmpfs -o size={megabytes}m none disk && {script}"
    return subprocess.run(["unshare", "-m", "sh", "-c", whole], capture_output=True, text=True, timeout=120)


@pytest.mark.skipif(shutil.which("unshare") is None or small_disk(1, "rm -rf /nonexistent").returncode != 0, reason="may not mount a small disk")
def test_a_full_disk_is_told_and_the_study_goes_on_later(study, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = f"{PROGRAM} run {study} -o disk/out --ranks 1 --only ipm/5 --set record.every=1"
    done = small_disk(2, f"{run}; echo $?")
    assert done.stdout.splitlines()[-1] == "3" and "the disk is full" in done.stderr
    done = small_disk(6, f"{run}; echo $?; ls disk/out/runs disk/out/checkpoints; mount -o remount,size=100m disk; {run}; echo $?; ls disk/out/runs")
    lines = done.stdout.splitlines()
    assert lines[0] == "3" and lines[-2] == "0" and lines[-1].endswith(".h5"), done.stdout + done.stderr
    assert "No space left on device" in done.stderr and ".part" not in done.stdout


@pytest.mark.skipif(shutil.which("unshare") is None or small_disk(1, "rm -rf /nonexistent").returncode != 0, reason="may not mount a small disk")
def test_a_read_only_folder_is_told(study, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = f"{PROGRAM} run {study} -o disk/out --set train.iterations=2 --only ipm/5"
    done = small_disk(20, f"mount -o remount,ro disk; {run} --ranks 1; echo $?; {run} --ranks 2; echo $?")
    assert done.stdout.split() == ["3", "3"] and done.stderr.count("Read-only file system") == 2, done.stdout + done.stderr


def test_a_process_alone_needs_no_temporary_folder(tmp_path):
    """Open MPI's folder under TMPDIR is shared by all such processes of a user: they removed it from under each other when many were started at once."""
    np.save(tmp_path / "x.npy", np.arange(6.0).reshape(3, 2))
    done = ntkgan("metric", "energy", tmp_path / "x.npy", tmp_path / "x.npy", env={"TMPDIR": "/dev/null/none"})
    assert "energy" in done.stdout and done.stderr == ""
