# ranks: 1
"""`ntkgan submit` without a Slurm: what is wrong is found first, --dry-run shows the script and touches nothing, sbatch's words get through."""

import os
import subprocess

import pytest

from support import ntkgan

STUDY = """
study: small
data:
  real: {type: gaussian, dimension: 2, points: 20}
  fake: {type: gaussian, dimension: 2, points: 20}
discriminator: {network: {type: mlp, depth: 2, activation: relu, bias_stddev: 1.0}, loss: ipm}
train: {iterations: ITERATIONS, step: 10}
repeat: 40
"""
SBATCH = """#!/bin/sh
for word; do echo "<$word>"; done >"$LOG"
[ -n "$REFUSE" ] && { echo "sbatch: error: no such partition" >&2; exit 1; }
echo "17;cluster"
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "study.yaml").write_text(STUDY.replace("ITERATIONS", "10"))
    (tmp_path / "long.yaml").write_text(STUDY.replace("ITERATIONS", "50000000"))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "sbatch").write_text(SBATCH)
    (tmp_path / "bin" / "sbatch").chmod(0o755)
    return tmp_path


def submit(folder, *arguments, status=0, **environment):
    environment = {"PATH": f"{folder}/bin:{os.environ['PATH']}", "LOG": f"{folder}/log", **environment}
    return ntkgan("submit", *arguments, status=status, cwd=folder, env=environment)


def headers(script):
    lines = [line.split()[1] for line in script.splitlines() if line.startswith("#SBATCH")]
    return dict(line.lstrip("-").split("=", 1) for line in lines if "=" in line)


def test_a_dry_run_prints_a_script_and_touches_nothing(folder):
    script = submit(folder, "study.yaml", "--dry-run", "--set", "seed=7", "--only", "*r1*", "-p", "long").stdout
    assert script.startswith("#!/bin/bash\n") and not (folder / "results").exists() and not (folder / "log").exists()
    assert "run 'study.yaml' -o 'results/small' --set 'seed=7' --only '*r1*'" in script
    assert headers(script)["ntasks"] == "1" and headers(script)["signal"] == "B:USR1@120"
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_the_size_is_that_of_the_plan(folder):
    asked = headers(submit(folder, "long.yaml", "--dry-run").stdout)
    assert 1 < int(asked["ntasks"]) <= 40 and 11 < int(asked["time"]) <= 1440
    assert headers(submit(folder, "long.yaml", "--dry-run", "--ranks", 3).stdout)["ntasks"] == "3"


def test_options_of_sbatch_are_passed_on(folder):
    told = submit(folder, "study.yaml", "-o", "out", "--partition=long", "-t", "5", "--ranks", 2, "--", "--output=x y.log").stdout
    words = (folder / "log").read_text().splitlines()
    assert words == ["<--parsable>", "<--partition=long>", "<-t>", "<5>", "<--output=x y.log>", "<out/log/submit.sbatch>"]
    assert told.startswith("job 17: 40 runs to do on 2 workers") and (folder / "out" / "log" / "submit.sbatch").exists()


def test_a_wrong_study_is_found_before_anything_is_submitted(folder):
    (folder / "wrong.yaml").write_text(STUDY.replace("ITERATIONS", "-1"))
    assert "wrong.yaml:7:" in submit(folder, "wrong.yaml", status=2).stderr
    assert "usage" in submit(folder, status=2).stderr
    assert not (folder / "log").exists()


def test_what_sbatch_refuses_is_an_error(folder):
    said = submit(folder, "study.yaml", "--partition=none", status=3, REFUSE="1").stderr
    assert "no such partition" in said and "sbatch refused the job" in said
    assert "is Slurm installed here" in submit(folder, "study.yaml", status=3, PATH="/nonexistent").stderr
