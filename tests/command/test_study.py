# ranks: 2
"""Studies through the real command: any number of workers, failures, kills, stops, shards, locks, status and index."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import h5py
import numpy
import pytest
import xarray

from studies import LABELS, STUDY, all_events, assert_equal_results, events, family, has_checkpoint, kill_all, start, state, study, undisturbed, wait_for
from support import PROGRAM, ntkgan

pytestmark = pytest.mark.slow  # for `make test`; `make check` is to end within a minute



@pytest.mark.parametrize("ranks", [2, 3])
def test_the_number_of_workers_changes_no_bit(study, undisturbed, tmp_path, ranks):
    done = ntkgan("run", study, "-o", tmp_path / "out", "--ranks", ranks)
    assert done.stdout == ""
    assert_equal_results(tmp_path / "out", undisturbed)


def test_a_group_of_ranks_shares_a_run(study, undisturbed, tmp_path):
    """Three workers in groups of two: one is left over. The index is the same to rounding of distributed sums at most."""
    ntkgan("run", study, "-o", tmp_path / "out", "--ranks", 3, "--set", "resources.ranks_per_run=2", "--only", "*/5")
    folder = tmp_path / "out"
    assert sorted(events(folder, "done")) == ["ipm/5", "lsgan/5"]
    with h5py.File(folder / "index.h5") as ours, h5py.File(undisturbed / "index.h5") as theirs:
        for row in [0, 2]:
            numpy.testing.assert_allclose(ours["metrics/mmd2"][row], theirs["metrics/mmd2"][row], rtol=1e-9)


def test_the_index_is_read_without_help(undisturbed):
    runs = xarray.open_dataset(undisturbed / "index.h5", group="runs", engine="h5netcdf").to_dataframe()
    assert list(runs["label"]) == LABELS
    assert list(runs["state"]) == ["done"] * 4
    assert list(runs["discriminator.loss"]) == ["ipm", "ipm", "lsgan", "lsgan"]
    assert list(runs["train.step"]) == [5, 10, 5, 10]
    assert (runs["seconds"] > 0).all() and (runs["repetition"] == 0).all()
    metrics = xarray.open_dataset(undisturbed / "index.h5", group="metrics", engine="h5netcdf")
    assert metrics["mmd2"].dims == ("run", "iteration")
    assert list(metrics["iteration"].values) == [0, 2000, 4000]
    with h5py.File(undisturbed / "index.h5") as index:
        for row, identity in enumerate(index["runs/id"].asstr()[()]):
            own = index["links"][identity]["metrics/mmd2"][()]
            assert own.tobytes() == index["metrics/mmd2"][row].tobytes()


def test_a_finished_study_is_not_computed_again(study, undisturbed):
    before = {p: p.stat().st_mtime_ns for p in (undisturbed / "runs").iterdir()}
    ntkgan("run", study, "-o", undisturbed, "--ranks", 1)
    assert {p: p.stat().st_mtime_ns for p in (undisturbed / "runs").iterdir()} == before
    assert len(events(undisturbed, "started")) == 4


def test_the_index_can_be_made_again(undisturbed):
    index = undisturbed / "index.h5"
    before = index.read_bytes()
    index.unlink()
    assert "4 of 4 runs done" in ntkgan("index", undisturbed).stdout
    assert index.read_bytes() == before


def test_a_missing_run_file_is_computed_again(study, undisturbed, tmp_path):
    folder = tmp_path / "out"
    quick = ["--set", "train.iterations=4", "--set", "record.every=4"]
    ntkgan("run", study, "-o", folder, "--ranks", 1, *quick)
    missing, short, *_ = sorted((folder / "runs").iterdir())
    content = {missing: h5py.File(missing)["trajectory/fake"][()], short: h5py.File(short)["trajectory/fake"][()]}
    missing.unlink()
    os.truncate(short, short.stat().st_size - 100)
    again = ntkgan("run", study, "-o", folder, "--ranks", 1, *quick)
    assert again.stderr.count("computed again") == 2
    assert len(events(folder, "started")) == 6
    for path, values in content.items():
        assert h5py.File(path)["trajectory/fake"][()].tobytes() == values.tobytes()


def test_a_failed_run_is_recorded_and_the_rest_goes_on(study, tmp_path):
    folder = tmp_path / "out"
    text = STUDY.replace("[5, 10]", "[5, 1e300, 10]").replace("[ipm, lsgan]", "[ipm]").replace("4000", "20")
    (tmp_path / "study.yaml").write_text(text)
    command = ["run", tmp_path / "study.yaml", "-o", folder]
    done = ntkgan(*command, "--ranks", 2, status=1)
    assert "ipm/1e300 failed: iteration 1" in done.stderr
    now = state(folder)
    assert (now["done"], now["failed"], now["running"], now["waiting"]) == (2, 1, 0, 0)
    failed = next(run for run in now["runs"] if run["state"] == "failed")
    assert failed["label"] == "ipm/1e300" and "iteration 1" in failed["message"]
    told = ntkgan("status", folder).stdout
    assert "failed: 1 non-finite" in told and failed["message"] in told and "--retry-failed" in told
    with h5py.File(folder / "index.h5") as index:
        assert index["runs/message"].asstr()[1] == failed["message"]
        assert numpy.isnan(index["metrics/mmd2"][1]).all() and not numpy.isnan(index["metrics/mmd2"][0]).any()
    ntkgan(*command, "--ranks", 1, status=1)
    assert len(events(folder, "started")) == 3
    ntkgan(*command, "--ranks", 1, "--retry-failed", status=1)
    assert len(events(folder, "started")) == 4


@pytest.mark.slow
def test_everything_killed_in_the_middle(study, undisturbed, tmp_path):
    folder = tmp_path / "out"
    for _ in range(2):
        job = start("run", study, "-o", folder, "--ranks", 2)
        wait_for(has_checkpoint(folder), job)
        time.sleep(0.1)
        kill_all(job)
    ntkgan("run", study, "-o", folder, "--ranks", 2)
    assert_equal_results(folder, undisturbed)
    done = events(folder, "done")
    assert sorted(done) == sorted(LABELS)
    history = [(kind, label) for kind, label in all_events(folder) if kind in ("started", "done")]
    for label in LABELS:
        assert ("started", label) not in history[history.index(("done", label)) :]


@pytest.mark.slow
def test_a_killed_worker_costs_only_its_run(study, undisturbed, tmp_path):
    folder = tmp_path / "out"
    job = start("run", study, "-o", folder, "--ranks", 2)
    wait_for(has_checkpoint(folder), job)
    ranks = [p for p in family(job.pid) if b"OMPI_COMM_WORLD_RANK=2" in pathlib.Path(f"/proc/{p}/environ").read_bytes()]
    os.kill(ranks[0], signal.SIGKILL)
    output, _ = job.communicate(timeout=90)
    assert job.returncode == 0, output
    assert "starting the job again" in output
    assert len(events(folder, "died")) >= 1
    assert_equal_results(folder, undisturbed)


@pytest.mark.slow
def test_a_run_that_kills_its_rank_is_set_aside(tmp_path):
    """A rank of an endless run without checkpoints is killed whenever that run begins. The other run is there in the end."""
    folder = tmp_path / "out"
    text = STUDY.replace("train.step: [5, 10]", "train.iterations: [100000000, 20]").replace("checkpoint_every: 0.1", "ranks_per_run: 2")
    (tmp_path / "study.yaml").write_text(text.replace("every: 2000, trajectory: true", "trajectory: false"))
    job = start("run", tmp_path / "study.yaml", "-o", folder, "--ranks", 2, "--only", "ipm/*")
    try:
        for attempt in range(1, 4):
            wait_for(lambda: folder.exists() and events(folder, "started").count("ipm/100000000") == attempt, job)
            for process in family(job.pid):
                if b"OMPI_COMM_WORLD_RANK=2" in pathlib.Path(f"/proc/{process}/environ").read_bytes():
                    os.kill(process, signal.SIGKILL)
        output, _ = job.communicate(timeout=90)
    finally:
        kill_all(job)
    assert job.returncode == 1, output
    now = {run["label"]: run for run in state(folder)["runs"]}
    assert now["ipm/100000000"]["state"] == "failed" and "died 3 times" in now["ipm/100000000"]["message"]
    assert now["ipm/20"]["state"] == "done"


@pytest.mark.slow
@pytest.mark.parametrize("ranks, how", [(1, signal.SIGINT), (1, signal.SIGXCPU), (2, signal.SIGTERM), (2, signal.SIGUSR2), (2, "file")])
def test_a_stopped_study_goes_on(study, undisturbed, tmp_path, ranks, how):
    folder = tmp_path / "out"
    job = start("run", study, "-o", folder, "--ranks", ranks)
    wait_for(has_checkpoint(folder), job)
    if how == "file":
        (folder / "stop").touch()
    else:
        job.send_signal(how)
    output, _ = job.communicate(timeout=60)
    assert job.returncode == 75, output
    assert "mpirun noticed" not in output and "-----" not in output  # no banner about what is in good order
    now = state(folder)
    assert now["waiting"] > 0 and now["running"] == 0 and now["jobs"] == []
    assert any((folder / "checkpoints").iterdir())
    ntkgan("run", study, "-o", folder, "--ranks", ranks)
    assert_equal_results(folder, undisturbed)


@pytest.mark.slow
def test_status_and_lock_while_a_study_runs(study, tmp_path):
    folder = tmp_path / "out"
    job = start("run", study, "-o", folder, "--ranks", 2, "--set", "train.iterations=100000")
    try:
        wait_for(has_checkpoint(folder), job)
        wait_for(lambda: any(run.get("iterations") for run in state(folder)["runs"]), job)
        now = state(folder)
        assert (now["running"], now["waiting"], len(now["jobs"])) == (2, 2, 1)
        assert now["jobs"][0]["workers"] == 2
        assert "at work" in ntkgan("status", folder).stdout
        second = ntkgan("run", study, "-o", folder, "--ranks", 1, status=3)
        assert f"process {now['jobs'][0]['pid']} on {now['jobs'][0]['host']}" in second.stderr
        ntkgan("run", study, "-o", folder, "--ranks", 1, "--shard", "1/2", status=3)
    finally:
        kill_all(job)
    end = time.monotonic() + 30
    while state(folder)["jobs"] and time.monotonic() < end:
        time.sleep(0.1)  # the kernel takes its time to close a killed process's files
    now = state(folder)
    assert (now["running"], now["jobs"]) == (0, [])


def test_shards_and_only_make_one_study(study, undisturbed, tmp_path):
    folder = tmp_path / "out"
    ntkgan("run", study, "-o", folder, "--ranks", 1, "--only", "lsgan/*", "--shard", "1/2")
    assert events(folder, "done") == ["lsgan/5"]
    jobs = [start("run", study, "-o", folder, "--ranks", 1, "--shard", f"{i}/2") for i in (1, 2)]
    for job in jobs:
        output, _ = job.communicate(timeout=90)
        assert job.returncode == 0, output
    assert sorted(p.name for p in folder.glob("journal-*")) == ["journal-1.jsonl", "journal-2.jsonl"]
    assert sorted(events(folder, "done")) == sorted(LABELS)
    ntkgan("index", folder)
    assert_equal_results(folder, undisturbed)
    ntkgan("run", study, "-o", folder, "--ranks", 1)
    assert len(events(folder, "started")) == 4


def test_a_changed_study_says_what_is_left_over(study, tmp_path):
    folder = tmp_path / "out"
    quick = ["--ranks", 1, "--set", "record.every=4", "--set", "train.iterations=4"]
    ntkgan("run", study, "-o", folder, *quick)
    changed = tmp_path / "changed.yaml"
    changed.write_text(STUDY.replace("[5, 10]", "[5, 7, 10]").replace("[ipm, lsgan]", "[ipm]"))
    done = ntkgan("run", changed, "-o", folder, *quick)
    assert "2 runs that the folder holds are not part of this study" in done.stderr
    assert "first in line 14: '  discriminator.loss: [ipm]', which was '  discriminator.loss: [ipm, lsgan]'" in done.stderr
    assert events(folder, "started")[4:] == ["ipm/7"]
    assert state(folder)["total"] == 3
    assert len(list((folder / "runs").iterdir())) == 5


def test_damage_in_a_journal_is_told_and_costs_only_its_run(study, tmp_path):
    folder = tmp_path / "out"
    quick = ["--ranks", 1, "--set", "record.every=4", "--set", "train.iterations=4"]
    ntkgan("run", study, "-o", folder, *quick)
    journal = folder / "journal-1.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    at = next(i for i, line in enumerate(lines) if b'"event": "done"' in line)
    lines[at] = lines[at].replace(b'"seconds": ', b'"seconds": 1')
    journal.write_bytes(b"".join(lines)[:-20])
    done = ntkgan("run", study, "-o", folder, *quick)
    assert "1 damaged line ignored" in done.stderr and "unfinished last line" in done.stderr
    assert state(folder)["done"] == 4
    assert len(events(folder, "started")) == 6


def test_a_run_that_does_not_fit_is_refused_until_it_does(study, tmp_path):
    folder = tmp_path / "out"
    quick = ["--ranks", 1, "--only", "ipm/5", "--set", "record.every=4", "--set", "train.iterations=4"]
    plan = json.loads(ntkgan("plan", study, *quick[2:], "--ranks", 1, "--json").stdout)
    gib = plan["runs"][0]["memory_bytes_per_rank"] / 2**30
    small = ntkgan("run", study, "-o", folder, *quick, "--set", f"resources.memory_per_rank={gib / 2}", status=1)
    assert "needs" in small.stderr and "rank" in small.stderr
    ntkgan("run", study, "-o", folder, *quick, "--set", "resources.ranks_per_run=2", status=1)
    ntkgan("run", study, "-o", folder, *quick, "--set", f"resources.memory_per_rank={gib * 2}")


PEAK = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"


@pytest.mark.parametrize("loss, points, dimension, activation", [("ipm", 1000, 784, "relu"), ("lsgan", 1500, 300, "relu"), ("ipm", 10000, 2, "relu"), ("ipm", 3000, 2, "tanh")])
def test_plan_knows_the_memory_of_a_rank(study, tmp_path, loss, points, dimension, activation):
    quick = ["--only", f"{loss}/5", "--set", "train.iterations=1", "--set", "record.metrics=[energy]"]
    quick += ["--set", f"discriminator.network={{type: mlp, depth: 3, activation: {activation}, bias_stddev: 1.0}}"]
    for which in ["real", "fake"]:
        quick += ["--set", f"data.{which}={{type: gaussian, dimension: {dimension}, stddev: 1.0, points: {points}}}"]
    planned = json.loads(ntkgan("plan", study, *quick, "--ranks", 1, "--json").stdout)["runs"][0]["memory_bytes_per_rank"]
    done = subprocess.run([sys.executable, "-c", PEAK, PROGRAM, "run", study, "-o", tmp_path / "out", "--ranks", "1", *quick], capture_output=True, text=True, check=True)
    peak = 1024 * int(done.stdout.split()[-1])
    assert peak < planned < 3 * peak


def test_plan_names_every_run(study, undisturbed):
    plan = json.loads(ntkgan("plan", study, "--ranks", 2, "--json").stdout)
    assert [run["label"] for run in plan["runs"]] == LABELS
    assert [run["ranks"] for run in plan["runs"]] == [1, 1, 1, 1]
    assert plan["to_do"] == 4 and plan["output_bytes"] > 0 and plan["wall_seconds"] > 0
    table = ntkgan("plan", study, "-o", undisturbed, "--ranks", 8).stdout
    assert all(label in table for label in LABELS) and "0 to do on 8 workers" in table
    one = json.loads(ntkgan("plan", study, "--ranks", 8, "--only", "ipm/5", "--json").stdout)
    assert [run["ranks"] for run in one["runs"]] == [8]


@pytest.mark.parametrize(
    "arguments, said",
    [(["--only", "nothing*"], "no run has such a label"), (["--shard", "3/2"], "expected I/N"), (["--shard", "1"], "expected I/N"), (["--set", "train.stepp=1"], "step")],
)
def test_wrong_requests_start_nothing(study, tmp_path, arguments, said):
    done = ntkgan("run", study, "-o", tmp_path / "out", "--ranks", 2, *arguments, status=2)
    assert said in done.stderr
    assert not (tmp_path / "out").exists()


def test_srun_without_pmi_is_refused(study, tmp_path):
    """By every copy; one says so."""
    step = {"SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "4"}
    done = [ntkgan("run", study, "-o", tmp_path / "out", status=2, env={**step, "SLURM_PROCID": str(copy)}) for copy in range(2)]
    assert "--mpi=pmix" in done[0].stderr and done[1].stderr == ""
    assert not (tmp_path / "out").exists()


def test_status_of_what_is_no_study(tmp_path):
    assert "no study" in ntkgan("status", tmp_path, status=2).stderr
    ntkgan("index", tmp_path / "nowhere", status=2)
