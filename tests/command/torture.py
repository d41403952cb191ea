#!/usr/bin/python3
"""Kills a study with SIGKILL at random instants, again and again, and checks that nothing that was complete is lost.

A random study runs undisturbed once. Then it runs in another folder while a worker, the master, mpirun, the supervisor or everything is killed at
random instants. After each kill every completed run must be readable and unchanged; in the end the numeric datasets must be those of the
undisturbed study to the bit, and no temporary file may be left. Then comes the next study. The whole is a function of --seed but for the machine's
timing. The last line says how many kills there were; exit status 1 with seed and cause when something is wrong (the folder is kept).
"""

import argparse
import collections
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import h5py
import numpy

from support import PROGRAM, different, file_datasets

VICTIMS = ["worker", "worker", "master", "mpirun", "supervisor", "everything", "everything"]
PATIENCE = 300  # seconds that a job, or the end of a killed one, may take


class Wrong(Exception):
    pass


def expect(condition, what):
    if not condition:
        raise Wrong(what)


# --- studies ----------------------------------------------------------------------------------------------------------------------


def random_study(draw):
    """A study of some seconds; YAML is a superset of JSON."""
    spectrum = draw.random() < 0.3
    points = draw.randint(20, 50)
    record = {"every": draw.choice([50, 200, 1000]), "trajectory": draw.random() < 0.8, "metrics": draw.sample(["mmd2", "energy"], draw.randint(0, 2))}
    if spectrum:
        record["spectrum"] = {"every": 1000, "eigenvalues": "all", "eigenvectors": 2}
    study = {
        "study": "torture",
        "seed": draw.randint(0, 1000),
        "repeat": draw.randint(1, 2),
        "data": {
            "real": {"type": "ring", "modes": 8, "radius": 3.0, "stddev": 0.2, "points": points},
            "fake": {"type": "gaussian", "dimension": 2, "stddev": 1.0, "points": draw.randint(20, 50)},
        },
        "discriminator": {"network": {"type": "mlp", "depth": draw.randint(1, 3), "activation": "relu", "bias_stddev": 1.0}, "loss": "ipm"},
        "train": {"iterations": draw.randint(2000, 6000), "step": 2},
        "record": record,
        "resources": {"checkpoint_every": draw.choice([0.02, 0.1, 0.5])},
        "sweep": {"discriminator.loss": ["ipm", "lsgan"], "train.step": draw.sample([1, 2, 4, 8], draw.randint(1, 2))},
    }
    if draw.random() < 0.5:
        study["resources"]["checkpoint_iterations"] = draw.choice([7, 50, 300])
    if draw.random() < 0.3:
        study["resources"]["ranks_per_run"] = 2
        study["train"]["iterations"] //= 4  # ranks that wait for each other are slow on a machine with other work
    if draw.random() < 0.3:
        study["train"]["optimizer"] = {"type": "sgd", "momentum": 0.5}
    return study


# --- processes --------------------------------------------------------------------------------------------------------------------


class Job:
    """One start of the command. Its processes carry a token in their environment, so that they are found whatever becomes of their parents."""

    def __init__(self, study, folder, ranks):
        self.token = f"NTKGAN_TORTURE={os.getpid()}-{time.monotonic_ns()}"
        name, value = self.token.split("=")
        self.output = tempfile.TemporaryFile(mode="w+")
        self.process = subprocess.Popen(
            [PROGRAM, "run", str(study), "-o", str(folder), "--ranks", str(ranks), "--retry-failed"],
            stdin=subprocess.DEVNULL, stdout=self.output, stderr=subprocess.STDOUT, env={**os.environ, name: value},
        )  # fmt: skip

    def members(self):
        """(process id, role) of what is alive."""
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                environment = (entry / "environ").read_bytes().split(b"\0")
                if self.token.encode() not in environment or (entry / "stat").read_text().rpartition(")")[2].split()[0] in "ZX":
                    continue
                name = (entry / "comm").read_text().strip()
            except OSError:
                continue  # it has ended
            rank = next((int(v.split(b"=")[1]) for v in environment if v.startswith(b"OMPI_COMM_WORLD_RANK=")), None)
            process = int(entry.name)
            supervisor = process == self.process.pid
            yield process, "supervisor" if supervisor else "mpirun" if rank is None and name != "ntkgan" else "master" if rank == 0 else "worker"

    def kill(self, victim, draw):
        """SIGKILL; what was hit (None: nobody of that kind was there)."""
        chosen = [process for process, role in self.members() if victim in (role, "everything")]
        if victim != "everything":
            chosen = draw.sample(chosen, 1) if chosen else []
        for process in chosen:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return victim if chosen else None

    def wait(self, seconds):
        """Whether it ended within that time."""
        try:
            self.process.wait(seconds)
            return True
        except subprocess.TimeoutExpired:
            return False

    def finish(self):
        """Waits for the end of all its processes."""
        end = time.monotonic() + PATIENCE
        if not self.wait(PATIENCE):
            self.kill("everything", random)
            raise Wrong(f"the job does not end within {PATIENCE} s:\n{self.text()[-3000:]}")
        while left := list(self.members()):
            if time.monotonic() > end:
                self.kill("everything", random)
                raise Wrong(f"processes are left behind: {left}")
            time.sleep(0.02)

    def text(self):
        self.output.seek(0)
        return self.output.read()


# --- checks -----------------------------------------------------------------------------------------------------------------------


def events(folder):
    for journal in sorted(folder.glob("journal-*.jsonl")):
        for line in journal.read_bytes().split(b"\n")[:-1]:
            try:
                yield json.loads(line.split(b"\t")[0])
            except ValueError:
                pass  # torn by a kill: what it would have said is not known


def check_completed(folder, seen):
    """Runs that the journal calls done: their files are there, readable, and as they were when they were first seen."""
    for event in events(folder) if folder.exists() else []:
        if event["event"] != "done":
            continue
        identity = event["id"]
        if event["has_file"]:
            path = folder / "runs" / f"{identity}.h5"
            expect(path.exists(), f"{event['label']}: its file is gone")
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            if identity not in seen:
                file_datasets(path)
        else:
            digest = json.dumps(event["result"])
        expect(seen.setdefault(identity, digest) == digest, f"{event['label']} was complete and has changed")


def check_equal(folder, expected):
    ours, theirs = (sorted(p.name for p in (f / "runs").iterdir()) for f in (folder, expected))
    expect(ours == theirs, f"run files {ours} instead of {theirs}")
    for name in ["index.h5", *(f"runs/{n}" for n in ours)]:
        differ = [key for key in different(file_datasets(folder / name), file_datasets(expected / name)) if key != "runs/seconds"]
        expect(not differ, f"{name}: {differ} differ from the undisturbed study's")
    left = [str(p) for p in folder.rglob("*.part")] + [str(p) for p in (folder / "checkpoints").iterdir()]
    expect(not left, f"left over: {left}")
    with h5py.File(folder / "index.h5") as index:
        expect((index["runs/state"].asstr()[()] == "done").all() and numpy.isfinite(index["runs/seconds"][()]).all(), "not all runs are done")


# --- the whole --------------------------------------------------------------------------------------------------------------------


class Torture:
    def __init__(self, options, folder):
        self.options, self.folder, self.kills, self.studies = options, folder, collections.Counter(), 0
        self.start, self.history = time.monotonic(), []

    def over(self):
        if self.options.minutes:
            return time.monotonic() - self.start > 60 * self.options.minutes
        return sum(self.kills.values()) >= self.options.kills

    def run_undisturbed(self, study, folder, ranks):
        began = time.monotonic()
        job = Job(study, folder, ranks)
        job.finish()
        expect(job.process.returncode == 0, f"the undisturbed study ended with {job.process.returncode}:\n{job.text()}")
        return time.monotonic() - began

    def disturb(self, job, duration, draw, seen, folder):
        """Kills until the job ends or no more kills are wanted."""
        while not self.over():
            kills = sum(isinstance(event, str) for event in self.history)
            if job.wait(draw.uniform(0, duration * (0.3 + 0.03 * kills))):  # runs without a checkpoint come to an end some day
                return
            victim = job.kill(draw.choice(VICTIMS), draw)
            if victim:
                self.kills[victim] += 1
                self.history.append(victim)
            if victim in ("everything", "supervisor"):
                job.finish()
            check_completed(folder, seen)

    def torture_one(self, number):
        draw = random.Random(f"{self.options.seed}/{number}")
        home = self.folder / f"study-{number}"
        home.mkdir()
        study, folder, expected, seen = home / "study.yaml", home / "out", home / "expected", {}
        study.write_text(json.dumps(random_study(draw), indent=1))
        duration = self.run_undisturbed(study, expected, 2)
        self.history = []
        while True:
            job = Job(study, folder, draw.choice([2, 2, 3]) if "ranks_per_run" not in study.read_text() else 2)
            try:
                self.disturb(job, duration, draw, seen, folder)
                job.finish()
            except Wrong as wrong:
                raise Wrong(f"{wrong}\nthe job's last words:\n{job.text()[-3000:]}") from None
            check_completed(folder, seen)
            status = job.process.returncode
            self.history.append(status)
            if status == 0:
                break
            known = status in (1, 75) or status < 0 or "died of signal" in job.text() or "mpirun ended" in job.text()
            expect(known, f"exit status {status}:\n{job.text()[-3000:]}")
            expect(len(self.history) < 400, "the study does not come to an end")
        check_equal(folder, expected)
        self.studies += 1
        shutil.rmtree(home)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=int(time.time()), help="default: the time")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--minutes", type=float, help="so long instead of a number of kills")
    options = parser.parse_args()
    print(f"torture with --seed {options.seed}", flush=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ntkgan-torture-"))
    torture, number = Torture(options, folder), 0
    try:
        while not torture.over():
            torture.torture_one(number)
            number += 1
            print(f"{time.monotonic() - torture.start:7.0f} s  {torture.studies} studies, {sum(torture.kills.values())} kills", flush=True)
    except Wrong as wrong:
        print(f"FAILED with --seed {options.seed}, study {number}, after {dict(torture.kills)}, last {torture.history[-30:]}: {wrong}\nkept: {folder}/study-{number}")
        return 1
    shutil.rmtree(folder)
    parts = ", ".join(f"{count} {name}" for name, count in sorted(torture.kills.items()))
    print(f"{sum(torture.kills.values())} kills ({parts}) in {torture.studies} studies, nothing lost")
    return 0


if __name__ == "__main__":
    sys.exit(main())
