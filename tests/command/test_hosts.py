# ranks: 2
"""One study on several hosts (network namespaces): the same bits as on one, and the loss of a host costs what is newer than the checkpoints."""

import time

import pytest

from hosts import hosts  # noqa: F401 (a fixture)
from studies import datasets, has_checkpoint
from support import different, ntkgan
from test_slurm import STUDY

pytestmark = pytest.mark.slow

# Few steps: eight ranks on two cores. Groups of four ranks span two hosts.
SMALL = STUDY.replace("20000", "24").replace("5000", "8").replace("resources: {checkpoint_every: 0.1}", "resources: {checkpoint_every: 0.000001, ranks_per_run: 4}")


@pytest.fixture
def study(tmp_path):
    (tmp_path / "study.yaml").write_text(SMALL.replace("[5, 6, 7, 8]", "[5, 6]"))
    ntkgan("run", "study.yaml", "-o", "one", "--ranks", 1, "--set", "resources.ranks_per_run=1", cwd=tmp_path)
    return tmp_path


def assert_same(folder, one):
    wanted = datasets(one)
    assert wanted and not different(datasets(folder), wanted)


def run_to_the_end(job):
    said, _ = job.communicate(timeout=180)
    assert job.returncode == 0, said
    return said


def test_four_hosts_give_the_bits_of_one(hosts, study):
    said = run_to_the_end(hosts.start("run", study / "study.yaml", "-o", study / "four", "--ranks", 8))
    assert "2 runs to do on 8 workers" in said
    assert_same(study / "four", study / "one")


def test_a_lost_host_ends_the_job_and_the_supervisor_starts_it_again(hosts, study):
    job = hosts.start("run", study / "study.yaml", "-o", study / "lost", "--ranks", 8)
    end = time.monotonic() + 60
    while not has_checkpoint(study / "lost")():
        assert job.poll() is None and time.monotonic() < end, "no checkpoint"
        time.sleep(0.01)
    hosts.kill(3)
    assert "starting the job again" in run_to_the_end(job)
    assert_same(study / "lost", study / "one")
