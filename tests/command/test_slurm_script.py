# ranks: 1
"""slurm/one-node.sbatch with stand-ins for srun and scontrol: signals are passed on, only a stopped job queues itself again."""

import os
import signal
import subprocess
import time

import pytest

from support import ROOT

SRUN = """#!/bin/bash
echo "$@" >"$LOG/srun.log"
trap 'sleep 0.2; exit 75' USR1
[ "$END" = at_once ] && exit "$STATUS"
touch "$LOG/ready"
for i in $(seq 200); do sleep 0.1; done
"""
SCONTROL = """#!/bin/bash
echo "$@" >"$LOG/scontrol.log"
"""


@pytest.fixture
def start(tmp_path):
    for name, text in {"srun": SRUN, "scontrol": SCONTROL}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)

    def launch(**settings):
        environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "LOG": str(tmp_path), "SLURM_JOB_ID": "17", "SLURM_CPUS_ON_NODE": "4", **settings}
        return subprocess.Popen(["bash", ROOT / "slurm" / "one-node.sbatch", "study.yaml", "-o", "a b"], env=environment)

    return launch


def wait_for(path, seconds=10):
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path} did not appear"
        time.sleep(0.02)


@pytest.mark.parametrize("status", [0, 1, 2, 3])
def test_the_program_s_status_is_the_job_s(start, tmp_path, status):
    assert start(END="at_once", STATUS=str(status)).wait(20) == status
    assert not (tmp_path / "scontrol.log").exists()
    assert "--ntasks=5" in (tmp_path / "srun.log").read_text()
    assert (tmp_path / "srun.log").read_text().endswith("ntkgan run study.yaml -o a b\n")


def test_a_warning_stops_the_program_and_requeues_the_job(start, tmp_path):
    job = start(END="late")
    wait_for(tmp_path / "ready")
    job.send_signal(signal.SIGUSR1)
    assert job.wait(20) == 75
    assert (tmp_path / "scontrol.log").read_text() == "requeue 17\n"
