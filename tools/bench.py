#!/usr/bin/python3
"""Times the main operations through the command's own --json: seconds of the work, without starting up,
with several ranks beside one in turn. Set NTKGAN to choose the program."""

import json
import os
import pathlib
import statistics
import subprocess
import tempfile

import numpy as np

NTKGAN = os.environ.get("NTKGAN", "build/ntkgan")
NETWORK = "{type: mlp, depth: 3, activation: relu, bias_stddev: 1}"
REPEATS = 3

# operation, points on each side, dimension
CASES = [
    ("field ipm", 500, 2),
    ("field ipm", 2048, 2),
    ("field ipm", 2048, 32),
    ("field lsgan", 500, 2),
    ("field lsgan", 2048, 2),
    ("mmd", 4096, 2),
    ("spectrum", 1000, 2),
    ("spectrum", 2048, 2),
]


def arguments(operation, real, fake, out):
    network = ["--network", NETWORK]
    if operation.startswith("field"):
        return ["field", real, fake, *network, "--loss", operation.split()[1], "--time", "1", "--at", fake, "-o", out]
    if operation == "mmd":
        return ["mmd", real, fake, *network]
    return ["spectrum", real, *network, "-o", out]


def pairs(operation, n):
    """Kernel values that the operation is about."""
    return {"mmd": 3 * n * n, "spectrum": n * n}.get(operation, 2 * n * n)


def seconds(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"bench: {' '.join(command)}\n{done.stderr}")
    return json.loads(done.stdout)["seconds"]


def main():
    ranks = sorted({1, len(os.sched_getaffinity(0))})
    print(f"{'operation':<14}{'n':>7}{'d':>6}{'ranks':>7}{'seconds':>12}{'ns/pair':>10}{'1 rank over this':>18}{'spread':>16}")
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        for operation, n, d in CASES:
            rng = np.random.default_rng(1)
            for name in ("real", "fake"):
                np.save(folder / f"{name}.npy", rng.standard_normal((n, d)))
            commands = {
                count: [NTKGAN, *arguments(operation, *(str(folder / name) for name in ("real.npy", "fake.npy", "out.h5"))), "--json", "--ranks", str(count)]
                for count in ranks
            }
            times = [{count: seconds(command) for count, command in commands.items()} for _ in range(REPEATS)]  # in turn: the machine drifts
            for count in ranks:
                middle = statistics.median(pair[count] for pair in times)
                ratios = sorted(pair[1] / pair[count] for pair in times)
                print(
                    f"{operation:<14}{n:>7}{d:>6}{count:>7}{middle:>12.4g}{1e9 * middle / pairs(operation, n):>10.1f}"
                    f"{ratios[len(ratios) // 2]:>18.2f}   [{ratios[0]:.2f}, {ratios[-1]:.2f}]",
                    flush=True,
                )


if __name__ == "__main__":
    main()
