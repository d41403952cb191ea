#!/usr/bin/python3
"""Times this program beside others on the same points with the same answer (checked), both on all cores, in double precision, in turn.

usage: bench_peers.py [--smoke] [--peer numpy] [--repeats N] [PATTERN...]      operations or peers whose name holds a pattern; default all
The peers run in the environment that `make bench-peers` builds (build/peers); `--peer numpy` compares with plain formulas instead and needs nothing.
Neither side's starting up or compiling is timed. The table goes to standard output and, for the README, to build/bench/peers.json.
"""

import argparse
import dataclasses
import os
import pathlib
import statistics
import sys
import tempfile

from bench_common import BUILD, ERF, GAUSSIAN, RELU, TANH, Row, Server, Table, check, difference, duration, in_turn, machine, operations, points, spread

NT, KEOPS = "neural-tangents", "keops"
NAMES = {NT: "Neural Tangents", KEOPS: "KeOps", "numpy": "NumPy"}


@dataclasses.dataclass
class Case:
    """An operation that both sides do; `tolerance`: of the answers, relative to the largest number."""

    name: str
    peer: str
    operation: str
    n: int
    d: int
    tolerance: float
    request: dict
    answers: tuple = ("value",)
    repeats: int = 0  # 0: as asked for


IPM = {"discriminator": {"network": RELU, "loss": "ipm", "time": 1}}
CASES = [
    Case("Gram relu x 3, whole on a rank", NT, "matrix", 4096, 2, 1e-6, {"network": RELU}),
    Case("Gram relu x 3, whole on a rank", NT, "matrix", 4096, 784, 1e-6, {"network": RELU}),
    Case("Gram relu x 3, spread over ranks", NT, "gram", 4096, 2, 1e-6, {"network": RELU}),
    Case("Gram relu x 3, spread over ranks", NT, "gram", 4096, 784, 1e-6, {"network": RELU}),
    Case("Gram erf x 3, whole on a rank", NT, "matrix", 1024, 2, 1e-6, {"network": ERF}),
    # 25 x 25 nodes in coordinates that degenerate for close points: more nodes help slowly and cost their square
    Case("Gram tanh x 3, whole on a rank", NT, "matrix", 256, 2, 0.1, {"network": TANH, "quadrature": 25}, repeats=2),
    Case("IPM step, relu x 3", NT, "step", 500, 2, 1e-6, IPM, ("value", "gradient")),
    Case("IPM step, relu x 3", NT, "step", 2048, 2, 1e-6, IPM, ("value", "gradient")),
    Case("IPM step, relu x 3", NT, "step", 2048, 784, 1e-6, IPM, ("value", "gradient")),
    Case("Gaussian sums, value", KEOPS, "sum", 30000, 3, 1e-12, {"network": GAUSSIAN}),
    Case("Gaussian sums, value + gradient", KEOPS, "sum", 30000, 3, 1e-12, {"network": GAUSSIAN, "gradient": True}, ("value", "gradient")),
]
WITHOUT_PEERS = [
    Case("Gram relu x 3, whole on a rank", "numpy", "matrix", 1024, 2, 1e-6, {"network": RELU}),
    Case("Gaussian sums, value + gradient", "numpy", "sum", 1024, 3, 1e-12, {"network": GAUSSIAN, "gradient": True}, ("value", "gradient")),
]


def peer_server(peer):
    python = sys.executable if peer == "numpy" else str(BUILD / "peers" / "bin" / "python")
    if not pathlib.Path(python).exists():
        raise SystemExit(f"bench: {python} is not there: make bench-peers")
    script = pathlib.Path(__file__).with_name("bench_peer.py")
    environment = {"KEOPS_CACHE_FOLDER": str((BUILD / "peers" / "keops").resolve())}
    (BUILD / "peers" / "keops").mkdir(parents=True, exist_ok=True)
    return Server(python, str(script), peer, environment=environment)


def measure(case, options, folder, table):
    n = 64 if options.smoke else case.n
    keys = {"points": points(folder, "fake", n, case.d, 1), "others": points(folder, "real", n, case.d, 2), **case.request}
    with operations(options.ranks) as ours, peer_server(case.peer) as theirs:
        sides = ours.make(case.operation, **keys), theirs.make(case.operation, **keys)
        times = in_turn(2 if options.smoke else case.repeats or options.repeats, 0.01 if options.smoke else 0.3, *sides)
        error = max(difference(*(side.answer(name) for side in sides)) for name in case.answers)
    check(error, case.tolerance, f"{case.name}, {n} points, d = {case.d}, {NAMES[case.peer]}")
    own, other = (duration(statistics.median(t[side][0] for t in times)) for side in (0, 1))
    note = f"{other} there; difference {error:.0e} (allowed {case.tolerance:.0e})"
    size = f"{n}, d = {case.d}" if case.operation in ("matrix", "gram") else f"{n} and {n}, d = {case.d}"
    table.add(Row(case.name, size, options.ranks, own, f"time of {NAMES[case.peer]} over this", spread(b[0] / a[0] for a, b in times), note, True))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--smoke", action="store_true", help="tiny sizes: whether everything works")
    parser.add_argument("--peer", choices=["numpy"], help="compare with plain formulas only")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--ranks", type=int, default=len(os.sched_getaffinity(0)), help="cores to use (default: all)")
    parser.add_argument("--output", type=pathlib.Path, default=BUILD / "bench" / "peers.json", help="where the rows are kept for the README")
    parser.add_argument("patterns", nargs="*", metavar="PATTERN")
    options = parser.parse_args()
    about = machine()
    print(about)
    table = Table()
    with tempfile.TemporaryDirectory() as folder:
        for case in WITHOUT_PEERS if options.peer else CASES:
            if not options.patterns or any(p in f"{case.name} {case.peer} {case.n} {case.d}" for p in options.patterns):
                measure(case, options, folder, table)
    table.save(options.output, about)


if __name__ == "__main__":
    main()
