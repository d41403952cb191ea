"""What the benchmark drivers share: servers that time operations, repetitions in turn, and tables of ratios.

A server is a process that reads requests and writes replies, a line of JSON each, and times operations without its own starting up. The project's is
build/bench/operations (tests/bench/operations.c says what a request holds), the peers' is bench_peer.py. A number without another one measured
beside it says little on a machine whose speed drifts, so every result is a ratio: repetitions of both sides in turn, median and extremes.
"""

import concurrent.futures
import dataclasses
import json
import os
import pathlib
import platform
import statistics
import subprocess
import tempfile

import numpy as np

BUILD = pathlib.Path(os.environ.get("BUILD", "build"))
NTKGAN = os.environ.get("NTKGAN", str(BUILD / "ntkgan"))
OPERATIONS = str(BUILD / "bench" / "operations")
RELU = {"type": "mlp", "depth": 3, "activation": "relu", "bias_stddev": 1}
ERF = {"type": "mlp", "depth": 3, "activation": "erf", "bias_stddev": 1}
TANH = {"type": "mlp", "depth": 3, "activation": "tanh", "weight_stddev": 0.8, "bias_stddev": 0.3}
GAUSSIAN = {"type": "rbf", "bandwidth": 1.0}


class Server:
    """A process that times operations; a context manager."""

    def __init__(self, *command, environment=None):
        self.name = pathlib.Path(command[-1]).name
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})})
        self.made = 0

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def ask(self, do, task, **keys):
        self.process.stdin.write(json.dumps({"do": do, "task": task, **keys}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        reply = json.loads(line) if line else {"error": f"ended ({self.process.poll()})"}
        if "error" in reply:
            raise SystemExit(f"bench: {self.name}: {do} {keys.get('operation', task)}: {reply['error']}")
        return reply

    def make(self, operation, **keys):
        self.made += 1
        task = Task(self, f"{operation}-{self.made}")
        self.ask("make", task.name, operation=operation, **keys)
        return task


@dataclasses.dataclass
class Task:
    """An operation that is ready to run."""

    server: Server
    name: str

    def __enter__(self):
        return self

    def __exit__(self, failure, *unused):
        if failure is None:
            self.server.ask("drop", self.name)

    def run(self, seconds):
        """One repetition: (seconds a run, work of a run)."""
        reply = self.server.ask("run", self.name, seconds=seconds)
        return reply["seconds"], reply["work"]

    def answer(self, name):
        with tempfile.NamedTemporaryFile() as file:
            self.server.ask("answer", self.name, name=name, file=file.name)
            return np.fromfile(file.name)


def operations(ranks):
    return Server(OPERATIONS, str(ranks))


def in_turn(repeats, seconds, *tasks):
    """Runs the tasks one after the other, `repeats` times, each for about `seconds`: a list of repetitions of [(seconds, work), ...]."""
    return [[task.run(seconds) for task in tasks] for _ in range(repeats)]


def at_once(seconds, *tasks):
    """One repetition of tasks of different servers, all at the same time: [(seconds, work), ...]."""
    with concurrent.futures.ThreadPoolExecutor(len(tasks)) as pool:
        return list(pool.map(lambda task: task.run(seconds), tasks))


def difference(a, b):
    """Largest difference of two answers over the largest number of the second."""
    return float(np.max(np.abs(a - b)) / np.max(np.abs(b)))


def check(error, tolerance, what):
    if not error <= tolerance:
        raise SystemExit(f"bench: {what}: the answers differ by {error:.1e}, allowed {tolerance:.0e}")


# --- results ----------------------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Spread:
    median: float
    least: float
    most: float

    def __str__(self):
        return f"{short(self.median)} [{short(self.least)}, {short(self.most)}]"


def short(x):
    return f"{x:.0f}" if abs(x) >= 100 else f"{x:.1f}" if abs(x) >= 10 else f"{x:.2f}" if abs(x) >= 0.1 else f"{x:.2g}"


def spread(values):
    values = list(values)
    return Spread(statistics.median(values), min(values), max(values))


def duration(seconds):
    for unit, size in (("s", 1), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{short(seconds / size)} {unit}"
    return f"{short(seconds * 1e9)} ns"


@dataclasses.dataclass
class Row:
    """A line of a table: what was done (with n, d), on how many ranks, how fast, and `ratio`, whose meaning `beside` gives."""

    operation: str
    size: str
    ranks: int
    rate: str
    beside: str
    ratio: Spread
    note: str = ""
    readme: bool = False  # shown in the README's table too


COLUMNS = ("operation", "size", "ranks", "rate", "beside", "ratio", "note")
HEADINGS = {"operation": "operation", "size": "points, dimension", "ranks": "ranks", "rate": "this program", "beside": "ratio of", "ratio": "median [least, most]", "note": ""}
WIDTHS = {"operation": 36, "size": 26, "ranks": 6, "rate": 20, "beside": 48, "ratio": 24, "note": 0}


class Table:
    """Prints rows as they come, and keeps them."""

    def __init__(self):
        self.rows = []
        self.line(HEADINGS)

    def line(self, cells):
        print(" ".join(f"{cells[c]!s:<{WIDTHS[c]}}" for c in COLUMNS).rstrip(), flush=True)

    def add(self, row):
        self.rows.append(row)
        self.line({c: getattr(row, c) for c in COLUMNS})

    def save(self, path, about):
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {"about": about, "rows": [dataclasses.asdict(row) for row in self.rows]}
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def load(path):
    content = json.loads(path.read_text(encoding="utf-8"))
    return content["about"], [Row(**{**row, "ratio": Spread(**row["ratio"])}) for row in content["rows"]]


def markdown(rows):
    columns = [c for c in COLUMNS if c != "note" or any(row.note for row in rows)]
    lines = ["| " + " | ".join(HEADINGS[c] or "remark" for c in columns) + " |", "|" + "---|" * len(columns)]
    return "\n".join(lines + ["| " + " | ".join(str(getattr(row, c)) for c in columns) + " |" for row in rows])


def machine():
    """One line about where the numbers come from."""
    processor = platform.processor() or platform.machine()
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        processor = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    version = dict(line.split(None, 1) for line in subprocess.run([NTKGAN, "version"], capture_output=True, text=True, check=True).stdout.splitlines())
    cores = len(os.sched_getaffinity(0))
    return f"{processor}, {cores} cores, {version['instruction_set'].strip()}, {version['blas'].split(' NO_')[0].strip()}, revision {version['git_revision'].strip()}"


def points(folder, name, n, d, seed=1):
    """A file of n standard normal points, at distances that do not grow with d."""
    path = pathlib.Path(folder) / f"{name}-{n}-{d}.npy"
    np.save(path, np.random.default_rng(seed).standard_normal((n, d)))
    return str(path)
