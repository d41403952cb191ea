#!/usr/bin/python3
"""Times the main operations, each beside what the machine can do at best or beside another way to the same answer, in turn.

usage: bench.py [--smoke | --long] [--repeats N] [PATTERN...]     groups and operations whose name holds a pattern; default all
The table goes to standard output and, for the README, to build/bench/bench.json.
"""

import argparse
import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

from bench_common import BUILD, GAUSSIAN, NTKGAN, RELU, Row, Spread, Table, at_once, check, difference, duration, in_turn, machine, operations, points, short, spread

# Arithmetic of an entry of three hidden ReLU layers, as in tests/bench/tiles.c; beside it the products with the points.
VALUE, GRADIENT = 3 * 45, 3 * 59
BOUND_SIZES = {"fma": 1 << 22, "dgemm": 1024, "sgemm": 1024, "triad": 1 << 24}  # some ten milliseconds each


class Bench:
    """One run of the benchmark: what was asked, the servers, the table."""

    def __init__(self, options, folder):
        self.options, self.folder, self.table = options, folder, Table()
        self.cores = options.ranks
        self.repeats = 2 if options.smoke else options.repeats
        self.seconds = 0.01 if options.smoke else 0.2
        self.servers = {}

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        for server in self.servers.values():
            server.__exit__(*failure)

    def server(self, ranks):
        if ranks not in self.servers:
            self.servers[ranks] = operations(ranks)
        return self.servers[ranks]

    def size(self, n, least=64):
        return min(n, least) if self.options.smoke else n

    def pair(self, n, d):
        return {"points": points(self.folder, "fake", n, d, 1), "others": points(self.folder, "real", n, d, 2)}

    def wants(self, *names):
        return not self.options.patterns or any(p in name for p in self.options.patterns for name in names)

    def ranks(self):
        return [1, self.cores] if self.cores > 1 else [1]

    def beside(self, ranks, operation, bound, keys):
        """Repetitions of an operation with a bound on as many ranks: [(seconds, work, the bound's rate), ...]."""
        server = self.server(ranks)
        size = BOUND_SIZES[bound] >> (8 if self.options.smoke and bound in ("fma", "triad") else 0)
        with server.make(operation, **keys) as task, server.make("bound", bound=bound, size=size) as limit:
            return [(own, work, peak_work / peak) for (own, work), (peak, peak_work) in in_turn(self.repeats, self.seconds, task, limit)]

    def copies(self):
        """Servers of a rank each, one a core."""
        return [self.server(1)] + [self.servers.setdefault(f"copy {i}", operations(1)) for i in range(1, self.cores)]

    def scaling(self, name, size, operation, keys, readme=False):
        """The same on all cores and on one; the remark is what the machine allows: independent copies on all cores, which share its clock and memory."""
        if self.cores == 1:
            return
        with contextlib.ExitStack() as stack:
            copies = [stack.enter_context(server.make(operation, **keys)) for server in self.copies()]
            all_cores = stack.enter_context(self.server(self.cores).make(operation, **keys))
            times, together = [], []
            for _ in range(self.repeats):
                times += in_turn(1, self.seconds, copies[0], all_cores)
                together.append(statistics.mean(seconds for seconds, _ in at_once(self.seconds, *copies)))
        rate = duration(statistics.median(many[0] for _, many in times))
        limit = spread(self.cores * one[0] / shared for (one, _), shared in zip(times, together))
        remark = f"{self.cores} copies at once: {limit}"
        self.table.add(Row(name, size, self.cores, rate, f"1 rank's time over {self.cores} ranks'", spread(a[0] / b[0] for a, b in times), remark, readme))


def per_pair(repetitions, pairs):
    return f"{short(statistics.median(t[0] for t in repetitions) / pairs * 1e9)} ns a pair"


# --- groups: one function each ----------------------------------------------------------------------------------------------------


def tiles(bench, isa, *patterns):
    done = subprocess.run(
        [str(BUILD / "bench" / "tiles"), "--json", *(["--smoke"] if bench.options.smoke else []), *patterns],
        env={**os.environ, "NTKGAN_ISA": isa, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    cases = [json.loads(line) for line in done.stdout.splitlines()]
    return [case for case in cases if case["isa"] == isa or not isa]


def instruction_sets(bench):
    """The inner loops alone on one core, for each instruction set that this machine has."""
    for isa in ("x86-64-v4", "x86-64-v3", "x86-64", "generic"):
        for case in tiles(bench, isa, "relu x 3"):
            rate = f"{short(case['seconds_an_entry'] * 1e9)} ns an entry"
            size = f"tiles, d = {case['d']}"
            bench.table.add(Row(case["name"], size, 1, rate, f"bound of {isa} arithmetic over time", Spread(*case["of_peak"]), readme=isa == "x86-64-v4" and case["d"] != 32))


def images(bench):
    """Convolutional networks on images of 32 x 32 x 3: a DCGAN, whose kernel needs equal pixels only, and one with pooling, which needs all pairs."""
    for case in [*tiles(bench, "", "dcgan"), *tiles(bench, "", "pooled cnn")]:
        rate = f"{short(case['seconds_an_entry'] * 1e6)} us an entry"
        readme = case["name"] in ("dcgan, value + gradient", "pooled cnn, value")
        bench.table.add(Row(case["name"], "tiles, 32 x 32 x 3", 1, rate, "bound of arithmetic over time", Spread(*case["of_peak"]), readme=readme))


def activations(bench):
    """Every activation beside the first of the table (relu), one hidden layer."""
    cases = tiles(bench, "", "activation")
    first = cases[0]["dgemm_flop"][0] if cases else 1
    for case in cases:
        rate = f"{short(case['seconds_an_entry'] * 1e9)} ns an entry"
        ratio = Spread(*(x / first for x in case["dgemm_flop"]))
        bench.table.add(Row(case["name"], "tiles, d = 2", 1, rate, "its cost over relu's, value + gradient", ratio))


def gram(bench):
    """Symmetric matrices: whole on a rank as `ntkgan gram` makes them, and spread over the ranks as spectra take them."""
    for operation, where in (("matrix", "whole on a rank"), ("gram", "spread over ranks")):
        for d in (2, 784):
            n = bench.size(4096)
            keys = {"network": RELU, "points": points(bench.folder, "fake", n, d)}
            name, size = f"Gram relu x 3, {where}", f"{n}, d = {d}"
            for ranks in bench.ranks():
                bound, work = ("fma", (VALUE + 2 * d) * n * n / 2) if d <= 16 else ("dgemm", n * n * d)
                times = bench.beside(ranks, operation, bound, keys)
                what = "arithmetic's bound over time" if d <= 16 else "flop rate (d a pair) over dgemm's"
                bench.table.add(Row(name, size, ranks, per_pair(times, n * n), what, spread(work / t / peak for t, _, peak in times)))
            bench.scaling(name, size, operation, keys)


def ipm(bench):
    for n, d in ((500, 2), (2048, 2), (2048, 784)):
        n = bench.size(n)
        keys = {"discriminator": {"network": RELU, "loss": "ipm", "time": 1}, **bench.pair(n, d)}
        size = f"{n} + {n}, d = {d}"
        for ranks in bench.ranks():
            bound, work = ("fma", (GRADIENT + 3 * d) * 2 * n * n) if d <= 16 else ("dgemm", 4 * d * 2 * n * n)
            times = bench.beside(ranks, "step", bound, keys)
            name = "arithmetic's bound over time" if d <= 16 else "flop rate (4d a pair) over dgemm's"
            share = spread(work / t / peak for t, _, peak in times)
            readme = d > 16 and ranks == bench.cores
            bench.table.add(Row("IPM step, relu x 3", size, ranks, per_pair(times, 2 * n * n), name, share, readme=readme))
        bench.scaling("IPM step, relu x 3", size, "step", keys, True)


def sums(bench):
    n, d = bench.size(30000), 3
    for gradient in (False, True):
        keys = {"network": GAUSSIAN, "gradient": gradient, **bench.pair(n, d)}
        what = "value + gradient" if gradient else "value"
        times = bench.beside(bench.cores, "sum", "dgemm", keys)
        cost = spread(t * peak / (n * n) for t, _, peak in times)
        bench.table.add(Row(f"Gaussian sums, {what}", f"{n} x {n}, d = {d}", bench.cores, per_pair(times, n * n), "a pair's time in flop of dgemm", cost))
        bench.scaling(f"Gaussian sums, {what}", f"{n} x {n}, d = {d}", "sum", keys)


def lsgan(bench):
    """The LSGAN step beside the same by a whole eigendecomposition (dsyevd), one core each, and the difference of the answers."""
    sizes = [500, 2048] + ([8192] if bench.options.long else [])
    for n in map(bench.size, sizes):
        for t in (1, 1000):
            keys = bench.pair(n, 2)
            server = bench.server(1)
            with server.make("step", discriminator={"network": RELU, "loss": "lsgan", "time": t}, **keys) as own, server.make("eigen", network=RELU, time=t, **keys) as other:
                times = in_turn(bench.repeats if n <= 500 else 2 if n <= 2048 else 1, bench.seconds, own, other)
                error = max(difference(own.answer(name), other.answer(name)) for name in ("value", "gradient"))
            check(error, 1e-8, "LSGAN step by eigenvectors")
            ratio = spread(b[0] / a[0] for a, b in times)
            rate = duration(statistics.median(a[0] for a, _ in times))
            bench.table.add(Row("LSGAN step, relu x 3", f"{n} + {n}, d = 2, t = {t}", 1, rate, "time by eigenvectors over this", ratio, f"error {error:.0e}", True))


def products(bench):
    n = bench.size(8192)
    keys = {"network": RELU, "points": points(bench.folder, "fake", n, 2)}
    for ranks in bench.ranks():
        times = bench.beside(ranks, "product", "triad", keys)
        rate = f"{short(statistics.median(work / t for t, work, _ in times) / 1e9)} GB/s"
        bench.table.add(Row("product with a stored matrix", f"{n}", ranks, rate, "bytes a second over the triad's", spread(w / t / peak for t, w, peak in times)))


def mmd(bench):
    """MMD^2 with a permutation test beside MMD^2 alone; every point's label permuted is a product of K with 500 columns, in single precision."""
    draws = 500
    for n in map(bench.size, (5000, 20000)):
        server, size = bench.server(bench.cores), f"{n} + {n}, d = 2"
        keys = {"network": RELU, **bench.pair(n, 2)}
        with server.make("mmd", **keys) as plain, server.make("mmd", permutations=draws, **keys) as test:
            times = in_turn(bench.repeats, 0, plain, test)
            check(difference(plain.answer("value"), test.answer("value")), 1e-8, "MMD^2 with and without permutations")
        ratio = spread(b[0] / a[0] for a, b in times)
        rate = duration(statistics.median(b[0] for _, b in times))
        bench.table.add(Row("MMD^2, 500 permutations", size, bench.cores, rate, "its time over MMD^2's alone", ratio, readme=n > 10000))
        bench.scaling("MMD^2", size, "mmd", keys)
    n = bench.size(5000)
    times = bench.beside(bench.cores, "mmd", "sgemm", {"network": RELU, "permutations": draws, "method": "labels", **bench.pair(n, 2)})
    share = spread(draws * (2 * n) ** 2 / t / peak for t, _, peak in times)
    rate = duration(statistics.median(t for t, _, _ in times))
    bench.table.add(Row("MMD^2, 500 permutations of labels", f"{n} + {n}, d = 2", bench.cores, rate, "flop rate of the products over sgemm's", share))


def runs(bench):
    """What a run of a study costs beside its own work: many tiny ones (with the start of the program), beside writing and renaming as many small files."""
    count = 20 if bench.options.smoke else 2000
    study = pathlib.Path(bench.folder) / "tiny.yaml"
    source = "{type: gaussian, dimension: 2, points: 4}"
    study.write_text(
        f"study: tiny\nseed: 1\nrepeat: {count}\ndata: {{real: {source}, fake: {source}}}\n"
        "discriminator: {network: {type: rbf, bandwidth: 1}, loss: ipm}\ntrain: {iterations: 1, step: 1}\nrecord: {every: 1}\n",
        encoding="utf-8",
    )
    times = [(study_seconds(bench, study), files_seconds(bench.folder, count)) for _ in range(2 if bench.options.smoke else 3)]
    rate = duration(statistics.median(a for a, _ in times) / count) + " a run"
    bench.table.add(Row("tiny runs of a study", f"{count} runs", bench.cores, rate, "time over as many small files'", spread(a / b for a, b in times), readme=True))


def study_seconds(bench, study):
    with tempfile.TemporaryDirectory(dir=bench.folder) as out:
        start = time.monotonic()
        done = subprocess.run([NTKGAN, "run", str(study), "-o", f"{out}/results", "--ranks", str(bench.cores)], capture_output=True, text=True)
        seconds = time.monotonic() - start
    if done.returncode != 0:
        raise SystemExit(f"bench: {done.stderr}")
    return seconds


def files_seconds(folder, count):
    with tempfile.TemporaryDirectory(dir=folder) as out:
        start = time.monotonic()
        for i in range(count):
            path = pathlib.Path(out) / f"{i}.part"
            path.write_bytes(bytes(4096))
            path.rename(path.with_suffix(".h5"))
        return time.monotonic() - start


GROUPS = {f.__name__: f for f in (instruction_sets, images, activations, gram, ipm, sums, lsgan, products, mmd, runs)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--smoke", action="store_true", help="tiny sizes: whether everything works")
    parser.add_argument("--long", action="store_true", help="larger sizes too (LSGAN with 8192 points a side takes half an hour)")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--ranks", type=int, default=len(os.sched_getaffinity(0)), help="cores to use (default: all)")
    parser.add_argument("--output", type=pathlib.Path, default=BUILD / "bench" / "bench.json", help="where the rows are kept for the README")
    parser.add_argument("patterns", nargs="*", metavar="PATTERN", help=f"of {', '.join(GROUPS)}")
    options = parser.parse_args()
    about = machine()
    print(about)
    with tempfile.TemporaryDirectory() as folder, Bench(options, folder) as bench:
        for name, group in GROUPS.items():
            if bench.wants(name):
                group(bench)
        bench.table.save(options.output, about)


if __name__ == "__main__":
    main()
