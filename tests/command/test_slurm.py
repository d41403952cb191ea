# ranks: 1
"""The batch scripts of slurm/ and srun under a real Slurm: requeue at the time limit, preemption, arrays, chains, cancelled jobs, a lost slurmd."""

import json
import os
import pathlib
import re
import signal

import h5py
import pytest

from slurm_cluster import cluster, wait_until  # noqa: F401 (a fixture)
from studies import datasets, events, has_checkpoint, state
from support import ROOT, different, ntkgan

pytestmark = pytest.mark.slow

STUDY = """
study: small
seed: 3
data:
  real: {type: ring, modes: 8, radius: 5.0, stddev: 0.5, points: 40}
  fake: {type: gaussian, dimension: 2, stddev: 1.0, points: 40}
discriminator:
  network: {type: mlp, depth: 2, activation: relu, bias_stddev: 1.0}
  loss: ipm
train: {iterations: 20000, step: 5}
record: {every: 5000, trajectory: true, metrics: [mmd2, energy]}
resources: {checkpoint_every: 0.1}
sweep:
  train.step: [5, 6, 7, 8]
"""
RUNS = 4
TWO_WORKERS = ("--ntasks=2", "--exclusive=user")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("slurm")
    (path / "study.yaml").write_text(STUDY)
    return path


@pytest.fixture(scope="module")
def undisturbed(folder):
    ntkgan("run", folder / "study.yaml", "-o", folder / "undisturbed", "--ranks", 1)
    return folder / "undisturbed"


def assert_same(folder, undisturbed):
    wanted = datasets(undisturbed)
    assert len(wanted) > RUNS and not different(datasets(folder), wanted)
    assert not list(folder.rglob("*.part")) and not list((folder / "checkpoints").glob("*"))
    with h5py.File(folder / "index.h5") as index:
        assert set(index["runs/state"].asstr()[()]) == {"done"} and len(index["links"]) == RUNS


def workers_of(folder):
    """Processes that compute, i.e. ranks other than 0, of the job on the folder."""
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and str(folder).encode() in (entry / "cmdline").read_bytes().split(b"\0"):
                rank = re.search(rb"\0(?:OMPI_COMM_WORLD|PMIX)_RANK=(\d+)", (entry / "environ").read_bytes())
                if rank and int(rank.group(1)) > 0:
                    yield int(entry.name)
        except OSError:
            pass


def hold(folder, number=signal.SIGSTOP):
    """Stops the clock of a job at work on the folder, so that it cannot end before it is disturbed. Slurm's SIGTERM wakes it."""
    for process in workers_of(folder):
        os.kill(process, number)


def release(folder):
    hold(folder, signal.SIGCONT)


@pytest.fixture(scope="module")
def near_its_limit(cluster, folder):
    """A job whose time limit comes near while other tests run: Slurm looks at the clock every 30 s."""
    out, options = folder / "limit", (*TWO_WORKERS, "--time=1", "--signal=B:USR1@50", f"--output={folder}/limit.log")
    job = cluster.submit("one-node.sbatch", "study.yaml", "-o", out, options=options, cwd=folder)
    wait_until(has_checkpoint(out), 60, "a checkpoint")
    hold(out)
    return job


def test_srun_without_pmi_is_refused_with_the_remedy(cluster, near_its_limit, folder):
    done = cluster.run("srun", "--mpi=none", "-n3", "ntkgan", "run", folder / "study.yaml", "-o", folder / "alone", status=None)
    said = [line for line in done.stderr.splitlines() if line.startswith("ntkgan")]
    assert done.returncode == 2 and len(said) == 1 and "--mpi=pmix" in said[0]
    assert not (folder / "alone").exists()


def test_srun_with_pmix_runs_a_study_on_two_nodes(cluster, folder, undisturbed):
    out = folder / "srun"
    cluster.run("srun", "--mpi=pmix", f"-N{len(cluster.nodes)}", "-n3", "ntkgan", "run", folder / "study.yaml", "-o", out)
    assert_same(out, undisturbed)


def test_mpirun_of_a_batch_job_spans_nodes(cluster, folder, undisturbed):
    out = folder / "nodes"
    options = (f"--nodes={len(cluster.nodes)}", "--ntasks-per-node=1", "--exclusive=user", f"--output={folder}/nodes.log")
    job = cluster.submit("many-nodes.sbatch", "study.yaml", "-o", out, options=options, cwd=folder)
    cluster.assert_finished(job)
    assert f"on {len(cluster.nodes)} worker" in (folder / "nodes.log").read_text()
    assert_same(out, undisturbed)


def test_the_shards_of_an_array_make_one_index(cluster, folder, undisturbed):
    out = folder / "array"
    job = cluster.submit("array.sbatch", "study.yaml", "-o", out, options=("--ntasks=1", f"--output={folder}/array-%a.log"), cwd=folder)
    wait_until(lambda: not cluster.run("squeue", "-h", "-j", job, status=None).stdout.strip(), 60, "the array's end")
    assert len(list(out.glob("journal-*.jsonl"))) == 4
    assert_same(out, undisturbed)


def test_after_a_cancelled_job_the_same_command_goes_on(cluster, folder, undisturbed):
    out = folder / "cancelled"
    job = cluster.submit("one-node.sbatch", "study.yaml", "-o", out, options=(*TWO_WORKERS, f"--output={folder}/cancelled.log"), cwd=folder)
    wait_until(has_checkpoint(out), 60, "a checkpoint")
    assert state(out)["jobs"][0]["host"] == cluster.job(job)["BatchHost"] or not cluster.own_hosts  # seen from another host
    hold(out)
    cluster.run("scancel", job)
    cluster.wait_for(job, "CANCELLED")
    wait_until(lambda: not state(out)["jobs"], 30, "the job's end")
    assert state(out)["done"] < RUNS
    again = cluster.submit("one-node.sbatch", "study.yaml", "-o", out, options=(*TWO_WORKERS, f"--output={folder}/cancelled.log"), cwd=folder)
    cluster.assert_finished(again)
    assert len(events(out, "done")) == RUNS and cluster.job(job)["Restarts"] == "0"
    assert_same(out, undisturbed)


def test_a_preempted_job_makes_way_and_comes_back(cluster, folder, undisturbed):
    out, node = folder / "preempted", cluster.nodes[-1]
    options = (*TWO_WORKERS, f"--nodelist={node}", f"--output={folder}/preempted.log")
    job = cluster.submit("preemptible.sbatch", "study.yaml", "-o", out, options=options, cwd=folder)
    wait_until(has_checkpoint(out), 60, "a checkpoint")
    hold(out)
    cluster.run("srun", "--partition=urgent", f"--nodelist={node}", "-N1", "-n8", "true")
    cluster.hasten(job)
    cluster.assert_finished(job)
    assert "stopped, all saved" in (folder / "preempted.log").read_text() and len(events(out, "done")) == RUNS
    assert_same(out, undisturbed)


def test_jobs_follow_each_other_until_all_is_done(cluster, folder, undisturbed):
    out = folder / "chain"
    script = folder / "chain.sbatch"  # its options are meant to be edited
    script.write_text((ROOT / "slurm" / "chain.sbatch").read_text().replace("--ntasks=16", "--ntasks=2").replace("--job-name=ntkgan", "--job-name=links"))
    job = cluster.submit(script, "study.yaml", "-o", out, options=(f"--output={folder}/chain.log",), cwd=folder)
    wait_until(has_checkpoint(out), 60, "a checkpoint")
    waiting = ("squeue", "-h", "-n", "links", "-t", "PD", "-o", "%i")
    follower = cluster.run(*waiting).stdout.strip()
    assert cluster.job(follower)["Dependency"].startswith(f"afternotok:{job}")
    hold(out)
    cluster.run("scancel", "--batch", "--signal=USR1", job)
    wait_until(lambda: "asked to stop" in (folder / "chain.log").read_text(), 30, "the warning")
    release(out)
    assert cluster.wait_for(job, "FAILED")["ExitCode"] == "75:0"
    cluster.assert_finished(follower)
    wait_until(lambda: not cluster.run(*waiting).stdout.strip(), 30, "the end of the chain")
    assert_same(out, undisturbed)


def test_submit_sizes_a_job_that_runs_the_study(cluster, folder, undisturbed):
    out = folder / "it's submitted"
    told = json.loads(cluster.run("ntkgan", "submit", "study.yaml", "-o", out, "--json", "--partition", "all", "-N1", cwd=folder).stdout)
    cluster.assert_finished(told["job"])
    job = cluster.job(told["job"])
    assert int(job["NumTasks"]) == told["workers"] and job["TimeLimit"] == f"00:{int(told['limit_seconds']) // 60:02}:00"
    assert float(job["MinMemoryCPU"].rstrip("M")) * 2**20 >= told["memory_bytes_per_rank"] > 2**20
    assert "4 of 4 runs done" in (out / "log" / f"job-{told['job']}.log").read_text()
    assert_same(out, undisturbed)
    nothing = cluster.run("ntkgan", "submit", "study.yaml", "-o", out, cwd=folder, status=2)
    assert "nothing is left to do" in nothing.stderr


def test_submitted_with_an_array_every_task_takes_a_shard(cluster, folder, undisturbed):
    out = folder / "submitted-array"
    told = cluster.run("ntkgan", "submit", "study.yaml", "-o", out, "--array=1-2", cwd=folder).stdout
    wait_until(lambda: not cluster.run("squeue", "-h", "-j", told.split()[1].rstrip(":"), status=None).stdout.strip(), 60, "the array's end")
    assert len(list(out.glob("journal-*.jsonl"))) == 2
    assert_same(out, undisturbed)


def test_a_study_outlives_its_slurmd(cluster, folder, undisturbed):
    out, node = folder / "slurmd", cluster.nodes[-1]
    options = (*TWO_WORKERS, f"--nodelist={node}", f"--output={folder}/slurmd.log")
    job = cluster.submit("one-node.sbatch", "study.yaml", "-o", out, options=options, cwd=folder)
    wait_until(has_checkpoint(out), 60, "a checkpoint")
    hold(out)
    cluster.stop_node(node)
    release(out)
    cluster.start_node(node)
    cluster.assert_finished(job)
    assert len(events(out, "done")) == RUNS
    assert_same(out, undisturbed)


def test_the_time_limit_saves_requeues_and_finishes(cluster, near_its_limit, folder, undisturbed):
    out, log = folder / "limit", folder / "limit.log"
    wait_until(lambda: "asked to stop" in log.read_text(), 60, "the warning")
    release(out)
    cluster.hasten(near_its_limit)
    assert "stopped, all saved" in log.read_text()
    cluster.assert_finished(near_its_limit)
    assert len(events(out, "done")) == RUNS and len(events(out, "stopped")) >= 1
    assert_same(out, undisturbed)
